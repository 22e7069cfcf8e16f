/* SPDX-License-Identifier: MIT */

/*
 * Signals, taken by one signalfd of the loop. A wait leaves them in it: it ends instead, and the
 * step that comes next takes them.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>

#include "base/cleanup.h"
#include "loop/internal.h"

#define TAKEN_AT_ONCE 8

struct signal_source {
        struct hark_source source;
        struct hark_list link; /* in loop->signals */
        hark_on_signal *on_signal;
        int signo;
};

static struct signal_source *signal_source_of(struct hark_source *source)
{
        return hark_container_of(source, struct signal_source, source);
}

static struct signal_source *signal_source_of_link(struct hark_list *link)
{
        return hark_container_of(link, struct signal_source, link);
}

static void run_signal_source(struct hark_task *task)
{
        struct hark_source *source = hark_container_of(task, struct hark_source, task);
        struct signal_source *signal_source = signal_source_of(source);

        signal_source->on_signal(signal_source->signo, source->userdata);
}

static void queue_signal(hark_loop *loop, int signo)
{
        hark_list_for_each (link, &loop->signals) {
                struct signal_source *signal_source = signal_source_of_link(link);

                if (signal_source->signo == signo)
                        hark_loop_queue_callback(loop, &signal_source->source.task);
        }
}

static void on_signalfd(struct hark_io *io, uint32_t events)
{
        struct signalfd_siginfo taken[TAKEN_AT_ONCE];
        hark_loop *loop = io->loop;
        ssize_t n;

        (void)events;
        if (loop->is_holding) {
                loop->has_seen_signal = true;
                return;
        }
        n = read(io->fd, taken, sizeof(taken)); /* what does not fit is reported again */
        for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(*taken); i++)
                queue_signal(loop, (int)taken[i].ssi_signo);
}

static void collect_signals(hark_loop *loop, sigset_t *ret_set)
{
        sigemptyset(ret_set);
        hark_list_for_each (link, &loop->signals)
                sigaddset(ret_set, signal_source_of_link(link)->signo);
}

static int open_signalfd(hark_loop *loop, const sigset_t *set)
{
        hark_cleanup(hark_closep) int fd = -1;
        int r;

        fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (fd < 0)
                return -errno;
        r = hark_io_start(loop, &loop->signal_io, fd, EPOLLIN, on_signalfd);
        if (r < 0)
                return r;
        HARK_TAKE_FD(fd);
        return 0;
}

static void close_signalfd(hark_loop *loop)
{
        hark_io_stop(&loop->signal_io);
        hark_close(loop->signal_io.fd);
}

/* Makes the signalfd what loop->signals says. */
static int update_signalfd(hark_loop *loop)
{
        sigset_t set;

        collect_signals(loop, &set);
        if (loop->signal_io.loop == NULL)
                return open_signalfd(loop, &set);
        if (hark_list_is_empty(&loop->signals)) {
                close_signalfd(loop);
                return 0;
        }
        return signalfd(loop->signal_io.fd, &set, 0) < 0 ? -errno : 0;
}

static void stop_signal_source(struct hark_source *source)
{
        hark_list_remove(&signal_source_of(source)->link);
        (void)update_signalfd(source->loop);
}

static bool can_be_taken(int signo)
{
        sigset_t set;

        sigemptyset(&set);
        return signo != SIGKILL && signo != SIGSTOP && sigaddset(&set, signo) == 0;
}

static void block_signal(int signo)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, signo);
        (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

bool hark_signals_are_queued(const hark_loop *loop)
{
        hark_list_for_each (link, &loop->signals)
                if (hark_task_is_queued(&signal_source_of_link(link)->source.task))
                        return true;
        return false;
}

int hark_loop_add_signal(hark_loop *loop, int signo, hark_on_signal *on_signal, void *userdata,
                         uint64_t *ret_id)
{
        struct signal_source *signal_source;
        int r;

        if (loop == NULL || !can_be_taken(signo) || on_signal == NULL)
                return -EINVAL;
        signal_source = hark_source_new(sizeof(*signal_source), loop, run_signal_source,
                                        stop_signal_source, userdata);
        if (signal_source == NULL)
                return -ENOMEM;
        signal_source->on_signal = on_signal;
        signal_source->signo = signo;
        hark_list_push_back(&loop->signals, &signal_source->link);
        r = update_signalfd(loop);
        if (r < 0) {
                hark_list_remove(&signal_source->link);
                free(signal_source);
                return r;
        }
        block_signal(signo);
        hark_source_add(&signal_source->source, ret_id);
        return 0;
}
