// Which files are garbage, without an engine.
#include "lsm/files.h"

#include "unit/unit.h"

static struct segment segments[2];
static struct log log_now;
static struct cache cache;
static struct value_reader reader;
static struct files files;

static int start(void **state)
{
    (void)state;
    segments[0] = (struct segment){.number = 5, .size = 4096};
    segments[1] = (struct segment){.number = 6, .size = 4096};
    log_now = (struct log){.segments = segments, .segment_count = 2, .current = 1};
    files = (struct files){.dir = "db", .log = &log_now, .cache = &cache, .reader = &reader};
    return 0;
}

static int stop(void **state)
{
    (void)state;
    files_release(&files);
    return 0;
}

AROUND_EACH(start, stop)

static void assert_garbage(const char *path)
{
    size_t size = path ? strlen(path) + 1 : 0;
    assert_int_equal(files.garbage.size, size);
    if (path)
        assert_memory_equal(files.garbage.data, path, size);
}

TEST(a_file_with_values_goes_with_its_last_reference)
{
    struct value_file *file = files_add_values(&files, 7, 100);
    file->ref_count++;
    files_drop_values(&files, file);
    assert_garbage(NULL);
    files_drop_values(&files, file);
    assert_garbage("db/000007.val");
    assert_int_equal(files.value_count, 0);
}

TEST(a_segment_that_the_log_still_has_is_left_to_it)
{
    struct value_file *file = files_add_values(&files, 5 | VALUE_IN_LOG, 100);
    assert_true(files_keep_segment(&files, 5));
    assert_false(files_keep_segment(&files, 6));
    assert_true(files_is_of_log(&files, file->id));
    files_drop_values(&files, file);
    assert_false(files_keep_segment(&files, 5));
    assert_garbage(NULL);
}

TEST(a_segment_that_the_log_let_go_is_removed_when_no_table_points_there)
{
    struct value_file *file = files_add_values(&files, 4 | VALUE_IN_LOG, 100);
    assert_false(files_is_of_log(&files, file->id));
    files_drop_values(&files, file);
    assert_garbage("db/000004.log");
}

TEST(a_file_that_is_there_already_gets_one_more_reference)
{
    struct value_file *file = files_add_values(&files, 5 | VALUE_IN_LOG, 100);
    assert_ptr_equal(files_add_values(&files, 5 | VALUE_IN_LOG, 100), file);
    assert_int_equal(files.value_count, 1);
    files_drop_values(&files, file);
    assert_true(files_keep_segment(&files, 5));
    files_drop_values(&files, file);
    assert_false(files_keep_segment(&files, 5));
}
