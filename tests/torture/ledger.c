#include "torture/ledger.h"

#include "base/xalloc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_SIZE = 32 };

static void add_write(struct ledger_key *key, bool is_delete, uint32_t size)
{
    if (key->count == key->capacity) {
        key->capacity = key->capacity ? 2 * key->capacity : 16;
        key->writes = xrealloc(key->writes, key->capacity * sizeof *key->writes);
    }
    key->writes[key->count++] = (struct ledger_write){.size = size, .is_delete = is_delete};
    if (!key->in_doubt)
        key->in_doubt = key->count;
}

// Takes an event in. False if it makes no sense.
static bool apply(struct ledger *ledger, char event, uint32_t number, uint32_t version,
                  uint32_t size)
{
    if (number >= LEDGER_KEYS)
        return false;
    struct ledger_key *key = &ledger->keys[number];
    bool is_new = event == 'p' || event == 'd';
    if (version > key->count + is_new || (is_new && version != key->count + 1) ||
        (!version && event != 'f'))
        return false;
    if (is_new)
        add_write(key, event == 'd', size);
    else if (event != 'f')
        key->writes[version - 1].outcome = event;
    if (event == 'a' || event == 'f') {
        key->settled = version;
        key->in_doubt = 0;
    }
    return strchr("pdanuf", event);
}

static void append(struct ledger *ledger, char event, uint32_t key, uint32_t version,
                   uint32_t detail)
{
    char line[LINE_SIZE + 1];
    int size = snprintf(line, sizeof line, "%c %8u %8u %8u   \n", event, key, version, detail);
    bool is_known = size == LINE_SIZE && apply(ledger, event, key, version, detail);
    assert(is_known);
    if (write(ledger->descriptor, line, LINE_SIZE) != LINE_SIZE) {
        perror("ledger");
        abort();
    }
}

enum status ledger_open(struct ledger *ledger, const char *path, struct fault *fault)
{
    FILE *file = fopen(path, "a+");
    if (!file)
        return fault_set(fault, STATUS_IO, "%s: %s", path, strerror(errno));
    char line[LINE_SIZE + 1] = "", event;
    uint32_t key, version, detail;
    unsigned number = 0;
    rewind(file);
    while (fread(line, LINE_SIZE, 1, file) == 1) {
        number++;
        if (sscanf(line, "%c %u %u %u", &event, &key, &version, &detail) != 4 ||
            !apply(ledger, event, key, version, detail)) {
            fclose(file);
            return fault_set(fault, STATUS_CORRUPT, "%s: line %u makes no sense", path, number);
        }
    }
    fclose(file);
    ledger->descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (ledger->descriptor < 0)
        return fault_set(fault, STATUS_IO, "%s: %s", path, strerror(errno));
    return STATUS_OK;
}

void ledger_close(struct ledger *ledger)
{
    close(ledger->descriptor);
    for (uint32_t i = 0; i < LEDGER_KEYS; i++)
        free(ledger->keys[i].writes);
    *ledger = (struct ledger){.descriptor = -1};
}

uint32_t ledger_send(struct ledger *ledger, uint32_t key, bool is_delete, uint32_t size)
{
    append(ledger, is_delete ? 'd' : 'p', key, ledger->keys[key].count + 1, size);
    return ledger->keys[key].count;
}

void ledger_end(struct ledger *ledger, uint32_t key, uint32_t version, char outcome, int code)
{
    append(ledger, outcome, key, version, (uint32_t)code);
}

void ledger_found(struct ledger *ledger, uint32_t key, uint32_t version)
{
    append(ledger, 'f', key, version, 0);
}

bool ledger_allows(const struct ledger_key *key, uint32_t version)
{
    return version == key->settled ||
           (key->in_doubt && version >= key->in_doubt && version <= key->count &&
            key->writes[version - 1].outcome != 'n');
}

bool ledger_is_absent(const struct ledger_key *key, uint32_t version)
{
    return !version || key->writes[version - 1].is_delete;
}

const char *ledger_key_text(uint32_t key, char text[LEDGER_KEY_TEXT_SIZE])
{
    static const char filler[] =
        "/the/keys/of/one/user/are/often/long/and/alike/in/their/beginning";
    snprintf(text, LEDGER_KEY_TEXT_SIZE, "user%u%.*s", key / 10,
             (int)(key % 3 ? 0 : key % (sizeof filler - 1)), filler);
    size_t size = strlen(text);
    snprintf(text + size, LEDGER_KEY_TEXT_SIZE - size, "/%u", key % 10);
    return text;
}
