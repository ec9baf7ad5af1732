# circles.awk - nouns that include one another in a circle.
#
#     awk -f circles.awk SOURCE...
#
# x.c, x.h and x_inside.h, which is for its own files alone, together are one noun. Where nouns stand
# in a circle, none of them can be read, or tested, before the others. Prints one line for each
# circle and exits 1 if there was one.

FNR == 1 {
    noun = noun_of(FILENAME)
    if (!(noun in nouns)) {
        nouns[noun] = 1
        order[++noun_count] = noun
    }
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, part, "\"")
    target = noun_of(part[2])
    if (target != noun && !((noun, target) in edges)) {
        edges[noun, target] = 1
        targets[noun, ++target_counts[noun]] = target
    }
}

function noun_of(path) {
    sub(/^(.*\/)?(libshared|cmd)\//, "", path)
    sub(/(_inside)?\.[ch]$/, "", path)
    return path
}

# Tarjan, Depth-First Search and Linear Graph Algorithms, 1972: `low` is the oldest noun on the
# stack that can be reached.
function visit(at,    i, target) {
    index_of[at] = low[at] = ++visited
    stack[++depth] = at
    on_stack[at] = 1
    for (i = 1; i <= target_counts[at]; i++) {
        target = targets[at, i]
        if (!(target in nouns))
            continue
        if (!(target in index_of)) {
            visit(target)
            if (low[target] < low[at])
                low[at] = low[target]
        } else if (on_stack[target] && index_of[target] < low[at]) {
            low[at] = index_of[target]
        }
    }
    if (low[at] == index_of[at])
        take_circle(at)
}

# Takes a noun from the stack with all above it, which is its circle.
function take_circle(at,    top, members) {
    for (top = ""; top != at;) {
        top = stack[depth--]
        on_stack[top] = 0
        members = " " top members
    }
    if (members != " " at)
        complain("a circle:" members)
}

function complain(what) {
    print what
    failed = 1
}

END {
    if (!noun_count)
        complain("nothing to check")
    for (i = 1; i <= noun_count; i++) {
        if (!(order[i] in index_of))
            visit(order[i])
    }
    exit failed
}
