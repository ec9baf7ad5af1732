// settings_file.h - the text of dkv.conf.
#pragma once

#include "base/buf.h"
#include "base/fault.h"

// Reads it. NOT_FOUND, INVALID (another may write it, or it is too long), IO; the fault says what
// helps.
enum status settings_file_read(const char *path, struct buf *text, struct fault *fault) MUST_USE;
