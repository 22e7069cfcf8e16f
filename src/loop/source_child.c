/* SPDX-License-Identifier: MIT */

/*
 * Children, by pidfd. A child is reaped when its callback runs, not when it ends: until the user
 * knows of the end, the pid is still this child's and may be sent a signal.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "loop/internal.h"

#define UNKNOWN_STATUS (-1) /* somebody else reaped it */
#define CORE_FLAG      0x80 /* WCOREDUMP() of waitpid(2) looks for it */

struct child_source {
        struct hark_source source;
        struct hark_io io;
        hark_on_child *on_child;
        pid_t pid;
        int pidfd;
};

static struct child_source *child_source_of(struct hark_source *source)
{
        return hark_container_of(source, struct child_source, source);
}

static void stop_child_source(struct hark_source *source)
{
        struct child_source *child = child_source_of(source);

        hark_io_stop(&child->io);
        hark_close(child->pidfd);
}

static void on_end(struct hark_io *io, uint32_t events)
{
        struct child_source *child = hark_container_of(io, struct child_source, io);

        (void)events;
        hark_io_stop(io);
        hark_loop_queue_callback(child->source.loop, &child->source.task);
}

/* As waitpid(2) puts it. */
static int wait_status_of(const siginfo_t *info)
{
        if (info->si_code == CLD_EXITED)
                return (info->si_status & 0xFF) << 8;
        return info->si_status | (info->si_code == CLD_DUMPED ? CORE_FLAG : 0);
}

static int reap(int pidfd)
{
        siginfo_t info = {0};

        if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
                return UNKNOWN_STATUS;
        return wait_status_of(&info);
}

static void run_child_source(struct hark_task *task)
{
        struct hark_source *source = hark_container_of(task, struct hark_source, task);
        struct child_source *child = child_source_of(source);
        hark_on_child *on_child = child->on_child;
        void *userdata = source->userdata;
        pid_t pid = child->pid;
        int status = reap(child->pidfd);

        hark_source_remove(source);
        on_child(pid, status, userdata);
}

/* Opens a process only if it is a child of this one, ended or not. */
static int open_child(pid_t pid)
{
        hark_cleanup(hark_closep) int pidfd = -1;
        siginfo_t info;

        pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        if (pidfd < 0) /* EINVAL: a thread that leads no process */
                return errno == ESRCH || errno == EINVAL ? -ECHILD : -errno;
        if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
                return -ECHILD;
        return HARK_TAKE_FD(pidfd);
}

int hark_loop_add_child(hark_loop *loop, pid_t pid, hark_on_child *on_child, void *userdata,
                        uint64_t *ret_id)
{
        hark_cleanup(hark_freep) struct child_source *child = NULL;
        hark_cleanup(hark_closep) int pidfd = -1;
        int r;

        if (loop == NULL || pid <= 0 || on_child == NULL)
                return -EINVAL;
        pidfd = open_child(pid);
        if (pidfd < 0)
                return pidfd;
        child = hark_source_new(sizeof(*child), loop, run_child_source, stop_child_source,
                                userdata);
        if (child == NULL)
                return -ENOMEM;
        r = hark_io_start(loop, &child->io, pidfd, EPOLLIN, on_end);
        if (r < 0)
                return r;
        child->on_child = on_child;
        child->pid = pid;
        child->pidfd = HARK_TAKE_FD(pidfd);
        hark_source_add(&child->source, ret_id);
        HARK_TAKE(child);
        return 0;
}
