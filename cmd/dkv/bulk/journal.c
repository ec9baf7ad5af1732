#include "dkv/bulk/journal.h"

#include "base/endian.h"
#include "base/hash.h"
#include "base/text.h"

#include <inttypes.h>

enum { FIELDS_MAX = 9 };

static void end_line(struct buf *out, size_t start)
{
    uint64_t hash = hash64(bytes_of(out->data + start, out->size - start));
    buf_printf(out, " %016" PRIx64 "\n", hash);
}

// The next whole line that fits its checksum, without the checksum. False if there is none.
static bool next_line(struct bytes *text, struct bytes *line)
{
    const uint8_t *end = text->size ? memchr(text->data, '\n', text->size) : NULL;
    size_t size = end ? (size_t)(end - text->data) : 0;
    if (size < 17 || text->data[size - 17] != ' ')
        return false;
    uint8_t hash[8];
    if (text_parse_hex(bytes_of(text->data + size - 16, 16), hash, sizeof hash, NULL))
        return false;
    *line = bytes_of(text->data, size - 17);
    *text = bytes_of(end + 1, text->size - size - 1);
    return load_u64_be(hash) == hash64(*line);
}

static uint32_t split(struct bytes line, struct bytes fields[FIELDS_MAX])
{
    uint32_t count = 0;
    while (count < FIELDS_MAX) {
        const uint8_t *space = line.size ? memchr(line.data, ' ', line.size) : NULL;
        size_t size = space ? (size_t)(space - line.data) : line.size;
        fields[count++] = bytes_of(line.data, size);
        if (!space)
            return count;
        line = bytes_of(space + 1, line.size - size - 1);
    }
    return 0;
}

static void format_first_line(const struct journal *journal, const struct journal_input *input,
                              struct buf *out)
{
    buf_printf(out, "dkv-load-journal 1 %016" PRIx64 "%016" PRIx64 " %" PRIu64 " %016" PRIx64,
               journal->id[0], journal->id[1], input->size, input->head_hash);
    buf_printf(out, " %s %s", input->format, input->keyspace);
}

void journal_init(struct journal *journal, const uint64_t id[2], const struct journal_input *input,
                  struct buf *out)
{
    size_t start = out->size;
    *journal = (struct journal){.id = {id[0], id[1]}};
    format_first_line(journal, input, out);
    end_line(out, start);
    journal->size = out->size - start;
}

static bool parse_id(struct bytes text, uint64_t id[2])
{
    uint8_t bytes[16];
    if (text_parse_hex(text, bytes, sizeof bytes, NULL))
        return false;
    id[0] = id[1] = 0;
    for (unsigned i = 0; i < sizeof bytes; i++)
        id[i / 8] = id[i / 8] << 8 | bytes[i];
    return true;
}

// The first line must be the one that we would write for this input.
static enum status check_first_line(struct journal *journal, const struct journal_input *input,
                                    struct bytes line, struct fault *fault)
{
    struct bytes fields[FIELDS_MAX];
    uint32_t count = split(line, fields);
    if (count < 7 || !bytes_equal(fields[0], bytes_of_text("dkv-load-journal")) ||
        !bytes_equal(fields[1], bytes_of_text("1")) || !parse_id(fields[2], journal->id))
        return fault_set(fault, STATUS_INVALID, "this is not a journal of dkv load");
    struct buf expected = {0};
    format_first_line(journal, input, &expected);
    bool is_same = bytes_equal(buf_bytes(&expected), line);
    struct bytes mine[FIELDS_MAX];
    const char *what = "keyspace or format";
    if (!is_same && split(buf_bytes(&expected), mine) == count) {
        if (!bytes_equal(mine[3], fields[3]))
            what = "size";
        else if (!bytes_equal(mine[4], fields[4]))
            what = "content";
    }
    buf_release(&expected);
    if (is_same)
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID, "the journal is that of another input: its %s differs",
                     what);
}

static bool parse_position(struct bytes line, struct journal_position *position)
{
    struct bytes fields[FIELDS_MAX];
    if (split(line, fields) != 8 || !bytes_equal(fields[0], bytes_of_text("at")))
        return false;
    uint64_t *numbers[] = {&position->record,   &position->offset,       &position->loaded,
                           &position->rejected, &position->rejects_size, &position->reserved,
                           &position->wall_ms};
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (text_parse_number(fields[1 + i], numbers[i], NULL))
            return false;
    return position->reserved >= position->record;
}

enum status journal_parse(struct journal *journal, const struct journal_input *input,
                          struct bytes text, struct fault *fault)
{
    *journal = (struct journal){0};
    size_t whole = text.size;
    struct bytes line;
    if (!next_line(&text, &line))
        return fault_set(fault, STATUS_INVALID, "this is not a journal of dkv load");
    enum status status = check_first_line(journal, input, line, fault);
    if (status)
        return status;
    journal->size = whole - text.size;
    struct journal_position position;
    while (next_line(&text, &line) && parse_position(line, &position)) {
        journal->position = position;
        journal->size = whole - text.size;
    }
    return STATUS_OK;
}

void journal_format(const struct journal_position *position, struct buf *out)
{
    size_t start = out->size;
    buf_printf(out, "at %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, position->record,
               position->offset, position->loaded, position->rejected, position->rejects_size);
    buf_printf(out, " %" PRIu64 " %" PRIu64, position->reserved, position->wall_ms);
    end_line(out, start);
}

struct request_id journal_request_id(const struct journal *journal, uint64_t record)
{
    uint64_t seed[3] = {journal->id[0], journal->id[1], record};
    struct bytes bytes = bytes_of(seed, sizeof seed);
    uint64_t words[2] = {hash64_seeded(bytes, 1), hash64_seeded(bytes, 2)};
    struct request_id id;
    memcpy(id.bytes, words, sizeof id.bytes);
    return id;
}
