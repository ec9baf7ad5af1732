#include "proc/settings.h"

#include "base/endian.h"
#include "base/text.h"
#include "base/zpl.h"
#include "os/file.h"
#include "proc/log.h"
#include "proc/settings_file.h"
#include "wire/role.h"

#include <assert.h>
#include <stddef.h>
#include <unistd.h>

#define KIB    (1024ull)
#define MIB    (1024 * KIB)
#define GIB    (1024 * MIB)
#define SECOND (1000ull)
#define DAY    (24 * 3600 * SECOND)

enum kind {
    KIND_TEXT,
    KIND_ID,
    KIND_PORT,
    KIND_FLAG,
    KIND_CHOICE,
    KIND_DURATION,
    KIND_SIZE,
    KIND_POWER, // a size that is a power of two
    KIND_SPACE, // a size, or a part of the file system that the data lie on
};

struct choice {
    const char *text;
    int value;
};

static const struct choice levels[] = {{"error", LOG_LEVEL_ERROR},
                                       {"warning", LOG_LEVEL_WARNING},
                                       {"info", LOG_LEVEL_INFO},
                                       {"debug", LOG_LEVEL_DEBUG},
                                       {0}};

static const struct choice roles[] = {{"none", ROLE_NONE},
                                      {"reader", ROLE_READER},
                                      {"client", ROLE_CLIENT},
                                      {"admin", ROLE_ADMIN},
                                      {0}};

static const struct choice durabilities[] = {{"group", 0}, {"interval", 1}, {"none", 2}, {0}};

// What a value must be and where it goes. min and max: the number; of a text its size.
struct rule {
    enum kind kind;
    size_t offset;
    uint64_t min, max;
    const struct choice *choices;
};

// The table: key, default, kind, member, least, most, choices, meaning.
// clang-format off
#define SETTINGS(ROW)                                                                              \
    ROW("node/name", NULL, TEXT, node_name, 1, 63, NULL, "name of the node, unique in the ring")   \
    ROW("node/id", NULL, ID, node_id, 1, UINT64_MAX, NULL, "id of the node, 16 hex digits")        \
    ROW("node/address", NULL, TEXT, address, 1, 255, NULL, "address others reach it at")           \
    ROW("node/port", "7400", PORT, port, 1, 65530, NULL, "base port, with those above it")         \
    ROW("node/dc", "dc1", TEXT, dc, 1, 63, NULL, "datacenter")                                     \
    ROW("node/rack", "r1", TEXT, rack, 1, 63, NULL, "rack: what fails together")                   \
    ROW("net/plain", "0", FLAG, plain, 0, 1, NULL,                                                 \
        "clients without encryption and keys; loopback addresses only")                            \
    ROW("net/local_role", "client", CHOICE, local_role, 0, 0, roles,                               \
        "of members of the group at run/router.sock: none, reader, client or admin")               \
    ROW("log/level", "info", CHOICE, log_level, 0, 0, levels, "error, warning, info or debug")     \
    ROW("ping/interval", "200ms", DURATION, ping_interval_ms, 10, 60 * SECOND, NULL,               \
        "how often other processes are asked whether they live")                                   \
    ROW("ping/down_after", "600ms", DURATION, ping_down_after_ms, 30, 600 * SECOND, NULL,          \
        "silence after which a process counts as down")                                            \
    ROW("limits/value_max", "1MiB", SIZE, value_size_max, 1, 16 * MIB, NULL, "greatest value")     \
    ROW("limits/record_max", "16MiB", SIZE, record_size_max, 1 * KIB, 16 * MIB, NULL,              \
        "greatest record: all siblings of a key together")                                         \
    ROW("request/memory", "10m", DURATION, request_memory_ms, 1 * SECOND, DAY, NULL,               \
        "how long the ids of writes are remembered, so that a retry applies once")                 \
    ROW("purge/age", "10m", DURATION, purge_age_ms, 1 * SECOND, 365 * DAY, NULL,                   \
        "how long every owner has known a deletion before it is purged")                           \
    ROW("purge/close_after", "10m", DURATION, close_after_ms, 1 * SECOND, 365 * DAY, NULL,         \
        "how long after the next start of a process its earlier ones are closed")                  \
    ROW("purge/trash", "24h", DURATION, trash_ms, 0, 365 * DAY, NULL,                              \
        "how long deleted values that a restored copy brought back are kept aside")                \
    ROW("clock/warn", "500ms", DURATION, clock_warn_ms, 1, DAY, NULL,                              \
        "difference to the clock of another node that is logged")                                  \
    ROW("clock/refuse", "5s", DURATION, clock_refuse_ms, 1, DAY, NULL,                             \
        "how far ahead of the own clock a time of others is followed")                             \
    ROW("hints/retry", "1s", DURATION, hints_retry_ms, 10, DAY, NULL,                              \
        "a node that refused hints, or did not answer, is left alone for so long")                 \
    ROW("hints/rate", "32MiB", SIZE, hints_rate, 1 * KIB, 1024 * GIB, NULL,                        \
        "bytes of hints that one node is sent in a second")                                        \
    ROW("hints/size_max", "10%", SPACE, hints_size_max, 0, UINT64_MAX, NULL,                       \
        "most bytes of hints, a size or a part of the file system of the data")                    \
    ROW("hints/expire", "3d", DURATION, hints_expire_ms, 1 * SECOND, 3650 * DAY, NULL,             \
        "hints are taken for a node that has been down for so long at most")                       \
    ROW("repair/interval", "10m", DURATION, repair_interval_ms, 1 * SECOND, 30 * DAY, NULL,        \
        "in which each replica is compared with every other one")                                  \
    ROW("repair/settle", "1s", DURATION, repair_settle_ms, 0, 600 * SECOND, NULL,                  \
        "pause before it is compared again: writes on their way are no difference")                \
    ROW("repair/rate", "32MiB", SIZE, repair_rate, 64 * KIB, 1024 * GIB, NULL,                     \
        "bytes that repair may exchange with other nodes in a second")                             \
    ROW("repair/scrub", "14d", DURATION, repair_scrub_ms, 60 * SECOND, 3650 * DAY, NULL,           \
        "in which all data are read again, to find damage")                                        \
    ROW("store/durability", "group", CHOICE, durability, 0, 0, durabilities,                       \
        "group: synced before it is acknowledged; interval; none")                                 \
    ROW("store/durability_interval", "10ms", DURATION, durability_interval_ms, 1, 60 * SECOND,     \
        NULL, "time between syncs of durability interval")                                         \
    ROW("store/memtable", "64MiB", SIZE, memtable_size, 64 * KIB, 4 * GIB, NULL,                   \
        "writes kept in memory before they go to a table; a record has a quarter at most")         \
    ROW("store/log_segment", "64MiB", POWER, log_segment_size, 64 * KIB, 1 * GIB, NULL,            \
        "size of a file of the log, a power of two; a record has a quarter of it at most")         \
    ROW("store/separate", "4KiB", SIZE, separate_size, 1 * KIB, 1 * GIB, NULL,                     \
        "records from this size on lie beside the tables, where merges do not copy them")          \
    ROW("store/merge_rate", "0", SIZE, merge_rate, 0, 1024 * GIB, NULL,                            \
        "bytes that merges may write in a second; 0: as they can")                                 \
    ROW("store/cache", "25%", SIZE, cache_size, 0, UINT64_MAX, NULL,                               \
        "cache of table blocks, a size or a part of the machine's memory")

#define AS_SETTING(key, value, kind, member, min, max, choices, meaning) {key, value, meaning},
#define AS_RULE(key, value, kind, member, min, max, choices, meaning)                              \
    {KIND_##kind, offsetof(struct settings, member), min, max, choices},
// clang-format on

static const struct setting table[] = {SETTINGS(AS_SETTING)};
static const struct rule rules[] = {SETTINGS(AS_RULE)};

enum { SETTING_COUNT = sizeof table / sizeof *table };

_Static_assert(sizeof table / sizeof *table <= SETTINGS_MAX, "settings.lines is too short");

static const char *const live_keys[] = {"log/level", "clock/warn"};

const struct setting *settings_table(uint32_t *count)
{
    *count = SETTING_COUNT;
    return table;
}

uint64_t settings_record_size_max(const struct settings *settings)
{
    uint64_t max = settings->record_size_max;
    if (max > settings->memtable_size / 4)
        max = settings->memtable_size / 4;
    if (max > settings->log_segment_size / 4)
        max = settings->log_segment_size / 4;
    return max;
}

static uint64_t memory_of_machine(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page_size = sysconf(_SC_PAGESIZE);
    return pages > 0 && page_size > 0 ? (uint64_t)pages * (uint64_t)page_size : 0;
}

static uint64_t whole_of(const struct settings *settings, enum kind kind)
{
    uint64_t space = kind == KIND_SPACE ? file_space(settings->dir, "data") : 0;
    return space ? space : memory_of_machine();
}

static enum status set_text(const struct rule *rule, struct bytes value, char *member,
                            struct fault *fault)
{
    if (value.size < rule->min || value.size > rule->max)
        return fault_set(fault, STATUS_INVALID, "must have %llu to %llu bytes",
                         (unsigned long long)rule->min, (unsigned long long)rule->max);
    memcpy(member, value.data, value.size);
    member[value.size] = 0;
    return STATUS_OK;
}

static enum status set_choice(const struct rule *rule, struct bytes value, int *member,
                              struct fault *fault)
{
    for (const struct choice *choice = rule->choices; choice->text; choice++) {
        if (bytes_equal(value, bytes_of_text(choice->text))) {
            *member = choice->value;
            return STATUS_OK;
        }
    }
    struct buf texts = {0};
    for (const struct choice *choice = rule->choices; choice->text; choice++)
        buf_printf(&texts, "%s%s", texts.size ? ", " : "", choice->text);
    enum status status = fault_set(fault, STATUS_INVALID, "must be one of %s", buf_text(&texts));
    buf_release(&texts);
    return status;
}

static enum status set_flag(struct bytes value, bool *member, struct fault *fault)
{
    if (value.size != 1 || (value.data[0] != '0' && value.data[0] != '1'))
        return fault_set(fault, STATUS_INVALID, "must be 0 or 1");
    *member = value.data[0] == '1';
    return STATUS_OK;
}

static void format_number(enum kind kind, uint64_t number, struct buf *out)
{
    if (kind == KIND_DURATION)
        text_format_duration(number, out);
    else if (kind == KIND_SIZE || kind == KIND_POWER || kind == KIND_SPACE)
        text_format_size(number, out);
    else
        buf_printf(out, "%llu", (unsigned long long)number);
}

static enum status refuse_range(const struct rule *rule, struct fault *fault)
{
    struct buf min = {0}, max = {0};
    format_number(rule->kind, rule->min, &min);
    format_number(rule->kind, rule->max, &max);
    bool is_open = rule->max == UINT64_MAX;
    enum status status =
        fault_set(fault, STATUS_INVALID, "is out of range: %s %s%s", buf_text(&min),
                  is_open ? "at least" : "to ", is_open ? "" : buf_text(&max));
    buf_release(&min);
    buf_release(&max);
    return status;
}

static enum status parse_number(const struct settings *settings, const struct rule *rule,
                                struct bytes value, uint64_t *number, struct fault *fault)
{
    uint8_t id[8];
    enum status status = STATUS_OK;
    switch (rule->kind) {
    case KIND_ID:
        status = text_parse_hex(value, id, sizeof id, fault);
        *number = status ? 0 : load_u64_be(id);
        break;
    case KIND_PORT:
        status = text_parse_number(value, number, fault);
        break;
    case KIND_DURATION:
        status = text_parse_duration(value, number, fault);
        break;
    default:
        status = text_parse_size(value, whole_of(settings, rule->kind), number, fault);
        break;
    }
    if (!status && (*number < rule->min || *number > rule->max))
        status = refuse_range(rule, fault);
    if (!status && rule->kind == KIND_POWER && (*number & (*number - 1)))
        status = fault_set(fault, STATUS_INVALID, "must be a power of two, such as 32MiB or 64MiB");
    return status;
}

static enum status set_value(struct settings *settings, const struct rule *rule, struct bytes value,
                             struct fault *fault)
{
    void *member = (char *)settings + rule->offset;
    uint64_t number = 0;
    enum status status;
    switch (rule->kind) {
    case KIND_TEXT:
        return set_text(rule, value, member, fault);
    case KIND_CHOICE:
        return set_choice(rule, value, member, fault);
    case KIND_FLAG:
        return set_flag(value, member, fault);
    default:
        status = parse_number(settings, rule, value, &number, fault);
        if (!status && rule->kind == KIND_PORT)
            *(uint16_t *)member = (uint16_t)number;
        else if (!status)
            *(uint64_t *)member = number;
        return status;
    }
}

static int find_setting(const char *key)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        if (!strcmp(table[i].key, key))
            return i;
    }
    return -1;
}

enum status settings_check(const char *key, const char *value, struct fault *fault)
{
    int i = find_setting(key);
    if (i < 0)
        return fault_set(fault, STATUS_INVALID, "%.64s is not a known key", key);
    struct settings scratch = {.dir = "/"};
    struct fault reason;
    if (set_value(&scratch, &rules[i], bytes_of_text(value), &reason))
        return fault_set(fault, STATUS_INVALID, "%s: %.200s", key, reason.text);
    return STATUS_OK;
}

static enum status set_entry(struct settings *settings, const struct zpl_entry *entry,
                             struct fault *fault)
{
    uint16_t *lines = settings->lines;
    int i = find_setting(entry->path);
    if (i < 0)
        return fault_set(fault, STATUS_INVALID, "%s is not a known key", entry->path);
    if (lines[i])
        return fault_set(fault, STATUS_INVALID, "%s is there twice, first in line %u", entry->path,
                         lines[i]);
    lines[i] = (uint16_t)entry->line; // a file has fewer bytes
    struct fault reason;
    if (set_value(settings, &rules[i], entry->value, &reason))
        return fault_set(fault, STATUS_INVALID, "%s: %.200s", entry->path, reason.text);
    return STATUS_OK;
}

// Defaults for what was not given; what only makes sense together.
static enum status complete(struct settings *settings, const char *path, struct fault *fault)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        if (settings->lines[i])
            continue;
        if (!table[i].value)
            return fault_set(fault, STATUS_INVALID, "%s: %s is missing", path, table[i].key);
        enum status status = set_value(settings, &rules[i], bytes_of_text(table[i].value), fault);
        assert(!status); // a default that is none
        (void)status;
    }
    if (settings->ping_down_after_ms <= settings->ping_interval_ms)
        return fault_set(fault, STATUS_INVALID, "%s: ping/down_after must be above ping/interval",
                         path);
    if (settings->record_size_max < settings->value_size_max)
        return fault_set(fault, STATUS_INVALID,
                         "%s: limits/record_max must not be below limits/value_max", path);
    if (settings->purge_age_ms < settings->request_memory_ms)
        return fault_set(fault, STATUS_INVALID, "%s: purge/age must not be below request/memory",
                         path);
    if (settings->clock_refuse_ms < settings->clock_warn_ms)
        return fault_set(fault, STATUS_INVALID, "%s: clock/refuse must not be below clock/warn",
                         path);
    return STATUS_OK;
}

static enum status set_dir(struct settings *settings, const char *path, struct fault *fault)
{
    const char *slash = strrchr(path, '/');
    size_t size = slash ? (size_t)(slash - path) : 1;
    if (size >= sizeof settings->dir || strlen(path) >= sizeof settings->path)
        return fault_set(fault, STATUS_INVALID, "%s: the path is too long", path);
    memcpy(settings->path, path, strlen(path) + 1);
    memcpy(settings->dir, slash ? path : ".", size);
    settings->dir[size] = 0;
    if (slash == path)
        memcpy(settings->dir, "/", 2);
    return STATUS_OK;
}

static enum status parse(struct settings *settings, const char *path, struct bytes text,
                         struct fault *fault)
{
    struct zpl zpl = zpl_of(text);
    struct zpl_entry entry;
    struct fault reason;
    enum status status;
    while (!(status = zpl_next(&zpl, &entry, &reason))) {
        status = set_entry(settings, &entry, &reason);
        if (status)
            break;
    }
    if (status != STATUS_END)
        return fault_set(fault, status, "%s:%u: %.250s", path, zpl.line, reason.text);
    return complete(settings, path, fault);
}

enum status settings_load(struct settings *settings, const char *path, struct fault *fault)
{
    struct buf text = {0};
    struct settings loaded = {0};
    enum status status = set_dir(&loaded, path, fault);
    if (!status)
        status = settings_file_read(path, &text, fault);
    if (!status)
        status = parse(&loaded, path, buf_bytes(&text), fault);
    if (!status)
        *settings = loaded;
    buf_release(&text);
    return status;
}

// ---- two readings compared ---------------------------------------------------------------

static size_t member_size(const struct rule *rule, const void *member)
{
    switch (rule->kind) {
    case KIND_TEXT:
        return strlen(member) + 1;
    case KIND_PORT:
        return sizeof(uint16_t);
    case KIND_FLAG:
        return sizeof(bool);
    case KIND_CHOICE:
        return sizeof(int);
    default:
        return sizeof(uint64_t);
    }
}

static const void *member_of(const struct settings *settings, uint32_t index)
{
    return (const char *)settings + rules[index].offset;
}

void settings_place(const struct settings *settings, const char *key, struct buf *out)
{
    int i = find_setting(key);
    buf_append_text(out, settings->path);
    if (i >= 0 && settings->lines[i])
        buf_printf(out, ":%u", settings->lines[i]);
}

void settings_format(const struct settings *settings, uint32_t index, struct buf *out)
{
    const struct rule *rule = &rules[index];
    const void *member = member_of(settings, index);
    const struct choice *choice = rule->choices;
    switch (rule->kind) {
    case KIND_TEXT:
        buf_append_text(out, member);
        break;
    case KIND_PORT:
        buf_printf(out, "%u", *(const uint16_t *)member);
        break;
    case KIND_FLAG:
        buf_printf(out, "%d", *(const bool *)member);
        break;
    case KIND_CHOICE:
        while (choice->value != *(const int *)member)
            choice++;
        buf_append_text(out, choice->text);
        break;
    case KIND_ID:
        buf_printf(out, "%016llx", (unsigned long long)*(const uint64_t *)member);
        break;
    default:
        format_number(rule->kind, *(const uint64_t *)member, out);
        break;
    }
}

uint32_t settings_next_change(const struct settings *before, const struct settings *after,
                              uint32_t index)
{
    for (; index < SETTING_COUNT; index++) {
        const void *member = member_of(before, index);
        if (memcmp(member, member_of(after, index), member_size(&rules[index], member)) != 0)
            break;
    }
    return index;
}

void settings_take(struct settings *settings, const struct settings *from, uint32_t index)
{
    const void *member = member_of(from, index);
    memcpy((char *)settings + rules[index].offset, member, member_size(&rules[index], member));
    settings->lines[index] = from->lines[index];
}

bool settings_is_live(uint32_t index)
{
    for (size_t i = 0; i < sizeof live_keys / sizeof *live_keys; i++) {
        if (!strcmp(live_keys[i], table[index].key))
            return true;
    }
    return false;
}
