// ledger.h - what was sent and what was promised, kept outside of the database.
//
// One file, written by `load` before a write is sent and after its outcome is known, and by
// `check`. So it survives whatever happens to the database, and tells the story of a key:
//
//     p key version size      a put is sent
//     d key version 0         a delete is sent
//     a key version 0         it is acknowledged: durable from now on
//     n key version status    it is reported as not written (dkv(1), EXIT STATUS)
//     u key version 0         its outcome is reported as not known
//     f key version 0         a check found that it was applied (0: nothing ever was)
//
// A line has 32 bytes, so that none is cut where a page of the file ends when its writer is
// killed. Versions of a key count from 1. Of one key at most one write is under way.
//
// Which version may be found? The last one that was acknowledged or found, or one sent
// later whose outcome is not known. An acknowledgement settles all that was before it: a
// write in doubt that comes back after it would have undone it.
#pragma once

#include "base/fault.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { LEDGER_KEYS = 3000, LEDGER_KEY_TEXT_SIZE = 128 };

struct ledger_write {
    uint32_t size;
    bool is_delete;
    char outcome; // 'a', 'n', 'u'; 0: none came
};

struct ledger_key {
    struct ledger_write *writes; // of version 1 and on
    uint32_t count, capacity;
    uint32_t settled;  // version that was acknowledged or found last
    uint32_t in_doubt; // versions from here on may also be there; 0 = none
};

struct ledger {
    int descriptor;
    struct ledger_key keys[LEDGER_KEYS];
};

// Reads the file, or makes it. `ledger` is zero-filled.
enum status ledger_open(struct ledger *ledger, const char *path, struct fault *fault) MUST_USE;
void ledger_close(struct ledger *ledger);

// Each adds a line. Aborts if it cannot be written.
uint32_t ledger_send(struct ledger *ledger, uint32_t key, bool is_delete, uint32_t size); // version
void ledger_end(struct ledger *ledger, uint32_t key, uint32_t version, char outcome, int code);
void ledger_found(struct ledger *ledger, uint32_t key, uint32_t version);

// May this version be what a read finds? 0: never written.
bool ledger_allows(const struct ledger_key *key, uint32_t version);

// True if the key is absent after this version.
bool ledger_is_absent(const struct ledger_key *key, uint32_t version);

// The key as it is stored: some are long, and share their beginning with others.
const char *ledger_key_text(uint32_t key, char text[LEDGER_KEY_TEXT_SIZE]);
