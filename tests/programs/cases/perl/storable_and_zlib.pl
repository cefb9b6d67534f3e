# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Modules with C parts that allocate for themselves.
use strict;
use warnings;
use Compress::Zlib;
use Digest::SHA qw(sha256_hex);
use Storable qw(dclone nfreeze thaw);

$Storable::canonical = 1;
my $tree = { map { $_ => [ $_, "text $_", { half => $_ / 2 } ] } 1 .. 30_000 };
my $frozen = nfreeze($tree);
print length($frozen), " ", sha256_hex($frozen), "\n";
print nfreeze(dclone(thaw($frozen))) eq $frozen ? "same\n" : "different\n";
my $compressed = compress($frozen, 9);
print length($compressed), " ", sha256_hex($compressed), "\n";
print uncompress($compressed) eq $frozen ? "same\n" : "different\n";
print defined uncompress(substr $compressed, 100) ? "accepted\n" : "refused\n";
