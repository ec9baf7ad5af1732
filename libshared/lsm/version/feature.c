#include "lsm/version/feature.h"

#include <string.h>

// Each with its meaning in dkv-store(5), FEATURES.
static const char *const engine_features[] = {"snapshots", "parts", NULL};

static bool is_name(struct bytes name)
{
    for (size_t i = 0; i < name.size; i++) {
        uint8_t byte = name.data[i];
        if (!(byte >= 'a' && byte <= 'z') && !(byte >= '0' && byte <= '9') && byte != '-')
            return false;
    }
    return name.size > 0 && name.size <= FEATURE_SIZE_MAX;
}

bool features_has(const struct features *features, const char *name)
{
    unsigned i = 0;
    while (i < features->count && strcmp(features->names[i], name) != 0)
        i++;
    return i < features->count;
}

bool features_add(struct features *features, struct bytes name)
{
    char text[FEATURE_SIZE_MAX + 1] = {0};
    if (!is_name(name))
        return false;
    memcpy(text, name.data, name.size);
    if (features_has(features, text))
        return true;
    if (features->count == FEATURES_MAX)
        return false;
    memcpy(features->names[features->count++], text, sizeof text);
    return true;
}

const char *features_unknown(const struct features *features, const struct features *known)
{
    for (unsigned i = 0; i < features->count; i++) {
        if (!features_has(known, features->names[i]))
            return features->names[i];
    }
    return NULL;
}

bool features_include(const struct features *features, const struct features *others)
{
    return !features_unknown(others, features);
}

void features_encode(const struct features *features, struct buf *out)
{
    buf_append_u32(out, features->count);
    for (unsigned i = 0; i < features->count; i++)
        buf_append_short(out, bytes_of_text(features->names[i]));
}

bool features_decode(struct features *features, struct bytes bytes)
{
    struct reader reader = reader_of(bytes);
    *features = (struct features){0};
    uint32_t count = reader_u32(&reader);
    for (uint32_t i = 0; i < count && !reader.bad; i++)
        reader.bad |= !features_add(features, reader_short(&reader));
    return reader_done(&reader);
}

void features_init(struct features *features, const char *const *owner)
{
    *features = (struct features){0};
    for (size_t i = 0; engine_features[i]; i++)
        features_add(features, bytes_of_text(engine_features[i]));
    for (size_t i = 0; owner && owner[i]; i++)
        features_add(features, bytes_of_text(owner[i]));
}
