/// Linux calls that Swift's Glibc module does not show: variadic functions, and headers that it leaves out.
#pragma once

#include <stddef.h>
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

/// How many bytes the kernel has received over an established TCP connection of this local port; -1: it is something else.
int64_t clinux_tcp_received(int descriptor, uint16_t port);

/// Writes the other end's address and port as text. Returns 0, or -1: there is none.
int clinux_tcp_peer(int descriptor, char *text, size_t size);
