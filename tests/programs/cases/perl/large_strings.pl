# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Strings of megabytes: grown, cut, replaced, matched.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);

my $text = '';
$text .= sprintf("line %d of many\n", $_) for 1 .. 120_000;
print length($text), " ", sha256_hex($text), "\n";
(my $changed = $text) =~ s/(\d)(\d)\b/$2-$1/g;
print length($changed), " ", sha256_hex($changed), "\n";
substr($text, 1_000_000, 500_000) = "short";
print length($text), " ", sha256_hex($text), "\n";
my $doubled = $text x 3;
print sha256_hex(uc $doubled), " ", index($doubled, "119999 of"), "\n";
print scalar(reverse($doubled)) =~ /^(.{20})/s ? sha256_hex($1) : 'none', "\n";
my @pieces = split /of many\n/, $doubled;
print scalar(@pieces), " ", sha256_hex(join '|', @pieces), "\n";
