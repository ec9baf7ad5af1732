// local_wait.h - waiting for daemons of a local cluster. Deadlines are monotonic.
#pragma once

#include "dkv/dkv.h"
#include "dkv/local/local.h"

enum { LOCAL_START_WAIT_MS = 30000, LOCAL_STOP_WAIT_MS = 10000 };

// Until it can be connected to. IO with the end of its log on standard error if it died,
// CHECK_FAILED if it takes too long.
enum status local_wait_serving(const struct local_daemon *daemon, uint64_t deadline_ms,
                               struct fault *fault) MUST_USE;

// Until every router that runs says that this daemon is up. (A router that serves has heard the
// others.) IO and CHECK_FAILED as above.
enum status local_wait_seen(const struct globals *globals, const struct local *local,
                            const struct local_daemon *daemon, uint64_t deadline_ms,
                            struct fault *fault) MUST_USE;

// Until every router says that all nodes are up. IO if any daemon died, CHECK_FAILED if it takes
// too long.
enum status local_wait_well(const struct globals *globals, const struct local *local,
                            uint64_t deadline_ms, struct fault *fault) MUST_USE;

// SIGTERM, then until they are gone: all daemons, those of one node, or one. Waits
// LOCAL_STOP_WAIT_MS; then CHECK_FAILED, and the fault says what still runs.
enum status local_wait_stopped(const struct local *local, const char *node, const char *name,
                               struct fault *fault) MUST_USE;

// Until the process is gone, after SIGKILL.
enum status local_wait_gone(const struct local_daemon *daemon, uint64_t deadline_ms,
                            struct fault *fault) MUST_USE;
