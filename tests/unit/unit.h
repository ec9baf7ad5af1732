// unit.h - the ceremony of cmocka, once.
//
// A test is a sentence of the specification:
//
//     TEST(a_preference_list_never_repeats_a_node)
//     {
//         assert_true(...);
//     }
//     TESTS(RUN(a_preference_list_never_repeats_a_node), RUN(...))
//
// The file ends with TESTS, which is its main().
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TEST(name) static void name(void **state __attribute__((unused)))
#define RUN(name)  cmocka_unit_test(name)
#define TESTS(...)                                                                                 \
    int main(void)                                                                                 \
    {                                                                                              \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                           \
        return cmocka_run_group_tests(tests, NULL, NULL);                                          \
    }
