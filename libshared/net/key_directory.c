#include "net/key_file.h"

#include "base/hash.h"
#include "base/xalloc.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

// Neither more files nor more keys are looked at.
enum { KEYS_MAX = 65536 };

struct key {
    char public_key[41];
    enum role role;
    uint64_t node;
};

struct key_directory {
    char *path;
    uint64_t print;   // of the listing: names, inodes, sizes, times
    uint64_t itself;  // print of the directory itself, which changes when a name comes or goes
    bool is_changed;  // since key_directory_refresh() last said so
    struct key *keys; // sorted
    uint32_t count;
    struct fault fault;
};

struct key_directory *key_directory_open(const char *path)
{
    struct key_directory *directory = xcalloc(1, sizeof *directory);
    directory->path = xstrdup(path);
    key_directory_refresh(directory);
    return directory;
}

void key_directory_close(struct key_directory *directory)
{
    if (!directory)
        return;
    free(directory->path);
    free(directory->keys);
    free(directory);
}

static bool join_path(const struct key_directory *directory, const char *name, char path[PATH_MAX])
{
    return snprintf(path, PATH_MAX, "%s/%s", directory->path, name) < PATH_MAX;
}

static uint64_t print_file(const char *path, const char *name)
{
    struct stat stat_now;
    if (lstat(path, &stat_now))
        return 0;
    struct {
        uint64_t inode, size, mode;
        struct timespec modified, changed;
    } facts;
    memset(&facts, 0, sizeof facts);
    facts.inode = stat_now.st_ino;
    facts.size = (uint64_t)stat_now.st_size;
    facts.mode = stat_now.st_mode;
    facts.modified = stat_now.st_mtim;
    facts.changed = stat_now.st_ctim;
    return hash64_seeded(bytes_of(&facts, sizeof facts), hash64(bytes_of_text(name)));
}

// The sum does not depend on the order of the listing. 1 for a directory that is missing.
static uint64_t print_listing(const struct key_directory *directory)
{
    DIR *listing = opendir(directory->path);
    if (!listing)
        return 1;
    uint64_t print = 2;
    uint32_t count = 0;
    for (const struct dirent *item; count < KEYS_MAX && (item = readdir(listing));) {
        char path[PATH_MAX];
        if (!key_file_is_public_name(item->d_name) || !join_path(directory, item->d_name, path))
            continue;
        print += print_file(path, item->d_name);
        count++;
    }
    closedir(listing);
    return print;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(((const struct key *)a)->public_key, ((const struct key *)b)->public_key);
}

// Sorts; of equal keys keeps the lesser role.
static void sort_keys(struct key_directory *directory)
{
    if (directory->count == 0)
        return;
    struct key *keys = directory->keys;
    qsort(keys, directory->count, sizeof *keys, compare_keys);
    uint32_t kept = 0;
    for (uint32_t i = 1; i < directory->count; i++) {
        if (compare_keys(&keys[kept], &keys[i]))
            keys[++kept] = keys[i];
        else if (keys[i].role < keys[kept].role)
            keys[kept] = keys[i];
    }
    directory->count = kept + 1;
}

static void load_keys(struct key_directory *directory)
{
    directory->count = 0;
    directory->fault.text[0] = 0;
    DIR *listing = opendir(directory->path);
    if (!listing) {
        if (errno != ENOENT)
            fault_set(&directory->fault, STATUS_IO, "%s: %s", directory->path, strerror(errno));
        return;
    }
    uint32_t capacity = 0;
    for (const struct dirent *item; directory->count < KEYS_MAX && (item = readdir(listing));) {
        char path[PATH_MAX];
        struct key_file file;
        if (!key_file_is_public_name(item->d_name) || !join_path(directory, item->d_name, path) ||
            key_file_load(path, false, &file, &directory->fault))
            continue;
        if (directory->count == capacity) {
            capacity = capacity ? 2 * capacity : 16;
            directory->keys = xrealloc(directory->keys, capacity * sizeof *directory->keys);
        }
        struct key *key = &directory->keys[directory->count++];
        *key = (struct key){.role = file.role, .node = file.node};
        memcpy(key->public_key, file.keys.public_key, sizeof key->public_key);
    }
    closedir(listing);
    sort_keys(directory);
}

// True if it changed within the tick of the clock that a file system goes by.
static bool has_just_changed(const char *path)
{
    struct stat facts;
    struct timespec now;
    if (stat(path, &facts) || clock_gettime(CLOCK_REALTIME, &now))
        return false;
    double age_s = (double)(now.tv_sec - facts.st_ctim.tv_sec) +
                   (double)(now.tv_nsec - facts.st_ctim.tv_nsec) * 1e-9;
    return age_s > -0.05 && age_s < 0.05;
}

// The listing is taken before the files are read: what changes in between is found next time.
static void look(struct key_directory *directory)
{
    bool may_change_again = has_just_changed(directory->path);
    directory->itself = may_change_again ? 0 : print_file(directory->path, "");
    uint64_t print = print_listing(directory);
    if (print == directory->print)
        return;
    directory->print = print;
    directory->is_changed = true;
    load_keys(directory);
}

bool key_directory_refresh(struct key_directory *directory)
{
    look(directory);
    bool is_changed = directory->is_changed;
    directory->is_changed = false;
    return is_changed;
}

const char *key_directory_fault(const struct key_directory *directory)
{
    return directory->fault.text;
}

static const struct key *find(const struct key_directory *directory, const char *public_key)
{
    struct key wanted = {.role = ROLE_NONE};
    if (strlen(public_key) != 40 || directory->count == 0)
        return NULL;
    memcpy(wanted.public_key, public_key, sizeof wanted.public_key);
    return bsearch(&wanted, directory->keys, directory->count, sizeof *directory->keys,
                   compare_keys);
}

// A key that has just been authorized need not wait for the next refresh. Strangers cost one
// lstat().
bool key_directory_find(void *context, const char *public_key, enum role *role, uint64_t *node)
{
    struct key_directory *directory = context;
    const struct key *key = find(directory, public_key);
    if (!key && print_file(directory->path, "") != directory->itself) {
        look(directory);
        key = find(directory, public_key);
    }
    if (!key)
        return false;
    *role = key->role;
    *node = key->node;
    return true;
}
