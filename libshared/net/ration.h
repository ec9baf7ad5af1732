// ration.h - how much libzmq reads from a connection that has proved nothing.
//
// Before a handshake is done libzmq 4.3.4 takes frames as large as the largest message, and of
// them at once whatever the kernel has: some hundred strangers are tens of megabytes before a
// thread that watches them is given a processor. So the program has a recv() of its own, which
// the dynamic linker finds before that of the C library. An accepted connection is read
// RATION_SIZE bytes; before any more, may_go_on() of its port is asked. If it may not, that looks
// to libzmq as if the peer had reset the connection.
//
// Connections to other ports, and local sockets, are read without end; the ration is just the
// first that is read.
#pragma once

#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>

enum { RATION_SIZE = 4096 }; // what a handshake may take, several times over

// A port of tcp that strangers connect to. Any thread may ask it, until it is shut.
struct ration_port {
    uint16_t number;
    bool (*may_go_on)(void *context, int fd); // once it may, it is not asked again
    void *context;
    struct ration_port *next;
};

// Makes sure that libzmq would find our function. REFUSED if it would not. May be repeated.
enum status ration_prepare(struct fault *fault) MUST_USE;

// The memory is the caller's. Open it before anybody can connect.
void ration_open(struct ration_port *port);
void ration_shut(struct ration_port *port);

void ration_on_accepted(int fd); // for net/accept.c
