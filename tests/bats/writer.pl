#!/usr/bin/perl
# writer.pl CLUSTER NAME KEYS SECONDS - a client that writes down what it has seen and what it wrote.
#
# Until the time is over it takes one of KEYS keys and puts a value that no other put has, mostly
# with a context: that of a read just before, or what its own last put of the key returned. Now and
# then it adds a sibling, or deletes. Prints a line for each write, fields separated by tabs:
#
#     begin end     seconds since 1970
#     key
#     value         "" for a deletion
#     status        exit status
#     seen          the values that the context stands for, separated by blanks
#     how           read, own, sibling, delete
#
# siblings.pl computes from such lines what there must be in the end.
use strict;
use warnings;
use IPC::Open2;
use Time::HiRes qw(time sleep);

my ($cluster, $name, $keys, $seconds) = @ARGV;
my %own;    # by key: what the own last put returned: [context, the values that it stands for]
my $until = time + $seconds;
srand(unpack('%32C*', $name));
$| = 1;
my $shell = open2(my $answers, my $lines, 'dkv', '--cluster', $cluster, 'shell', '--json');

# Returns the exit status, and the whole answer.
sub dkv {
    print $lines "@_\n";
    my $answer = <$answers> // die "$name: the shell ended\n";
    my ($status) = $answer =~ /"status":\s*(\d+)/;
    return ($status, $answer);
}

sub context_of {
    my ($answer) = @_;
    return $answer =~ /"context":\s*"([^"]*)"/ ? $1 : undef;
}

# What a key has now: a context (undefined: it was never there) and values. Nothing if it cannot be
# read.
sub look {
    my ($key) = @_;
    my ($status, $answer) = dkv('get', $key);
    return if $status != 0 && $status != 3 && $status != 4;
    return [context_of($answer), $answer =~ /"value":\s*"([^"]*)"/g];
}

sub write_one {
    my ($number) = @_;
    my $key = 'key' . (1 + int rand $keys);
    my $dice = rand;
    my $how = $dice < 0.1 ? 'sibling' : $dice < 0.2 ? 'delete' : $dice < 0.6 && $own{$key} ? 'own' : 'read';
    my $seen = $how eq 'own' ? $own{$key} : $how eq 'sibling' ? [undef] : look($key);
    return if !$seen || ($how eq 'delete' && !defined $seen->[0]);
    my $value = $how eq 'delete' ? '' : "$name.$number";
    my ($context, @values) = @$seen;
    my @way = ($how eq 'sibling' || !defined $context) ? '--sibling' : ('--context', $context);
    my $begin = time;
    my ($status, $answer) = $how eq 'delete' ? dkv('del', @way, $key) : dkv('put', @way, $key, $value);
    printf "%.3f\t%.3f\t%s\t%s\t%d\t%s\t%s\n", $begin, time, $key, $value, $status, "@values", $how;
    delete $own{$key};
    $own{$key} = [context_of($answer), @values, $value] if !$status && $how ne 'delete';
}

for (my $number = 1; time < $until; $number++) {
    write_one($number);
    sleep 0.02;
}
close $lines;
waitpid $shell, 0;
