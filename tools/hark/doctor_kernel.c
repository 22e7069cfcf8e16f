/* SPDX-License-Identifier: MIT */
/* hark doctor: what the kernel, or a sandbox, lets a process have. See finding.h. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "finding.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

#define QUEUE_MESSAGES 10 /* of a server at mq: */
#define QUEUE_SIZE     8192

static enum verdict found_fd(char *found, size_t size, int fd, enum verdict otherwise)
{
        if (fd < 0)
                return found_error(found, size, errno, otherwise);
        close(fd);
        return found_good(found, size, "there");
}

enum verdict look_at_unix_sockets(char *found, size_t size)
{
        return found_fd(found, size, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), VERDICT_BAD);
}

enum verdict look_at_pidfd(char *found, size_t size)
{
        return found_fd(found, size, (int)syscall(SYS_pidfd_open, getpid(), 0), VERDICT_BETTER);
}

enum verdict look_at_memfd(char *found, size_t size)
{
        return found_fd(found, size, memfd_create("hark-doctor", MFD_CLOEXEC), VERDICT_BETTER);
}

enum verdict look_at_peer_pidfd(char *found, size_t size)
{
        int sockets[2], pidfd = -1;
        socklen_t pidfd_size = sizeof(pidfd);
        enum verdict verdict;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
                return found_error(found, size, errno, VERDICT_BETTER);
        if (getsockopt(sockets[0], SOL_SOCKET, SO_PEERPIDFD, &pidfd, &pidfd_size) < 0)
                pidfd = -1;
        verdict = found_fd(found, size, pidfd, VERDICT_BETTER);
        close(sockets[0]);
        close(sockets[1]);
        return verdict;
}

/* --- queues ----------------------------------------------------------------------------------- */

/* What is wanted, or the limit of that name. */
static long at_most(const char *name, long wanted)
{
        struct hark_transport_limit limit;

        for (size_t i = 0; hark_transport_limit_get("mq", i, &limit) == 0; i++)
                if (strcmp(limit.name, name) == 0 && limit.value < (uint64_t)wanted)
                        return (long)limit.value;
        return wanted;
}

/* Makes a queue as a server does, and takes its name away at once. Returns 0, -errno. */
static int try_queue(long n_messages, long message_size)
{
        struct mq_attr attributes = {.mq_maxmsg = n_messages, .mq_msgsize = message_size};
        char name[32];
        mqd_t queue;

        (void)snprintf(name, sizeof(name), "/hark-doctor-%ld", (long)getpid());
        queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
        if (queue < 0)
                return -errno;
        (void)mq_unlink(name);
        mq_close(queue);
        return 0;
}

enum verdict look_at_queues(char *found, size_t size)
{
        long n_messages = at_most("fs.mqueue.msg_max", QUEUE_MESSAGES);
        long message_size = at_most("fs.mqueue.msgsize_max", QUEUE_SIZE);
        int r;

        if (try_queue(n_messages, message_size) == 0)
                return found_good(found, size, "a server's can be made");
        r = try_queue(n_messages, message_size / 8);
        if (r == 0) {
                (void)snprintf(found, size,
                               "a server's can be made, but smaller than it should be");
                return VERDICT_BETTER;
        }
        if (r == -EMFILE) {
                (void)snprintf(found, size,
                               "none can be made: this user's have used up what it may");
                return VERDICT_BAD;
        }
        return found_error(found, size, -r, VERDICT_BAD);
}

/* --- namespaces ------------------------------------------------------------------------------- */

/* In a child, for a process does not come back from one. Returns 0, an errno. */
static int try_namespaces(int flags)
{
        int status;
        pid_t pid = fork();

        if (pid < 0)
                return errno;
        if (pid == 0)
                _exit(unshare(flags) == 0 ? 0 : errno);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static enum verdict look_at_namespaces(char *found, size_t size, int flags)
{
        int error = try_namespaces(flags);

        if (error != 0)
                return found_error(found, size, error, VERDICT_BETTER);
        return found_good(found, size, "can be made");
}

enum verdict look_at_user_namespaces(char *found, size_t size)
{
        return look_at_namespaces(found, size, CLONE_NEWUSER);
}

enum verdict look_at_network_namespaces(char *found, size_t size)
{
        return look_at_namespaces(found, size, CLONE_NEWUSER | CLONE_NEWNET);
}
