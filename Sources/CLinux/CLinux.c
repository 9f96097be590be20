#define _GNU_SOURCE
#include "CLinux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int clinux_eventfd(void) {
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

int clinux_become_subreaper(void) {
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

int clinux_child_signalfd(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int clinux_fork(void) {
    return fork();
}

int clinux_pipe(int ends[2]) {
    return pipe2(ends, O_CLOEXEC);
}

int clinux_spawn_closes_from(void *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

int clinux_forbid_dumps(void) {
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static int argument_count;
static char **arguments;

/// glibc hands the process's own words to constructors; Swift keeps copies only.
__attribute__((constructor)) static void remember_arguments(int count, char **words) {
    argument_count = count;
    arguments = words;
}

void clinux_hide_argument(const char *text) {
    for (int i = 1; i < argument_count; i++)
        if (strcmp(arguments[i], text) == 0) memset(arguments[i], '*', strlen(arguments[i]));
}

/// Takes capabilities away: the inheritable ones, and all of them when `all` is set.
static int drop_capabilities(int all) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2];
    memset(sets, 0, sizeof sets);
    if (!all && syscall(SYS_capget, &header, sets) != 0) return -1;
    sets[0].inheritable = sets[1].inheritable = 0;
    header.pid = 0;
    return (int)syscall(SYS_capset, &header, sets);
}

static int become(const clinux_identity *identity) {
    if (identity->drops_capabilities) {
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return -1;
        if (drop_capabilities(0) != 0) return -1;
    }
    if (identity->switches_user) {
        if (setgroups(identity->group_count, identity->groups) != 0) return -1;
        if (setresgid(identity->gid, identity->gid, identity->gid) != 0) return -1;
        if (setresuid(identity->uid, identity->uid, identity->uid) != 0) return -1;
    }
    // A root program gets its capabilities back by being executed; nobody else does.
    if (identity->drops_capabilities && geteuid() != 0 && drop_capabilities(1) != 0) return -1;
    if (identity->forbids_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
    return 0;
}

/// Moves a descriptor above all that have a place of their own; -1 stays -1.
static int moved(int descriptor) {
    return descriptor < 0 ? -1 : fcntl(descriptor, F_DUPFD_CLOEXEC, 32);
}

static void report(int failure, int step) {
    int message[2] = {errno, step};
    ssize_t ignored = write(failure, message, sizeof message);  // A parent that is gone needs no news.
    (void)ignored;
    _exit(127);
}

static void run(const clinux_program *program, int failure) {
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int out = moved(program->out), err = moved(program->err), copy = moved(program->copy);
    failure = moved(failure);
    setsid();
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) report(failure, CLINUX_STEP_DESCRIPTORS);
    if (copy >= 0 && dup2(copy, CLINUX_COPY_DESCRIPTOR) < 0) report(failure, CLINUX_STEP_DESCRIPTORS);
    // The one that tells of failures closes by itself.
    int kept = dup3(failure, CLINUX_COPY_DESCRIPTOR + 1, O_CLOEXEC);
    if (kept < 0) report(failure, CLINUX_STEP_DESCRIPTORS);
    close_range(3, CLINUX_COPY_DESCRIPTOR - (copy >= 0 ? 1 : 0), 0);
    close_range((unsigned)kept + 1, ~0U, 0);
    if (become(&program->identity) != 0) report(kept, CLINUX_STEP_IDENTITY);
    for (int tries = 0; tries < 25; tries++) {
        execve(program->path, program->arguments, program->environment);
        // Another process that is just being started may hold a copy of the file open for writing, for an instant.
        if (errno != ETXTBSY) break;
        usleep(20000);
    }
    report(kept, CLINUX_STEP_EXECUTE);
}

int clinux_spawn(const clinux_program *program, pid_t *pid, int *step) {
    int ends[2];
    *step = CLINUX_STEP_DESCRIPTORS;
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
    *pid = fork();
    if (*pid == 0) run(program, ends[1]);
    int error = *pid < 0 ? errno : 0;
    close(ends[1]);
    if (*pid > 0) {
        int message[2];
        ssize_t count;
        do count = read(ends[0], message, sizeof message);
        while (count < 0 && errno == EINTR);
        if (count == (ssize_t)sizeof message) {
            error = message[0];
            *step = message[1];
            waitpid(*pid, NULL, 0);
        }
    }
    close(ends[0]);
    return error;
}

int64_t clinux_tcp_received(int descriptor, uint16_t port) {
    struct sockaddr_storage own;
    socklen_t length = sizeof own;
    if (getsockname(descriptor, (struct sockaddr *)&own, &length) != 0) return -1;
    uint16_t local = own.ss_family == AF_INET    ? ((struct sockaddr_in *)&own)->sin_port
                     : own.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&own)->sin6_port
                                                 : 0;
    if (ntohs(local) != port || local == 0) return -1;
    const int established = 1;  // Of the kernel's states; no header for programs names them beside struct tcp_info.
    struct tcp_info info;
    length = sizeof info;
    if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return -1;
    if (info.tcpi_state != established || length < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received)
        return -1;
    return (int64_t)info.tcpi_bytes_received;
}

int clinux_tcp_peer(int descriptor, char *text, size_t size) {
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    if (getpeername(descriptor, (struct sockaddr *)&peer, &length) != 0) return -1;
    char address[46], port[6];
    if (getnameinfo((struct sockaddr *)&peer, length, address, sizeof address, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return -1;
    return snprintf(text, size, "%s:%s", address, port) < (int)size ? 0 : -1;
}
