#!/usr/bin/perl
# clock_load.pl NAME STOP DONE ENDPOINT... - a client that knows what it must read.
#
# It writes, deletes and reads keys of its own, with contexts and without, through one router after
# the other, until the file STOP is there; once DONE is, it reads all of them from all owners. Of
# each key of its own it is the only writer and waits for every answer, so there is one right
# result, whatever any clock shows:
#
#     own/...     versions: the last value written; two after two writes with one context
#     lww/...     the last value written that was not refused
#     shared/...  of all clients: each adds its mark to what it read, with the context of that; so
#                 every mark whose write was acknowledged is in one of the values for ever
#
# A key whose write ended as neither written nor not written is left alone from then on. Prints
# what was wrong, and at the end "NAME: N written, N refused, N unknown"; exit status 1 if something
# was wrong.
use strict;
use warnings;
use IPC::Open2;

my ($name, $stop, $done, @endpoints) = @ARGV;
my ($wrong, $written, $refused, $unknown, $serial) = (0, 0, 0, 0, 0);
my (%shells, %own, %marks, %left_alone);
srand(length($name) + ord(substr $name, -1));
$SIG{PIPE} = 'IGNORE';

# One line to the shell of a router, and its answer.
sub ask {
    my ($space, $endpoint, $line) = @_;
    my $shell = $shells{"$space $endpoint"} //= do {
        my ($out, $in);
        open2($out, $in, 'dkv', '--cluster', $endpoint, '--timeout', 4000, '-k', $space,
            'shell', '--json');
        {out => $out, in => $in};
    };
    print {$shell->{in}} "$line\n";
    $shell->{in}->flush;
    my $answer = readline($shell->{out}) // '{"status":7}';
    my ($status) = $answer =~ /"status":(\d+)/;
    my @values = sort($answer =~ /"value":"([^"]*)"/g);
    my ($context) = $answer =~ /"context":"([^"]*)"/;
    return ($status, $context, @values);
}

sub any_router { return $endpoints[rand @endpoints] }

sub complain {
    my ($text) = @_;
    $wrong++;
    print "$name: $text\n";
}

# True if it was written. A key of which that is not known is forgotten.
sub put {
    my ($space, $key, $fields) = @_;
    my ($status, $context) = ask($space, any_router(), qq({"id":1,"key":"$key",$fields}));
    if ($status == 0) {
        $written++;
        return ($context);
    }
    if ($status == 10 && $space ne 'lww' || $status != 10 && $status != 5 && $status != 6 && $status != 7) {
        complain("$key: exit status $status of a write");
    }
    $refused++ if $status == 10;
    if ($status == 6) {
        $unknown++;
        delete $own{"$space $key"};
        $left_alone{"$space $key"} = 1;
    }
    return;
}

sub check {
    my ($space, $key, $level) = @_;
    my $wanted = join ' ', sort @{$own{"$space $key"}};
    my ($status, $context, @values) =
        ask($space, any_router(), qq({"id":1,"op":"get","key":"$key","read_quorum":"$level"}));
    return if $status != 0 && $status != 3 && $level ne 'all';
    complain("$key: exit status $status of a read") if $status != 0 && $status != 3;
    complain("$key: '@values', not '$wanted'") if "@values" ne $wanted;
    return $context;
}

sub write_own {
    my $key = 'own/' . $name . '/' . int rand 12;
    return if $left_alone{"default $key"};
    $own{"default $key"} //= [];
    my $value = "$name-" . ++$serial;
    my $dice = rand;
    if ($dice < 0.2) {
        $own{"default $key"} = [] if put('default', $key, '"op":"del"');
    } elsif ($dice < 0.6) {
        my $ttl = $dice < 0.3 ? ',"ttl":2592000' : '';
        $own{"default $key"} = [$value] if put('default', $key, qq("op":"put","value":"$value"$ttl));
    } else {
        # Two writes that have both seen this, and not each other.
        my $context = check('default', $key, 'quorum') or return;
        my $with = qq("op":"put","context":"$context");
        return unless put('default', $key, qq($with,"value":"$value"));
        $own{"default $key"} = [$value];
        return if $dice < 0.8;
        $own{"default $key"} = [$value, "$value-too"]
            if put('default', $key, qq($with,"value":"$value-too"));
    }
}

sub write_lww {
    my $key = 'lww/' . $name . '/' . int rand 12;
    return if $left_alone{"lww $key"};
    $own{"lww $key"} //= [];
    my $value = "$name-" . ++$serial;
    my $is_deletion = rand() < 0.2;
    my $fields = $is_deletion ? '"op":"del"' : qq("op":"put","value":"$value");
    $own{"lww $key"} = $is_deletion ? [] : [$value] if put('lww', $key, $fields);
}

sub read_shared {
    my ($key, $level) = @_;
    my ($status, $context, @values) = ask('default', any_router(),
        qq({"id":1,"op":"get","key":"$key","read_quorum":"$level"}));
    return if $status != 0 && $status != 3;
    my %all = map { $_ => 1 } map { split /,/ } @values;
    return ($context, \%all);
}

sub write_shared {
    my $key = 'shared/' . int rand 3;
    my ($context, $all) = read_shared($key, 'quorum') or return;
    $all or return;
    my $mark = "$name-" . ++$serial;
    my $value = join ',', sort(keys %$all), $mark;
    my $how = $context ? qq("context":"$context") : '"sibling":true';
    $marks{$key}{$mark} = 1 if put('default', $key, qq("op":"put","value":"$value",$how));
}

sub check_shared {
    my ($key) = @_;
    my ($context, $all) = read_shared($key, 'all');
    for my $mark (sort keys %{$marks{$key}}) {
        complain("$key: the mark $mark is lost") unless $all && $all->{$mark};
    }
}

until (-e $stop) {
    my $dice = rand;
    if    ($dice < 0.35) { write_own() }
    elsif ($dice < 0.6)  { write_lww() }
    elsif ($dice < 0.75 && $serial < 1500) { write_shared() }
    elsif (%own) {
        my ($space, $key) = split / /, (keys %own)[rand keys %own];
        check($space, $key, 'quorum');
    }
}
sleep 1 until -e $done;
check((split / /), 'all') for sort keys %own;
check_shared($_) for sort keys %marks;
print "$name: $written written, $refused refused, $unknown unknown\n";
exit($wrong ? 1 : 0);
