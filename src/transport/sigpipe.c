/* SPDX-License-Identifier: MIT */

/*
 * See sigpipe.h. Where the kernel lacks the flag: SIGPIPE is blocked in this thread around the
 * write; if the write raised one, it is taken out of the pending signals before they are let in
 * again.
 * SIGPIPE is sent to the thread that wrote, so no other thread can take it, and one that was
 * pending before is left alone: two pending ones are one.
 */

#include "transport/sigpipe.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x00000100 /* linux/fs.h of 6.18; not in Debian 12's headers */
#endif

static ssize_t write_retrying(int fd, const struct iovec *iov, unsigned n_iov)
{
        ssize_t n;

        do {
                n = writev(fd, iov, (int)n_iov);
        } while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

static ssize_t write_with_flag(int fd, const struct iovec *iov, unsigned n_iov)
{
        ssize_t n;

        do {
                n = pwritev2(fd, iov, (int)n_iov, -1, RWF_NOSIGNAL);
        } while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

static bool is_pending(int signo)
{
        sigset_t pending;

        return sigpending(&pending) == 0 && sigismember(&pending, signo) == 1;
}

/* Takes the pending signals of the set; there is one, so this does not wait. */
static void take_pending(const sigset_t *set)
{
        const struct timespec no_time = {0, 0};
        int signo;

        do {
                signo = sigtimedwait(set, NULL, &no_time);
        } while (signo < 0 && errno == EINTR);
}

static ssize_t write_with_mask(int fd, const struct iovec *iov, unsigned n_iov)
{
        bool was_pending = is_pending(SIGPIPE);
        sigset_t sigpipe, previous;
        ssize_t n;

        (void)sigemptyset(&sigpipe);
        (void)sigaddset(&sigpipe, SIGPIPE);
        (void)pthread_sigmask(SIG_BLOCK, &sigpipe, &previous);
        n = write_retrying(fd, iov, n_iov);
        if (n == -EPIPE && !was_pending)
                take_pending(&sigpipe);
        (void)pthread_sigmask(SIG_SETMASK, &previous, NULL);
        return n;
}

ssize_t hark_writev_no_signal(int fd, const struct iovec *iov, unsigned n_iov, bool *has_no_flag)
{
        ssize_t n = -EOPNOTSUPP;

        if (!*has_no_flag)
                n = write_with_flag(fd, iov, n_iov);
        if (n != -EOPNOTSUPP && n != -ENOSYS && n != -EINVAL)
                return n;
        *has_no_flag = true;
        return write_with_mask(fd, iov, n_iov);
}
