# tap.awk - reads the TAP of one command for tests/run.
#
# Prints a line about the command, and its failed tests with their diagnostics. Appends a
# line "passed failed" to `counts` and a line a skipped test to `skips`. Exits 1 if the
# command failed.

BEGIN {
    planned = -1
}

/^1\.\.[0-9]+/ {
    sub(/^1\.\./, "")
    planned = (planned < 0 ? 0 : planned) + $0
    in_failure = 0
    next
}

/^not ok/ {
    failed++
    in_failure = 1
    report = report "    " $0 "\n"
    next
}

/^ok/ {
    in_failure = 0
    if (match($0, /# *[Ss][Kk][Ii][Pp]/)) {
        skipped++
        reason = substr($0, RSTART + RLENGTH)
        test = substr($0, 1, RSTART - 1)
        sub(/^ok *[0-9]* *-? */, "", test)
        sub(/ *$/, "", test)
        sub(/^ */, "", reason)
        print "skipped: " test ": " reason >>skips
    } else {
        passed++
    }
    next
}

in_failure {
    report = report "    " $0 "\n"
}

function fail(what) {
    failed++
    report = report "    " what "\n"
}

END {
    total = passed + failed + skipped
    if (code == 124 || code == 137)
        fail("killed: out of time, or by someone else")
    else if (planned < 0)
        fail("no plan, exit status " code)
    else if (planned != total)
        fail("planned " planned " tests, saw " total ", exit status " code)
    else if (code != 0 && !failed)
        fail("exit status " code)
    printf "%-6s %5d tests %6.1f s  %s\n", failed ? "FAILED" : "ok", total, end - begin, command
    printf "%s", report
    print passed + 0, failed + 0 >>counts
    exit failed > 0
}
