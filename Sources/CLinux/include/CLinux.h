/// Linux calls that Swift's Glibc module does not show: variadic functions, and headers that it leaves out.
#pragma once

#include <stdint.h>

/// An event counter that wakes a poll; close-on-exec and non-blocking. Returns the descriptor, or -1 with errno.
int clinux_eventfd(void);

/// Makes this process the new parent of its orphaned descendants. Returns 0, or -1 with errno.
int clinux_become_subreaper(void);
