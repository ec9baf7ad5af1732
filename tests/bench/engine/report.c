#include "bench/engine/report.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// What is wanted against RocksDB as an expert would tune it.
static const struct {
    enum bench bench;
    uint32_t value_size; // 0: all
    double ratio;
} targets[] = {
    {BENCH_FILLRANDOM, 100, 4},     {BENCH_OVERWRITE, 100, 4},
    {BENCH_FILLRANDOM, 1024, 2.5},  {BENCH_OVERWRITE, 1024, 2.5},
    {BENCH_FILLRANDOM, 16384, 2},   {BENCH_OVERWRITE, 16384, 2},
    {BENCH_FILLSEQ, 0, 3},          {BENCH_FILLSYNC, 0, 1.4},
    {BENCH_FILLSYNC_64, 0, 2},      {BENCH_FILLSYNC_64_ASYNC, 0, 2},
    {BENCH_READRANDOM, 0, 2.5},     {BENCH_MULTIGET, 0, 2.5},
    {BENCH_READMISSING, 0, 3},      {BENCH_SCAN, 0, 3},
    {BENCH_READWHILEWRITING, 0, 2}, {BENCH_READWHILEWRITING_P99, 0, 2},
    {BENCH_DELETERANDOM, 0, 3},
};

// What no figure of ours may exceed.
static const struct {
    const char *text;
    enum figure figure;
    unsigned benches;
    double limit;
} limits[] = {
    {"written/put", FIGURE_WRITTEN_RATIO, 1u << BENCH_OVERWRITE, 6},
    {"on disk/live", FIGURE_SPACE_RATIO, 1u << BENCH_FILLRANDOM | 1u << BENCH_OVERWRITE, 1.2},
    {"worst operation, ms", FIGURE_WORST_MS, ~(1u << BENCH_FILLSYNC_64), 100},
    {"restart, s", FIGURE_MAIN, 1u << BENCH_RESTART, 5},
};

static struct row *find_row(struct report *report, const char *opponent,
                            const struct sample *sample)
{
    for (size_t i = 0; i < report->row_count; i++) {
        struct row *row = &report->rows[i];
        if (row->bench == sample->bench && row->value_size == sample->value_size &&
            row->opponent == opponent)
            return row;
    }
    assert(report->row_count < REPORT_ROWS_MAX);
    struct row *row = &report->rows[report->row_count++];
    row->bench = sample->bench;
    row->value_size = sample->value_size;
    row->opponent = opponent;
    return row;
}

void report_add(struct report *report, const char *opponent, enum side side,
                const struct sample *sample)
{
    struct row *row = find_row(report, opponent, sample);
    assert(row->runs[side] < REPORT_RUNS_MAX);
    for (int i = 0; i < FIGURE_COUNT; i++)
        row->figures[side][i][row->runs[side]] = sample->figures[i];
    row->runs[side]++;
}

static int compare(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

double report_median(const struct row *row, enum side side, enum figure figure)
{
    double sorted[REPORT_RUNS_MAX];
    size_t count = row->runs[side];
    memcpy(sorted, row->figures[side][figure], sizeof sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    return count ? (sorted[(count - 1) / 2] + sorted[count / 2]) / 2 : NAN;
}

double report_ratio(const struct row *row)
{
    double ours = report_median(row, SIDE_OURS, FIGURE_MAIN);
    double theirs = report_median(row, SIDE_THEIRS, FIGURE_MAIN);
    return bench_is_less_better(row->bench) ? theirs / ours : ours / theirs;
}

double report_wanted(const struct row *row)
{
    if (!strcmp(row->opponent, "leveldb"))
        return 1;
    if (strcmp(row->opponent, "rocksdb-tuned") != 0)
        return NAN;
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        if (targets[i].bench == row->bench &&
            (!targets[i].value_size || targets[i].value_size == row->value_size))
            return targets[i].ratio;
    return NAN;
}

static void write_number(FILE *out, const char *name, double number)
{
    if (isfinite(number))
        fprintf(out, ", \"%s\": %.6g", name, number);
    else
        fprintf(out, ", \"%s\": null", name);
}

static void write_object(const struct row *row, FILE *out)
{
    static const char *const sides[] = {"ours", "peer"};
    char name[64];
    fprintf(out, "{\"bench\": \"%s\", \"value_size\": %u, \"peer_name\": \"%s\"",
            bench_name(row->bench), row->value_size, row->opponent);
    fprintf(out, ", \"unit\": \"%s\", \"runs\": %u", bench_unit(row->bench), row->runs[SIDE_OURS]);
    for (int side = 0; side < SIDE_COUNT; side++)
        write_number(out, sides[side], report_median(row, (enum side)side, FIGURE_MAIN));
    write_number(out, "ratio", report_ratio(row));
    write_number(out, "wanted", report_wanted(row));
    for (int side = 0; side < SIDE_COUNT; side++) {
        for (int i = FIGURE_MAIN + 1; i < FIGURE_COUNT; i++) {
            double number = report_median(row, (enum side)side, (enum figure)i);
            snprintf(name, sizeof name, "%s_%s", sides[side], figure_name((enum figure)i));
            if (isfinite(number))
                write_number(out, name, number);
        }
    }
    fprintf(out, "}");
}

void report_write_json(const struct report *report, FILE *out)
{
    fprintf(out, "[\n");
    for (size_t i = 0; i < report->row_count; i++) {
        write_object(&report->rows[i], out);
        fprintf(out, i + 1 < report->row_count ? ",\n" : "\n");
    }
    fprintf(out, "]\n");
}

// A number as people read it: 1234567 is 1.23 M.
static void write_rate(double number, FILE *out)
{
    if (!isfinite(number))
        fprintf(out, " - |");
    else if (number >= 1e6)
        fprintf(out, " %.2f M |", number / 1e6);
    else if (number >= 1e4)
        fprintf(out, " %.0f k |", number / 1e3);
    else
        fprintf(out, " %.4g |", number);
}

static void write_ratios(const struct report *report, const char *opponent, FILE *out)
{
    fprintf(out,
            "| bench | value, bytes | unit | ours | %s | ratio | wanted | behind |\n"
            "|---|--:|---|--:|--:|--:|--:|---|\n",
            opponent);
    for (size_t i = 0; i < report->row_count; i++) {
        const struct row *row = &report->rows[i];
        if (row->opponent != opponent)
            continue;
        double ratio = report_ratio(row), wanted = report_wanted(row);
        fprintf(out, "| %s | %u | %s |", bench_name(row->bench), row->value_size,
                bench_unit(row->bench));
        write_rate(report_median(row, SIDE_OURS, FIGURE_MAIN), out);
        write_rate(report_median(row, SIDE_THEIRS, FIGURE_MAIN), out);
        if (isfinite(ratio))
            fprintf(out, " **%.2f** |", ratio);
        else
            fprintf(out, " - |");
        write_rate(wanted, out);
        fprintf(out, " %s |\n", ratio < wanted ? "behind" : "");
    }
}

static void write_pair(const struct row *row, FILE *out, enum figure figure, int precision)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        double number = report_median(row, (enum side)side, figure);
        fprintf(out, side ? " / " : " ");
        if (isfinite(number))
            fprintf(out, "%.*f", precision, number);
        else
            fprintf(out, "-");
    }
    fprintf(out, " |");
}

static void write_costs(const struct report *report, const char *opponent, FILE *out)
{
    fprintf(out,
            "| ours / %s | value, bytes | CPU, us/op | p99, us | worst, ms | written/put "
            "| on disk/live | settled in, s | memory, MiB |\n"
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
            opponent);
    for (size_t i = 0; i < report->row_count; i++) {
        const struct row *row = &report->rows[i];
        if (row->opponent != opponent || row->bench == BENCH_READWHILEWRITING_P99)
            continue;
        fprintf(out, "| %s | %u |", bench_name(row->bench), row->value_size);
        write_pair(row, out, FIGURE_CPU_US, 2);
        write_pair(row, out, FIGURE_P99_US, 1);
        write_pair(row, out, FIGURE_WORST_MS, 1);
        write_pair(row, out, FIGURE_WRITTEN_RATIO, 2);
        write_pair(row, out, FIGURE_SPACE_RATIO, 2);
        write_pair(row, out, FIGURE_SETTLE_S, 1);
        write_pair(row, out, FIGURE_RSS_MIB, 0);
        fprintf(out, "\n");
    }
}

// What is promised of ours alone.
static void write_limits(const struct report *report, FILE *out)
{
    fprintf(out, "| what | bench | value, bytes | limit | ours | behind |\n"
                 "|---|---|--:|--:|--:|---|\n");
    for (size_t i = 0; i < report->row_count; i++) {
        const struct row *row = &report->rows[i];
        if (i && row->opponent != report->rows[0].opponent && row->bench != BENCH_RESTART)
            continue;
        for (size_t j = 0; j < sizeof limits / sizeof *limits; j++) {
            double ours = report_median(row, SIDE_OURS, limits[j].figure);
            if (!(limits[j].benches & 1u << row->bench) || !isfinite(ours))
                continue;
            fprintf(out, "| %s | %s | %u | %g | %.2f | %s |\n", limits[j].text,
                    bench_name(row->bench), row->value_size, limits[j].limit, ours,
                    ours > limits[j].limit ? "behind" : "");
        }
    }
}

static bool is_first_of_opponent(const struct report *report, size_t index)
{
    size_t i = 0;
    while (report->rows[i].opponent != report->rows[index].opponent)
        i++;
    return i == index;
}

void report_write_table(const struct report *report, FILE *out)
{
    for (size_t i = 0; i < report->row_count; i++) {
        const char *opponent = report->rows[i].opponent;
        if (!is_first_of_opponent(report, i))
            continue;
        fprintf(out, "\n## Against %s\n\n", opponent);
        write_ratios(report, opponent, out);
        fprintf(out, "\n");
        write_costs(report, opponent, out);
    }
    fprintf(out, "\n## Limits\n\n");
    write_limits(report, out);
}
