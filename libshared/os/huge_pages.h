// huge_pages.h - base/pages.h on Linux: huge pages where the system has them.
#pragma once

#include "base/pages.h"

extern const struct pages huge_pages;
