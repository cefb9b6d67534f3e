# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Each thread of Perl starts with a copy of everything.
use strict;
use warnings;
use threads;
use Digest::SHA qw(sha256_hex);

my $data = 'data ' x 300_000;
my @threads = map {
    my $index = $_;
    threads->create(
        sub {
            $data .= "of thread $index " x 50_000;
            my @parts = split / /, $data;
            return sha256_hex($data) . ' ' . scalar @parts;
        });
} 1 .. 4;
print $_->join, "\n" for @threads;
print length($data), "\n";
