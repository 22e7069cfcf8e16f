/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loop_kit.h"

/* A task that says when it ran, and does one thing more. */
struct speaker {
        struct hark_task task;
        char letter;
        void (*then)(struct speaker *self);
};

static hark_loop *loop;
static struct speaker speakers[6];
static char said[64];
static char ada, bob; /* owners */

static void speak(struct hark_task *task)
{
        struct speaker *self = hark_container_of(task, struct speaker, task);

        said[strlen(said)] = self->letter;
        if (self->then != NULL)
                self->then(self);
}

static struct speaker *prepare(size_t i, const void *owner, void (*then)(struct speaker *self))
{
        hark_task_init(&speakers[i].task, speak, owner);
        speakers[i].letter = (char)('a' + i);
        speakers[i].then = then;
        return &speakers[i];
}

static void queue(size_t i, const void *owner, void (*then)(struct speaker *self))
{
        hark_loop_queue_callback(loop, &prepare(i, owner, then)->task);
}

static void queue_chore(size_t i, void (*then)(struct speaker *self))
{
        hark_loop_queue_chore(loop, &prepare(i, NULL, then)->task);
}

static void open_loop(void)
{
        loop = kit_new_loop();
}

static void close_loop(void)
{
        loop = hark_loop_unref(loop);
}

START_TEST(callbacks_run_once_and_in_order)
{
        open_loop();
        for (size_t i = 0; i < 3; i++)
                queue(i, NULL, NULL);
        hark_loop_queue_callback(loop, &speakers[0].task);
        ck_assert_str_eq(said, "");
        hark_loop_process(loop, HARK_FOREVER);
        ck_assert_str_eq(said, "abc");
        ck_assert(!hark_task_is_queued(&speakers[0].task));
        kit_process_what_shows(loop);
        ck_assert_str_eq(said, "abc");
        close_loop();
}
END_TEST

START_TEST(a_cancelled_callback_does_not_run)
{
        open_loop();
        queue(0, NULL, NULL);
        queue(1, NULL, NULL);
        hark_task_cancel(&speakers[0].task);
        hark_task_cancel(&speakers[0].task);
        hark_loop_process(loop, 0);
        ck_assert_str_eq(said, "b");
        close_loop();
}
END_TEST

static void cancel_next(struct speaker *self)
{
        hark_task_cancel(&self[1].task);
}

START_TEST(a_callback_may_cancel_the_one_behind_it)
{
        open_loop();
        queue(0, NULL, cancel_next);
        queue(1, NULL, NULL);
        queue(2, NULL, NULL);
        hark_loop_process(loop, 0);
        ck_assert_str_eq(said, "ac");
        close_loop();
}
END_TEST

static void queue_again(struct speaker *self)
{
        ck_assert(!hark_task_is_queued(&self->task));
        hark_loop_queue_callback(loop, &self->task);
}

START_TEST(a_callback_queued_by_a_callback_runs_in_the_next_step)
{
        open_loop();
        queue(0, NULL, queue_again);
        hark_loop_process(loop, 0);
        ck_assert_str_eq(said, "a");
        ck_assert(kit_is_readable(loop));
        hark_loop_process(loop, HARK_FOREVER);
        ck_assert_str_eq(said, "aa");
        hark_task_cancel(&speakers[0].task);
        kit_process_what_shows(loop);
        close_loop();
}
END_TEST

static void free_self(struct hark_task *task)
{
        free(hark_container_of(task, struct speaker, task));
}

START_TEST(a_callback_may_free_itself)
{
        struct speaker *self = calloc(1, sizeof(*self));

        open_loop();
        ck_assert_ptr_nonnull(self);
        hark_task_init(&self->task, free_self, NULL);
        hark_loop_queue_callback(loop, &self->task);
        hark_loop_process(loop, 0);
        close_loop();
}
END_TEST

static void process_inside(struct speaker *self)
{
        (void)self;
        ck_assert(hark_loop_is_in_callback(loop));
        ck_assert_int_eq(hark_loop_process(loop, 0), -EDEADLK);
        ck_assert_int_eq(hark_loop_run(loop), -EDEADLK);
}

START_TEST(a_callback_cannot_process)
{
        open_loop();
        queue(0, NULL, process_inside);
        ck_assert(!hark_loop_is_in_callback(loop));
        hark_loop_process(loop, 0);
        ck_assert_str_eq(said, "a");
        ck_assert(!hark_loop_is_in_callback(loop));
        close_loop();
}
END_TEST

static void unref_loop(struct speaker *self)
{
        (void)self;
        loop = hark_loop_unref(loop);
}

START_TEST(a_callback_may_let_go_of_the_loop)
{
        open_loop();
        queue(0, NULL, unref_loop);
        hark_loop_process(loop, 0);
        ck_assert_ptr_null(loop);

        open_loop();
        queue(0, &ada, unref_loop);
        hark_loop_run_callbacks_of(loop, &ada);
        ck_assert_str_eq(said, "aa");
}
END_TEST

START_TEST(what_is_queued_from_outside_shows_on_the_fd)
{
        open_loop();
        ck_assert(!kit_is_readable(loop));
        queue(0, NULL, NULL);
        ck_assert(kit_is_readable(loop));
        kit_process_what_shows(loop);
        ck_assert_str_eq(said, "a");
        queue_chore(1, NULL);
        ck_assert(kit_is_readable(loop));
        kit_process_what_shows(loop);
        ck_assert_str_eq(said, "ab");
        close_loop();
}
END_TEST

START_TEST(between_brackets_nothing_shows_yet)
{
        open_loop();
        hark_loop_enter(loop);
        hark_loop_enter(loop);
        queue(0, NULL, NULL);
        hark_loop_leave(loop);
        ck_assert(!kit_is_readable(loop));
        hark_loop_leave(loop);
        ck_assert(kit_is_readable(loop));
        hark_loop_process(loop, 0);
        ck_assert_str_eq(said, "a");
        close_loop();
}
END_TEST

static void queue_chore_b(struct speaker *self)
{
        (void)self;
        queue_chore(1, NULL);
}

START_TEST(a_chore_runs_before_the_thread_sleeps_or_returns)
{
        open_loop();
        queue(0, NULL, queue_chore_b);
        hark_loop_process(loop, 0);
        ck_assert_str_eq(said, "ab");
        ck_assert(!kit_is_readable(loop));
        close_loop();
}
END_TEST

static void queue_callback_c(struct speaker *self)
{
        (void)self;
        queue(2, NULL, NULL);
}

START_TEST(what_a_chore_queues_is_run_without_sleeping)
{
        open_loop();
        queue_chore(0, queue_callback_c);
        queue_chore(1, NULL);
        hark_loop_process(loop, HARK_FOREVER);
        ck_assert_str_eq(said, "abc");
        queue_chore(0, queue_chore_b);
        hark_loop_process(loop, 0);
        ck_assert_str_eq(said, "abcab");
        close_loop();
}
END_TEST

static void queue_chore_again(struct speaker *self)
{
        hark_loop_queue_chore(loop, &self->task);
}

START_TEST(a_chore_that_queues_itself_lets_descriptors_have_their_turn)
{
        open_loop();
        queue_chore(0, queue_chore_again);
        hark_loop_process(loop, HARK_FOREVER);
        ck_assert_uint_le(strlen(said), 3);
        ck_assert(kit_is_readable(loop));
        hark_task_cancel(&speakers[0].task);
        kit_process_what_shows(loop);
        close_loop();
}
END_TEST

static void close_ada(struct speaker *self)
{
        (void)self;
        hark_loop_run_callbacks_of(loop, &ada);
        strcat(said, ".");
}

START_TEST(the_callbacks_of_a_closing_owner_run_at_once)
{
        open_loop();
        queue(0, &ada, NULL);
        queue(1, &bob, NULL);
        queue(2, &ada, NULL);
        close_ada(NULL);
        ck_assert_str_eq(said, "ac.");
        hark_loop_process(loop, 0);
        ck_assert_str_eq(said, "ac.b");
        close_loop();
}
END_TEST

static void queue_e_of_ada(struct speaker *self)
{
        (void)self;
        queue(4, &ada, NULL);
}

START_TEST(inside_a_callback_they_run_right_after_it_with_those_they_queue)
{
        open_loop();
        queue(0, NULL, close_ada);
        queue(1, &bob, NULL);
        queue(2, &ada, queue_e_of_ada);
        queue(3, &ada, NULL);
        hark_loop_process(loop, 0);
        ck_assert_str_eq(said, "a.cdeb");
        close_loop();
}
END_TEST

static void close_bob(struct speaker *self)
{
        (void)self;
        hark_loop_run_callbacks_of(loop, &bob);
}

START_TEST(an_owner_closed_by_the_callback_of_a_closing_one_goes_first)
{
        open_loop();
        queue(0, &ada, close_bob);
        queue(1, &bob, queue_e_of_ada);
        queue(2, &ada, NULL);
        queue(3, NULL, NULL);
        close_ada(NULL);
        ck_assert_str_eq(said, "abce.");
        hark_loop_process(loop, 0);
        ck_assert_str_eq(said, "abce.d");
        close_loop();
}
END_TEST

START_TEST(brackets_do_not_keep_the_callbacks_of_a_closing_owner_back)
{
        open_loop();
        queue(0, &ada, NULL);
        hark_loop_enter(loop);
        close_ada(NULL);
        hark_loop_leave(loop);
        ck_assert_str_eq(said, "a.");
        close_loop();
}
END_TEST

FIXTURE_MAIN("task", callbacks_run_once_and_in_order, a_cancelled_callback_does_not_run,
             a_callback_may_cancel_the_one_behind_it,
             a_callback_queued_by_a_callback_runs_in_the_next_step, a_callback_may_free_itself,
             a_callback_cannot_process, a_callback_may_let_go_of_the_loop,
             what_is_queued_from_outside_shows_on_the_fd, between_brackets_nothing_shows_yet,
             a_chore_runs_before_the_thread_sleeps_or_returns,
             what_a_chore_queues_is_run_without_sleeping,
             a_chore_that_queues_itself_lets_descriptors_have_their_turn,
             the_callbacks_of_a_closing_owner_run_at_once,
             inside_a_callback_they_run_right_after_it_with_those_they_queue,
             an_owner_closed_by_the_callback_of_a_closing_one_goes_first,
             brackets_do_not_keep_the_callbacks_of_a_closing_owner_back)
