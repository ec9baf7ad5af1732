// notify.h - what a service tells systemd (the protocol of sd_notify(3), a datagram to
// $NOTIFY_SOCKET). Without systemd nothing happens.
#pragma once

#include <stdint.h>

// "READY=1", "STOPPING=1", "WATCHDOG=1", "RELOADING=1". Never waits; a loss is harmless but
// for READY, and systemd then says so itself.
void notify_send(const char *state);

// "STATUS=", and the text as far as it is one line: what `systemctl status` shows.
void notify_status(const char *text);

// How often WATCHDOG=1 is due: half of what systemd would wait; 0 if it does not.
uint64_t notify_watchdog_ms(void);
