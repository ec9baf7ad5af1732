#include "net/bar.h"

#include "base/endian.h"

#include <assert.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>

enum {
    IP = SKF_NET_OFF, // where the header of the network begins
    V4_SOURCE = IP + 12,
    V6_SOURCE = IP + 8,
    STEPS_MAX = 8 + 5 * BAR_ADDRESSES_MAX,
};

struct filter {
    struct sock_filter steps[STEPS_MAX];
    uint16_t count;
};

static void add(struct filter *filter, uint16_t code, uint32_t value, uint8_t if_true,
                uint8_t if_false)
{
    assert(filter->count < STEPS_MAX);
    filter->steps[filter->count++] = (struct sock_filter){code, if_true, if_false, value};
}

static bool is_v4(const struct crowd_address *address)
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    return !memcmp(address->bytes, prefix, sizeof prefix);
}

// For each address: if it is the one, drop; else the next.
static void add_v4(struct filter *filter, const struct crowd_address *addresses, uint32_t count)
{
    add(filter, BPF_LD | BPF_W | BPF_ABS, (uint32_t)V4_SOURCE, 0, 0);
    for (uint32_t i = 0; i < count; i++) {
        if (!is_v4(&addresses[i]))
            continue;
        add(filter, BPF_JMP | BPF_JEQ | BPF_K, load_u32_be(addresses[i].bytes + 12), 0, 1);
        add(filter, BPF_RET | BPF_K, 0, 0, 0);
    }
    add(filter, BPF_RET | BPF_K, UINT32_MAX, 0, 0);
}

static void add_v6(struct filter *filter, const struct crowd_address *addresses, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (is_v4(&addresses[i]))
            continue;
        add(filter, BPF_LD | BPF_W | BPF_ABS, (uint32_t)V6_SOURCE, 0, 0);
        add(filter, BPF_JMP | BPF_JEQ | BPF_K, load_u32_be(addresses[i].bytes), 0, 3);
        add(filter, BPF_LD | BPF_W | BPF_ABS, (uint32_t)V6_SOURCE + 4, 0, 0);
        add(filter, BPF_JMP | BPF_JEQ | BPF_K, load_u32_be(addresses[i].bytes + 4), 0, 1);
        add(filter, BPF_RET | BPF_K, 0, 0, 0);
    }
    add(filter, BPF_RET | BPF_K, UINT32_MAX, 0, 0);
}

void bar_set(int fd, const struct crowd_address *addresses, uint32_t count)
{
    struct filter filter = {0};
    if (!count) {
        int nothing = 0;
        setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &nothing, sizeof nothing);
        return;
    }
    // The version of the header first; those of 6 go on behind those of 4.
    add(&filter, BPF_LD | BPF_B | BPF_ABS, (uint32_t)IP, 0, 0);
    add(&filter, BPF_ALU | BPF_RSH | BPF_K, 4, 0, 0);
    add(&filter, BPF_JMP | BPF_JEQ | BPF_K, 4, 1, 0);
    add(&filter, BPF_JMP | BPF_JA, 0, 0, 0);
    uint16_t jump = filter.count - 1;
    add_v4(&filter, addresses, count);
    filter.steps[jump].k = filter.count - jump - 1u;
    add_v6(&filter, addresses, count);
    struct sock_fprog attached = {.len = filter.count, .filter = filter.steps};
    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof attached);
}
