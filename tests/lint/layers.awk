# layers.awk - checks every #include against libshared/LAYERS.
#
#     awk -f layers.awk libshared/LAYERS SOURCE...
#
# Of the sources below tests/ only what they include of a module with parts: its own unit tests and
# the fuzz targets may look inside.
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
        for (name in known) {
            if (index(name, $1 "/") == 1)
                has_parts[$1] = 1
        }
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
    is_test = FILENAME ~ /^tests\//
    if (!is_test && !(module in known))
        complain("belongs to no module of the table")
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, part, "\"")
    if (part[2] !~ /\//) {
        complain("include \"" part[2] "\" without its folder")
        next
    }
    target = module_of(part[2])
    if (is_inside(part[2]) && is_outside(root_of(target)))
        complain("includes " part[2] ", which is inside of " root_of(target))
    if (is_test)
        next
    if (!(target in known))
        complain("includes " part[2] ", which is no module of the table")
    else if (!may_include(module, target))
        complain(module " may not include " target " (" part[2] ")")
    next
}

/^[ \t]*#[ \t]*include[ \t]*</ && !is_test {
    split($0, part, /[<>]/)
    if (!may_touch(part[2]))
        complain(module " may not include <" part[2] ">")
}

# Its own folder, the parts of that, and what its line names.
function may_include(module, target) {
    return target == module || (module, target) in may ||
           (module in has_parts && index(target, module "/") == 1)
}

# Whether a header belongs to a module with parts and is not the one of its name.
function is_inside(header,    root) {
    root = root_of(header)
    return root in has_parts && header != root "/" root ".h"
}

# Whether the source at hand has no right to the inside of a module.
function is_outside(root) {
    return is_test ? FILENAME !~ "^tests/(fuzz|unit/" root ")/" : root_of(module) != root
}

function root_of(path) {
    sub(/\/.*/, "", path)
    return path
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
