/* SPDX-License-Identifier: MIT */
#ifndef FAULTS_H
#define FAULTS_H

/*
 * Makes the nth call fail that asks for memory or a descriptor. Include it in one file of a program
 * that is linked with --wrap for each of these functions (fault_link_args in meson.build).
 *
 *         FAULTS_FOR_EACH(n) {
 *                 r = what_is_tested();
 *                 if (faults_stop())
 *                         check what a failure must look like
 *                 else
 *                         break; it succeeded: nothing was left to fail
 *         }
 */

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>

static unsigned faults_remaining = UINT_MAX; /* calls that still succeed */
static bool faults_happened;

static inline void faults_start(unsigned n)
{
        faults_remaining = n;
        faults_happened = false;
}

/* Whether there was one since the start. */
static inline bool faults_stop(void)
{
        faults_remaining = UINT_MAX;
        return faults_happened;
}

static inline bool faults_is_now(int error)
{
        if (faults_remaining == UINT_MAX || faults_remaining-- > 0)
                return false;
        faults_remaining = UINT_MAX;
        faults_happened = true;
        errno = error;
        return true;
}

#define FAULTS_FOR_EACH(n) for (unsigned n = 0; faults_start(n), true; n++)

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
        return faults_is_now(ENOMEM) ? NULL : __real_malloc(size);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
        return faults_is_now(ENOMEM) ? NULL : __real_calloc(n, size);
}

int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __wrap_epoll_create1(int flags)
{
        return faults_is_now(EMFILE) ? -1 : __real_epoll_create1(flags);
}

int __real_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
        if (operation == EPOLL_CTL_ADD && faults_is_now(ENOSPC))
                return -1;
        return __real_epoll_ctl(epoll_fd, operation, fd, event);
}

int __real_timerfd_create(int clock, int flags);
int __wrap_timerfd_create(int clock, int flags);
int __wrap_timerfd_create(int clock, int flags)
{
        return faults_is_now(EMFILE) ? -1 : __real_timerfd_create(clock, flags);
}

int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags)
{
        return faults_is_now(EMFILE) ? -1 : __real_eventfd(count, flags);
}

int __real_signalfd(int fd, const sigset_t *set, int flags);
int __wrap_signalfd(int fd, const sigset_t *set, int flags);
int __wrap_signalfd(int fd, const sigset_t *set, int flags)
{
        return faults_is_now(EMFILE) ? -1 : __real_signalfd(fd, set, flags);
}

#endif
