// explain_say.h - what is not as it should be with a key, and what to do, in words.
#pragma once

#include "dkv/explain_facts.h"

// Sentences on standard error: owners that do not answer, copies that are lost or behind or have
// purged, values that are concurrent, hints that wait.
void explain_say(const struct explain_facts *facts);
