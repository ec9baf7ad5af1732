// ring_file.h - what a node has on its disk of the ring.
//
//     DIR/data/ring/ring      a document that the operator handed in: the first one ('dkv ring
//     init'),
//                             perhaps another one later
//     DIR/data/ring/adopted   the document that counts
//     DIR/data/ring/votes     what this node voted on the next one (consensus/acceptor.h)
//
// The router alone writes the last two, each whole and durable or not at all. Every process of the
// node begins with the document that counts; as long as there is none, with the one handed in.
#pragma once

#include "base/buf.h"
#include "base/fault.h"

#define RING_FILE_HANDED  "data/ring/ring"
#define RING_FILE_ADOPTED "data/ring/adopted"
#define RING_FILE_VOTES   "data/ring/votes"

// Appends the content. NOT_FOUND: there is no such file; IO: it cannot be read, errno says why.
enum status ring_file_read(const char *dir, const char *name, struct buf *out) MUST_USE;

enum status ring_file_write(const char *dir, const char *name, struct bytes content,
                            struct fault *fault) MUST_USE;
