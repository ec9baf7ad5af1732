#include "dkv/node_dir.h"

#include "base/hash.h"
#include "net/certificate.h"
#include "os/entropy.h"
#include "os/file.h"
#include "os/owner.h"
#include "proc/settings.h"
#include "ring/ring_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { PORTS_PER_NODE = 6, KEY_SIZE_MAX = 64, VALUE_SIZE_MAX = 256, NODE_FILE_SIZE_MAX = 4096 };

// "KEY=VALUE" cut in two.
static enum status split_setting(const char *text, char key[KEY_SIZE_MAX],
                                 char value[VALUE_SIZE_MAX], struct fault *fault)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return fault_set(fault, STATUS_INVALID, "--set %s: not of the form KEY=VALUE", text);
    if (equals - text >= KEY_SIZE_MAX || strlen(equals + 1) >= VALUE_SIZE_MAX)
        return fault_set(fault, STATUS_INVALID, "--set %.*s: too long", KEY_SIZE_MAX, text);
    memcpy(key, text, (size_t)(equals - text));
    key[equals - text] = '\0';
    memcpy(value, equals + 1, strlen(equals + 1) + 1);
    return STATUS_OK;
}

static enum status check_settings(const struct option_list *settings, struct fault *fault)
{
    for (unsigned i = 0; i < settings->count; i++) {
        char key[KEY_SIZE_MAX], value[VALUE_SIZE_MAX];
        enum status status = split_setting(settings->items[i], key, value, fault);
        if (!status && (strncmp(key, "node/", 5) == 0 || strcmp(key, "net/plain") == 0))
            status = fault_set(fault, STATUS_INVALID, "--set %s: has an option of its own", key);
        if (!status)
            status = settings_check(key, value, fault);
        // The file format has no escapes.
        if (!status && value[strcspn(value, "\"#\n")])
            status = fault_set(fault, STATUS_INVALID, "--set %s: a character is not allowed", key);
        if (status)
            return status;
    }
    return STATUS_OK;
}

static enum status check_node(const struct ring_node *node, struct fault *fault)
{
    const char *const names[] = {node->name, node->dc, node->rack};
    for (unsigned i = 0; i < 3; i++)
        if (!ring_is_name(bytes_of_text(names[i])))
            return fault_set(fault, STATUS_INVALID,
                             "\"%s\" is no name: 1 to %d letters, digits and - _ .", names[i],
                             RING_NAME_SIZE_MAX);
    if (!ring_is_address(bytes_of_text(node->address)))
        return fault_set(fault, STATUS_INVALID, "\"%s\" is no host name or address", node->address);
    if (node->port == 0 || node->port > UINT16_MAX - PORTS_PER_NODE)
        return fault_set(fault, STATUS_INVALID, "port %u: a node takes %d ports from there on",
                         node->port, PORTS_PER_NODE);
    return STATUS_OK;
}

static enum status make_dirs(const char *dir, struct fault *fault)
{
    static const struct {
        const char *name;
        unsigned mode;
    } dirs[] = {{"keys", 0700},       {"keys/authorized", 0700}, {"data", 0700},
                {"data/store", 0700}, {"data/ring", 0700},       {"run", 0700}};
    enum status status = file_make_dir(dir, 0755, fault);
    for (unsigned i = 0; !status && i < sizeof dirs / sizeof *dirs; i++) {
        char path[FILE_PATH_SIZE];
        status = file_join(path, dir, dirs[i].name, fault);
        if (!status)
            status = file_make_dir(path, dirs[i].mode, fault);
    }
    return status;
}

// Named for people, and by the hash of the key, so that a key never has two roles.
static enum status authorize(const char *dir, const void *what, struct fault *fault)
{
    const struct key_file *key = what;
    char path[FILE_PATH_SIZE], name[128];
    const char *owner = ring_is_name(bytes_of_text(key->name)) ? key->name : "key";
    snprintf(name, sizeof name, "keys/authorized/%s-%016" PRIx64 ".pub", owner,
             hash64(bytes_of_text(key->keys.public_key)));
    enum status status = file_join(path, dir, "keys/authorized", fault);
    if (!status && !file_is_dir(path))
        return fault_set(fault, STATUS_INVALID, "%s: there is no such directory", path);
    if (!status)
        status = file_join(path, dir, name, fault);
    return status ? status : certificate_publish(path, key, true, fault);
}

enum status node_dir_read_public(const char *path, struct ring_node *node, struct fault *fault)
{
    struct buf text = {0};
    struct fault reason = {""};
    enum status status = file_read(path, NODE_FILE_SIZE_MAX, &text, fault);
    if (!status && ring_node_parse(node, buf_bytes(&text), &reason))
        status = fault_set(fault, STATUS_INVALID, "%s: %.250s", path, reason.text);
    buf_release(&text);
    return status;
}

enum status node_dir_authorize(const char *dir, const struct key_file *key, struct fault *fault)
{
    return owner_do(dir, authorize, key, fault);
}

static enum status make_keys(const char *dir, struct ring_node *node, struct fault *fault)
{
    char secret[FILE_PATH_SIZE], public[FILE_PATH_SIZE];
    struct key_file key = {.role = ROLE_PEER, .node = node->id};
    snprintf(key.name, sizeof key.name, "%s", node->name);
    enum status status = file_join(secret, dir, "keys/node.key", fault);
    if (!status)
        status = file_join(public, dir, "keys/cluster.pub", fault);
    if (!status)
        status = certificate_make(secret, public, &key, fault);
    memcpy(node->public_key, key.keys.public_key, sizeof node->public_key);

    struct key_file admin = {.role = ROLE_ADMIN};
    snprintf(admin.name, sizeof admin.name, "%.50s-admin", node->name);
    if (!status)
        status = file_join(secret, dir, "keys/client.key", fault);
    if (!status)
        status = certificate_make(secret, NULL, &admin, fault);
    return status ? status : authorize(dir, &admin, fault);
}

static enum status write_text(const char *dir, const char *name, struct buf *text,
                              struct fault *fault)
{
    char path[FILE_PATH_SIZE];
    enum status status = file_join(path, dir, name, fault);
    if (!status)
        status = file_write(path, 0644, true, buf_bytes(text), fault);
    buf_release(text);
    return status;
}

// The sections of the settings, each once, a setting given twice with its last value.
static void format_settings(const struct option_list *settings, struct buf *out)
{
    uint32_t count;
    const struct setting *table = settings_table(&count);
    size_t section_size = 0;
    const char *section = "";
    for (uint32_t i = 0; i < count; i++) {
        char key[KEY_SIZE_MAX], value[VALUE_SIZE_MAX];
        bool is_given = false;
        for (unsigned s = settings->count; s-- > 0 && !is_given;)
            is_given = !split_setting(settings->items[s], key, value, NULL) &&
                       strcmp(key, table[i].key) == 0;
        if (!is_given)
            continue;
        size_t size = strcspn(table[i].key, "/");
        if (size != section_size || memcmp(section, table[i].key, size) != 0)
            buf_printf(out, "%.*s\n", (int)size, table[i].key);
        section = table[i].key;
        section_size = size;
        buf_printf(out, "    %s = \"%s\"\n", table[i].key + size + 1, value);
    }
}

static enum status write_conf(const char *dir, const struct ring_node *node, bool plain,
                              const struct option_list *settings, struct fault *fault)
{
    struct buf text = {0};
    buf_printf(&text,
               "# The configuration of node %s, see dkv.conf(5).\n"
               "# 'dkv config --node' lists every key with its default and meaning.\n"
               "node\n    name = \"%s\"\n    id = \"%016" PRIx64 "\"\n    address = \"%s\"\n"
               "    port = \"%u\"\n    dc = \"%s\"\n    rack = \"%s\"\n",
               node->name, node->name, node->id, node->address, node->port, node->dc, node->rack);
    if (plain)
        buf_append_text(&text, "net\n    plain = \"1\"\n");
    format_settings(settings, &text);
    return write_text(dir, "dkv.conf", &text, fault);
}

// An installed /etc/dkv is empty but for the ways to /var/lib/dkv and /run/dkv.
static bool is_free(const char *dir)
{
    return file_is_dir_of(dir, (const char *const[]){"data", "run"}, 2);
}

static enum status write_node(const char *dir, struct ring_node *node, bool plain,
                              const struct option_list *settings, struct fault *fault)
{
    enum status status = make_dirs(dir, fault);
    if (!status)
        status = make_keys(dir, node, fault);
    if (!status) {
        char name[RING_NAME_SIZE_MAX + 8];
        struct buf text = {0};
        snprintf(name, sizeof name, "%s.node", node->name);
        ring_node_format(node, &text);
        status = write_text(dir, name, &text, fault);
    }
    return status ? status : write_conf(dir, node, plain, settings, fault);
}

enum status node_dir_create(const char *dir, struct ring_node *node, bool plain,
                            const struct option_list *settings, struct fault *fault)
{
    enum status status = check_node(node, fault);
    if (!status)
        status = check_settings(settings, fault);
    if (!status && file_exists(dir) && !is_free(dir))
        status = fault_set(fault, STATUS_EXISTS, "%s: exists and is not an empty directory", dir);
    struct owner owner;
    if (!status)
        status = owner_enter(&owner, dir, fault);
    if (status)
        return status;
    node->id = entropy_u64();
    node->weight = 100;
    status = write_node(dir, node, plain, settings, fault);
    owner_leave(&owner);
    return status;
}

// Names the ring that is there already, and the way to another one.
static enum status refuse_second(const char *dir, const char *path, const struct ring *wanted,
                                 struct fault *fault)
{
    struct buf text = {0};
    struct ring ring = {0};
    if (file_read(path, RING_TEXT_SIZE_MAX, &text, NULL) ||
        ring_text_parse(&ring, buf_bytes(&text), NULL))
        fault_set(fault, STATUS_EXISTS, "%s: there is a ring already, which is damaged", path);
    else if (ring.cluster == wanted->cluster)
        fault_set(fault, STATUS_EXISTS,
                  "%s: there is a ring already, of this cluster (%016" PRIx64 ", epoch %" PRIu64
                  ")",
                  path, ring.cluster, ring.epoch);
    else
        fault_set(fault, STATUS_EXISTS,
                  "%s: there is a ring already, of cluster %016" PRIx64 ", epoch %" PRIu64
                  ": a node is in one cluster for ever; for another one begin with a new "
                  "directory (dkv init), or remove %s with its data",
                  path, ring.cluster, ring.epoch, dir);
    ring_release(&ring);
    buf_release(&text);
    return STATUS_EXISTS;
}

static enum status accepts_ring(const char *dir, const void *what, struct fault *fault)
{
    const struct ring *ring = what;
    char path[FILE_PATH_SIZE];
    static const char *const names[] = {"data/ring/adopted", "data/ring/ring"};
    enum status status = STATUS_OK;
    for (unsigned i = 0; !status && i < sizeof names / sizeof *names; i++) {
        status = file_join(path, dir, names[i], fault);
        if (!status && file_exists(path))
            return refuse_second(dir, path, ring, fault);
    }
    struct key_file key;
    if (!status)
        status = file_join(path, dir, "keys/node.key", fault);
    if (!status)
        status = key_file_load(path, true, &key, fault);
    if (status)
        return status;
    int index = ring_find_node(ring, key.node);
    if (index < 0)
        return fault_set(fault, STATUS_INVALID, "%s: its node %s is not in the ring", dir,
                         key.name);
    if (strcmp(ring->nodes[index].public_key, key.keys.public_key) != 0)
        return fault_set(fault, STATUS_INVALID, "%s: the ring has another key for node %s", dir,
                         key.name);
    return STATUS_OK;
}

enum status node_dir_accepts_ring(const char *dir, const struct ring *ring, struct fault *fault)
{
    return owner_do(dir, accepts_ring, ring, fault);
}

static enum status put_ring(const char *dir, const void *what, struct fault *fault)
{
    const struct bytes *document = what;
    char path[FILE_PATH_SIZE];
    enum status status = file_join(path, dir, "keys/cluster.pub", fault);
    if (!status)
        status = file_write(path, 0644, false, *document, fault);
    if (!status)
        status = file_join(path, dir, "data/ring/ring", fault);
    if (!status)
        status = file_write(path, 0644, true, *document, fault);
    return status;
}

enum status node_dir_put_ring(const char *dir, struct bytes document, struct fault *fault)
{
    return owner_do(dir, put_ring, &document, fault);
}
