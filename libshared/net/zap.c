#include "net/zap.h"

#include "net/endpoint.h"

#include <czmq.h>

// Holds what libzmq asks; NULL for what it does not say.
struct request {
    char *version, *id, *domain, *address, *mechanism;
    zchunk_t *credentials; // of CURVE: the 32 bytes of the public key; NULL has none
};

enum status zap_open(struct zap *zap, void *context, struct net_directory directory,
                     struct guard *guard, struct fault *fault)
{
    zsys_handler_set(NULL); // signals stay ours
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

void zap_add_admission(struct zap *zap, const struct admission *admission,
                       char domain[ZAP_DOMAIN_SIZE])
{
    assert(zap->admission_count < ADMISSIONS_MAX);
    snprintf(domain, ZAP_DOMAIN_SIZE, "dkv.%u", (unsigned)zap->admission_count);
    zap->admissions[zap->admission_count++] = *admission;
}

// czmq takes a socket of libzmq as well as one of its own. A request comes from libzmq alone, whole
// or not at all; passed over is the routing id, which the peer chose.
static bool read_request(void *socket, struct request *request)
{
    *request = (struct request){0};
    return (zsock_events(socket) & ZMQ_POLLIN) &&
           !zsock_recv(socket, "ssssssc", &request->version, &request->id, &request->domain,
                       &request->address, NULL, &request->mechanism, &request->credentials);
}

static void release_request(struct request *request)
{
    zstr_free(&request->version);
    zstr_free(&request->id);
    zstr_free(&request->domain);
    zstr_free(&request->address);
    zstr_free(&request->mechanism);
    zchunk_destroy(&request->credentials);
}

// libzmq gives "localhost:UID:GID:PID" for ipc, from the peer's credentials. Root and our own
// user are us; others that the permissions of the socket let through have the role of the group.
static enum role role_of_user(const struct admission *admission, const char *address)
{
    unsigned uid;
    char after;
    if (sscanf(address, "localhost:%u%c", &uid, &after) != 2 || after != ':')
        return ROLE_NONE;
    return uid == 0 || uid == geteuid() ? ROLE_PEER : admission->role_local;
}

static const struct admission *find_admission(const struct zap *zap, const char *asked)
{
    char domain[ZAP_DOMAIN_SIZE];
    for (uint32_t i = 0; i < zap->admission_count; i++) {
        snprintf(domain, sizeof domain, "dkv.%u", (unsigned)i);
        if (streq(asked, domain))
            return &zap->admissions[i];
    }
    return NULL;
}

static enum role role_of_key(const struct zap *zap, const struct admission *admission,
                             const char *key, uint64_t *node)
{
    enum role role = ROLE_NONE;
    *node = 0;
    if (!zap->directory.find || !zap->directory.find(zap->directory.context, key, &role, node) ||
        role < admission->role_least)
        return ROLE_NONE;
    return role;
}

enum role zap_role(const struct zap *zap, const struct admission *admission, const char *user,
                   uint64_t *node)
{
    enum role role = ROLE_NONE;
    *node = 0;
    if (admission->proof == PROOF_KEY)
        return role_of_key(zap, admission, user, node);
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
    if (!request->mechanism || !streq(request->version, "1.0"))
        return;
    const struct admission *admission = find_admission(zap, request->domain);
    if (!admission)
        return;
    if (admission->proof == PROOF_KEY) {
        zchunk_t *credentials = request->credentials;
        if (streq(request->mechanism, "CURVE") && credentials && zchunk_size(credentials) == 32 &&
            zmq_z85_encode(key, zchunk_data(credentials), 32) &&
            role_of_key(zap, admission, key, &node))
            snprintf(user, 64, "%s", key);
        return;
    }
    if (streq(request->mechanism, "NULL"))
        role = admission->proof == PROOF_USER           ? role_of_user(admission, request->address)
               : endpoint_is_loopback(request->address) ? admission->role_local
                                                        : ROLE_NONE;
    if (role != ROLE_NONE)
        snprintf(user, 64, "@%s", role_text(role));
}

static void note_refused(struct zap *zap, const struct request *request, const char *key)
{
    zap->refused_count++;
    if (*key)
        snprintf(zap->refused, sizeof zap->refused, "key %s", key);
    else
        snprintf(zap->refused, sizeof zap->refused, "%.64s",
                 request->address ? request->address : "");
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
            guard_admit(zap->guard, request.address);
        const char *status = !user[0] ? "400" : zap->is_shut ? "300" : "200";
        zsock_send(zap->socket, "ssssss", "1.0", request.id, status, "", zap->is_shut ? "" : user,
                   "");
        release_request(&request);
    }
}
