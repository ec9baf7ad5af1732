#include "lsm/policy/compaction.h"

#include <string.h>

// Limits in permille: while writes come in, and when nobody writes.
enum {
    SHARE_MAX = 600, // of the bottom
    SHARE_IDLE_MAX = 150,
    GARBAGE_MAX = 300, // of the entries
    GARBAGE_IDLE_MAX = 80,
    DELETED_MAX = 300, // of the entries
    DELETED_IDLE_MAX = 50,
    SAMPLE_COUNT_MIN = 8, // fewer say nothing
    SMALL_SHARE = 4,      // a bottom below a fourth of its size is small
};

bool compaction_span_meets(const struct compaction_span *span, struct bytes begin, struct bytes end)
{
    struct bytes span_end = buf_bytes(&span->end);
    return (!span_end.size || bytes_compare(begin, span_end) < 0) &&
           (!end.size || bytes_compare(buf_bytes(&span->begin), end) < 0);
}

static bool is_free(const struct version *version, size_t index,
                    const struct compaction_span *spans, size_t span_count)
{
    const struct range *range = &version->ranges[index];
    bool is_met = false;
    for (size_t i = 0; i < span_count; i++)
        is_met |= compaction_span_meets(&spans[i], buf_bytes(&range->begin),
                                        version_range_end(version, index));
    return !is_met;
}

// Whether it can have a new bottom together with neighbours.
static bool is_joinable(const struct version *version, size_t index,
                        const struct compaction_span *spans, size_t span_count)
{
    return range_is_sound(&version->ranges[index]) && is_free(version, index, spans, span_count);
}

static uint64_t max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t bottom_size(const struct range *range)
{
    return range->count ? range->slices[range->count - 1].size : 0;
}

// Permille of the limit for what the slices above the bottom may be.
static uint64_t share_of(const struct range *range, bool is_idle)
{
    uint64_t bottom = bottom_size(range), upper = range->size - bottom;
    uint64_t share_max = is_idle ? SHARE_IDLE_MAX : SHARE_MAX;
    return upper * 1000 / (bottom * share_max / 1000 + 1);
}

// Permille of the limits for what need not be there.
static uint64_t waste_of(const struct range *range, bool is_idle)
{
    uint64_t count = range->sampled_count;
    if (!range->is_surveyed || count < SAMPLE_COUNT_MIN)
        return 0;
    uint64_t garbage = (count - range->distinct_count) * 1000 / count;
    uint64_t deleted = range->deleted_count * 1000 / count;
    return max(garbage * 1000 / (is_idle ? GARBAGE_IDLE_MAX : GARBAGE_MAX),
               deleted * 1000 / (is_idle ? DELETED_IDLE_MAX : DELETED_MAX));
}

static bool has_deletions(const struct range *range, uint64_t run_end)
{
    bool has_any = false;
    for (size_t s = 0; s < range->count; s++) {
        const struct sstable_info *info = &range->slices[s].table->info;
        has_any |= info->deleted_count && info->run < run_end;
    }
    return has_any;
}

static bool has_table_before(const struct range *range, uint64_t number)
{
    bool has_any = false;
    for (size_t s = 0; s < range->count; s++)
        has_any |= range->slices[s].table->info.number < number;
    return has_any;
}

bool compaction_has_before(const struct version *version, uint64_t number)
{
    bool has_any = false;
    for (size_t i = 0; i < version->count && !has_any; i++)
        has_any =
            range_is_sound(&version->ranges[i]) && has_table_before(&version->ranges[i], number);
    return has_any;
}

// When the range was merged into its bottom, as the number of a file; UINT64_MAX if it points
// to no large values, or cannot be merged.
static uint64_t pointing_since(const struct range *range)
{
    bool is_pointing = false;
    for (size_t s = 0; s < range->count; s++)
        is_pointing |= range->slices[s].table->info.value_size > 0;
    bool can_merge = is_pointing && range_is_sound(range);
    return can_merge ? range->slices[range->count - 1].table->info.number : UINT64_MAX;
}

// Returns how much a range needs a new bottom: from 1000 on it gets one.
static uint64_t bottom_urge_of(const struct range *range, const struct compaction_limits *limits)
{
    uint64_t urge = waste_of(range, limits->is_idle);
    if (range->count > 1)
        urge = max(urge, share_of(range, limits->is_idle));
    if (has_deletions(range, limits->purge_run) || pointing_since(range) < limits->value_round ||
        has_table_before(range, limits->wish_before))
        urge = max(urge, 1000);
    return urge;
}

uint64_t compaction_pointing_since(const struct version *version)
{
    uint64_t oldest = UINT64_MAX;
    for (size_t i = 0; i < version->count; i++) {
        uint64_t since = pointing_since(&version->ranges[i]);
        oldest = since < oldest ? since : oldest;
    }
    return oldest;
}

// How many slices lie above the bottom, and above all damaged ones.
static size_t upper_count(const struct range *range)
{
    size_t sound = range_sound_count(range);
    return sound == range->count && sound ? sound - 1 : sound;
}

// The newest slices of similar size: as long as the next older one is not more than
// twice as big as those before it together, and at least half of those above the bottom.
static size_t choose_tier(const struct range *range)
{
    size_t upper = upper_count(range), least = (upper + 2) / 2, i = 0;
    uint64_t size = 0;
    while (i < upper && (i < least || range->slices[i].size <= 2 * size))
        size += range->slices[i++].size;
    return i;
}

// How many slices more than there should be count as urge or debt: those that can be merged.
static uint64_t count_of(const struct range *range)
{
    return range_is_sound(range) ? range->count : upper_count(range);
}

// Lets the choice have neighbours too as long as all together are small.
static void add_neighbours(struct compaction_choice *choice, const struct version *version,
                           uint64_t range_size, const struct compaction_span *spans,
                           size_t span_count)
{
    uint64_t size = version->ranges[choice->first_range].size;
    for (;;) {
        size_t next = choice->first_range + choice->range_count;
        if (next >= version->count || size + version->ranges[next].size > range_size ||
            !is_joinable(version, next, spans, span_count))
            break;
        size += version->ranges[next].size;
        choice->range_count++;
    }
    while (choice->first_range &&
           size + version->ranges[choice->first_range - 1].size <= range_size &&
           is_joinable(version, choice->first_range - 1, spans, span_count)) {
        size += version->ranges[--choice->first_range].size;
        choice->range_count++;
    }
}

// A small range beside another with which it makes less than one.
static bool choose_small(struct compaction_choice *choice, const struct version *version,
                         uint64_t range_size, const struct compaction_span *spans,
                         size_t span_count)
{
    for (size_t i = 0; i < version->count; i++) {
        if (version->ranges[i].size > range_size / SMALL_SHARE ||
            !is_joinable(version, i, spans, span_count))
            continue;
        *choice = (struct compaction_choice){.first_range = i, .range_count = 1, .is_bottom = true};
        add_neighbours(choice, version, range_size, spans, span_count);
        if (choice->range_count > 1)
            return true;
    }
    return false;
}

// Surveys the range if that is worth it and still allowed.
static void survey(const struct version *version, size_t index, unsigned *survey_count)
{
    const struct range *range = &version->ranges[index];
    bool may_waste = range->count > 1 || has_deletions(range, UINT64_MAX);
    if (range->is_surveyed || !may_waste || !*survey_count)
        return;
    range_survey(version, index);
    --*survey_count;
}

bool compaction_choose(struct compaction_choice *choice, const struct version *version,
                       const struct compaction_limits *limits, const struct compaction_span *spans,
                       size_t span_count)
{
    uint64_t urge_max = 999;
    unsigned survey_count = limits->survey_count;
    for (size_t i = 0; i < version->count; i++) {
        const struct range *range = &version->ranges[i];
        if (!range->count || !is_free(version, i, spans, span_count))
            continue;
        survey(version, i, &survey_count);
        uint64_t bottom_urge = range_is_sound(range) ? bottom_urge_of(range, limits) : 0;
        uint64_t urge = max(bottom_urge, count_of(range) * 1000 / (limits->slice_count + 1));
        if (urge <= urge_max)
            continue;
        urge_max = urge;
        size_t slice_count = choose_tier(range);
        *choice = (struct compaction_choice){
            .first_range = i,
            .range_count = 1,
            .slice_count = slice_count,
            .is_bottom = range_is_sound(range) && (bottom_urge >= 1000 || slice_count < 2),
        };
    }
    if (urge_max < 1000)
        return limits->is_idle &&
               choose_small(choice, version, limits->range_size, spans, span_count);
    if (choice->is_bottom)
        add_neighbours(choice, version, limits->range_size, spans, span_count);
    return true;
}

unsigned compaction_debt(const struct version *version, unsigned slice_count)
{
    uint64_t behind = 0, most = 0;
    for (size_t i = 0; i < version->count; i++) {
        uint64_t count = count_of(&version->ranges[i]);
        behind += count > slice_count ? count - slice_count : 0;
        most = max(most, count);
    }
    // 1000 when ranges have half a `slice_count` too much on the average, or one has four of them.
    uint64_t debt = max(behind * 2000 / (version->count * slice_count),
                        most * 1000 / (4 * (uint64_t)slice_count));
    return debt < 1000 ? (unsigned)debt : 1000;
}
