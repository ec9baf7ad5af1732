#!/usr/bin/perl
# pairs.pl COUNT SEED [plain] - random pairs in cdb format: keys of 1 to 40 bytes, values of 0
# to 200, of any byte (plain: any but NUL). Keys repeat now and then.
use strict;
use warnings;
my ($count, $seed, $plain) = @ARGV;
srand($seed);
binmode STDOUT;
my @bytes = map { chr } ($plain ? 1 : 0) .. 255;
my @hostile = ("\n", "\t", "\\", "\r", "->", ":", ",", "+", "\xff", "\"", "{", "}");
push @hostile, "\0" unless $plain;

sub text {
    my ($size) = @_;
    my $text = join '', map { rand() < 0.2 ? $hostile[rand @hostile] : $bytes[rand @bytes] } 1 .. $size;
    return substr $text, 0, $size;
}

for my $i (1 .. $count) {
    my $key = text(1 + int rand 40);
    my $value = text(int rand 200);
    printf '+%d,%d:%s->%s', length $key, length $value, $key, $value;
    print "\n";
}
print "\n";
