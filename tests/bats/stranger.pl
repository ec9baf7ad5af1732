#!/usr/bin/perl
# stranger.pl [option=value ...] PORT... - what somebody without a key can do to a tcp port.
#
#     mode=flood   a greeting, then a frame that claims size= bytes (30 MiB); all together at
#                  speed= MiB a second (125, a gigabit network; more measures this machine)
#     mode=drip    a greeting, one byte a second
#     mode=idle    nothing at all
#     mode=hello   a greeting and a CURVE HELLO that the server has to open
#     mode=churn   connects and closes, rate= times a second
#     count=       connections to each port at a time (500); one that was closed is made anew
#     seconds=     how long (5)
#     host= from=  the address to connect to and the one to come from (127.0.0.1)
#     spread=      so many addresses to come from, that one and those behind it (1)
#     local=       the path of a unix socket instead of ports
#
# Says at the end how many connections it made and how many bytes were taken from it.
use strict;
use warnings;
use Errno qw(EAGAIN EINPROGRESS);
use Socket;
use Time::HiRes qw(time sleep);

my %option = (
    mode => 'flood', count => 500, seconds => 5, rate => 2000, speed => 125, size => 30 << 20,
    host => '127.0.0.1', from => '127.0.0.1', local => '', spread => 1,
);
my @ports;
for (@ARGV) {
    if (/^(\w+)=(.*)$/ && exists $option{$1}) { $option{$1} = $2 }
    elsif (/^\d+$/) { push @ports, $_ }
    else { die "stranger.pl: $_ makes no sense\n" }
}
@ports = (0) if $option{local};
$SIG{PIPE} = 'IGNORE';

# ZMTP 3.0: signature, version, mechanism, as-server, filler.
my $greeting = "\xff" . "\0" x 8 . "\x7f" . "\3\0" . pack('a20', 'CURVE') . "\0" x 32;
my $hello = "\4\xc8" . "\5HELLO\1\0" . "\0" x 72 . join('', map { chr int rand 256 } 1 .. 120);
my $frame = $greeting . "\2" . pack('Q>', $option{size});
my $body = 'x' x 65536;

my ($made, $taken) = (0, 0);

sub dial {
    my ($port) = @_;
    my $where = $option{local} ? sockaddr_un($option{local})
                               : sockaddr_in($port, inet_aton($option{host}));
    socket(my $socket, $option{local} ? PF_UNIX : PF_INET, SOCK_STREAM, 0) or return;
    my $from = pack('N', unpack('N', inet_aton($option{from})) + $made % $option{spread});
    bind($socket, sockaddr_in(0, $from)) unless $option{local};
    $socket->blocking(0);
    connect($socket, $where) or $!{EINPROGRESS} or return;
    $made++;
    return {socket => $socket, port => $port, sent => 0, born => time};
}

# The bytes that come next, '' if none are due.
sub next_bytes {
    my ($peer) = @_;
    my $at = $peer->{sent};
    if ($option{mode} eq 'flood') {
        return $at < length $frame ? substr($frame, $at) : $body;
    } elsif ($option{mode} eq 'hello') {
        return substr($greeting . $hello, $at);
    } elsif ($option{mode} eq 'drip') {
        return $at < (time - $peer->{born}) ? substr($greeting, $at % 64, 1) : '';
    }
    return '';
}

# False once the other side has closed.
sub push_on {
    my ($peer) = @_;
    for (1 .. 4) {
        my $bytes = next_bytes($peer);
        last if $bytes eq '';
        my $sent = syswrite($peer->{socket}, $bytes);
        if (!defined $sent) {
            return $!{EAGAIN} || $!{ENOTCONN};
        }
        $peer->{sent} += $sent;
        $taken += $sent;
    }
    my $got = sysread($peer->{socket}, my $answer, 4096);
    return $got || (!defined $got && ($!{EAGAIN} || $!{ENOTCONN}));
}

my $begin = time;
my $end = $begin + $option{seconds};
if ($option{mode} eq 'churn') {
    while ((my $now = time) < $end) {
        for (1 .. ($now - $begin) * $option{rate} - $made) {
            my $peer = dial($ports[$made % @ports]) or next;
            vec(my $writable = '', fileno $peer->{socket}, 1) = 1;
            select(undef, $writable, undef, 0.05);
            close $peer->{socket};
        }
        sleep 0.001;
    }
} else {
    my @peers = map { my $port = $_; map { dial($port) } 1 .. $option{count} } @ports;
    while (time < $end) {
        my $readable = my $writable = '';
        for my $peer (@peers) {
            vec($readable, fileno $peer->{socket}, 1) = 1;
            vec($writable, fileno $peer->{socket}, 1) = 1 if next_bytes($peer) ne '';
        }
        sleep 0.001 while $taken > (time - $begin) * $option{speed} * 1048576 && time < $end;
        select($readable, $writable, undef, 0.5);
        for my $peer (@peers) {
            my $number = fileno $peer->{socket};
            next unless vec($readable, $number, 1) || vec($writable, $number, 1);
            next if push_on($peer);
            my $port = $peer->{port};
            close $peer->{socket};
            until ($peer = dial($port)) { sleep 0.1 }
        }
        sleep 0.005; # or it would measure us
    }
}
printf "%s: %d connections, %.1f MiB taken\n", $option{mode}, $made, $taken / 1048576;
