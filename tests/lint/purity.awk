# purity.awk - what the archives of the pure layers ask of the world.
#
#     nm -A ARCHIVE... | awk -f purity.awk
#
# A symbol that no archive defines must be on this list: memory, strings, sorting, text in
# memory, LZ4, the keyed hash of libsodium, and what the compiler adds. No clock, file, socket,
# thread, randomness.

BEGIN {
    count = split("malloc calloc realloc free abort __assert_fail " \
                  "memcpy memmove memset memcmp memchr memrchr memmem " \
                  "strlen strnlen strcmp strncmp strchr strrchr strstr strspn strcspn " \
                  "qsort qsort_r bsearch vsnprintf snprintf " \
                  "crypto_generichash_init crypto_generichash_update crypto_generichash_final " \
                  "crypto_verify_16 sodium_memzero " \
                  "__stack_chk_fail __popcountdi2 _GLOBAL_OFFSET_TABLE_", list)
    for (i = 1; i <= count; i++)
        allowed[list[i]] = 1
}

# archive:member:[address] type name
NF == 3 && $2 != "U" {
    defined[$3] = 1
}

NF == 3 && $2 == "U" {
    used[$3] = $1
}

END {
    if (NR == 0) {
        print "no symbols to check"
        exit 1
    }
    for (name in used) {
        if (name in defined || name in allowed || name ~ /^LZ4_/)
            continue
        print used[name] " needs " name
        failed = 1
    }
    exit failed
}
