# layers.awk - checks every #include against libshared/LAYERS.
#
#     awk -f layers.awk libshared/LAYERS SOURCE...
#
# Prints one line for each broken rule and exits 1 if there was one.

BEGIN {
    split("assert inttypes limits stdalign stdarg stdbool stddef stdint stdlib string", names)
    for (i in names)
        pure[names[i] ".h"] = 1
}


# The table: name, modules it may include, what else it may touch.
FILENAME ~ /LAYERS$/ {
    if ($0 !~ /^#/ && NF == 3) {
        known[$1] = 1
        count = split($2, list, ",")
        for (i = 1; i <= count; i++) {
            if (list[i] != "-" && !(list[i] in known))
                complain($1 " may include " list[i] ", which is not above it")
            may[$1, list[i]] = 1
        }
        count = split($3, list, ",")
        for (i = 1; i <= count; i++)
            touches[$1, list[i]] = 1
    }
    next
}

FNR == 1 {
    module = module_of(FILENAME)
    file_count++
    if (!(module in known))
        complain("belongs to no module of the table")
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, part, "\"")
    if (part[2] !~ /\//) {
        complain("include \"" part[2] "\" without its folder")
        next
    }
    target = module_of(part[2])
    if (!(target in known))
        complain("includes " part[2] ", which is no module of the table")
    else if (target != module && !((module, target) in may))
        complain(module " may not include " target " (" part[2] ")")
    next
}

/^[ \t]*#[ \t]*include[ \t]*</ {
    split($0, part, /[<>]/)
    if (!may_touch(part[2]))
        complain(module " may not include <" part[2] ">")
}

function may_touch(header,    library) {
    if (header ~ /^c?zmq/)
        return (module, "zmq") in touches
    if (header in pure || (module, "posix") in touches)
        return 1
    if (header == "stdio.h")
        return module == "base" # for vsnprintf
    library = header
    sub(/\.h$/, "", library)
    return (module, "lib=" library) in touches
}

# Of a path, or of what an include names: the longest part of it that the table has.
function module_of(path) {
    sub(/^.*libshared\//, "", path)
    sub(/^cmd\//, "", path)
    if (path ~ /main\.[ch]$/)
        return "main"
    while (sub(/\/[^\/]*$/, "", path) && !(path in known))
        continue
    return path
}

function complain(what) {
    print FILENAME ":" FNR ": " what
    failed = 1
}

END {
    if (!file_count)
        complain("nothing to check")
    exit failed
}
