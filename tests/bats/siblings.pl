#!/usr/bin/perl
# siblings.pl SINCE TRY_MS GAP_S - what there must be after what clients of writer.pl did; stdin: their
# lines, then a line for each key with its name, a tab, "has" and its values, each behind a blank.
#
# A value must be there if its write ended with 0, or was seen by anybody, and no write that took
# place had seen it. One whose write ended with 6 may be there. No other may, but for one: the value
# of a write that took more than TRY_MS was tried more than once, and a try that nobody reached again
# may come back (dkv(7)).
#
# Prints what is wrong and, as comments, for each client that wrote after SINCE (seconds since 1970)
# how these writes ended, how long after SINCE the first one was acknowledged, and the longest time
# between two that were, which must not be more than GAP_S. Exits 1 if anything is wrong.
use strict;
use warnings;

my ($since, $try_ms, $gap_s) = @ARGV;
my (%writes, %has, %count, %first, %last, %gap, %tried);
my $failed = 0;

sub wrong {
    print "@_\n";
    $failed = 1;
}

sub take_write {
    my ($begin, $end, $key, $value, $status, $seen, $how) = @_;
    my ($name) = $value =~ /^(\w+)\./;
    push @{$writes{$key}}, {value => $value, status => $status, seen => [split ' ', $seen],
        is_slow => ($end - $begin) * 1000 > $try_ms};
    return if $how eq 'delete' || $begin < $since;
    $count{$name}{$status}++;
    $tried{$name} = $end;
    return if $status;
    my $before = $last{$name} // $since;
    $first{$name} //= $end - $since;
    $gap{$name} = $end - $before if $end - $before > ($gap{$name} // 0);
    $last{$name} = $end;
}

while (<STDIN>) {
    chomp;
    my @fields = split /\t/, $_, -1;
    if ($fields[1] =~ /^has ?(.*)/) {
        $has{$fields[0]} = {map { $_ => 1 } split ' ', $1};
    } else {
        take_write(@fields);
    }
}

my ($alone, $together, $returned) = (0, 0, 0);
for my $key (sort keys %writes) {
    my (%happened, %may, %gone, %slow);
    my $there = $has{$key} // {};
    for my $write (@{$writes{$key}}) {
        $happened{$_} = 1 for @{$write->{seen}};
    }
    $happened{$_} = 1 for keys %$there;
    for my $write (@{$writes{$key}}) {
        my $is_done = $write->{status} == 0 || ($write->{value} ne '' && $happened{$write->{value}});
        wrong("$key: $write->{value} ended with $write->{status}, and was written")
          if $is_done && $write->{status} != 0 && $write->{status} != 6;
        $happened{$write->{value}} = 1 if $is_done && $write->{value} ne '';
        $slow{$write->{value}} = $write->{is_slow};
        for my $value (@{$write->{seen}}) {
            $is_done ? $gone{$value} = 1 : $write->{status} == 6 ? $may{$value} = 1 : 0;
        }
    }
    delete $happened{''};
    for my $value (keys %$there) {
        wrong("$key: nobody wrote $value") if !exists $slow{$value};
    }
    for my $value (sort keys %happened) {
        my $must = !$gone{$value};
        if ($must && !$there->{$value} && !$may{$value}) {
            wrong("$key: $value is lost");
        } elsif (!$must && $there->{$value}) {
            $slow{$value} ? $returned++ : wrong("$key: $value was superseded, and is there");
        }
    }
    keys %$there > 1 ? $together++ : $alone++;
}
for my $name (sort keys %count) {
    my $silence = $tried{$name} - ($last{$name} // $since);
    $gap{$name} = $silence if $silence > ($gap{$name} // 0);
    my $ends = join ', ', map { "$count{$name}{$_} ended with $_" } sort keys %{$count{$name}};
    printf "# %s: %s; first after %.1f s, then within %.1f s\n", $name, $ends, $first{$name} // -1,
      $gap{$name} // -1;
    wrong("$name: nothing was acknowledged for too long")
      if !defined $first{$name} || $first{$name} > $gap_s || $gap{$name} > $gap_s;
}
printf "# %d keys with siblings, %d without, %d tries came back\n", $together, $alone, $returned;
exit $failed;
