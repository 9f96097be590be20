/// Linux calls that Swift's Glibc module does not show: variadic functions, and headers that it leaves out.
#pragma once

#include <stdint.h>

/// An event counter that wakes a poll; close-on-exec and non-blocking. Returns the descriptor, or -1 with errno.
int clinux_eventfd(void);

/// Makes this process the new parent of its orphaned descendants. Returns 0, or -1 with errno.
int clinux_become_subreaper(void);

/// Blocks SIGCHLD for this process and returns a non-blocking, close-on-exec descriptor that reads it; -1 with errno.
int clinux_child_signalfd(void);

/// fork(2), which Swift refuses to show. Only for a process without threads.
int clinux_fork(void);

/// pipe2(2) with close-on-exec. Returns 0, or -1 with errno.
int clinux_pipe(int ends[2]);

/// Lets the spawned program have no descriptor from `first` on. `actions` is a `posix_spawn_file_actions_t *`.
int clinux_spawn_closes_from(void *actions, int first);
