// A run is in order, whatever it is made of.
#include "unit/unit.h"

#include "disk/memory_vfs.h"
#include "lsm/table/run_writer.h"

static struct memory_vfs disk;
static struct fault fault;

static enum status add(struct run_writer *writer, const char *key)
{
    struct entry entry = {.key = bytes_of_text(key), .value = bytes_of_text("value")};
    return run_writer_add(writer, &entry, &fault);
}

TEST(keys_that_do_not_ascend_are_refused_within_a_table_and_beyond)
{
    for (uint64_t table_size_max = 1; table_size_max < 2000; table_size_max += 1998) {
        memory_vfs_init(&disk);
        assert_int_equal(disk.vfs.make_dir(&disk.vfs, "db", &fault), STATUS_OK);
        struct run_writer writer = {.vfs = &disk.vfs,
                                    .dir = "db",
                                    .block_size = 1, // a block for each
                                    .filter_bits = 10,
                                    .table_size_max = table_size_max,
                                    .next_file = 1,
                                    .file_end = 9,
                                    .run = 1};
        assert_int_equal(add(&writer, "b"), STATUS_OK);
        assert_int_equal(add(&writer, "d"), STATUS_OK);
        assert_int_equal(add(&writer, "d"), STATUS_CORRUPT);
        assert_int_equal(add(&writer, "c"), STATUS_CORRUPT);
        assert_int_equal(add(&writer, "a"), STATUS_CORRUPT);
        assert_string_equal(fault.text, "db: a table whose keys do not ascend");
        assert_int_equal(add(&writer, "da"), STATUS_OK);
        assert_int_equal(run_writer_finish(&writer, &fault), STATUS_OK);
        assert_int_equal(writer.count, table_size_max == 1 ? 3 : 1);
        run_writer_abort(&writer);
        memory_vfs_release(&disk);
    }
}
