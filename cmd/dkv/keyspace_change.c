#include "dkv/keyspace_change.h"

#include "base/text.h"
#include "dkv/ask.h"
#include "dkv/level.h"
#include "dkv/options.h"
#include "ring/ring_keyspaces.h"
#include "ring/ring_successor.h"
#include "ring/ring_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const uint64_t ttl_max_s = (uint64_t)100 * 366 * 24 * 3600; // as of put: a hundred years

static const char verb[] = "keyspace";

// ---- what is wished for ----------------------------------------------------------------

static enum status set_conflict(const char *text, struct ring_keyspace *keyspace,
                                struct fault *fault)
{
    bool is_lww = strcmp(text, "lww") == 0;
    if (!is_lww && strcmp(text, "versions") != 0)
        return fault_set(fault, STATUS_INVALID,
                         "'%s' is no way to deal with conflicts; use versions or lww", text);
    keyspace->conflict = is_lww ? RING_CONFLICT_LWW : RING_CONFLICT_VERSIONS;
    return STATUS_OK;
}

static enum status set_ttl(const char *text, struct ring_keyspace *keyspace, struct fault *fault)
{
    uint64_t seconds;
    if (text_parse_number(bytes_of_text(text), &seconds, NULL) || seconds > ttl_max_s)
        return fault_set(fault, STATUS_INVALID,
                         "'%s' is no time to live; use whole seconds up to %" PRIu64 ", or 0 for "
                         "none",
                         text, ttl_max_s);
    keyspace->ttl_s = seconds;
    return STATUS_OK;
}

static enum status set_level(const char *text, uint8_t *level, struct fault *fault)
{
    return text ? level_parse(text, level, fault) : STATUS_OK;
}

// Puts what is wished for into `keyspace`, and leaves the rest.
static enum status take_wishes(const struct keyspace_wishes *wishes, struct ring_keyspace *keyspace,
                               struct fault *fault)
{
    enum status status = STATUS_OK;
    if (wishes->n)
        status = ring_copies_parse(bytes_of_text(wishes->n), keyspace, fault);
    if (!status && wishes->conflict)
        status = set_conflict(wishes->conflict, keyspace, fault);
    if (!status && wishes->ttl)
        status = set_ttl(wishes->ttl, keyspace, fault);
    if (!status)
        status = set_level(wishes->r, &keyspace->r, fault);
    return status ? status : set_level(wishes->w, &keyspace->w, fault);
}

// ---- the next document -----------------------------------------------------------------

static struct ring_keyspace *find(const struct ring *ring, const char *name)
{
    for (uint32_t i = 0; i < ring->keyspace_count; i++) {
        if (strcmp(ring->keyspaces[i].name, name) == 0)
            return &ring->keyspaces[i];
    }
    return NULL;
}

// What is not wished for is as in the keyspace "default", but for policy and ttl; a majority in
// each datacenter by itself if copies are named by datacenter.
static enum status create(struct ring *ring, const char *name, const struct keyspace_wishes *wishes,
                          struct fault *fault)
{
    struct ring_keyspace keyspace = *find(ring, "default");
    if (!ring_is_name(bytes_of_text(name)))
        return fault_set(fault, STATUS_INVALID,
                         "'%.80s' is no name of a keyspace; use 1 to %d letters, digits, '.', '_' "
                         "and '-', not beginning with '-'",
                         name, RING_NAME_SIZE_MAX);
    memset(keyspace.name, 0, sizeof keyspace.name);
    memcpy(keyspace.name, name, strlen(name));
    keyspace.conflict = RING_CONFLICT_VERSIONS;
    keyspace.ttl_s = 0;
    struct ring_keyspace wished = keyspace;
    enum status status = take_wishes(wishes, &wished, fault);
    bool has_dcs = wished.copies[0].dc[0] != 0;
    if (!wishes->r)
        wished.r = has_dcs ? RING_LEVEL_LOCAL_QUORUM : RING_LEVEL_QUORUM;
    if (!wishes->w)
        wished.w = has_dcs ? RING_LEVEL_LOCAL_QUORUM : RING_LEVEL_QUORUM;
    return status ? status : ring_add_keyspace(ring, &wished, fault);
}

static enum status set(struct ring *ring, const char *name, const struct keyspace_wishes *wishes,
                       struct fault *fault)
{
    struct ring_keyspace *keyspace = find(ring, name);
    if (!keyspace)
        return fault_set(fault, STATUS_INVALID, "there is no keyspace %.80s", name);
    enum ring_conflict conflict = keyspace->conflict;
    enum status status = take_wishes(wishes, keyspace, fault);
    if (!status && keyspace->conflict != conflict)
        return fault_set(fault, STATUS_REFUSED,
                         "the conflict policy of a keyspace is for ever: create another one and "
                         "copy the data with 'dkv dump' and 'dkv load'");
    return status ? status : ring_check(ring, fault);
}

static enum status make(struct ring *ring, enum keyspace_change change, const char *name,
                        const struct keyspace_wishes *wishes, struct fault *fault)
{
    enum status status;
    switch (change) {
    case KEYSPACE_CREATE:
        return create(ring, name, wishes, fault);
    case KEYSPACE_SET:
        return set(ring, name, wishes, fault);
    default:
        status = ring_drop_keyspace(ring, name, fault);
        return status ? STATUS_INVALID : status;
    }
}

// A change that moves data is refused here, in words of the command; routers refuse it, too.
static enum status check_moves(const struct ring *before, const struct ring *next, const char *name,
                               struct fault *fault)
{
    struct buf old = {0};
    struct fault reason;
    if (!ring_moves_data(before, next, &reason))
        return STATUS_OK;
    ring_copies_format(find(before, name), &old);
    fault_set(fault, STATUS_REFUSED,
              "another n than %s would move data, which this version cannot do: create another "
              "keyspace and copy the data with 'dkv dump' and 'dkv load'",
              buf_text(&old));
    buf_release(&old);
    return STATUS_REFUSED;
}

// ---- the proposal ----------------------------------------------------------------------

// An answer that leaves it open, or came from a router that has seen later changes: the ring itself
// may tell.
static bool has_come(const struct globals *globals, const struct ring *wanted, uint64_t hash)
{
    struct buf text = {0};
    struct fault fault;
    struct ring now = {0};
    bool is_read =
        !ask(globals, "ring", &text, &fault) && !ring_text_parse(&now, buf_bytes(&text), &fault);
    bool has_come = is_read && ((now.epoch == wanted->epoch && ring_text_hash(&now) == hash) ||
                                (now.epoch == wanted->epoch + 1 && now.parent == hash));
    ring_release(&now);
    buf_release(&text);
    return has_come;
}

static int propose(const struct globals *globals, const struct ring *next, const char *name)
{
    struct buf document = {0}, answer = {0};
    struct fault fault = {""};
    ring_text_format(next, &document);
    enum status status = ask_about(globals, "ring/propose", buf_bytes(&document), &answer, &fault);
    bool is_open =
        status == STATUS_TIMEOUT || status == STATUS_INDETERMINATE || status == STATUS_RING_CHANGED;
    if (is_open && has_come(globals, next, ring_text_hash(next)))
        status = STATUS_OK;
    int exit_status;
    if (status == STATUS_TIMEOUT || status == STATUS_INDETERMINATE)
        exit_status = report(globals, verb, STATUS_INDETERMINATE,
                             "it is not known whether the change will come; 'dkv keyspace list' "
                             "tells when it has");
    else if (status)
        exit_status = ask_report(globals, verb, status, &fault);
    else
        exit_status = report(globals, verb, STATUS_OK, "%s: %s", name, buf_text(&answer));
    buf_release(&document);
    buf_release(&answer);
    return exit_status;
}

// Asks on a terminal. 0: go on.
static int confirm(const char *name, const struct keyspace_wishes *wishes)
{
    if (wishes->is_sure)
        return 0;
    if (!isatty(STDIN_FILENO))
        return usage_error(verb, "drop takes all data of %s: --yes is needed", name);
    char word[8] = "";
    fprintf(stderr, "Drop keyspace %s and all its data? Type yes: ", name);
    if (!fgets(word, sizeof word, stdin) || strcmp(word, "yes\n") != 0)
        return usage_error(verb, "nothing was dropped");
    return 0;
}

int keyspace_change(const struct globals *globals, enum keyspace_change change, const char *name,
                    const struct keyspace_wishes *wishes)
{
    struct ring before = {0}, next = {0};
    struct buf text = {0};
    struct fault fault = {""};
    int exit_status = ask_ring(globals, verb, NULL, &before, &text);
    if (exit_status)
        return exit_status;
    enum status status = ring_text_parse(&next, buf_bytes(&text), &fault);
    if (!status)
        status = make(&next, change, name, wishes, &fault);
    if (!status) {
        bool has_changed = ring_text_hash(&next) != ring_text_hash(&before);
        ring_succeed(&next, &before);
        status = check_moves(&before, &next, name, &fault);
        if (!status && !has_changed)
            exit_status = report(globals, verb, STATUS_OK, "%s: it is so already", name);
        else if (!status && change == KEYSPACE_DROP)
            exit_status = confirm(name, wishes);
        if (!status && has_changed && !exit_status)
            exit_status = propose(globals, &next, name);
    }
    if (status)
        exit_status = report(globals, verb, status, "%s", fault.text);
    ring_release(&before);
    ring_release(&next);
    buf_release(&text);
    return exit_status;
}
