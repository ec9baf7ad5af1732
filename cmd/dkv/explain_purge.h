// explain_purge.h - why the deletions of a key are not purged yet, in words.
#pragma once

#include "dkv/explain_facts.h"

// The state of a purge in one word; "not told".
const char *explain_purge_text(uint8_t state);

// On standard error a sentence for each owner that keeps a deletion, and one for each that is
// waited for.
void explain_purge_say(const struct explain_facts *facts);
