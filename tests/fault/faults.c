/* SPDX-License-Identifier: MIT */

/* See faults.h. Each function is called by the library in the place of libc's, which is
 * __real_... */

#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

static struct {
        enum fault fault;
        unsigned n_before, step; /* calls that succeed before the next one that fails */
        unsigned n_happened;
        bool is_armed;
} faults;

void faults_arm(enum fault fault, unsigned n)
{
        faults.fault = fault;
        faults.n_before = n;
        faults.step = 0;
        faults.n_happened = 0;
        faults.is_armed = true;
}

void faults_arm_from(enum fault fault, unsigned n)
{
        faults_arm(fault, n);
        faults.step = 1;
}

void faults_arm_every(enum fault fault, unsigned step)
{
        faults_arm(fault, step - 1);
        faults.step = step;
}

unsigned faults_disarm(void)
{
        faults.is_armed = false;
        return faults.n_happened;
}

static bool is_now(enum fault fault)
{
        if (!faults.is_armed || faults.fault != fault || faults.n_before-- > 0)
                return false;
        faults.n_happened++;
        if (faults.step > 0)
                faults.n_before = faults.step - 1;
        else
                faults.is_armed = false;
        return true;
}

static bool fails(enum fault fault, int error)
{
        bool is_failing = is_now(fault);

        if (is_failing)
                errno = error;
        return is_failing;
}

/* --- memory ----------------------------------------------------------------------------------- */

#define WRAP(result, name, ...)            \
        result __real_##name(__VA_ARGS__); \
        result __wrap_##name(__VA_ARGS__); \
        result __wrap_##name(__VA_ARGS__)

WRAP(void *, malloc, size_t size)
{
        return fails(FAULT_MEMORY, ENOMEM) ? NULL : __real_malloc(size);
}

WRAP(void *, calloc, size_t n, size_t size)
{
        return fails(FAULT_MEMORY, ENOMEM) ? NULL : __real_calloc(n, size);
}

WRAP(char *, strdup, const char *text)
{
        return fails(FAULT_MEMORY, ENOMEM) ? NULL : __real_strdup(text);
}

WRAP(char *, strndup, const char *text, size_t size)
{
        return fails(FAULT_MEMORY, ENOMEM) ? NULL : __real_strndup(text, size);
}

/* asprintf(3) itself cannot be handed on its arguments. */
int vasprintf(char **ret_text, const char *format, va_list arguments);
int __wrap_asprintf(char **ret_text, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_asprintf(char **ret_text, const char *format, ...)
{
        va_list arguments;
        int r;

        if (fails(FAULT_MEMORY, ENOMEM))
                return -1;
        va_start(arguments, format);
        r = vasprintf(ret_text, format, arguments);
        va_end(arguments);
        return r;
}

/* --- descriptors ------------------------------------------------------------------------------ */

WRAP(int, socket, int domain, int type, int protocol)
{
        return fails(FAULT_DESCRIPTORS, EMFILE) ? -1 : __real_socket(domain, type, protocol);
}

WRAP(int, epoll_create1, int flags)
{
        return fails(FAULT_DESCRIPTORS, EMFILE) ? -1 : __real_epoll_create1(flags);
}

WRAP(int, epoll_ctl, int epoll_fd, int operation, int fd, struct epoll_event *event)
{
        if (operation == EPOLL_CTL_ADD && fails(FAULT_DESCRIPTORS, ENOSPC))
                return -1;
        return __real_epoll_ctl(epoll_fd, operation, fd, event);
}

WRAP(int, timerfd_create, int clock, int flags)
{
        return fails(FAULT_DESCRIPTORS, EMFILE) ? -1 : __real_timerfd_create(clock, flags);
}

WRAP(int, eventfd, unsigned count, int flags)
{
        return fails(FAULT_DESCRIPTORS, EMFILE) ? -1 : __real_eventfd(count, flags);
}

/* Of its commands the library duplicates, which is what fails, and reads and sets flags. */
int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...)
{
        va_list arguments;
        long argument;

        va_start(arguments, command);
        argument = command == F_GETFL || command == F_GETFD ? 0 : va_arg(arguments, long);
        va_end(arguments);
        if (command == F_DUPFD_CLOEXEC && fails(FAULT_DESCRIPTORS, EMFILE))
                return -1;
        return __real_fcntl64(fd, command, argument);
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
        va_list arguments;
        unsigned mode;

        va_start(arguments, flags);
        mode = flags & O_CREAT ? va_arg(arguments, unsigned) : 0;
        va_end(arguments);
        return fails(FAULT_DESCRIPTORS, EMFILE) ? -1 : __real_open64(path, flags, mode);
}

/* --- what reads, writes and waits ------------------------------------------------------------- */

WRAP(int, accept4, int fd, struct sockaddr *address, socklen_t *size, int flags)
{
        if (fails(FAULT_DESCRIPTORS, EMFILE) || fails(FAULT_INTERRUPTION, EINTR) ||
            fails(FAULT_NOTHING_YET, EAGAIN))
                return -1;
        return __real_accept4(fd, address, size, flags);
}

WRAP(int, flock, int fd, int operation)
{
        return fails(FAULT_INTERRUPTION, EINTR) ? -1 : __real_flock(fd, operation);
}

WRAP(int, epoll_wait, int epoll_fd, struct epoll_event *events, int max_events, int timeout_ms)
{
        if (fails(FAULT_INTERRUPTION, EINTR))
                return -1;
        return __real_epoll_wait(epoll_fd, events, max_events, timeout_ms);
}

/* The first byte of the first piece that has one. */
static struct iovec first_byte(const struct iovec *pieces, size_t n_pieces)
{
        for (size_t i = 0; i < n_pieces; i++)
                if (pieces[i].iov_len > 0)
                        return (struct iovec){pieces[i].iov_base, 1};
        return (struct iovec){NULL, 0};
}

WRAP(ssize_t, recvmsg, int fd, struct msghdr *message, int flags)
{
        struct iovec *pieces = message->msg_iov, byte = first_byte(pieces, message->msg_iovlen);
        size_t n_pieces = message->msg_iovlen;
        ssize_t n;

        if (fails(FAULT_INTERRUPTION, EINTR) || fails(FAULT_NOTHING_YET, EAGAIN))
                return -1;
        if (!is_now(FAULT_SHORT))
                return __real_recvmsg(fd, message, flags);
        message->msg_iov = &byte;
        message->msg_iovlen = 1;
        n = __real_recvmsg(fd, message, flags);
        message->msg_iov = pieces;
        message->msg_iovlen = n_pieces;
        return n;
}

WRAP(ssize_t, sendmsg, int fd, const struct msghdr *message, int flags)
{
        struct msghdr shorter = *message;
        struct iovec byte = first_byte(message->msg_iov, message->msg_iovlen);

        if (fails(FAULT_INTERRUPTION, EINTR) || fails(FAULT_NOTHING_YET, EAGAIN) ||
            fails(FAULT_NO_ROOM, ENOBUFS))
                return -1;
        if (!is_now(FAULT_SHORT))
                return __real_sendmsg(fd, message, flags);
        shorter.msg_iov = &byte;
        shorter.msg_iovlen = 1;
        return __real_sendmsg(fd, &shorter, flags);
}
