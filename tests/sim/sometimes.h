// sometimes.h - interesting states that some seed must reach.
//
// A run that finds nothing proves little unless it went where things go wrong. Every point
// is counted over all seeds; one that never fired is a hole in the simulator.
#pragma once

#define SOMETIMES_POINTS(POINT)                                                                    \
    POINT(SIBLINGS, "a get returned siblings")                                                     \
    POINT(TOMBSTONE_AND_VALUE, "a delete and a value were concurrent")                             \
    POINT(READ_REPAIR, "a get repaired an owner")                                                  \
    POINT(AGAIN, "a blind put met what it had not seen, and got a second dot")                     \
    POINT(TOO_OLD, "a store did not obey an old update, or one of a try that was fenced")          \
    POINT(HINT, "a router asked a fallback to keep a hint")                                        \
    POINT(HINT_COUNTS, "a put was answered OK with a hint")                                        \
    POINT(HINT_MINTED, "a fallback coordinated, as no owner could")                                \
    POINT(HINT_AGAIN, "a fallback gave a second dot")                                              \
    POINT(HINT_DELIVERED, "a hint was delivered")                                                  \
    POINT(HINTD_KILL, "a hintd was killed")                                                        \
    POINT(ROUND, "a round of repair was complete")                                                 \
    POINT(ROUND_FAILED, "a round of repair failed")                                                \
    POINT(REPAIRED, "a round of repair found a key that differed")                                 \
    POINT(LEFT_OUT, "a round of repair could not decide about a key")                              \
    POINT(CLOSED, "starts of a process were closed")                                               \
    POINT(LOST_COPY, "a copy was lost")                                                            \
    POINT(TWIN, "a store was told of a later start of its node, and ended")                        \
    POINT(ZOMBIE, "a purged value came back and was left out")                                     \
    POINT(PURGED, "every deletion was purged when the faults were over")                           \
    POINT(HEDGE, "a get asked one owner more because it took long")                                \
    POINT(STAND_IN, "an owner that is not the first coordinated")                                  \
    POINT(INDETERMINATE, "a put was answered indeterminate")                                       \
    POINT(APPLIED, "an indeterminate put turned out to be written")                                \
    POINT(LOST, "an indeterminate put turned out to be lost")                                      \
    POINT(UNAVAILABLE, "a put was answered not written")                                           \
    POINT(FOUND, "a repeated put found its first try")                                             \
    POINT(MINTED_TWICE, "a repeated put was minted again, its first try being unreachable")        \
    POINT(REPEATED, "a store recognised a repeated update")                                        \
    POINT(FAIL_OVER, "a client went to another router")                                            \
    POINT(SPREAD, "a client that uses all near routers went from one to another")                  \
    POINT(RING_LEARNT, "a client spread its operations by the ring")                               \
    POINT(TRIED, "a client tried a lost router beside others")                                     \
    POINT(SHARED, "a client's message carried several operations")                                 \
    POINT(COPIED, "a client's put came a second time")                                             \
    POINT(LATE, "an answer came after its operation was over")                                     \
    POINT(EXPIRED, "a store dropped work whose time was over")                                     \
    POINT(KILL, "a store was killed")                                                              \
    POINT(POWER_LOSS, "a node lost power")                                                         \
    POINT(BLACKOUT, "all nodes lost power at once")                                                \
    POINT(UNSYNCED_LOST, "a power loss took a write that nobody had been promised")                \
    POINT(WIPED, "a store came back with an empty disk")                                           \
    POINT(SET_BACK, "a store came back with an old copy of its disk")                              \
    POINT(HINTS_LOST, "a disk with hints was wiped or set back")                                   \
    POINT(HOURS_OFF, "a wall clock was off by hours")                                              \
    POINT(READ_FAILS, "reads of a disk failed")                                                    \
    POINT(ROT, "a bit of a file changed")                                                          \
    POINT(DAMAGE_SEEN, "a store could not read a record for damage")                               \
    POINT(DAMAGE_CLOSED, "a store did not open for damage, and its disk was wiped")                \
    POINT(DISAGREE, "routers disagreed for long about who is there")                               \
    POINT(UNSENT, "a router could not send")                                                       \
    POINT(CAPPED, "more messages had arrived than a turn takes")                                   \
    POINT(TORN_JOB, "power went in the middle of a job")                                           \
    POINT(SYNC_FAILED, "a sync failed and the store died")                                         \
    POINT(DISK_FULL, "a store refused a write for lack of space")                                  \
    POINT(BUSY, "a store refused a write because flushes were behind")                             \
    POINT(SLOW, "a router called a store slow because its disk hung")                              \
    POINT(PAUSED, "a process stood still")                                                         \
    POINT(FORGOTTEN, "a process stood still longer than stores remember requests")                 \
    POINT(PARTITION, "the network was cut")                                                        \
    POINT(ONE_WAY, "the network was cut one way")                                                  \
    POINT(HELD, "what was sent into a cut came when it was over")                                  \
    POINT(OLD_LIFE, "a message reached a later life of a process")                                 \
    POINT(FLUSH, "a memtable was flushed")                                                         \
    POINT(MERGE, "runs were merged")                                                               \
    POINT(ROTATION, "the log went to another segment")                                             \
    POINT(STRIPPED, "a record lost a deletion, or dots of its clock")                              \
    POINT(LWW_DROPPED, "a value lost to a greater hlc")                                            \
    POINT(LWW_SKEWED, "an lww write had to run ahead of its clock")                                \
    POINT(PAGES, "a scan took more than one page")                                                 \
    POINT(NOT_WRITTEN_BY_DISK, "a put was refused with disk full")                                 \
    POINT(PARKED, "an operation waited for the disk, out of the way of others")                    \
    POINT(PARKED_UPDATE, "a write did")                                                            \
    POINT(PARKED_BEHIND, "one waited for another one on the same key")                             \
    POINT(PARKED_SCAN, "a page of a scan waited for the disk")                                     \
    POINT(RING_IN_FLIGHT, "a new ring document came while operations were under way")              \
    POINT(RING_LOST, "a new document lost the vote to another one")                                \
    POINT(RING_PULLED, "a router pulled a document that it had missed")                            \
    POINT(RING_NO_MAJORITY, "a vote found no majority")                                            \
    POINT(KEYSPACE_CHANGED, "a new document had one keyspace more or less")                        \
    POINT(NODE_JOINED, "a new document had one node more")                                         \
    POINT(NODE_LEFT, "a new document had one node less")                                           \
    POINT(MOVED, "data was to move to other owners")                                               \
    POINT(DECLARED_DEAD, "data moved away from a node that was not to come back")                  \
    POINT(MOVED_BACK, "a move was aborted")                                                        \
    POINT(HEAD_ALONE, "a coordinator sent the head of a record whose value its router has")        \
    POINT(CONDITION_FAILED, "a conditional put met what its client had not seen")                  \
    POINT(REFUSED_FOR_GOOD, "a conditional put that was repeated was refused")                     \
    POINT(HELD_FIRST, "a monotonic get was answered behind its repair")                            \
    POINT(GET_TIMEOUT, "a get ran out of time")

#define SOMETIMES_NAME(name, text) SOMETIMES_##name,
enum sometimes { SOMETIMES_POINTS(SOMETIMES_NAME) SOMETIMES_COUNT };
#undef SOMETIMES_NAME

const char *sometimes_text(enum sometimes point);
