// play.h - tests of a machine as text: what happens, an arrow, and the step it must answer with.
//
//     play("start w=2                 -> update 0",
//          "updated 0                 -> merge 1 2",
//          "merged 2 ok               ->",
//          "durable 0 io, merged 1 ok -> answer ok");
//
// Each event is fed to the machine of the test file: feed() takes its words one by one and says
// the step, always in the same order. Of several events in a line all but the last must be
// answered with nothing. A word that nobody took, and a step that is not literally what stands
// behind the arrow, fail the test with the line, what was expected and what came.
//
// Every play begins with `start`. What the machines have in common there, with its default:
//
//     n=3          owners: 0, 1, 2; never more than ten
//     r=2          a number of all owners; or of sets: r=2of0,1,2+2of3,4,5 (the same for w=)
//     live=0,1,2   all of n
#pragma once

#include "base/status.h"
#include "fixture/targets.h"
#include "quorum/needs.h"
#include "unit/unit.h"

#include <stdio.h>
#include <string.h>

enum { PLAY_LINE_MAX = 160, PLAY_WORDS_MAX = 16 };

struct play {
    const char *file; // where it stands, for complaints
    int at;
    unsigned number;             // of the line, from 1
    const char *line;            // as it stands there
    char *words[PLAY_WORDS_MAX]; // of the event; NULL: was taken
    unsigned word_count;
    char step[PLAY_LINE_MAX]; // as far as it was said
};

// What the test file adds: takes an event and says the step.
static void feed(struct play *play);

#define play(...) play_lines(__FILE__, __LINE__, (const char *const[]){__VA_ARGS__, NULL})

static const char *const play_statuses[STATUS_COUNT] = {
    [STATUS_OK] = "ok",
    [STATUS_NOT_FOUND] = "not-found",
    [STATUS_INVALID] = "invalid",
    [STATUS_TOO_LARGE] = "too-large",
    [STATUS_REFUSED] = "refused",
    [STATUS_DISK_FULL] = "disk-full",
    [STATUS_SIBLING_CAP] = "sibling-cap",
    [STATUS_UNAVAILABLE] = "unavailable",
    [STATUS_INDETERMINATE] = "indeterminate",
    [STATUS_TIMEOUT] = "timeout",
    [STATUS_UNREACHABLE] = "unreachable",
    [STATUS_PRECONDITION] = "precondition",
    [STATUS_STALE] = "stale",
    [STATUS_NOT_KEPT] = "not-kept",
    [STATUS_BUSY] = "busy",
    [STATUS_CORRUPT] = "corrupt",
    [STATUS_IO] = "io",
    [STATUS_LATE] = "late",
};

// Fails the test.
static inline void play_complain(const struct play *play, const char *why, const char *word)
{
    print_error("line %u, \"%s\": %s \"%s\"\n", play->number, play->line, why, word);
    _fail(play->file, play->at);
}

// ---- the words before the arrow --------------------------------------------------------

// The next word; "" if there is none. It stays.
static inline const char *play_next(const struct play *play)
{
    for (unsigned i = 0; i < play->word_count; i++) {
        if (play->words[i])
            return play->words[i];
    }
    return "";
}

// Takes the next word that begins with `begin`; what follows that in it, or NULL.
static inline char *play_take(struct play *play, const char *begin)
{
    for (unsigned i = 0; i < play->word_count; i++) {
        char *word = play->words[i];
        if (word && !strncmp(word, begin, strlen(begin))) {
            play->words[i] = NULL;
            return word + strlen(begin);
        }
    }
    return NULL;
}

// Whether `word` is the next; takes it then.
static inline bool play_is(struct play *play, const char *word)
{
    return !strcmp(play_next(play), word) && play_take(play, word);
}

// Whether `word` is anywhere; takes it then.
static inline bool play_has(struct play *play, const char *word)
{
    for (unsigned i = 0; i < play->word_count; i++) {
        if (play->words[i] && !strcmp(play->words[i], word)) {
            play->words[i] = NULL;
            return true;
        }
    }
    return false;
}

static inline bool play_is_number(const char *word)
{
    return word[0] >= '0' && word[0] <= '9' && !word[1];
}

static inline uint8_t play_digit(const struct play *play, const char *word)
{
    if (!play_is_number(word))
        play_complain(play, "no digit:", word);
    return (uint8_t)(word[0] - '0');
}

static inline uint8_t play_owner(struct play *play)
{
    uint8_t owner = play_digit(play, play_next(play));
    play_take(play, "");
    return owner;
}

// The owners that stand here, as many as there are.
static inline target_set play_owners(struct play *play)
{
    target_set set = 0;
    while (play_is_number(play_next(play)))
        set |= target_bit(play_owner(play));
    return set;
}

static inline enum status play_status(struct play *play)
{
    const char *word = play_take(play, "");
    for (unsigned i = 0; i < STATUS_COUNT; i++) {
        if (word && play_statuses[i] && !strcmp(word, play_statuses[i]))
            return (enum status)i;
    }
    play_complain(play, "no status:", word ? word : "");
    return STATUS_INTERNAL;
}

// `name` ends with "=".
static inline uint8_t play_number(struct play *play, const char *name, uint8_t otherwise)
{
    const char *text = play_take(play, name);
    return text ? play_digit(play, text) : otherwise;
}

static inline target_set play_set(struct play *play, const char *name, target_set otherwise)
{
    const char *text = play_take(play, name);
    return text ? targets(text) : otherwise;
}

static inline target_set play_live(struct play *play, uint8_t n)
{
    return play_set(play, "live=", targets_below(n));
}

static inline struct needs play_needs(struct play *play, const char *name, uint8_t n)
{
    char *text = play_take(play, name);
    struct needs needs = {.count = 0};
    if (!text || !text[1])
        return needs_of(n, text ? play_digit(play, text) : 2);
    for (char *next; text; text = next) {
        next = strchr(text, '+');
        if (next)
            *next++ = '\0';
        if (strlen(text) < 4 || memcmp(text + 1, "of", 2) != 0)
            play_complain(play, "no need:", text);
        target_set of = targets(text + 3);
        text[1] = '\0';
        needs_add(&needs, of, play_digit(play, text));
    }
    return needs;
}

// ---- the step --------------------------------------------------------------------------

static inline void play_say(struct play *play, const char *word)
{
    size_t size = strlen(play->step);
    snprintf(play->step + size, sizeof play->step - size, "%s%s", size ? " " : "", word);
}

// What is to be done with each of these; nothing if there are none.
static inline void play_say_set(struct play *play, const char *what, target_set set)
{
    if (set)
        play_say(play, what);
    for (; set; set &= set - 1)
        play_say(play, (char[]){(char)('0' + target_first(set)), '\0'});
}

static inline void play_say_answer(struct play *play, enum status status)
{
    const char *word = status < STATUS_COUNT ? play_statuses[status] : NULL;
    play_say(play, "answer");
    play_say(play, word ? word : "?");
}

// ---- a line ----------------------------------------------------------------------------

// Cuts the event into words.
static inline void play_cut(struct play *play, char *event)
{
    while (*(event += strspn(event, " "))) {
        if (play->word_count == PLAY_WORDS_MAX)
            play_complain(play, "too many words:", event);
        play->words[play->word_count++] = event;
        event += strcspn(event, " ");
        if (*event)
            *event++ = '\0';
    }
}

// `expected` behind it, or the test fails.
static inline void play_event(struct play play, char *event, const char *expected)
{
    char whole[PLAY_LINE_MAX];
    snprintf(whole, sizeof whole, "%s", event);
    for (size_t size = strlen(whole); size && whole[size - 1] == ' '; size--)
        whole[size - 1] = '\0';
    play_cut(&play, event);
    feed(&play);
    if (*play_next(&play))
        play_complain(&play, "who knows the word", play_next(&play));
    if (!strcmp(play.step, expected))
        return;
    print_error("line %u, \"%s\": after \"%s\" expected \"%s\", came \"%s\"\n", play.number,
                play.line, whole, expected, play.step);
    _fail(play.file, play.at);
}

static inline void play_lines(const char *file, int at, const char *const *lines)
{
    for (unsigned i = 0; lines[i]; i++) {
        struct play play = {.file = file, .at = at, .number = i + 1, .line = lines[i]};
        char text[PLAY_LINE_MAX];
        snprintf(text, sizeof text, "%s", lines[i]);
        char *arrow = strstr(text, "->");
        if (!arrow || strlen(lines[i]) >= sizeof text)
            play_complain(&play, "no arrow, or too long:", lines[i]);
        if (i == 0 && strncmp(text, "start ", 6) != 0)
            play_complain(&play, "does not begin with", "start");
        *arrow = '\0';
        char *event = text;
        for (char *next; (next = strstr(event, ", ")); event = next + 2) {
            *next = '\0';
            play_event(play, event, "");
        }
        arrow += 2;
        play_event(play, event, arrow + strspn(arrow, " "));
    }
}
