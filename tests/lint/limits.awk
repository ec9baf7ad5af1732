# limits.awk - sizes, banned functions, white space.
#
#     LC_ALL=C awk -f limits.awk SOURCE...
#
# Lines of 100 columns (scripts 120); functions of 60 lines; files of 500. Prints one line
# for each broken rule and exits 1 if there was one.

BEGIN {
    FILE_LINES_MAX = 500
    banned = "(^|[^a-zA-Z0-9_.>])(strcpy|strcat|v?sprintf|gets|strtok|rand|system|popen)[ ]*\\("
}

FNR == 1 {
    check_file()
    name = FILENAME
    is_c = name ~ /\.[ch]$/
    begin = 0
}

{
    line_count = FNR
    columns = $0
    gsub(/[\200-\277]/, "", columns) # one column a character, not a byte
    if (length(columns) > (name ~ /\.[ch]$/ ? 100 : 120) && name !~ /\.[1-8]$/)
        complain(length(columns) " columns")
    if (/[ \t\r]$/)
        complain("blanks at the end of the line")
}

is_c {
    if (/\t/)
        complain("a tab")
    code = $0
    gsub(/"([^"\\]|\\.)*"/, "", code)
    sub(/\/\/.*/, "", code)
    if (code ~ banned)
        complain("banned function: " code)
    if (/^\{$/)
        begin = FNR
    if (/^\}/ && begin) {
        if (FNR - begin - 1 > 60)
            complain("function of " FNR - begin - 1 " lines")
        begin = 0
    }
}

function check_file() {
    if (is_c && line_count > FILE_LINES_MAX) {
        print name ":" line_count ": file of more than " FILE_LINES_MAX " lines"
        failed = 1
    }
}

function complain(what) {
    print FILENAME ":" FNR ": " what
    failed = 1
}

END {
    check_file()
    exit failed
}
