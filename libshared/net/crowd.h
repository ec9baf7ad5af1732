// crowd.h - who is connected, by address, and what each address may still do.
//
// A connection is a stranger until it has proved its key. An address has credit: each
// stranger takes one, and a key that was admitted gives it back; what strangers without a
// key took stays spent. Credit comes back with time. So a crowd of honest clients passes at
// once, and an address that only knocks is slowed to the rate of the credit. One without
// credit is barred: its next connections are not even taken, until it has a quarter of its
// credit again. No address pays for what another one does.
//
//     connect ──► stranger ──admitted──► known ──► gone
//        credit−1    │        credit+1
//                    └──► gone: the credit stays spent
//
// Beyond that connections are bounded in all and by address, strangers in all. Knows
// nothing of sockets, threads and clocks: connections are numbers (descriptors), time is
// an argument.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct crowd_limits {
    uint32_t connections_max; // in all
    uint32_t share_max;       // of one address
    uint32_t strangers_max;   // in all
    uint32_t credit_max;      // of an address
    uint32_t credit_per_s;
};

// IPv4 as ::ffff:a.b.c.d, of IPv6 the network (/64), or what stands for a local user and is
// neither.
struct crowd_address {
    uint8_t bytes[16];
};

struct crowd_guest {
    bool is_here;
    bool is_stranger;
    uint32_t listener;    // at which it was taken, a number
    uint32_t host;        // its address, an index
    int32_t older, newer; // strangers in the order of arrival; -1 at the ends
};

struct crowd_host {
    struct crowd_address address;
    uint32_t count;          // connections
    uint32_t stranger_count; // of these
    uint64_t credit_milli;
    uint64_t credit_ms; // when that was so
    bool is_barred;
};

struct crowd {
    struct crowd_limits limits;
    struct crowd_guest *guests; // by descriptor
    uint32_t capacity;
    struct crowd_host *hosts;
    uint32_t host_count;
    uint32_t count, stranger_count, barred_count;
    bool is_unbarred;       // an address was forgotten, and its bar with it
    int32_t oldest, newest; // strangers; -1 = none
};

void crowd_init(struct crowd *crowd, const struct crowd_limits *limits);
void crowd_release(struct crowd *crowd);

// A connection was taken. False if it must go at once: then it was not let in. An older one
// of this number is gone, at whichever listener. Strangers cost credit, others do not.
bool crowd_enter(struct crowd *crowd, int guest, uint32_t listener,
                 const struct crowd_address *address, bool is_stranger, uint64_t now_ms);
void crowd_prove(struct crowd *crowd, int guest);                    // no stranger any more
void crowd_leave(struct crowd *crowd, int guest, uint32_t listener); // unknown ones are passed over

// A key from there was admitted. By address, because nobody says to which connection it
// belongs, and that may be over by now.
void crowd_admit(struct crowd *crowd, const struct crowd_address *address, uint64_t now_ms);

// The stranger that must go, so that there are not too many: the oldest of the address
// that has the most of them. -1 if nobody must.
int crowd_surplus(const struct crowd *crowd);

// Brings credit up to date. True if the set of barred addresses changed since it was last called.
bool crowd_refresh(struct crowd *crowd, uint64_t now_ms);

// The barred addresses, at most `max` of them.
uint32_t crowd_barred(const struct crowd *crowd, struct crowd_address *barred, uint32_t max);
