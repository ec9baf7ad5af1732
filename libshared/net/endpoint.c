#include "net/endpoint.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

bool endpoint_is_loopback(const char *address)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (!strncmp(address, "::ffff:", 7))
        address += 7;
    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static enum status parse_ipc(const char *text, struct endpoint *endpoint, struct fault *fault)
{
    struct sockaddr_un address;
    const char *path = text + strlen("ipc://");
    if (!*path || *path == '@' || *path == '*')
        return fault_set(fault, STATUS_INVALID, "%s: a path was expected behind ipc://", text);
    if (strlen(path) >= sizeof address.sun_path)
        return fault_set(fault, STATUS_INVALID, "%s: the path is longer than %zu bytes", text,
                         sizeof address.sun_path - 1);
    *endpoint = (struct endpoint){.ipc = true, .path = path};
    return STATUS_OK;
}

enum status endpoint_parse(const char *text, struct endpoint *endpoint, struct fault *fault)
{
    if (!strncmp(text, "ipc://", 6))
        return parse_ipc(text, endpoint, fault);
    const char *begin = text + strlen("tcp://");
    const char *colon = strrchr(text, ':');
    if (strncmp(text, "tcp://", 6) || colon <= begin)
        return fault_set(fault, STATUS_INVALID, "%s: not ipc://PATH or tcp://HOST:PORT", text);
    uint64_t port;
    if (text_parse_number(bytes_of_text(colon + 1), &port, NULL) || port == 0 || port > 65535)
        return fault_set(fault, STATUS_INVALID, "%s: not a port number", text);
    char host[256];
    size_t size = (size_t)(colon - begin);
    bool ipv6 = *begin == '[' && colon[-1] == ']' && size > 2;
    if (ipv6) {
        begin++;
        size -= 2;
    }
    if (size >= sizeof host || (!ipv6 && memchr(begin, ':', size)))
        return fault_set(fault, STATUS_INVALID, "%s: not a host and a port", text);
    memcpy(host, begin, size);
    host[size] = 0;
    *endpoint = (struct endpoint){
        .ipv6 = ipv6, .loopback = endpoint_is_loopback(host), .port = (uint16_t)port};
    return STATUS_OK;
}

uint16_t endpoint_port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.any.sa_family = AF_UNSPEC};
    socklen_t size = sizeof address;
    if (getsockname(fd, &address.any, &size))
        return 0;
    if (address.any.sa_family == AF_INET)
        return ntohs(address.v4.sin_port);
    return address.any.sa_family == AF_INET6 ? ntohs(address.v6.sin6_port) : 0;
}

const char *endpoint_of_tcp(const char *address, unsigned port, char endpoint[ENDPOINT_SIZE])
{
    bool is_ipv6 = strchr(address, ':') != NULL;
    snprintf(endpoint, ENDPOINT_SIZE, is_ipv6 ? "tcp://[%s]:%u" : "tcp://%s:%u", address, port);
    return endpoint;
}
