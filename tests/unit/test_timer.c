/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <stdlib.h>

#include "loop_kit.h"

#define N_TIMERS  500
#define NS_PER_MS 1000000u

struct noted {
        struct hark_timer timer;
        uint64_t due_ns; /* that it was started for; HARK_NEVER: must not run */
};

static struct noted noted[N_TIMERS];
static uint64_t last_due_ns;
static unsigned n_run;

static void note(struct hark_timer *timer)
{
        struct noted *self = hark_container_of(timer, struct noted, timer);

        ck_assert(!hark_timer_is_running(timer));
        ck_assert_uint_ne(self->due_ns, HARK_NEVER);
        ck_assert_uint_le(self->due_ns, hark_now_ns());
        ck_assert_uint_ge(self->due_ns, last_due_ns);
        last_due_ns = self->due_ns;
        self->due_ns = HARK_NEVER;
        n_run++;
}

static void start_noted(hark_loop *loop, struct noted *self, uint64_t due_ns)
{
        self->due_ns = due_ns;
        hark_timer_start(loop, &self->timer, due_ns, note);
}

static void stop_noted(struct noted *self)
{
        self->due_ns = HARK_NEVER;
        hark_timer_stop(&self->timer);
}

static uint64_t random_due_ns(void)
{
        return hark_now_ns() - NS_PER_MS + (uint64_t)random() % (10 * NS_PER_MS);
}

START_TEST(timers_run_in_the_order_they_are_due)
{
        hark_loop *loop = kit_new_loop();

        for (size_t i = 0; i < N_TIMERS; i++)
                start_noted(loop, &noted[i], random_due_ns());
        kit_process_until(loop, &n_run, N_TIMERS);
        ck_assert_uint_eq(n_run, N_TIMERS);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_stopped_timer_does_not_run_and_disturbs_no_other)
{
        hark_loop *loop = kit_new_loop();

        for (size_t i = 0; i < N_TIMERS; i++)
                start_noted(loop, &noted[i], random_due_ns());
        for (size_t i = 0; i < N_TIMERS; i += 2)
                stop_noted(&noted[i]);
        kit_process_until(loop, &n_run, N_TIMERS / 2);
        kit_process_what_shows(loop);
        ck_assert_uint_eq(n_run, N_TIMERS / 2);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_timer_can_be_started_anew_at_any_time)
{
        hark_loop *loop = kit_new_loop();

        for (size_t i = 0; i < N_TIMERS; i++)
                start_noted(loop, &noted[i], random_due_ns() + (i % 3) * NS_PER_MS);
        for (size_t i = 0; i < N_TIMERS; i++)
                start_noted(loop, &noted[(size_t)random() % N_TIMERS], random_due_ns());
        kit_process_until(loop, &n_run, N_TIMERS);
        ck_assert_uint_eq(n_run, N_TIMERS);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(never_is_not_started_and_zero_is_at_once)
{
        hark_loop *loop = kit_new_loop();

        start_noted(loop, &noted[0], HARK_NEVER);
        ck_assert(!hark_timer_is_running(&noted[0].timer));
        start_noted(loop, &noted[1], 0);
        ck_assert(hark_timer_is_running(&noted[1].timer));
        kit_process_until(loop, &n_run, 1);
        hark_timer_stop(&noted[2].timer);
        hark_loop_unref(loop);
}
END_TEST

static struct noted *victim;

static void stop_victim(struct hark_timer *timer)
{
        note(timer);
        if (victim != NULL)
                stop_noted(victim);
        victim = NULL;
}

START_TEST(a_timer_may_stop_another_that_is_due_as_well)
{
        hark_loop *loop = kit_new_loop();
        uint64_t past_ns = hark_now_ns() - 10;

        victim = &noted[1];
        start_noted(loop, &noted[1], past_ns + 1);
        start_noted(loop, &noted[2], past_ns + 2);
        noted[0].due_ns = past_ns;
        hark_timer_start(loop, &noted[0].timer, past_ns, stop_victim);
        kit_process_until(loop, &n_run, 2);
        kit_process_what_shows(loop);
        ck_assert_uint_eq(n_run, 2);
        hark_loop_unref(loop);
}
END_TEST

struct restarting {
        struct hark_timer timer;
        hark_loop *loop;
};

static void restart_then_free(struct hark_timer *timer)
{
        struct restarting *self = hark_container_of(timer, struct restarting, timer);

        if (++n_run < 3)
                hark_timer_start(self->loop, timer, hark_deadline_ns(1), restart_then_free);
        else
                free(self);
}

START_TEST(a_timer_may_start_itself_again_and_free_itself)
{
        hark_loop *loop = kit_new_loop();
        struct restarting *self = calloc(1, sizeof(*self));

        ck_assert_ptr_nonnull(self);
        self->loop = loop;
        hark_timer_start(loop, &self->timer, 0, restart_then_free);
        kit_process_until(loop, &n_run, 3);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_foreign_poll_wakes_up_for_a_timer_started_outside)
{
        hark_loop *loop = kit_new_loop();

        start_noted(loop, &noted[0], hark_deadline_ns(60000));
        ck_assert(!kit_is_readable(loop));
        start_noted(loop, &noted[1], hark_deadline_ns(5));
        ck_assert(kit_is_readable_within(loop, KIT_PATIENCE_MS));
        kit_process_what_shows(loop);
        ck_assert_uint_eq(n_run, 1);
        stop_noted(&noted[0]);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(what_fires_for_a_stopped_timer_does_not_hide_the_next)
{
        hark_loop *loop = kit_new_loop();

        start_noted(loop, &noted[0], hark_deadline_ns(1));
        start_noted(loop, &noted[1], hark_deadline_ns(30));
        stop_noted(&noted[0]);
        while (n_run == 0) {
                ck_assert(kit_is_readable_within(loop, KIT_PATIENCE_MS));
                kit_process_what_shows(loop);
        }
        hark_loop_unref(loop);
}
END_TEST

struct busy {
        struct hark_task task;
        hark_loop *loop;
};

static void queue_itself(struct hark_task *task)
{
        hark_loop_queue_callback(hark_container_of(task, struct busy, task)->loop, task);
}

START_TEST(a_busy_loop_keeps_time_all_the_same)
{
        hark_loop *loop = kit_new_loop();
        struct busy busy = {.loop = loop};

        hark_task_init(&busy.task, queue_itself, NULL);
        hark_loop_queue_callback(loop, &busy.task);
        hark_loop_process(loop, 0);
        hark_loop_enter(loop); /* so that only a step can arm the timerfd */
        start_noted(loop, &noted[0], hark_deadline_ns(2));
        kit_process_until(loop, &n_run, 1);
        hark_loop_leave(loop);
        hark_task_cancel(&busy.task);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_timer_of_the_user_runs_once_or_repeats_to_its_beat)
{
        hark_loop *loop = kit_new_loop();
        uint64_t start_ns = hark_now_ns();
        unsigned n_once = 0, n_repeated = 0;
        uint64_t once_id, repeated_id;

        ck_assert_int_eq(hark_loop_add_timer(loop, 1, 0, kit_count, &n_once, &once_id), 0);
        ck_assert_int_eq(hark_loop_add_timer(loop, 2, 2, kit_count, &n_repeated, &repeated_id), 0);
        kit_process_until(loop, &n_repeated, 5);
        ck_assert_uint_ge(hark_now_ns(), start_ns + 10 * (uint64_t)NS_PER_MS);
        ck_assert_uint_eq(n_once, 1);
        ck_assert_int_eq(hark_loop_remove(loop, once_id), -ENOENT);
        ck_assert_int_eq(hark_loop_remove(loop, repeated_id), 0);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_beat_that_was_missed_is_left_out)
{
        hark_loop *loop = kit_new_loop();
        uint64_t late_ns = hark_deadline_ns(200);
        unsigned n = 0;

        ck_assert_int_eq(hark_loop_add_timer(loop, 1, 10, kit_count, &n, NULL), 0);
        while (hark_now_ns() < late_ns)
                continue;
        kit_process_what_shows(loop);
        ck_assert_uint_ge(n, 1);
        ck_assert_uint_le(n, 5); /* of twenty */
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_timer_that_is_due_never_can_be_removed)
{
        hark_loop *loop = kit_new_loop();
        unsigned n = 0;
        uint64_t id;

        ck_assert_int_eq(hark_loop_add_timer(loop, HARK_FOREVER, 1, kit_count, &n, &id), 0);
        ck_assert_int_eq(hark_loop_process(loop, 5), 0);
        ck_assert_uint_eq(n, 0);
        ck_assert_int_eq(hark_loop_remove(loop, id), 0);
        ck_assert_int_eq(hark_loop_add_timer(loop, 0, HARK_FOREVER, kit_count, &n, &id), 0);
        kit_process_until(loop, &n, 1);
        ck_assert_int_eq(hark_loop_remove(loop, id), 0);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(refuses_what_is_out_of_range)
{
        hark_loop *loop = kit_new_loop();

        ck_assert_int_eq(hark_loop_add_timer(NULL, 0, 0, kit_count, NULL, NULL), -EINVAL);
        ck_assert_int_eq(hark_loop_add_timer(loop, -1, 0, kit_count, NULL, NULL), -EINVAL);
        ck_assert_int_eq(hark_loop_add_timer(loop, 0, -1, kit_count, NULL, NULL), -EINVAL);
        ck_assert_int_eq(hark_loop_add_timer(loop, 0, 0, NULL, NULL, NULL), -EINVAL);
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("timer", timers_run_in_the_order_they_are_due,
             a_stopped_timer_does_not_run_and_disturbs_no_other,
             a_timer_can_be_started_anew_at_any_time, never_is_not_started_and_zero_is_at_once,
             a_timer_may_stop_another_that_is_due_as_well,
             a_timer_may_start_itself_again_and_free_itself,
             a_foreign_poll_wakes_up_for_a_timer_started_outside,
             what_fires_for_a_stopped_timer_does_not_hide_the_next,
             a_busy_loop_keeps_time_all_the_same,
             a_timer_of_the_user_runs_once_or_repeats_to_its_beat,
             a_beat_that_was_missed_is_left_out, a_timer_that_is_due_never_can_be_removed,
             refuses_what_is_out_of_range)
