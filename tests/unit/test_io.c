/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "loop_kit.h"

/* One end of a socketpair in the loop, the other one here. */
struct end {
        struct hark_io io;
        int near, far;
        unsigned n_run;
        uint32_t events;
        uint64_t id;
};

static struct end ends[2];

static void open_end(struct end *end)
{
        int fds[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
                         0);
        end->near = fds[0];
        end->far = fds[1];
}

static void close_end(struct end *end)
{
        end->near = hark_close(end->near);
        end->far = hark_close(end->far);
}

static void make_readable(struct end *end)
{
        ck_assert_int_eq(write(end->far, "x", 1), 1);
}

static void make_unreadable(struct end *end)
{
        char byte;

        ck_assert_int_eq(read(end->near, &byte, 1), 1);
}

static void note_io(struct hark_io *io, uint32_t events)
{
        struct end *end = hark_container_of(io, struct end, io);

        end->n_run++;
        end->events = events;
}

static void start_end(hark_loop *loop, struct end *end, hark_io_fn *on_io)
{
        open_end(end);
        ck_assert_int_eq(hark_io_start(loop, &end->io, end->near, EPOLLIN, on_io), 0);
}

START_TEST(an_io_runs_as_long_as_it_is_ready)
{
        hark_loop *loop = kit_new_loop();
        struct end *end = &ends[0];

        start_end(loop, end, note_io);
        hark_loop_process(loop, 0);
        ck_assert_uint_eq(end->n_run, 0);
        make_readable(end);
        hark_loop_process(loop, 0);
        hark_loop_process(loop, 0);
        ck_assert_uint_eq(end->n_run, 2);
        ck_assert_uint_eq(end->events, EPOLLIN);
        make_unreadable(end);
        hark_loop_process(loop, 0);
        ck_assert_uint_eq(end->n_run, 2);
        hark_io_stop(&end->io);
        hark_io_stop(&end->io);
        close_end(end);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(an_io_is_told_what_it_waits_for)
{
        hark_loop *loop = kit_new_loop();
        struct end *end = &ends[0];

        start_end(loop, end, note_io);
        make_readable(end);
        hark_io_set(&end->io, EPOLLOUT);
        hark_loop_process(loop, 0);
        ck_assert_uint_eq(end->events, EPOLLOUT);
        hark_io_set(&end->io, 0);
        hark_loop_process(loop, 0);
        ck_assert_uint_eq(end->n_run, 1);
        end->far = hark_close(end->far);
        hark_loop_process(loop, 0);
        ck_assert_uint_eq(end->events, EPOLLHUP);
        hark_io_stop(&end->io);
        close_end(end);
        hark_loop_unref(loop);
}
END_TEST

/* Whichever runs first stops both, so the other one's event of the same batch must be lost. */
static void stop_both(struct hark_io *io, uint32_t events)
{
        note_io(io, events);
        for (size_t i = 0; i < 2; i++) {
                hark_io_stop(&ends[i].io);
                close_end(&ends[i]);
        }
}

START_TEST(a_stopped_io_loses_its_event_of_the_same_batch)
{
        hark_loop *loop = kit_new_loop();

        for (size_t i = 0; i < 2; i++) {
                start_end(loop, &ends[i], stop_both);
                make_readable(&ends[i]);
        }
        hark_loop_process(loop, 0);
        ck_assert_uint_eq(ends[0].n_run + ends[1].n_run, 1);
        hark_loop_unref(loop);
}
END_TEST

static void silence_both(struct hark_io *io, uint32_t events)
{
        note_io(io, events);
        hark_io_set(&ends[0].io, 0);
        hark_io_set(&ends[1].io, 0);
}

START_TEST(an_event_that_nobody_waits_for_any_more_is_lost)
{
        hark_loop *loop = kit_new_loop();

        for (size_t i = 0; i < 2; i++) {
                start_end(loop, &ends[i], silence_both);
                make_readable(&ends[i]);
        }
        hark_loop_process(loop, 0);
        ck_assert_uint_eq(ends[0].n_run + ends[1].n_run, 1);
        for (size_t i = 0; i < 2; i++) {
                hark_io_stop(&ends[i].io);
                close_end(&ends[i]);
        }
        hark_loop_unref(loop);
}
END_TEST

static void restart_both(struct hark_io *io, uint32_t events)
{
        hark_loop *loop = io->loop;

        stop_both(io, events);
        for (size_t i = 0; i < 2; i++)
                start_end(loop, &ends[i], note_io);
}

START_TEST(an_io_started_anew_does_not_get_the_event_of_the_old_one)
{
        hark_loop *loop = kit_new_loop();

        for (size_t i = 0; i < 2; i++) {
                start_end(loop, &ends[i], restart_both);
                make_readable(&ends[i]);
        }
        hark_loop_process(loop, 0);
        hark_loop_process(loop, 0);
        ck_assert_uint_eq(ends[0].n_run + ends[1].n_run, 1);
        for (size_t i = 0; i < 2; i++) {
                hark_io_stop(&ends[i].io);
                close_end(&ends[i]);
        }
        hark_loop_unref(loop);
}
END_TEST

START_TEST(what_epoll_refuses_is_not_started)
{
        hark_loop *loop = kit_new_loop();
        hark_cleanup(hark_closep) int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        struct hark_io io = {0};

        ck_assert_int_eq(hark_io_start(loop, &io, file, EPOLLIN, note_io), -EPERM);
        ck_assert_ptr_null(io.loop);
        hark_io_stop(&io);
        hark_loop_unref(loop);
}
END_TEST

static void note_fd(int fd, uint32_t events, void *userdata)
{
        struct end *end = userdata;

        ck_assert_int_eq(fd, end->near);
        end->n_run++;
        end->events = events;
}

static void add_end(hark_loop *loop, struct end *end, hark_on_fd *on_fd)
{
        open_end(end);
        ck_assert_int_eq(hark_loop_add_fd(loop, end->near, EPOLLIN, on_fd, end, &end->id), 0);
}

static void remove_end(hark_loop *loop, struct end *end)
{
        ck_assert_int_eq(hark_loop_remove(loop, end->id), 0);
        close_end(end);
}

START_TEST(an_fd_calls_back_as_long_as_it_is_ready)
{
        hark_loop *loop = kit_new_loop();
        struct end *end = &ends[0];

        add_end(loop, end, note_fd);
        ck_assert(!kit_is_readable(loop));
        make_readable(end);
        ck_assert(kit_is_readable(loop));
        hark_loop_process(loop, 0);
        hark_loop_process(loop, 0);
        ck_assert_uint_eq(end->n_run, 2);
        make_unreadable(end);
        ck_assert(!kit_is_readable(loop));
        remove_end(loop, end);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(what_an_fd_is_watched_for_can_change)
{
        hark_loop *loop = kit_new_loop();
        struct end *end = &ends[0];

        add_end(loop, end, note_fd);
        make_readable(end);
        ck_assert_int_eq(hark_loop_set_fd(loop, end->id, EPOLLOUT), 0);
        hark_loop_process(loop, 0);
        ck_assert_uint_eq(end->events, EPOLLOUT);
        ck_assert_int_eq(hark_loop_set_fd(loop, end->id, 0), 0);
        ck_assert(!kit_is_readable(loop));
        remove_end(loop, end);
        ck_assert_int_eq(hark_loop_set_fd(loop, end->id, EPOLLIN), -ENOENT);
        hark_loop_unref(loop);
}
END_TEST

static hark_loop *the_loop;

static void remove_both(int fd, uint32_t events, void *userdata)
{
        note_fd(fd, events, userdata);
        remove_end(the_loop, &ends[0]);
        remove_end(the_loop, &ends[1]);
}

START_TEST(a_removed_fd_does_not_call_back_even_if_it_was_about_to)
{
        the_loop = kit_new_loop();
        for (size_t i = 0; i < 2; i++) {
                add_end(the_loop, &ends[i], remove_both);
                make_readable(&ends[i]);
        }
        hark_loop_process(the_loop, 0);
        ck_assert_uint_eq(ends[0].n_run + ends[1].n_run, 1);
        ck_assert_int_eq(hark_loop_remove(the_loop, ends[0].id), -ENOENT);
        hark_loop_unref(the_loop);
}
END_TEST

static void silence_both_fds(int fd, uint32_t events, void *userdata)
{
        note_fd(fd, events, userdata);
        for (size_t i = 0; i < 2; i++)
                ck_assert_int_eq(hark_loop_set_fd(the_loop, ends[i].id, 0), 0);
}

START_TEST(an_fd_is_not_told_what_it_is_not_watched_for_any_more)
{
        the_loop = kit_new_loop();
        for (size_t i = 0; i < 2; i++) {
                add_end(the_loop, &ends[i], silence_both_fds);
                make_readable(&ends[i]);
        }
        hark_loop_process(the_loop, 0);
        ck_assert_uint_eq(ends[0].n_run + ends[1].n_run, 1);
        for (size_t i = 0; i < 2; i++)
                remove_end(the_loop, &ends[i]);
        hark_loop_unref(the_loop);
}
END_TEST

START_TEST(an_fd_closed_too_early_does_no_harm)
{
        hark_loop *loop = kit_new_loop();
        struct end *end = &ends[0];
        hark_cleanup(hark_closep) int duplicate = -1;

        add_end(loop, end, note_fd);
        close_end(end);
        ck_assert_int_eq(hark_loop_set_fd(loop, end->id, EPOLLOUT), -EBADF);
        ck_assert_int_eq(hark_loop_remove(loop, end->id), 0);

        /* The duplicate keeps it in the epoll, beyond anybody's reach. */
        add_end(loop, end, note_fd);
        duplicate = fcntl(end->near, F_DUPFD_CLOEXEC, 0);
        make_readable(end);
        close_end(end);
        ck_assert_int_eq(hark_loop_remove(loop, end->id), 0);
        hark_loop_process(loop, 0);
        ck_assert_uint_eq(end->n_run, 0);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(an_id_is_never_given_twice)
{
        hark_loop *loop = kit_new_loop();
        uint64_t last_id = 0;

        for (int i = 0; i < 10; i++) {
                add_end(loop, &ends[0], note_fd);
                ck_assert_uint_gt(ends[0].id, last_id);
                last_id = ends[0].id;
                remove_end(loop, &ends[0]);
        }
        hark_loop_unref(loop);
}
END_TEST

START_TEST(refuses_what_cannot_be_watched)
{
        hark_loop *loop = kit_new_loop();
        struct end *end = &ends[0];
        uint64_t id = 77;

        add_end(loop, end, note_fd);
        ck_assert_int_eq(hark_loop_add_fd(loop, end->near, EPOLLIN, note_fd, end, &id), -EEXIST);
        ck_assert_int_eq(hark_loop_add_fd(loop, -1, EPOLLIN, note_fd, end, &id), -EINVAL);
        ck_assert_int_eq(hark_loop_add_fd(loop, 9999, EPOLLIN, note_fd, end, &id), -EBADF);
        ck_assert_int_eq(hark_loop_add_fd(loop, end->far, EPOLLET, note_fd, end, &id), -EINVAL);
        ck_assert_int_eq(hark_loop_add_fd(loop, end->far, EPOLLIN, NULL, end, &id), -EINVAL);
        ck_assert_int_eq(hark_loop_set_fd(loop, end->id, EPOLLONESHOT), -EINVAL);
        ck_assert_uint_eq(id, 77);
        ck_assert_int_eq(hark_loop_add_timer(loop, 0, 0, kit_count, NULL, &id), 0);
        ck_assert_int_eq(hark_loop_set_fd(loop, id, EPOLLIN), -ENOENT);
        remove_end(loop, end);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_loop_let_go_of_drops_what_was_added)
{
        hark_loop *loop = kit_new_loop();

        add_end(loop, &ends[0], note_fd);
        make_readable(&ends[0]);
        ck_assert_int_eq(hark_loop_add_timer(loop, 0, 1, kit_count, NULL, NULL), 0);
        hark_loop_unref(loop);
        ck_assert_uint_eq(ends[0].n_run, 0);
        close_end(&ends[0]);
}
END_TEST

FIXTURE_MAIN("io", an_io_runs_as_long_as_it_is_ready, an_io_is_told_what_it_waits_for,
             a_stopped_io_loses_its_event_of_the_same_batch,
             an_event_that_nobody_waits_for_any_more_is_lost,
             an_io_started_anew_does_not_get_the_event_of_the_old_one,
             what_epoll_refuses_is_not_started, an_fd_calls_back_as_long_as_it_is_ready,
             what_an_fd_is_watched_for_can_change,
             a_removed_fd_does_not_call_back_even_if_it_was_about_to,
             an_fd_is_not_told_what_it_is_not_watched_for_any_more,
             an_fd_closed_too_early_does_no_harm, an_id_is_never_given_twice,
             refuses_what_cannot_be_watched, a_loop_let_go_of_drops_what_was_added)
