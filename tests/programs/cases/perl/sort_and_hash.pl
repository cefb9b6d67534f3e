# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Arrays and hashes of many elements.
use strict;
use warnings;

my ($state, @numbers, %count) = (1);
for (1 .. 150_000) {
    $state = ($state * 69069 + 1) % 4294967296;
    push @numbers, $state;
    $count{ $state % 5003 }++;
}
my @sorted = sort { $a <=> $b } @numbers;
print "@sorted[0..3] @sorted[-3..-1]\n";
print scalar(keys %count), " $count{17} $count{4999}\n";
delete @count{ 0 .. 2000 };
print scalar(keys %count), "\n";
my %index = map { $sorted[$_] => $_ } 0 .. $#sorted;
print $index{ $numbers[77] }, " ", exists $index{-1} ? 1 : 0, "\n";
splice @sorted, 1000, 100_000;
print scalar(@sorted), " $sorted[1000]\n";
