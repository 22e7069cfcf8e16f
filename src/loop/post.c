/* SPDX-License-Identifier: MIT */

/*
 * What other threads and signal handlers may do: post, and stop; and the bell that tells the loop.
 *
 * The bell is an eventfd in the loop's epoll. It is rung by whoever posts to an empty stack of
 * posts, by whoever stops, and by the loop itself when it returns to the user with work queued, so
 * that a foreign poll on hark_loop_fd() does not sleep. It is silenced by one read(2), after which
 * the stack is taken whole: a post that comes in between finds the stack empty and rings again, so
 * none is overlooked, and at worst the bell rings once for nothing.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "loop/internal.h"

struct hark_post {
        struct hark_task task;
        struct hark_post *next; /* older, until the loop turns the stack round */
        hark_on_post *on_post;
        void *userdata;
};

static void run_post(struct hark_task *task)
{
        struct hark_post *post = hark_container_of(task, struct hark_post, task);
        hark_on_post *on_post = post->on_post;
        void *userdata = post->userdata;

        free(post);
        on_post(userdata);
}

/* Any thread, any signal handler. Cannot block, and cannot fail in a way that matters: an eventfd
 * that is full is rung. */
static void write_bell(const hark_loop *loop)
{
        static const uint64_t one = 1;
        int saved = errno;
        ssize_t n = write(loop->bell.fd, &one, sizeof(one));

        (void)n;
        errno = saved;
}

static struct hark_post *reverse(struct hark_post *newest)
{
        struct hark_post *oldest = NULL;

        while (newest != NULL) {
                struct hark_post *next = newest->next;

                newest->next = oldest;
                oldest = newest;
                newest = next;
        }
        return oldest;
}

static void queue_posts(hark_loop *loop)
{
        struct hark_post *post = atomic_exchange_explicit(&loop->posts, NULL, memory_order_acquire);

        for (post = reverse(post); post != NULL; post = post->next)
                hark_loop_queue_callback(loop, &post->task);
}

static void on_bell(struct hark_io *io, uint32_t events)
{
        (void)events;
        hark_bell_answer(io->loop);
}

int hark_bell_init(hark_loop *loop)
{
        hark_cleanup(hark_closep) int fd = -1;
        int r;

        fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fd < 0)
                return -errno;
        r = hark_io_start(loop, &loop->bell, fd, EPOLLIN, on_bell);
        if (r < 0)
                return r;
        HARK_TAKE_FD(fd);
        return 0;
}

void hark_bell_done(hark_loop *loop)
{
        if (loop->bell.loop == NULL)
                return;
        hark_io_stop(&loop->bell);
        hark_close(loop->bell.fd);
}

void hark_bell_ring(hark_loop *loop)
{
        if (loop->is_rung)
                return;
        loop->is_rung = true;
        write_bell(loop);
}

void hark_bell_answer(hark_loop *loop)
{
        uint64_t count;
        ssize_t n = read(loop->bell.fd, &count, sizeof(count));

        (void)n; /* -EAGAIN: somebody else's ring was answered along with an earlier one */
        loop->is_rung = false;
        queue_posts(loop);
}

bool hark_posts_have_come(const hark_loop *loop)
{
        return atomic_load_explicit(&loop->posts, memory_order_relaxed) != NULL;
}

void hark_loop_stop(hark_loop *loop)
{
        if (loop == NULL)
                return;
        atomic_store(&loop->is_stopped, true);
        write_bell(loop); /* also for a second stop: somebody may sleep in process() */
}

int hark_loop_post(hark_loop *loop, hark_on_post *on_post, void *userdata)
{
        struct hark_post *post, *newest;

        if (loop == NULL || on_post == NULL)
                return -EINVAL;
        post = malloc(sizeof(*post));
        if (post == NULL)
                return -ENOMEM;
        post->on_post = on_post;
        post->userdata = userdata;
        hark_task_init(&post->task, run_post, NULL);

        newest = atomic_load_explicit(&loop->posts, memory_order_relaxed);
        do
                post->next = newest;
        while (!atomic_compare_exchange_weak_explicit(&loop->posts, &newest, post,
                                                      memory_order_release, memory_order_relaxed));
        if (newest == NULL)
                write_bell(loop);
        return 0;
}
