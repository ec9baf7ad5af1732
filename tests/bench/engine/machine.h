// machine.h - where and with what it was measured, for the report.
#pragma once

#include "base/buf.h"

// Lines of Markdown: processor, memory, kernel, file system of `dir`, date.
void machine_describe(const char *dir, struct buf *out);

// The file that a symbol was loaded from, which has the version in its name.
void machine_describe_library(const char *symbol, struct buf *out);
bool machine_has_symbol(const char *symbol);
