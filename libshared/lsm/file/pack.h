// pack.h - bytes compressed with LZ4, if that saves an eighth of them.
#pragma once

#include "base/buf.h"

enum pack_effort {
    PACK_WELL, // on a worker
    PACK_FAST, // where a writer waits for it: a fifth faster, a twentieth larger
};

// Appends `raw` packed. False, and nothing is appended, if it would not be worth it.
bool pack_encode(struct buf *out, struct bytes raw, enum pack_effort effort);

// Whether what was packed into `packed_size` bytes can have had `size`: asked before memory is
// taken for it.
bool pack_may_have(size_t size, size_t packed_size);

// Unpacks to `to`, which has room for exactly what was packed. False if it was something else.
bool pack_decode(struct bytes packed, uint8_t *to, size_t size);
