// command.h - one line of `dkv shell`: get, put or del, as words or as JSON.
//
//     put 'a key' "a\tvalue" --context TOKEN        quotes as in sh; \ as there
//     {"id":7,"op":"put","key":"k","value":{"b64":"AAE="},"context":"TOKEN"}
//
// Options as words, with the same meaning as in dkv(1): --strict everywhere; --context TOKEN,
// --sibling, --if-absent, --if-match TOKEN, -W or --write-quorum LEVEL of put and del; --ttl
// SECONDS of put; --local, -R or
// --read-quorum LEVEL of get. Words that begin with - are options up to --. In JSON they are
// the members strict, context, sibling, if_absent, if_match, write_quorum, ttl, local, read_quorum.
// Nothing is ignored: what is unknown or of a wrong type is INVALID.
#pragma once

#include "base/buf.h"
#include "base/fault.h"

#include <jansson.h>

enum command_verb { COMMAND_NONE, COMMAND_GET, COMMAND_PUT, COMMAND_DEL, COMMAND_QUIT };

struct command {
    enum command_verb verb; // NONE: an empty line or a comment
    json_t *id;             // owned, NULL = none
    struct buf key, value;
    struct buf context, if_match; // one of them at most
    bool sibling, if_absent, strict, local;
    uint8_t read_level, write_level;
    uint64_t ttl_ms; // 0 = for ever
};

void command_release(struct command *command);

// Set before: strict, read_level and write_level for lines that do not say them. INVALID
// or TOO_LARGE with the reason in the fault; the id is there if it could be read.
enum status command_parse_words(struct command *command, struct bytes line,
                                struct fault *fault) MUST_USE;
enum status command_parse_json(struct command *command, struct bytes line,
                               struct fault *fault) MUST_USE;
