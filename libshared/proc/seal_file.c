#include "proc/seal_file.h"

#include "base/text.h"
#include "base/zpl.h"
#include "os/secret_file.h"

#include <string.h>

enum { LINE_SIZE = 80, FILE_SIZE_MAX = (SEALS_MAX + 8) * LINE_SIZE };

static enum status take_entry(const struct zpl_entry *entry, struct seals *seals,
                              struct fault *fault)
{
    uint8_t secret[SEAL_SECRET_SIZE];
    bool is_own = strcmp(entry->path, "seals/own") == 0;
    if (!is_own && strcmp(entry->path, "seals/key") != 0)
        return fault_set(fault, STATUS_INVALID, "%s is not known here", entry->path);
    if (is_own && seals->own.id)
        return fault_set(fault, STATUS_INVALID, "there is one own key");
    enum status status = text_parse_hex(entry->value, secret, sizeof secret, fault);
    if (!status)
        status = is_own ? seals_add_own(seals, secret) : seals_add(seals, secret);
    explicit_bzero(secret, sizeof secret);
    if (status == STATUS_EXISTS)
        return STATUS_OK;
    return status == STATUS_TOO_LARGE ? fault_set(fault, status, "too many keys") : status;
}

enum status seal_file_load(const char *path, struct seals *seals, struct fault *fault)
{
    struct buf text = {0};
    struct fault reason = {""};
    enum status status = secret_file_read(path, true, FILE_SIZE_MAX, &text, fault);
    if (status)
        return status;
    struct zpl zpl = zpl_of(buf_bytes(&text));
    struct zpl_entry entry;
    while (!(status = zpl_next(&zpl, &entry, &reason))) {
        status = take_entry(&entry, seals, &reason);
        if (status)
            break;
    }
    if (status != STATUS_END)
        status = fault_set(fault, STATUS_INVALID, "%s:%u: %.200s", path, zpl.line, reason.text);
    else if (!seals->own.id)
        status = fault_set(fault, STATUS_INVALID, "%s: the own key is missing", path);
    else
        status = STATUS_OK;
    secret_file_release(&text);
    return status;
}

static void add_line(const char *name, const struct seal_key *key, struct buf *text)
{
    buf_printf(text, "    %s = \"", name);
    text_format_hex(bytes_of(key->secret, sizeof key->secret), text);
    buf_append_text(text, "\"\n");
}

enum status seal_file_save(const char *path, const struct seals *seals, struct fault *fault)
{
    struct buf text = {0};
    buf_reserve(&text, (seals->count + 8) * (size_t)LINE_SIZE); // never moves
    buf_append_text(&text, "# Secret. Whoever has one of these makes contexts of this cluster.\n"
                           "seals\n");
    add_line("own", &seals->own, &text);
    for (uint32_t i = 0; i < seals->count; i++) {
        if (seals->keys[i].id != seals->own.id)
            add_line("key", &seals->keys[i], &text);
    }
    enum status status = secret_file_replace(path, true, buf_bytes(&text), fault);
    secret_file_release(&text);
    return status;
}
