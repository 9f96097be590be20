/// Linux calls that Swift's Glibc module does not show: variadic functions, and headers that it leaves out.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

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

/// Keeps this process out of core files, and its memory and environment from other processes of its user. Returns 0, or -1
/// with errno.
int clinux_forbid_dumps(void);

/// Overwrites each of this process's arguments that is this text with stars: no listing of processes shows it from now on.
void clinux_hide_argument(const char *text);

/// As whom a program runs.
typedef struct {
    /// Ambient and inheritable capabilities go; without root, all.
    int drops_capabilities;
    /// No program below it gains privileges by being executed: sudo and its like fail.
    int forbids_new_privileges;
    /// uid, gid and groups are set; otherwise they stay.
    int switches_user;
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t group_count;
} clinux_identity;

/// What is executed, and what it gets.
typedef struct {
    const char *path;
    char *const *arguments;
    char *const *environment;
    int out;
    int err;
    /// Open for reading; becomes CLINUX_COPY_DESCRIPTOR of the program; -1: none.
    int copy;
    clinux_identity identity;
} clinux_program;

/// Where a program finds the copy that it is run from: /proc/self/fd/9.
#define CLINUX_COPY_DESCRIPTOR 9

/// What failed before a program could begin.
#define CLINUX_STEP_DESCRIPTORS 0
#define CLINUX_STEP_IDENTITY 1
#define CLINUX_STEP_EXECUTE 2

/// Starts a program in a session of its own, with default signals, /dev/null as its input and no descriptor but the named
/// ones. Only for a process without threads. Returns 0, or the number of the error and at which step it came.
int clinux_spawn(const clinux_program *program, pid_t *pid, int *step);

/// How many bytes the kernel has received over an established TCP connection of this local port; -1: it is something else.
int64_t clinux_tcp_received(int descriptor, uint16_t port);

/// Writes the other end's address and port as text. Returns 0, or -1: there is none.
int clinux_tcp_peer(int descriptor, char *text, size_t size);
