#include "peer/link_text.h"

const struct link_text *link_text(enum link_state state)
{
    static const struct link_text table[] = {
        [LINK_DOWN] = {"down", "does not answer"},
        [LINK_OTHER_CLUSTER] = {"other-cluster", "belongs to another cluster"},
        [LINK_OTHER_NODE] = {"other-node", "is that of another node"},
        [LINK_OTHER_VERSION] = {"other-version", "speaks another version"},
        [LINK_OTHER_RING] = {"other-ring", "has another ring document of this epoch"},
        [LINK_TWIN] = {"twin", "serves nobody, since another process runs as it, too"},
        [LINK_ASKING] = {"asking", "has just started, and asks others what they know of it"},
        [LINK_SLOW] = {"slow", "disk hangs"},
        [LINK_FULL] = {"full", "disk full"},
        [LINK_DAMAGED] = {"damaged", "damaged"},
        [LINK_WELL] = {"up", ""},
    };
    return &table[state];
}
