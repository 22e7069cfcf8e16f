/* SPDX-License-Identifier: MIT */

/*
 * See mq_queue.h.
 *
 * Two servers that find the same stale queue are kept apart by a lock that is held while one takes
 * it. Whoever may write to a queue could hold that lock for good: then the stale queue is unlinked
 * after a second, and made anew.
 */

#include "transport/mq_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "transport/limits.h"
#include "transport/reader_mark.h"

#define FLAGS (O_NONBLOCK | O_CLOEXEC)

#define BYTE_OF_TAKING 2 /* of the locks, behind those of reader_mark.h */
#define TAKE_MS        1000
#define NAP_NS         2000000

/* A client that has just made its queue has not shown yet that it lives. */
#define YOUNG_S 10

struct measure {
        long n_messages, message_size;
};

static const struct measure server_measure = {10, HARK_MQ_SIZE_MAX};
static const struct measure client_measure = {4, 1024};

/* --- limits ----------------------------------------------------------------------------------- */

/* What a file below /proc/sys/fs/mqueue says; where it cannot be read, what the kernel begins with. */
static long read_limit(const char *path, long usual)
{
        uint64_t value[HARK_SYSCTL_NUMBERS];

        return hark_sysctl_read(path, value) > 0 && value[0] > 0 && value[0] < LONG_MAX
                       ? (long)value[0]
                       : usual;
}

static long smaller(long a, long b)
{
        return a < b ? a : b;
}

static struct measure allowed_measure(const struct measure *wanted)
{
        return (struct measure){
                .n_messages =
                        smaller(wanted->n_messages, read_limit("/proc/sys/fs/mqueue/msg_max", 10)),
                .message_size = smaller(wanted->message_size,
                                        read_limit("/proc/sys/fs/mqueue/msgsize_max", 8192)),
        };
}

static bool has_descriptors(void)
{
        hark_cleanup(hark_closep) int fd = open("/", O_PATH | O_CLOEXEC);

        return fd >= 0;
}

/* Says which it was, and returns it: the kernel has one error for two of them. */
static int log_limit(hark_loop *loop, const char *name, int error)
{
        const char *advice = "see mq_overview(7)";

        if (error == -EMFILE && has_descriptors())
                error = -EDQUOT;
        if (error == -EMFILE)
                advice = "this process has no descriptor left: raise RLIMIT_NOFILE (ulimit -n)";
        else if (error == -EDQUOT)
                advice = "the queues of this user have used up RLIMIT_MSGQUEUE: raise it (ulimit "
                         "-q, LimitMSGQUEUE=), or have fewer connections";
        else if (error == -ENOSPC)
                advice = "there are as many queues as may be: raise fs.mqueue.queues_max (sysctl)";
        else if (error == -EINVAL)
                advice = "fs.mqueue.msg_max or fs.mqueue.msgsize_max is too low: raise it (sysctl)";
        hark_log(hark_loop_log(loop), LOG_ERR, "no queue mq:%s: %s", name, advice);
        return error;
}

/* --- making ----------------------------------------------------------------------------------- */

/* As large as wanted and allowed, or half of it, down to an eighth. */
static int make(const char *name, int access, mode_t mode, const struct measure *wanted)
{
        struct measure measure = allowed_measure(wanted);
        int fd = -1;

        for (int i = 0; i < 4; i++) {
                struct mq_attr attributes = {.mq_maxmsg = measure.n_messages,
                                             .mq_msgsize = measure.message_size};

                fd = mq_open(name, access | O_CREAT | O_EXCL | FLAGS, mode, &attributes);
                if (fd >= 0 || errno != EMFILE)
                        break;
                measure.message_size /= 2;
        }
        return fd < 0 ? -errno : fd;
}

static int open_own(const char *name, struct stat *ret_status)
{
        hark_cleanup(hark_closep) int fd = mq_open(name, O_RDWR | FLAGS);

        if (fd < 0)
                return errno == EACCES ? -EADDRINUSE : -errno;
        if (fstat(fd, ret_status) < 0)
                return -errno;
        return ret_status->st_uid == geteuid() ? HARK_TAKE_FD(fd) : -EADDRINUSE;
}

/* --- the server's ----------------------------------------------------------------------------- */

static int lock_taking(int fd, short type)
{
        struct flock lock = {
                .l_type = type, .l_whence = SEEK_SET, .l_start = BYTE_OF_TAKING, .l_len = 1};

        return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

static bool is_unlinked(int fd)
{
        struct stat status;

        return fstat(fd, &status) == 0 && status.st_nlink == 0;
}

/* With the lock held. 0; -EADDRINUSE: it lives; -EAGAIN: it is not what the name leads to any
 * more. */
static int adopt(int fd, mode_t mode)
{
        int r;

        if (hark_reader_is_shown(fd))
                return -EADDRINUSE;
        if (is_unlinked(fd))
                return -EAGAIN;
        if (fchmod(fd, mode) < 0)
                return -errno;
        r = hark_reader_show(fd);
        return r < 0 ? r : hark_reader_mark(fd);
}

static int try_to_adopt(int fd, mode_t mode)
{
        int r = lock_taking(fd, F_WRLCK);

        if (r < 0)
                return hark_reader_is_shown(fd) ? -EADDRINUSE : -EAGAIN;
        r = adopt(fd, mode);
        (void)lock_taking(fd, F_UNLCK);
        return r;
}

/* Returns it; -EAGAIN: another try may do. */
static int try_to_take(const char *name, mode_t mode)
{
        struct stat status;
        hark_cleanup(hark_closep) int fd = open_own(name, &status);
        int r;

        if (fd == -ENOENT)
                fd = make(name, O_RDWR, mode, &server_measure);
        if (fd < 0)
                return fd == -EEXIST || fd == -ENOENT ? -EAGAIN : fd;
        r = try_to_adopt(fd, mode);
        return r < 0 ? r : HARK_TAKE_FD(fd);
}

int hark_mq_take(hark_loop *loop, const char *name, mode_t mode)
{
        uint64_t deadline_ns = hark_deadline_ns(TAKE_MS);
        const struct timespec nap = {0, NAP_NS};
        bool is_anew = false;
        int r;

        while ((r = try_to_take(name, mode)) == -EAGAIN) {
                if (hark_now_ns() < deadline_ns) {
                        (void)nanosleep(&nap, NULL);
                        continue;
                }
                if (is_anew)
                        return -EBUSY;
                is_anew = true;
                (void)mq_unlink(name);
        }
        if (r < 0 && r != -EADDRINUSE)
                return log_limit(loop, name, r);
        return r;
}

/* --- the clients' ----------------------------------------------------------------------------- */

static int client_name(const char *name, unsigned number, char ret_name[HARK_MQ_NAME])
{
        int size = snprintf(ret_name, HARK_MQ_NAME, "%s.r%u", name, number);

        return size < HARK_MQ_NAME ? 0 : -ENAMETOOLONG;
}

bool hark_mq_is_client(const char *name, const char *client)
{
        size_t size = strlen(name);
        const char *number = client + size + 2;

        return strncmp(client, name, size) == 0 && strncmp(client + size, ".r", 2) == 0 &&
               *number && strlen(number) <= 4 && number[strspn(number, "0123456789")] == '\0';
}

static bool is_young(int fd)
{
        struct stat status;

        return fstat(fd, &status) == 0 && status.st_ctime + YOUNG_S >= time(NULL);
}

/* Unlinks it if it is dead; of one that is not to be disturbed while it is being made, only if it
 * is old enough. */
static void unlink_dead(const char *name, bool may_be_young)
{
        hark_cleanup(hark_closep) int fd = mq_open(name, O_WRONLY | FLAGS);

        if (fd >= 0 && !hark_reader_is_shown(fd) && (may_be_young || !is_young(fd)))
                (void)mq_unlink(name);
}

void hark_mq_sweep(const char *name)
{
        char client[HARK_MQ_NAME];

        for (unsigned i = 0; i < HARK_MQ_CLIENTS && client_name(name, i, client) == 0; i++)
                unlink_dead(client, true);
}

static int show_client(int fd, mode_t mode)
{
        int r = hark_reader_show(fd);

        if (r == 0)
                r = hark_reader_mark(fd);
        if (r == 0 && fchmod(fd, mode) < 0)
                r = -errno;
        return r;
}

/* Returns it; -EEXIST: this number is not free. */
static int try_to_make(const char *name, mode_t mode)
{
        hark_cleanup(hark_closep) int fd = make(name, O_RDONLY, 0600, &client_measure);
        int r;

        if (fd < 0)
                return fd;
        r = show_client(fd, mode);
        if (r == 0)
                return HARK_TAKE_FD(fd);
        (void)mq_unlink(name);
        return r;
}

int hark_mq_make(hark_loop *loop, const char *name, uid_t writer, char ret_name[HARK_MQ_NAME])
{
        mode_t mode = writer == geteuid() || writer == 0 ? 0600 : 0622;
        int r = -EEXIST;

        for (unsigned i = 0; i < HARK_MQ_CLIENTS && r == -EEXIST; i++) {
                r = client_name(name, i, ret_name);
                if (r < 0)
                        return r;
                r = try_to_make(ret_name, mode);
                if (r != -EEXIST)
                        break;
                unlink_dead(ret_name, false); /* for the next that comes */
        }
        if (r == -EEXIST) {
                hark_log(hark_loop_log(loop), LOG_ERR, "mq:%s has as many clients as it may: %d",
                         name, HARK_MQ_CLIENTS);
                return -EDQUOT;
        }
        return r < 0 ? log_limit(loop, ret_name, r) : r;
}

int hark_mq_open_to_leave(const char *name, uid_t *ret_owner)
{
        hark_cleanup(hark_closep) int fd = mq_open(name, O_WRONLY | FLAGS);
        struct stat status;

        if (fd < 0 || fstat(fd, &status) < 0)
                return -errno;
        *ret_owner = status.st_uid;
        return HARK_TAKE_FD(fd);
}

int hark_mq_open(const char *name, uid_t *ret_owner)
{
        uid_t owner;
        hark_cleanup(hark_closep) int fd = hark_mq_open_to_leave(name, &owner);

        if (fd < 0)
                return fd;
        if (!hark_reader_is_shown(fd))
                return -ECONNREFUSED;
        *ret_owner = owner;
        return HARK_TAKE_FD(fd);
}

size_t hark_mq_message_size(int fd)
{
        struct mq_attr attributes;

        return mq_getattr(fd, &attributes) == 0 ? (size_t)attributes.mq_msgsize : 0;
}
