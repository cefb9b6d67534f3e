# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Backtracking, captures and tables over a large subject.
use strict;
use warnings;

my $text = join ' ', map { "name$_=value" . $_ * 3 } 1 .. 60_000;
my %pairs = $text =~ /(\w+)=(\w+)/g;
print scalar(keys %pairs), " $pairs{name777}\n";
my $longest = '';
while ($text =~ /((?:name\d*7=\w+ ?)+)/g) {
    $longest = $1 if length $1 > length $longest;
}
print length($longest), "\n";
print "matched\n" if ('a' x 100_000) =~ /^(a+)+$/;
print "not matched\n" if ('ab' x 50_000 . 'c') !~ /^(?:ab)*$/;
(my $copy = $text) =~ tr/a-z0-9/b-za1-90/;
print substr($copy, -30), "\n";
