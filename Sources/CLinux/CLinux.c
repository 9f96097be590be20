#define _GNU_SOURCE
#include "CLinux.h"

#include <sys/eventfd.h>
#include <sys/prctl.h>

int clinux_eventfd(void) {
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

int clinux_become_subreaper(void) {
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}
