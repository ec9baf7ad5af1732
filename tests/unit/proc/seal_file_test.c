// Seal keys come back from their file, and a file that others could touch is refused.
#include "unit/unit.h"

#include "proc/seal_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"

static char directory[64], path[128];

static int make_directory(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/dkv-seals-test-XXXXXX");
    if (!mkdtemp(directory))
        return 1;
    snprintf(path, sizeof path, "%s/seals", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(directory);
}

static enum status load_text(const char *text, struct fault *fault)
{
    struct seals seals = {0};
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
    enum status status = seal_file_load(path, &seals, fault);
    seals_release(&seals);
    return status;
}

AROUND_EACH(make_directory, remove_directory)

TEST(as_many_keys_as_there_may_be_come_back)
{
    struct seals seals = {0}, back = {0};
    struct fault fault;
    struct stat stat_now;
    for (unsigned i = 0; i < SEALS_MAX; i++) {
        uint8_t secret[SEAL_SECRET_SIZE] = {(uint8_t)i, (uint8_t)(i >> 8)};
        assert_int_equal(i == 7 ? seals_add_own(&seals, secret) : seals_add(&seals, secret),
                         STATUS_OK);
    }
    for (unsigned round = 0; round < 2; round++) { // it replaces what is there
        assert_int_equal(seal_file_save(path, &seals, &fault), STATUS_OK);
        assert_int_equal(stat(path, &stat_now), 0);
        assert_int_equal(stat_now.st_mode & 07777, 0600);
    }
    assert_int_equal(seal_file_load(path, &back, &fault), STATUS_OK);
    assert_int_equal(back.count, SEALS_MAX);
    assert_memory_equal(back.keys, seals.keys, SEALS_MAX * sizeof *back.keys);
    assert_true(back.own.id == seals.own.id);
    uint8_t one_more[SEAL_SECRET_SIZE] = {1, 2, 3};
    assert_int_equal(seals_add(&back, one_more), STATUS_TOO_LARGE);
    seals_release(&seals);
    seals_release(&back);
}

TEST(a_damaged_file_is_named_with_the_line)
{
    struct fault fault;
    assert_int_equal(
        load_text("seals\n    own = \"" DIGITS "f\"\n    key = \"" DIGITS "0\"\n", &fault),
        STATUS_OK);
    assert_int_equal(load_text("seals\n    own = \"" DIGITS "\"\n", &fault), STATUS_INVALID);
    assert_non_null(strstr(fault.text, "seals:2: "));
    assert_int_equal(load_text("seals\n    key = \"" DIGITS "f\"\n", &fault), STATUS_INVALID);
    assert_non_null(strstr(fault.text, "own key is missing"));
    assert_int_equal(
        load_text("seals\n    own = \"" DIGITS "f\"\n    own = \"" DIGITS "0\"\n", &fault),
        STATUS_INVALID);
    assert_non_null(strstr(fault.text, "seals:3: "));
    assert_int_equal(load_text("seals\n    lock = \"" DIGITS "f\"\n", &fault), STATUS_INVALID);
    assert_int_equal(load_text("", &fault), STATUS_INVALID);
}

TEST(a_file_that_others_could_touch_is_refused)
{
    struct seals seals = {0};
    struct fault fault;
    char other[160];
    snprintf(other, sizeof other, "%s.link", path);
    assert_int_equal(load_text("seals\n    own = \"" DIGITS "f\"\n", &fault), STATUS_OK);
    assert_int_equal(symlink(path, other), 0);
    assert_int_equal(seal_file_load(other, &seals, &fault), STATUS_REFUSED);
    unlink(other);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(seal_file_load(path, &seals, &fault), STATUS_REFUSED);
    unlink(path);
    assert_int_equal(seal_file_load(path, &seals, &fault), STATUS_NOT_FOUND);
    assert_int_equal(seals.count, 0);
}
