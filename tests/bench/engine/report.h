// report.h - what was measured, by bench and opponent: medians, ratios, targets.
//
// A row is one bench against one opponent. Ours was measured for each opponent anew, in
// turns with it.
#pragma once

#include "bench/engine/sample.h"

#include <stdbool.h>
#include <stdio.h>

enum { REPORT_RUNS_MAX = 9, REPORT_ROWS_MAX = 128 };

enum side { SIDE_OURS, SIDE_THEIRS, SIDE_COUNT };

struct row {
    enum bench bench;
    uint32_t value_size;
    const char *opponent; // "ours": ours alone
    unsigned runs[SIDE_COUNT];
    double figures[SIDE_COUNT][FIGURE_COUNT][REPORT_RUNS_MAX];
};

struct report {
    struct row rows[REPORT_ROWS_MAX];
    size_t row_count;
};

void report_add(struct report *report, const char *opponent, enum side side,
                const struct sample *sample);

double report_median(const struct row *row, enum side side, enum figure figure); // NAN: none
double report_ratio(const struct row *row);  // > 1: ours is better; NAN: nothing to compare
double report_wanted(const struct row *row); // the ratio that is our target; NAN: none

void report_write_json(const struct report *report, FILE *out);
void report_write_table(const struct report *report, FILE *out); // Markdown
