# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Children write megabytes that the parent reads.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);

my $shared = join ',', 1 .. 200_000;
for my $child (1 .. 8) {
    my $pid = open(my $from, '-|') // die "fork: $!";
    if (!$pid) {
        $shared =~ s/,1\d*//g;
        print $shared x $child;
        exit $child;
    }
    my $data = do { local $/; <$from> };
    close $from;
    print "$child ", length($data), " ", sha256_hex($data), " ", $? >> 8, "\n";
}
print sha256_hex($shared), "\n";
