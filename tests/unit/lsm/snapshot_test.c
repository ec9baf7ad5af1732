// What the owner wants back is in a file beside the tables of its flush, and damage to it is told.
#include "unit/lsm/jobs.h"

#include "disk/memory_vfs_damage.h"
#include "lsm/file/file_name.h"
#include "lsm/version/snapshot.h"

static struct memory_vfs disk;
static struct lsm_options options;
static struct lsm *lsm;
static struct fault fault;
static struct buf kept, seen; // what the next snapshot has, and what the last open gave back
static unsigned restore_count;

static void take(void *context, struct buf *out)
{
    (void)context;
    buf_append(out, buf_bytes(&kept));
}

static enum status give_back(void *context, struct bytes snapshot, struct fault *why)
{
    (void)context;
    restore_count++;
    buf_set(&seen, snapshot);
    if (bytes_equal(snapshot, bytes_of_text("of later days")))
        return fault_set(why, STATUS_INVALID, "snapshots of later days");
    return bytes_equal(snapshot, bytes_of_text("nonsense")) ? STATUS_CORRUPT : STATUS_OK;
}

static enum status replay(void *context, struct bytes note, struct fault *why)
{
    (void)context, (void)note;
    return fault_set(why, STATUS_INVALID, "notes of kind 37");
}

static enum status open_again(void)
{
    if (lsm)
        lsm_close(lsm);
    lsm = NULL;
    restore_count = 0;
    buf_clear(&seen);
    enum status status = lsm_open(&lsm, &options, &fault);
    if (status)
        lsm = NULL;
    return status;
}

static void start(void)
{
    memory_vfs_init(&disk);
    options = small_options(&disk);
    options.owner = (struct lsm_owner){.snapshot = take, .restore = give_back, .replay = replay};
    assert_int_equal(open_again(), STATUS_OK);
    assert_int_equal(restore_count, 0);
}

static void stop(void)
{
    if (lsm)
        lsm_close(lsm);
    lsm = NULL;
    buf_release(&kept);
    buf_release(&seen);
    memory_vfs_release(&disk);
}

static void write_and_flush(const char *snapshot)
{
    struct random random;
    random_init(&random, 1);
    buf_set(&kept, bytes_of_text(snapshot));
    assert_int_equal(put_random(lsm, &random, 10), STATUS_OK);
    lsm_flush(lsm);
    run_jobs(lsm);
}

// The path of the only one in a directory.
struct search {
    char dir[16], path[64];
    unsigned count;
};

static void look(void *context, const char *name)
{
    struct search *search = context;
    uint64_t number;
    if (file_name_parse(name, &number) != FILE_SNAPSHOT)
        return;
    search->count++;
    snprintf(search->path, sizeof search->path, "%s/%.40s", search->dir, name);
}

static struct search find(const char *dir)
{
    struct search search = {0};
    snprintf(search.dir, sizeof search.dir, "%s", dir);
    assert_int_equal(disk.vfs.list(&disk.vfs, dir, look, &search, NULL), STATUS_OK);
    assert_int_equal(search.count, 1);
    return search;
}

static void assert_seen(const char *text)
{
    assert_int_equal(restore_count, 1);
    assert_true(bytes_equal(buf_bytes(&seen), bytes_of_text(text)));
}

TEST(a_flush_writes_it_and_the_one_before_goes)
{
    start();
    write_and_flush("first");
    struct search first = find("db");
    assert_int_equal(open_again(), STATUS_OK);
    assert_seen("first");
    write_and_flush("second");
    struct search second = find("db");
    assert_string_not_equal(first.path, second.path);
    assert_int_equal(open_again(), STATUS_OK);
    assert_seen("second");
    stop();
}

TEST(it_may_be_empty_or_large)
{
    start();
    write_and_flush("");
    assert_int_equal(open_again(), STATUS_OK);
    assert_seen("");
    struct random random;
    random_init(&random, 1);
    buf_clear(&kept);
    memset(buf_grow(&kept, 20 << 20), 'x', 20 << 20);
    assert_int_equal(put_random(lsm, &random, 10), STATUS_OK);
    lsm_flush(lsm);
    run_jobs(lsm);
    assert_int_equal(open_again(), STATUS_OK);
    assert_true(bytes_equal(buf_bytes(&seen), buf_bytes(&kept)));
    stop();
}

TEST(one_that_belongs_to_notes_alone_is_durable_too)
{
    struct lsm_batch batch = {0};
    struct random random;
    uint64_t position;
    random_init(&random, 1);
    start();
    buf_set(&kept, bytes_of_text("of notes"));
    lsm_batch_note(&batch, bytes_of_text("note"));
    assert_int_equal(lsm_write(lsm, &batch, &position), STATUS_OK);
    lsm_flush(lsm);
    run_jobs(lsm);
    memory_vfs_crash(&disk, MEMORY_VFS_LOSE_ALL, &random);
    assert_int_equal(open_again(), STATUS_OK);
    assert_seen("of notes");
    lsm_batch_release(&batch);
    stop();
}

TEST(a_damaged_one_is_refused_by_its_name)
{
    char text[200];
    start();
    write_and_flush("what is to come back");
    struct search file = find("db");
    memory_vfs_flip(&disk, file.path, 70, 1);
    snprintf(text, sizeof text, "%s: damaged snapshot at offset 64", file.path);
    assert_int_equal(lsm_verify(lsm, &fault), STATUS_CORRUPT);
    assert_string_equal(fault.text, text);
    assert_int_equal(open_again(), STATUS_CORRUPT);
    assert_string_equal(fault.text, text);
    memory_vfs_truncate(&disk, file.path, 65);
    assert_int_equal(open_again(), STATUS_CORRUPT);
    assert_non_null(strstr(fault.text, file.path));
    disk.vfs.remove(&disk.vfs, file.path, NULL);
    assert_int_equal(open_again(), STATUS_CORRUPT);
    snprintf(text, sizeof text, "%s: missing", file.path);
    assert_string_equal(fault.text, text);
    stop();
}

TEST(who_does_not_want_it_back_reads_all_else)
{
    start();
    write_and_flush("what is to come back");
    disk.vfs.remove(&disk.vfs, find("db").path, NULL);
    options.owner = (struct lsm_owner){0};
    assert_int_equal(open_again(), STATUS_OK);
    assert_int_equal(lsm_verify(lsm, &fault), STATUS_CORRUPT);
    stop();
}

TEST(a_checkpoint_has_it)
{
    struct random random;
    start();
    random_init(&random, 1);
    buf_set(&kept, bytes_of_text("to take along"));
    assert_int_equal(put_random(lsm, &random, 10), STATUS_OK);
    assert_int_equal(lsm_checkpoint(lsm, "copy"), STATUS_OK);
    run_jobs(lsm);
    assert_int_equal(lsm_checkpoint_status(lsm, &fault), STATUS_OK);
    find("copy");
    memory_vfs_crash(&disk, MEMORY_VFS_LOSE_ALL, &random);
    options.dir = "copy";
    assert_int_equal(open_again(), STATUS_OK);
    assert_seen("to take along");
    assert_int_equal(lsm_verify(lsm, &fault), STATUS_OK);
    stop();
}

TEST(what_a_newer_owner_has_written_is_no_damage)
{
    struct lsm_batch batch = {0};
    uint64_t position;
    start();
    write_and_flush("of later days");
    assert_int_equal(open_again(), STATUS_INVALID);
    assert_string_equal(fault.text, "db: written by a newer dkv (needs snapshots of later days)");
    options.owner.restore = NULL;
    assert_int_equal(open_again(), STATUS_OK);
    lsm_batch_note(&batch, bytes_of_text("note"));
    assert_int_equal(lsm_write(lsm, &batch, &position), STATUS_OK);
    run_jobs(lsm);
    assert_int_equal(open_again(), STATUS_INVALID);
    assert_string_equal(fault.text, "db: written by a newer dkv (needs notes of kind 37)");
    lsm_batch_release(&batch);
    stop();
}

TEST(one_that_makes_no_sense_is_damage)
{
    start();
    write_and_flush("nonsense");
    assert_int_equal(open_again(), STATUS_CORRUPT);
    assert_non_null(strstr(fault.text, find("db").path));
    stop();
}

TEST(what_a_newer_owner_needs_keeps_older_ones_out)
{
    static const char *const newer[] = {"apples", "pears", NULL}, *const older[] = {"apples", NULL};
    start();
    options.owner.features = older;
    assert_int_equal(open_again(), STATUS_OK);
    write_and_flush("first");
    options.owner.features = newer;
    assert_int_equal(open_again(), STATUS_OK); // from now on
    lsm_close(lsm);
    lsm = NULL;
    options.owner.features = older;
    assert_int_equal(open_again(), STATUS_INVALID);
    assert_string_equal(fault.text, "db: written by a newer dkv (needs feature pears)");
    assert_int_equal(restore_count, 0);
    options.owner.features = newer;
    assert_int_equal(open_again(), STATUS_OK);
    assert_seen("first");
    stop();
}
