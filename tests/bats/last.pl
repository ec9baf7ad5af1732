#!/usr/bin/perl
# last.pl - of pairs in cdb format on stdin, the last of each key, in cdb format.
use strict;
use warnings;
binmode STDIN;
binmode STDOUT;
local $/ = undef;
my $in = <STDIN>;
my (%last, @order);
while ($in =~ /\G\+(\d+),(\d+):/gc) {
    my ($key_size, $value_size, $at) = ($1, $2, pos $in);
    my $key = substr $in, $at, $key_size;
    my $value = substr $in, $at + $key_size + 2, $value_size;
    push @order, $key unless exists $last{$key};
    $last{$key} = $value;
    pos($in) = $at + $key_size + 2 + $value_size + 1;
}
printf "+%d,%d:%s->%s\n", length $_, length $last{$_}, $_, $last{$_} for @order;
print "\n";
