// feature.h - what a program must know to read a database right.
//
// The manifest lists at its head, by name, everything that was added to the formats since
// version 2 and that nobody may pass over. An opening program asks for each name before
// it reads anything else, so that an older program says what it lacks, and takes nothing that it
// does not know for damage.
#pragma once

#include "base/buf.h"
#include "base/reader.h"

enum {
    FEATURES_MAX = 32,
    FEATURE_SIZE_MAX = 31,
};

struct features {
    char names[FEATURES_MAX][FEATURE_SIZE_MAX + 1];
    unsigned count;
};

// A name has small letters, digits and '-'. False if there is no room.
bool features_add(struct features *features, struct bytes name);
bool features_has(const struct features *features, const char *name);
bool features_include(const struct features *features, const struct features *others);

// A name of `features` that `known` has not, or NULL.
const char *features_unknown(const struct features *features, const struct features *known);

// u32 count, then each as a short. False if they are malformed.
void features_encode(const struct features *features, struct buf *out);
bool features_decode(struct features *features, struct bytes bytes);

// Those of the engine, and of its owner: a list of names that ends in NULL, or NULL.
void features_init(struct features *features, const char *const *owner);
