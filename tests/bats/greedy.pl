#!/usr/bin/perl
# greedy.pl [option=value ...] SOCKET KEY - a client that asks and never reads an answer.
#
#     count=     how often it asks for the key, at once (600)
#     again=     and how often once more each second (0)
#     links=     connections that do so (1)
#     seconds=   how long they stay (5)
#
# SOCKET is the router's, a local one: the protocol is ZMTP 3.0 with the mechanism NULL.
use strict;
use warnings;
use Errno qw(EAGAIN);
use Socket;
use Time::HiRes qw(time sleep);

my %option = (count => 600, again => 0, links => 1, seconds => 5);
my @rest;
for (@ARGV) {
    if (/^(\w+)=(.*)$/ && exists $option{$1}) { $option{$1} = $2 }
    else { push @rest, $_ }
}
my ($path, $key) = @rest;
defined $key or die "usage: greedy.pl [option=value ...] SOCKET KEY\n";
$SIG{PIPE} = 'IGNORE';

use constant { GET => 18, OPS_MAX => 256 };

my $greeting = "\xff" . "\0" x 8 . "\x7f" . "\3\0" . pack('a20', 'NULL') . "\0" x 32;
my $ready = "\5READY" . "\x0bSocket-Type" . pack('N', 6) . 'DEALER';
my $hello = $greeting . "\4" . pack('C', length $ready) . $ready;

# One GET of the key with W of its keyspace; dkv-wire(7).
sub get {
    my ($id) = @_;
    my $op = pack('Q< C C', $id, 0, 0) . pack('S<', 0) . pack('S< a*', length $key, $key);
    return pack('L<', length $op) . $op;
}

sub message {
    my ($count) = @_;
    my $body = join '', map { get($_) } 1 .. $count;
    my $header = pack('S< C C S< S< L< S< S< Q< Q< L< L< Q< Q< L< L<',
        0x6b64, 2, GET, 0, $count, length $body, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0);
    return "\2" . pack('Q>', length($header . $body)) . $header . $body;
}

sub ask {
    my ($link, $count) = @_;
    for (; $count > 0; $count -= OPS_MAX) {
        my $bytes = message($count < OPS_MAX ? $count : OPS_MAX);
        while (length $bytes) {
            my $sent = syswrite($link, $bytes);
            return unless defined $sent; # it has had enough of us
            substr($bytes, 0, $sent) = '';
        }
    }
}

my @links;
for (1 .. $option{links}) {
    socket(my $link, PF_UNIX, SOCK_STREAM, 0) or die "socket: $!\n";
    connect($link, sockaddr_un($path)) or die "$path: $!\n";
    syswrite($link, $hello);
    push @links, $link;
}
sleep 0.3; # they must be let in before they ask
my $end = time + $option{seconds};
ask($_, $option{count}) for @links;
while (time < $end) {
    $_->blocking(0) for @links;
    ask($_, $option{again}) for @links;
    sleep 1;
}
