#include "net/zap.h"

#include "net/endpoint.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <zmq.h>

// The frames of a request, in order.
enum frame {
    FRAME_VERSION,
    FRAME_ID,
    FRAME_DOMAIN,
    FRAME_ADDRESS,
    FRAME_IDENTITY,
    FRAME_MECHANISM,
    FRAME_CREDENTIALS, // of CURVE: the 32 bytes of the public key; NULL has none
    FRAME_COUNT,
};

struct request {
    unsigned count;
    bool is_whole; // no frame was too long or too many
    size_t sizes[FRAME_COUNT];
    char frames[FRAME_COUNT][256]; // with a terminator
};

enum status zap_open(struct zap *zap, void *context, struct net_directory directory,
                     struct guard *guard, struct fault *fault)
{
    void *socket = zmq_socket(context, ZMQ_REP);
    int linger_ms = 0;
    if (!socket || zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms) ||
        zmq_bind(socket, "inproc://zeromq.zap.01")) {
        if (socket)
            zmq_close(socket);
        return fault_set(fault, STATUS_IO, "no authentication handler: %s", zmq_strerror(errno));
    }
    *zap = (struct zap){.socket = socket, .directory = directory, .guard = guard};
    return STATUS_OK;
}

void zap_close(struct zap *zap)
{
    if (zap->socket)
        zmq_close(zap->socket);
    zap->socket = NULL;
}

void zap_add_door(struct zap *zap, const struct door *door, char domain[ZAP_DOMAIN_SIZE])
{
    assert(zap->door_count < DOORS_MAX);
    snprintf(domain, ZAP_DOMAIN_SIZE, "dkv.%u", (unsigned)zap->door_count);
    zap->doors[zap->door_count++] = *door;
}

static bool read_request(void *socket, struct request *request)
{
    *request = (struct request){.is_whole = true};
    for (int more = 1; more;) {
        char spill[256];
        bool fits = request->count < FRAME_COUNT;
        char *frame = fits ? request->frames[request->count] : spill;
        int size = zmq_recv(socket, frame, sizeof spill - 1, ZMQ_DONTWAIT);
        if (size < 0)
            return false;
        if (!fits || (size_t)size >= sizeof spill)
            request->is_whole = false;
        else
            request->sizes[request->count++] = (size_t)size;
        size_t more_size = sizeof more;
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_size))
            return false;
    }
    return true;
}

static bool is_frame(const struct request *request, enum frame frame, const char *text)
{
    return request->count > (unsigned)frame && !strcmp(request->frames[frame], text) &&
           request->sizes[frame] == strlen(text);
}

// libzmq gives "localhost:UID:GID:PID" for ipc, from the peer's credentials. Root and our own
// user are us; who else the permissions of the socket let through has the role of the group.
static enum role role_of_user(const struct door *door, const char *address)
{
    unsigned uid;
    char after;
    if (sscanf(address, "localhost:%u%c", &uid, &after) != 2 || after != ':')
        return ROLE_NONE;
    return uid == 0 || uid == geteuid() ? ROLE_PEER : door->role_local;
}

static const struct door *find_door(const struct zap *zap, const struct request *request)
{
    char domain[ZAP_DOMAIN_SIZE];
    for (uint32_t i = 0; i < zap->door_count; i++) {
        snprintf(domain, sizeof domain, "dkv.%u", (unsigned)i);
        if (is_frame(request, FRAME_DOMAIN, domain))
            return &zap->doors[i];
    }
    return NULL;
}

static enum role role_of_key(const struct zap *zap, const struct door *door, const char *key,
                             uint64_t *node)
{
    enum role role = ROLE_NONE;
    *node = 0;
    if (!zap->directory.find || !zap->directory.find(zap->directory.context, key, &role, node) ||
        role < door->role_least)
        return ROLE_NONE;
    return role;
}

enum role zap_role(const struct zap *zap, const struct door *door, const char *user, uint64_t *node)
{
    enum role role = ROLE_NONE;
    *node = 0;
    if (door->kind == DOOR_CURVE)
        return role_of_key(zap, door, user, node);
    if (user[0] != '@' || role_parse(bytes_of_text(user + 1), &role))
        return ROLE_NONE;
    return role;
}

// The User-Id of the peer, "" if it may not come in; and its key, if it has one.
static void admit(const struct zap *zap, const struct request *request, char user[64], char key[41])
{
    enum role role = ROLE_NONE;
    uint64_t node;
    user[0] = '\0';
    const struct door *door = find_door(zap, request);
    if (!request->is_whole || !is_frame(request, FRAME_VERSION, "1.0") ||
        request->count <= FRAME_MECHANISM || !door)
        return;
    const char *address = request->frames[FRAME_ADDRESS];
    if (door->kind == DOOR_CURVE) {
        if (is_frame(request, FRAME_MECHANISM, "CURVE") && request->count == FRAME_COUNT &&
            request->sizes[FRAME_CREDENTIALS] == 32 &&
            zmq_z85_encode(key, (const uint8_t *)request->frames[FRAME_CREDENTIALS], 32) &&
            role_of_key(zap, door, key, &node))
            snprintf(user, 64, "%s", key);
        return;
    }
    if (is_frame(request, FRAME_MECHANISM, "NULL"))
        role = door->kind == DOOR_LOCAL        ? role_of_user(door, address)
               : endpoint_is_loopback(address) ? door->role_local
                                               : ROLE_NONE;
    if (role != ROLE_NONE)
        snprintf(user, 64, "@%s", role_text(role));
}

static void reply(void *socket, const struct request *request, const char *status, const char *user)
{
    zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(socket, request->frames[FRAME_ID], request->sizes[FRAME_ID], ZMQ_SNDMORE);
    zmq_send(socket, status, 3, ZMQ_SNDMORE);
    zmq_send(socket, "", 0, ZMQ_SNDMORE);
    zmq_send(socket, user, strlen(user), ZMQ_SNDMORE);
    zmq_send(socket, "", 0, 0);
}

static void note_refused(struct zap *zap, const struct request *request, const char *key)
{
    zap->refused_count++;
    if (*key)
        snprintf(zap->refused, sizeof zap->refused, "key %s", key);
    else
        snprintf(zap->refused, sizeof zap->refused, "%.64s", request->frames[FRAME_ADDRESS]);
}

void zap_serve(struct zap *zap)
{
    struct request request;
    while (zap->socket && read_request(zap->socket, &request)) {
        char key[41] = "", user[64];
        admit(zap, &request, user, key);
        if (!user[0])
            note_refused(zap, &request, key);
        else if (key[0])
            guard_admit(zap->guard, request.frames[FRAME_ADDRESS]);
        const char *status = !user[0] ? "400" : zap->is_shut ? "300" : "200";
        reply(zap->socket, &request, status, zap->is_shut ? "" : user);
    }
}
