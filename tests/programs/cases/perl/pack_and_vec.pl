# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Binary data: packed, read back, bits set far out.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);

my $packed = pack 'N*', 1 .. 500_000;
print length($packed), " ", sha256_hex($packed), "\n";
my @numbers = unpack 'N*', $packed;
print scalar(@numbers), " $numbers[-1]\n";
my $bits = '';
vec($bits, $_ * 1_000_003 % 40_000_000, 1) = 1 for 1 .. 50_000;
print length($bits), " ", unpack('%32b*', $bits), "\n";
# What vec skipped over when it grew the string reads as zero.
print $bits =~ tr/\0//, "\n";
print sha256_hex(pack 'u', $packed), "\n";
