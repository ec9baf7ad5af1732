#include "net/zap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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
                     struct fault *fault)
{
    void *socket = zmq_socket(context, ZMQ_REP);
    int linger_ms = 0;
    if (!socket || zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms) ||
        zmq_bind(socket, "inproc://zeromq.zap.01")) {
        if (socket)
            zmq_close(socket);
        return fault_set(fault, STATUS_IO, "no authentication handler: %s", zmq_strerror(errno));
    }
    *zap = (struct zap){.socket = socket, .directory = directory};
    return STATUS_OK;
}

void zap_close(struct zap *zap)
{
    if (zap->socket)
        zmq_close(zap->socket);
    zap->socket = NULL;
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

// libzmq gives "localhost:UID:GID:PID" for ipc, from the peer's credentials.
static bool is_our_user(const char *address)
{
    unsigned uid;
    char after;
    if (sscanf(address, "localhost:%u%c", &uid, &after) != 2 || after != ':')
        return false;
    return uid == 0 || uid == geteuid();
}

static bool is_loopback_address(const char *address)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (!strncmp(address, "::ffff:", 7))
        address += 7;
    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool is_known_key(struct zap *zap, const struct request *request, char key[41])
{
    enum role role = ROLE_NONE;
    uint64_t node;
    if (request->count != FRAME_COUNT || request->sizes[FRAME_CREDENTIALS] != 32 ||
        !zmq_z85_encode(key, (const uint8_t *)request->frames[FRAME_CREDENTIALS], 32))
        return false;
    return zap->directory.find && zap->directory.find(zap->directory.context, key, &role, &node) &&
           role != ROLE_NONE;
}

// The User-Id of the peer, or NULL if it may not come in.
static const char *admit(struct zap *zap, const struct request *request, char key[41])
{
    if (!request->is_whole || !is_frame(request, FRAME_VERSION, "1.0") ||
        request->count <= FRAME_MECHANISM)
        return NULL;
    const char *address = request->frames[FRAME_ADDRESS];
    if (is_frame(request, FRAME_MECHANISM, "CURVE"))
        return is_frame(request, FRAME_DOMAIN, door_domain(DOOR_CURVE)) &&
                       is_known_key(zap, request, key)
                   ? key
                   : NULL;
    if (!is_frame(request, FRAME_MECHANISM, "NULL"))
        return NULL;
    if (is_frame(request, FRAME_DOMAIN, door_domain(DOOR_OWNER)) && is_our_user(address))
        return door_domain(DOOR_OWNER);
    if (is_frame(request, FRAME_DOMAIN, door_domain(DOOR_GROUP)) &&
        !strncmp(address, "localhost:", 10))
        return door_domain(DOOR_GROUP);
    if (is_frame(request, FRAME_DOMAIN, door_domain(DOOR_PLAIN)) && is_loopback_address(address))
        return door_domain(DOOR_PLAIN);
    return NULL;
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
        char key[41] = "";
        const char *user = admit(zap, &request, key);
        if (!user)
            note_refused(zap, &request, key);
        const char *status = !user ? "400" : zap->is_shut ? "300" : "200";
        reply(zap->socket, &request, status, user && !zap->is_shut ? user : "");
    }
}
