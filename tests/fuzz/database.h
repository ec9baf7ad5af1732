// database.h - a small database whose files a fuzz target replaces.
//
// It is made once, with a log, a manifest, tables, a value file and a segment that is kept for
// its large values, and cloned for every input. Whatever its files hold, opening, reading,
// verifying it and working on it must end, with any status, inside of the memory that
// belongs to it.
#pragma once

#include "base/buf.h"
#include "base/endian.h"
#include "base/reader.h"
#include "disk/memory_vfs_damage.h"
#include "fuzz/must.h"
#include "lsm/file/checksum.h"
#include "lsm/file/file_name.h"
#include "lsm/file/frame.h"
#include "lsm/lsm.h"
#include "lsm/table/block.h"
#include "lsm/table/sstable_footer.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct database {
    struct memory_vfs disk;
    struct lsm_options options;
    struct buf path;    // of the file to replace
    struct buf content; // as the engine wrote it
    enum file_kind kind;
};

static inline void database_work(struct lsm *lsm)
{
    struct lsm_job *job;
    for (int worker = LSM_WORKER_LOG; worker < LSM_WORKER_COUNT; worker++)
        while ((job = lsm_next_job(lsm, (enum lsm_worker)worker))) {
            lsm_job_run(job);
            must(lsm_on_done(lsm, job, NULL) == STATUS_OK, "unable to do a job");
        }
}

static inline void database_write(struct lsm *lsm, unsigned first, unsigned count)
{
    char key[32];
    uint8_t value[300];
    struct lsm_batch batch = {0};
    struct random random;
    random_init(&random, first);
    uint64_t position;
    for (unsigned i = first; i < first + count; i++) {
        snprintf(key, sizeof key, "key %04u", i);
        // Noise, which is stored as it is: a change to it is a change to the columns.
        for (size_t k = 0; k < sizeof value; k++)
            value[k] = (uint8_t)random_u64(&random);
        lsm_batch_put(&batch, bytes_of_text(key), bytes_of(value, 100 + i % 200));
    }
    lsm_batch_delete(&batch, bytes_of_text("key 0001"));
    lsm_batch_note(&batch, bytes_of_text("note"));
    must(lsm_write(lsm, &batch, &position) == STATUS_OK, "unable to write");
    lsm_batch_release(&batch);
    database_work(lsm);
}

// The file of this kind with the highest number.
static inline void database_each(void *context, const char *name)
{
    struct database *database = context;
    uint64_t number;
    struct buf path = {0};
    if (file_name_parse(name, &number) != database->kind)
        return;
    file_path(&path, database->options.dir, database->kind, number);
    struct buf content = {0};
    memory_vfs_load(&database->disk, buf_text(&path), &content);
    // A spare log segment has no frames and is not what we want.
    bool spare = database->kind == FILE_LOG && content.data[FRAME_START] == 0;
    if (!spare &&
        (!database->path.size || strcmp(buf_text(&path), buf_text(&database->path)) > 0)) {
        buf_set(&database->path, buf_bytes(&path));
        buf_set(&database->content, buf_bytes(&content));
    }
    buf_release(&path);
    buf_release(&content);
}

static inline struct database *database_make(enum file_kind kind)
{
    static struct database database;
    struct lsm *lsm;
    struct fault fault = {0};
    if (database.path.size)
        return &database;
    memory_vfs_init(&database.disk);
    database.kind = kind;
    database.options = lsm_options_default();
    database.options.vfs = &database.disk.vfs;
    database.options.dir = "db";
    database.options.memtable_size = 64 << 10;
    database.options.range_size = 32 << 10;
    database.options.log_segment_size = 64 << 10;
    database.options.block_size = 512;
    database.options.separate_size = 150;
    must(lsm_open(&lsm, &database.options, &fault) == STATUS_OK, "unable to open");
    database_write(lsm, 0, 60); // few large values: copied
    lsm_flush(lsm);
    database_work(lsm);
    database_write(lsm, 60, 80); // mostly large ones: they stay in the log
    lsm_flush(lsm);
    database_work(lsm);
    database_write(lsm, 40, 40);
    lsm_close(lsm);
    struct vfs *vfs = &database.disk.vfs;
    must(!vfs->list(vfs, "db", database_each, &database, NULL), "unable to list files");
    must(database.path.size, "unable to find the file");
    return &database;
}

static inline void database_found(void *context, size_t index, enum status status,
                                  struct bytes value)
{
    uint64_t *sum = context;
    *sum += index + (status ? 0 : hash64(value));
}

static inline void database_read(struct lsm *lsm)
{
    static const char *const keys[] = {"key 0007", "key 0001", "key 0055", "key 0077",
                                       "key 0139", "none",     "a",        "z"};
    struct bytes wanted[sizeof keys / sizeof keys[0]];
    struct bytes key, value;
    struct buf copy = {0};
    uint64_t sum = 0;
    struct lsm_scan *scan = lsm_scan_open(lsm, (struct bytes){0}, (struct bytes){0});
    while (lsm_scan_next(scan, &key, &value, NULL) == STATUS_OK)
        sum += hash64(value); // every byte of it is there
    lsm_scan_close(scan);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        wanted[i] = bytes_of_text(keys[i]);
        (void)!lsm_get(lsm, wanted[i], &copy, NULL);
    }
    (void)!lsm_multi_get(lsm, wanted, sizeof keys / sizeof keys[0], database_found, &sum, NULL);
    (void)!lsm_verify(lsm, NULL);
    buf_release(&copy);
}

// A flush, and merges when nobody writes; any job may fail.
static inline void database_settle(struct lsm *lsm)
{
    struct lsm_batch batch = {0};
    uint64_t position;
    lsm_batch_put(&batch, bytes_of_text("key 0050"), bytes_of_text("more"));
    (void)!lsm_write(lsm, &batch, &position);
    lsm_batch_release(&batch);
    lsm_tick(lsm, 10);
    lsm_flush(lsm);
    lsm_tick(lsm, 10000);
    struct lsm_job *job;
    for (unsigned i = 0; i < 3 * 16; i++) {
        if ((job = lsm_next_job(lsm, (enum lsm_worker)(i % LSM_WORKER_COUNT)))) {
            lsm_job_run(job);
            (void)!lsm_on_done(lsm, job, NULL);
        }
    }
}

// Opens the database with this content of the file and asks it everything.
static inline void database_try(struct database *database, struct bytes content,
                                enum lsm_durability durability)
{
    struct memory_vfs disk;
    struct lsm *lsm;
    memory_vfs_clone(&disk, &database->disk);
    memory_vfs_store(&disk, buf_text(&database->path), content);
    struct lsm_options options = database->options;
    options.vfs = &disk.vfs;
    options.durability = durability;
    if (lsm_open(&lsm, &options, NULL) == STATUS_OK) {
        database_read(lsm);
        database_settle(lsm);
        database_read(lsm);
        lsm_close(lsm);
    }
    memory_vfs_release(&disk);
}

// A file of frames with right checksums around arbitrary payloads, so that what is
// behind the checksum is reached too. `data` is a list of u8 kind, u8 promise, u16 size,
// payload; the promise counts in 64 bytes.
static inline void database_frames(const struct database *database, struct bytes data,
                                   struct buf *out)
{
    struct frame_file file = {0};
    enum frame_file_kind kind = database->kind == FILE_LOG ? FRAME_FILE_LOG : FRAME_FILE_MANIFEST;
    must(!frame_file_decode(&file, buf_bytes(&database->content), kind, "", NULL),
         "unable to read a header");
    buf_set(out, bytes_of(database->content.data, FRAME_START));
    struct reader reader = reader_of(data);
    while (reader_left(&reader) >= 4 && out->size < (48 << 10)) {
        enum frame_kind frame = (enum frame_kind)reader_u8(&reader);
        uint64_t promise = (uint64_t)reader_u8(&reader) * 64;
        size_t size = reader_u16(&reader);
        size = size < reader_left(&reader) ? size : reader_left(&reader);
        uint64_t address = frame_address(file.number, out->size);
        uint8_t *at = buf_grow(out, frame_size(size));
        memset(at, 0, frame_size(size));
        memcpy(at + FRAME_HEADER_SIZE, reader_bytes(&reader, size).data, size);
        frame_finish(at, size, frame, address);
        frame_sign(at, frame_address(file.number, promise), file.database);
    }
}

static inline void database_sign_block(struct buf *table, struct block_place place, uint64_t size)
{
    if (size < BLOCK_TRAILER_SIZE || place.offset > table->size ||
        size > table->size - place.offset)
        return;
    uint8_t *at = table->data + place.offset;
    struct bytes signed_bytes = bytes_of(at, size - 8);
    store_u64(at + size - 8, checksum_at(signed_bytes, place.database, place.number, place.offset));
}

// Gives a table that was changed right checksums again, where its blocks were.
static inline void database_sign_table(const struct database *database, struct buf *table)
{
    const uint8_t *good = database->content.data;
    uint64_t end = database->content.size - SSTABLE_FOOTER_SIZE;
    struct block_place place = {load_u64(good + end), load_u64(good + end + 8), 0};
    struct block_place index = place, filter = place, sample = place;
    index.offset = load_u64(good + end + 32);
    filter.offset = load_u64(good + end + 48);
    sample.offset = load_u64(good + end + 64);
    uint64_t index_size = load_u64(good + end + 40);
    struct buf raw = {0};
    must(block_load(&raw, bytes_of(good + index.offset, index_size), index), "unable to load");
    struct reader reader = reader_of(buf_bytes(&raw));
    for (uint32_t count = reader_u32(&reader); count; count--) {
        place.offset = reader_u64(&reader);
        database_sign_block(table, place, reader_u32(&reader));
        reader_short(&reader);
    }
    buf_release(&raw);
    database_sign_block(table, index, index_size);
    database_sign_block(table, filter, load_u64(good + end + 56));
    database_sign_block(table, sample, load_u64(good + end + 72));
    uint8_t *footer = table->data + end;
    store_u64(footer + 88, hash64(bytes_of(footer, 88)));
}

// Content at least as long as the file was: what is missing is zero.
static inline void database_pad(const struct database *database, struct buf *content)
{
    if (content->size < database->content.size) {
        size_t missing = database->content.size - content->size;
        memset(buf_grow(content, missing), 0, missing);
    }
}

// One input. Its first byte chooses what the rest is:
//     0  the file          1  the file, zeros behind it up to its size
//     2  frames (above)    3  changes of the good file: u16 offset, u8 to add
//                          4  the same, and a table is signed again
// Five more: the log is synced at intervals, ten more: never.
static inline void database_fuzz(struct database *database, struct bytes input)
{
    struct buf content = {0};
    struct reader reader = reader_of(input);
    uint8_t first = reader_u8(&reader), choice = first % 5;
    enum lsm_durability durability = (enum lsm_durability)(first / 5 % 3);
    struct bytes rest = reader_bytes(&reader, reader_left(&reader));
    bool is_table = database->kind == FILE_TABLE;
    bool has_frames = database->kind == FILE_LOG || database->kind == FILE_MANIFEST;
    if (choice < 2)
        buf_set(&content, rest);
    else if (choice == 2 && has_frames)
        database_frames(database, rest, &content);
    else
        buf_set(&content, buf_bytes(&database->content));
    if (choice == 1 || (choice == 2 && database->kind == FILE_LOG))
        database_pad(database, &content);
    reader = reader_of(rest);
    while (choice >= 3 && reader_left(&reader) >= 3) {
        size_t offset = reader_u16(&reader) % content.size;
        content.data[offset] = (uint8_t)(content.data[offset] + reader_u8(&reader));
    }
    if (choice == 4 && is_table)
        database_sign_table(database, &content);
    database_try(database, buf_bytes(&content), durability);
    buf_release(&content);
}
