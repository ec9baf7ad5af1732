#include "net/key_file.h"

#include "base/endian.h"
#include "base/text.h"
#include "base/zpl.h"
#include "os/secret_file.h"

#include <stdio.h>
#include <string.h>
#include <zmq.h>

static enum status parse_key(struct bytes value, char key[41], struct fault *fault)
{
    uint8_t binary[32];
    char text[41] = "";
    if (value.size == 40)
        memcpy(text, value.data, 40);
    bool is_key = value.size == 40 && zmq_z85_decode(binary, text);
    if (is_key)
        memcpy(key, text, sizeof text);
    explicit_bzero(binary, sizeof binary);
    explicit_bzero(text, sizeof text);
    return is_key ? STATUS_OK : fault_set(fault, STATUS_INVALID, "not a key");
}

static enum status parse_name(struct bytes value, char name[64], struct fault *fault)
{
    if (value.size == 0 || value.size >= 64)
        return fault_set(fault, STATUS_INVALID, "a name has 1 to 63 bytes");
    memcpy(name, value.data, value.size);
    name[value.size] = 0;
    return STATUS_OK;
}

static enum status parse_node(struct bytes value, uint64_t *node, struct fault *fault)
{
    uint8_t id[8];
    enum status status = text_parse_hex(value, id, sizeof id, fault);
    if (status)
        return status;
    *node = load_u64_be(id);
    return STATUS_OK;
}

static enum status parse_entry(const struct zpl_entry *entry, struct key_file *file,
                               struct fault *fault)
{
    if (!strcmp(entry->path, "metadata/name") && !file->name[0])
        return parse_name(entry->value, file->name, fault);
    if (!strcmp(entry->path, "metadata/role") && !file->role)
        return role_parse(entry->value, &file->role)
                   ? fault_set(fault, STATUS_INVALID, "a role is reader, client, admin or peer")
                   : STATUS_OK;
    if (!strcmp(entry->path, "metadata/node") && !file->node)
        return parse_node(entry->value, &file->node, fault);
    if (!strcmp(entry->path, "curve/public-key") && !file->keys.public_key[0])
        return parse_key(entry->value, file->keys.public_key, fault);
    if (!strcmp(entry->path, "curve/secret-key") && !file->keys.secret_key[0])
        return parse_key(entry->value, file->keys.secret_key, fault);
    return fault_set(fault, STATUS_INVALID, "%s is not known here, or repeated", entry->path);
}

static enum status check_keys(const char *path, bool secret, const struct key_file *file,
                              struct fault *fault)
{
    const struct net_keys *keys = &file->keys;
    if (!file->name[0] || !file->role || !keys->public_key[0])
        return fault_set(fault, STATUS_INVALID, "%s: name, role or public-key is missing", path);
    if (!secret)
        return keys->secret_key[0]
                   ? fault_set(fault, STATUS_INVALID, "%s: holds a secret key", path)
                   : STATUS_OK;
    char derived[41] = "";
    if (!keys->secret_key[0])
        return fault_set(fault, STATUS_INVALID, "%s: secret-key is missing", path);
    if (zmq_curve_public(derived, keys->secret_key) || strcmp(derived, keys->public_key))
        return fault_set(fault, STATUS_INVALID, "%s: the two keys are no pair", path);
    return STATUS_OK;
}

enum status key_file_parse(const char *path, struct bytes text, bool secret, struct key_file *file,
                           struct fault *fault)
{
    struct key_file parsed = {0};
    struct zpl zpl = zpl_of(text);
    struct zpl_entry entry;
    struct fault reason;
    enum status status;
    while (!(status = zpl_next(&zpl, &entry, &reason))) {
        status = parse_entry(&entry, &parsed, &reason);
        if (status)
            break;
    }
    if (status == STATUS_END)
        status = check_keys(path, secret, &parsed, fault);
    else
        fault_set(fault, status, "%s:%u: %.200s", path, zpl.line, reason.text);
    if (!status)
        *file = parsed;
    explicit_bzero(&parsed, sizeof parsed);
    return status;
}

enum status key_file_load(const char *path, bool secret, struct key_file *file, struct fault *fault)
{
    struct buf text = {0};
    enum status status = secret_file_read(path, secret, KEY_FILE_SIZE_MAX, &text, fault);
    if (!status)
        status = key_file_parse(path, buf_bytes(&text), secret, file, fault);
    secret_file_release(&text);
    return status;
}

bool key_file_is_public_name(const char *name)
{
    size_t size = strlen(name);
    return size > 4 && name[0] != '.' && !strcmp(name + size - 4, ".pub");
}
