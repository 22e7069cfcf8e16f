/* SPDX-License-Identifier: MIT */

/* A turn of callbacks: what is urgent first, a little of all, and ends behind what they end. */

#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "loop_kit.h"

#define TURN 64 /* callbacks of one turn: see task.c */

/* A callback that says a letter, and does one thing more. */
struct speaker {
        struct hark_task task;
        char letter;
        void (*then)(struct speaker *self);
};

static hark_loop *loop;
static struct speaker speakers[256];
static unsigned n_speakers;
static char said[sizeof(speakers) / sizeof(*speakers) + 1];

static void speak(struct hark_task *task)
{
        struct speaker *self = hark_container_of(task, struct speaker, task);

        said[strlen(said)] = self->letter;
        if (self->then)
                self->then(self);
}

static struct speaker *prepare(uint8_t priority, const void *owner)
{
        struct speaker *speaker = &speakers[n_speakers++];

        hark_task_init(&speaker->task, speak, owner);
        speaker->task.priority = priority;
        speaker->letter = (char)('0' + priority);
        return speaker;
}

static struct speaker *queue(uint8_t priority)
{
        struct speaker *speaker = prepare(priority, NULL);

        hark_loop_queue_callback(loop, &speaker->task);
        return speaker;
}

static void queue_many(uint8_t priority, unsigned n)
{
        while (n-- > 0)
                queue(priority);
}

static struct speaker *queue_end(uint8_t priority)
{
        struct speaker *speaker = prepare(priority, NULL);

        speaker->letter = '.';
        hark_loop_queue_end(loop, &speaker->task);
        return speaker;
}

/* What one turn says, as in "60*7 1*0". */
static const char *say(void)
{
        static char text[256];
        size_t size = 0;

        memset(said, 0, sizeof(said));
        text[0] = '\0';
        ck_assert_int_eq(hark_loop_process(loop, 0), 0);
        for (const char *at = said; *at;) {
                size_t n = strspn(at, (char[]){*at, '\0'});

                size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%zu*%c",
                                         size ? " " : "", n, *at);
                at += n;
        }
        return text;
}

static void begin(void)
{
        loop = kit_new_loop();
}

static void end(void)
{
        ck_assert_str_eq(say(), "");
        ck_assert(!kit_is_readable(loop));
        hark_loop_unref(loop);
}

START_TEST(the_most_urgent_run_first)
{
        begin();
        for (uint8_t i = 0; i < HARK_PRIORITIES; i++)
                queue_many(i, 2);
        ck_assert_str_eq(say(), "2*7 2*6 2*5 2*4 2*3 2*2 2*1 2*0");
        end();
}
END_TEST

START_TEST(a_turn_is_short)
{
        begin();
        queue_many(0, TURN + 10);
        ck_assert_str_eq(say(), "64*0");
        ck_assert(kit_is_readable(loop));
        ck_assert_str_eq(say(), "10*0");
        end();
}
END_TEST

START_TEST(what_is_urgent_passes_those_of_another_turn)
{
        begin();
        queue_many(0, TURN + 10);
        say();
        queue_many(3, 5);
        ck_assert_str_eq(say(), "5*3 10*0");
        end();
}
END_TEST

START_TEST(each_turn_runs_one_of_each_priority)
{
        begin();
        queue_many(0, 3);
        queue_many(4, 2);
        queue_many(7, 2 * TURN);
        ck_assert_str_eq(say(), "62*7 1*4 1*0");
        ck_assert_str_eq(say(), "62*7 1*4 1*0");
        ck_assert_str_eq(say(), "4*7 1*0");
        end();
}
END_TEST

static void queue_again(struct speaker *self)
{
        hark_loop_queue_callback(loop, &self->task);
}

START_TEST(who_queues_himself_again_and_again_starves_nobody)
{
        struct speaker *busy;

        begin();
        for (int i = 0; i < 10; i++) {
                busy = queue(7);
                busy->then = queue_again;
        }
        queue(0);
        ck_assert_str_eq(say(), "10*7 1*0");
        ck_assert_str_eq(say(), "10*7");
        for (int i = 0; i < 10; i++)
                hark_task_cancel(&speakers[i].task);
        end();
}
END_TEST

START_TEST(an_end_waits_for_all_that_was_queued_before_it)
{
        begin();
        queue_many(0, 2);
        queue_many(7, TURN);
        queue_end(7);
        ck_assert_str_eq(say(), "62*7 1*0");
        queue_many(7, 1);
        ck_assert_str_eq(say(), "3*7 1*0 1*.");
        end();
}
END_TEST

START_TEST(an_end_waits_for_nothing_that_was_queued_after_it)
{
        begin();
        queue_many(2, 2);
        queue_end(0);
        queue_end(0);
        queue_many(2, 2);
        queue_many(1, 1);
        ck_assert_str_eq(say(), "2*2 2*. 2*2 1*1");
        end();
}
END_TEST

START_TEST(an_end_that_is_cancelled_holds_up_nobody)
{
        struct speaker *gone;

        begin();
        queue(0);
        gone = queue_end(0);
        queue_end(0);
        hark_task_cancel(&gone->task);
        ck_assert_str_eq(say(), "1*0 1*.");
        end();
}
END_TEST

START_TEST(a_closing_owner_has_its_ends_last)
{
        struct speaker *speaker;
        char owner;

        begin();
        speaker = prepare(0, &owner);
        hark_loop_queue_callback(loop, &speaker->task);
        speaker = prepare(7, &owner);
        speaker->letter = '.';
        hark_loop_queue_end(loop, &speaker->task);
        speaker = prepare(5, &owner);
        hark_loop_queue_callback(loop, &speaker->task);
        queue(7);
        hark_loop_run_callbacks_of(loop, &owner);
        ck_assert_str_eq(said, "50.");
        ck_assert_str_eq(say(), "1*7");
        end();
}
END_TEST

FIXTURE_MAIN("turn", the_most_urgent_run_first, a_turn_is_short,
             what_is_urgent_passes_those_of_another_turn, each_turn_runs_one_of_each_priority,
             who_queues_himself_again_and_again_starves_nobody,
             an_end_waits_for_all_that_was_queued_before_it,
             an_end_waits_for_nothing_that_was_queued_after_it,
             an_end_that_is_cancelled_holds_up_nobody, a_closing_owner_has_its_ends_last)
