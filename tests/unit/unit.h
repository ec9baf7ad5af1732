// unit.h - the ceremony of cmocka, once.
//
// A test is a sentence of the specification, and runs by being written:
//
//     TEST(a_preference_list_never_repeats_a_node)
//     {
//         assert_true(...);
//     }
//
// unit.c has the main() of all of them.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TEST(name)                                                                                 \
    static void name(void **state);                                                                \
    __attribute__((constructor)) static void add_##name(void)                                      \
    {                                                                                              \
        unit_add(#name, name);                                                                     \
    }                                                                                              \
    static void name(void **state __attribute__((unused)))

// Once in a file: each of its tests runs between these two.
#define AROUND_EACH(make, remove)                                                                  \
    __attribute__((constructor)) static void add_around_each(void)                                 \
    {                                                                                              \
        unit_around_each(make, remove);                                                            \
    }

void unit_add(const char *name, CMUnitTestFunction test);
void unit_around_each(CMFixtureFunction make, CMFixtureFunction remove);

// For a file with a main() of its own: runs all tests, between these two (NULL: nothing). The exit
// status.
int unit_run(CMFixtureFunction make, CMFixtureFunction remove);
