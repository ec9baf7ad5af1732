#include "unit/unit.h"

#include <assert.h>

enum { TESTS_MAX = 256 };

static struct CMUnitTest tests[TESTS_MAX];
static size_t test_count;
static CMFixtureFunction make_each, remove_each;

void unit_add(const char *name, CMUnitTestFunction test)
{
    assert(test_count < TESTS_MAX);
    tests[test_count++] = (struct CMUnitTest){.name = name, .test_func = test};
}

void unit_around_each(CMFixtureFunction make, CMFixtureFunction remove)
{
    make_each = make;
    remove_each = remove;
}

int unit_run(CMFixtureFunction make, CMFixtureFunction remove)
{
    assert(test_count);
    for (size_t i = 0; i < test_count; i++) {
        tests[i].setup_func = make_each;
        tests[i].teardown_func = remove_each;
    }
    return _cmocka_run_group_tests("tests", tests, test_count, make, remove);
}

__attribute__((weak)) int main(void)
{
    return unit_run(NULL, NULL);
}
