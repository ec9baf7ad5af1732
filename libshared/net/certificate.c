#include "net/certificate.h"

#include "os/secret_file.h"

#include <czmq.h>
#include <dlfcn.h>
#include <sys/stat.h>

#define LIBRARY "libczmq.so.4"

// The functions of it that are needed.
#define FUNCTIONS(ROW)                                                                             \
    ROW(zcert_new)                                                                                 \
    ROW(zcert_new_from)                                                                            \
    ROW(zcert_set_meta)                                                                            \
    ROW(zcert_save_public)                                                                         \
    ROW(zcert_save_secret)                                                                         \
    ROW(zcert_destroy)

#define AS_MEMBER(name) __typeof__(name) *name;
#define AS_TEXT(name)   #name,

static const char *const names[] = {FUNCTIONS(AS_TEXT)};

enum { NAME_COUNT = sizeof names / sizeof *names };

union czmq {
    struct {
        FUNCTIONS(AS_MEMBER)
    };
    void *symbols[NAME_COUNT];
};

static enum status load(union czmq *czmq, const char *path, struct fault *fault)
{
    void *library = dlopen(LIBRARY, RTLD_NOW);
    for (unsigned i = 0; i < NAME_COUNT; i++)
        if (!library || !(czmq->symbols[i] = dlsym(library, names[i])))
            return fault_set(fault, STATUS_IO,
                             "%s: cannot be made without " LIBRARY " (Debian: libczmq4)", path);
    return STATUS_OK;
}

// Of a new pair; or of the public key of `file` alone.
static zcert_t *certificate_of(const union czmq *czmq, const struct key_file *file, bool secret)
{
    uint8_t public_key[32], none[32] = {0};
    zcert_t *cert = NULL;
    if (secret)
        cert = czmq->zcert_new();
    else if (strlen(file->keys.public_key) == 40 &&
             zmq_z85_decode(public_key, file->keys.public_key))
        cert = czmq->zcert_new_from(public_key, none);
    if (!cert)
        return NULL;
    czmq->zcert_set_meta(cert, "name", "%s", file->name);
    czmq->zcert_set_meta(cert, "role", "%s", role_text(file->role));
    if (file->node)
        czmq->zcert_set_meta(cert, "node", "%016llx", (unsigned long long)file->node);
    return cert;
}

static enum status write_certificate(const char *path, const struct key_file *file, bool secret,
                                     int fd, struct fault *fault)
{
    union czmq czmq;
    enum status status = load(&czmq, path, fault);
    if (status)
        return status;
    zcert_t *cert = certificate_of(&czmq, file, secret);
    if (!cert)
        return fault_set(fault, STATUS_INVALID, "%s: its public key is none", path);
    char way[32]; // to the very file that we opened, whatever has its name
    snprintf(way, sizeof way, "/proc/self/fd/%d", fd);
    mode_t mask = umask(077); // which czmq changes, and does not always set back
    int failed = secret ? czmq.zcert_save_secret(cert, way) : czmq.zcert_save_public(cert, way);
    umask(mask);
    czmq.zcert_destroy(&cert);
    return failed ? fault_set(fault, STATUS_IO, "%s: czmq was unable to write it", path)
                  : STATUS_OK;
}

static bool is_same(const struct key_file *file, const struct key_file *read, bool secret)
{
    return !strcmp(file->name, read->name) && file->role == read->role &&
           file->node == read->node &&
           (secret || !strcmp(file->keys.public_key, read->keys.public_key));
}

// Reads what was written, for the public key and to know that it is all there.
static enum status read_back(const struct secret_file *draft, const struct key_file *file,
                             bool secret, char public_key[41], struct fault *fault)
{
    struct buf text = {0};
    struct key_file read = {0};
    enum status status = secret_file_look(draft, KEY_FILE_SIZE_MAX, &text, fault);
    if (!status && (key_file_parse(draft->path, buf_bytes(&text), secret, &read, NULL) ||
                    !is_same(file, &read, secret)))
        status = fault_set(fault, STATUS_IO, "%s: was not written whole; is the disk full?",
                           draft->path);
    memcpy(public_key, read.keys.public_key, 41);
    secret_file_release(&text);
    explicit_bzero(&read, sizeof read);
    return status;
}

static enum status check(const struct key_file *file, struct fault *fault)
{
    bool is_printable = file->name[0] && strlen(file->name) < sizeof file->name;
    for (const char *at = file->name; is_printable && *at; at++)
        is_printable = *at != '"' && (unsigned char)*at >= ' ' && *at != 0x7f;
    if (!is_printable || file->role == ROLE_NONE)
        return fault_set(fault, STATUS_INVALID, "a key needs a printable name and a role");
    return STATUS_OK;
}

// A whole file that only lacks its name.
static enum status draw_up(struct secret_file *draft, const char *path, bool secret,
                           const struct key_file *file, char public_key[41], struct fault *fault)
{
    enum status status = check(file, fault);
    if (!status)
        status = secret_file_begin(draft, path, secret, fault);
    if (status)
        return status;
    status = write_certificate(path, file, secret, draft->fd, fault);
    if (!status)
        status = read_back(draft, file, secret, public_key, fault);
    if (status)
        secret_file_drop(draft);
    return status;
}

enum status certificate_publish(const char *path, const struct key_file *file, bool may_replace,
                                struct fault *fault)
{
    struct secret_file draft;
    char public_key[41];
    enum status status = draw_up(&draft, path, false, file, public_key, fault);
    return status ? status : secret_file_put(&draft, may_replace, fault);
}

enum status certificate_make(const char *path, const char *public_path, struct key_file *file,
                             struct fault *fault)
{
    struct secret_file draft;
    file->keys = (struct net_keys){0};
    enum status status = draw_up(&draft, path, true, file, file->keys.public_key, fault);
    if (status)
        return status;
    if (public_path && (status = certificate_publish(public_path, file, false, fault))) {
        secret_file_drop(&draft);
        return status;
    }
    status = secret_file_put(&draft, false, fault);
    if (status && public_path)
        unlink(public_path);
    return status;
}
