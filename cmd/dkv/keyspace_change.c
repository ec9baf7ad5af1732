#include "dkv/keyspace_change.h"

#include "base/text.h"
#include "dkv/level.h"
#include "dkv/options.h"
#include "dkv/ring_change.h"
#include "ring/ring_keyspaces.h"
#include "ring/ring_move.h"

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
    keyspace.next_copies_count = 0;
    memset(keyspace.next_copies, 0, sizeof keyspace.next_copies);
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

static bool has_copies(const struct ring_copies *a, uint8_t a_count, const struct ring_copies *b,
                       uint8_t b_count)
{
    bool is_same = a_count == b_count;
    for (uint8_t i = 0; is_same && i < a_count; i++)
        is_same = a[i].n == b[i].n && strcmp(a[i].dc, b[i].dc) == 0;
    return is_same;
}

// Another number of copies moves data: it is what the next plan is for.
static void want_copies(struct ring_keyspace *keyspace, const struct ring_keyspace *wanted)
{
    struct ring_keyspace result = *wanted;
    memcpy(result.copies, keyspace->copies, sizeof result.copies);
    result.copies_count = keyspace->copies_count;
    if (has_copies(keyspace->copies, keyspace->copies_count, wanted->copies,
                   wanted->copies_count)) {
        result.next_copies_count = 0;
    } else {
        memcpy(result.next_copies, wanted->copies, sizeof result.next_copies);
        result.next_copies_count = wanted->copies_count;
    }
    *keyspace = result;
}

static enum status set(struct ring *ring, const char *name, const struct keyspace_wishes *wishes,
                       struct fault *fault)
{
    struct ring_keyspace *keyspace = find(ring, name);
    if (!keyspace)
        return fault_set(fault, STATUS_INVALID, "there is no keyspace %.80s", name);
    struct ring_keyspace wanted = *keyspace;
    enum status status = take_wishes(wishes, &wanted, fault);
    if (!status && wanted.conflict != keyspace->conflict)
        return fault_set(fault, STATUS_REFUSED,
                         "the conflict policy of a keyspace is for ever: create another one and "
                         "copy the data with 'dkv dump' and 'dkv load'");
    if (!status && wishes->n && ring->move)
        return fault_set(fault, STATUS_REFUSED,
                         "data is moving: n can be set when that is over, see 'dkv ring status'");
    if (!status)
        want_copies(keyspace, &wanted);
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

// ---- the change ------------------------------------------------------------------------

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
    struct ring_change ring;
    struct fault fault = {""};
    int exit_status = ring_change_begin(globals, verb, &ring);
    if (exit_status)
        return exit_status;
    enum status status = make(&ring.next, change, name, wishes, &fault);
    bool is_new = !status && ring_change_succeed(&ring);
    if (is_new)
        status = ring_check_step(&ring.before, &ring.next, &fault);
    if (is_new && !status && change == KEYSPACE_DROP)
        exit_status = confirm(name, wishes);
    if (status)
        exit_status = report(globals, verb, status, "%s", fault.text);
    else if (!is_new)
        exit_status = report(globals, verb, STATUS_OK, "%s: it is so already", name);
    else if (!exit_status)
        exit_status = ring_change_propose(globals, verb, &ring, name);
    ring_change_release(&ring);
    return exit_status;
}
