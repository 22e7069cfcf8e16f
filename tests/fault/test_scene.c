/* SPDX-License-Identifier: MIT */

/*
 * Lets the first, the second, ... call of each kind fail while a scene is played, until it is
 * played without a failure. What is only disturbed (interrupted, made to wait, cut short) must
 * succeed.
 */

#include "fixture.h"

#include <stdio.h>

#include "faults.h"
#include "scene.h"

#define PATIENCE_MS 10000 /* for what must succeed */

/* How long a lost answer is waited for: where one may be lost, and where most are (on a busy
 * machine then also one that is not). */
#define LOSS_MS        1000
#define LOSS_OF_ALL_MS 200

static const char *address(void)
{
        static char text[256];

        snprintf(text, sizeof(text), "unix:%s", fixture_path("s"));
        return text;
}

typedef void arm_fn(enum fault fault, unsigned n);

/* Returns how many calls could fail. */
static unsigned play_with_each(arm_fn *arm, enum fault fault, int timeout_ms)
{
        const char *at = address();
        struct scene scene;

        for (unsigned n = 0;; n++) {
                bool has_failed;
                int r;

                arm(fault, n);
                r = scene_play(&scene, at, timeout_ms);
                has_failed = faults_disarm() > 0;
                if (timeout_ms == PATIENCE_MS || (!has_failed && timeout_ms == LOSS_MS))
                        ck_assert_msg(r == 0, "fault %u: %s", n, hark_reason(r, NULL));
                scene_end(&scene, at);
                if (!has_failed)
                        return n;
        }
}

static void play_with_every(enum fault fault, unsigned step)
{
        const char *at = address();
        struct scene scene;
        int r;

        faults_arm_every(fault, step);
        r = scene_play(&scene, at, PATIENCE_MS);
        ck_assert_uint_gt(faults_disarm(), 5);
        ck_assert_msg(r == 0, "%s", hark_reason(r, NULL));
        scene_end(&scene, at);
}

START_TEST(without_memory_something_fails_and_the_rest_goes_on)
{
        ck_assert_uint_gt(play_with_each(faults_arm, FAULT_MEMORY, LOSS_MS), 30);
}
END_TEST

START_TEST(without_any_more_memory_all_comes_to_an_end)
{
        ck_assert_uint_gt(play_with_each(faults_arm_from, FAULT_MEMORY, LOSS_OF_ALL_MS), 30);
}
END_TEST

START_TEST(without_any_more_descriptors_all_comes_to_an_end)
{
        ck_assert_uint_gt(play_with_each(faults_arm_from, FAULT_DESCRIPTORS, LOSS_OF_ALL_MS), 10);
}
END_TEST

START_TEST(without_descriptors_something_fails_and_the_rest_goes_on)
{
        ck_assert_uint_gt(play_with_each(faults_arm, FAULT_DESCRIPTORS, LOSS_MS), 10);
}
END_TEST

START_TEST(interruptions_do_not_show)
{
        ck_assert_uint_gt(play_with_each(faults_arm, FAULT_INTERRUPTION, PATIENCE_MS), 20);
        play_with_every(FAULT_INTERRUPTION, 2);
        play_with_every(FAULT_INTERRUPTION, 3);
}
END_TEST

START_TEST(what_is_not_ready_after_all_is_waited_for)
{
        ck_assert_uint_gt(play_with_each(faults_arm, FAULT_NOTHING_YET, PATIENCE_MS), 10);
        play_with_every(FAULT_NOTHING_YET, 2);
}
END_TEST

START_TEST(a_kernel_without_room_is_waited_for)
{
        ck_assert_uint_gt(play_with_each(faults_arm, FAULT_NO_ROOM, PATIENCE_MS), 5);
}
END_TEST

START_TEST(bytes_may_come_and_go_one_by_one)
{
        ck_assert_uint_gt(play_with_each(faults_arm, FAULT_SHORT, PATIENCE_MS), 10);
        play_with_every(FAULT_SHORT, 2);
}
END_TEST

FIXTURE_MAIN("scene", without_memory_something_fails_and_the_rest_goes_on,
             without_any_more_memory_all_comes_to_an_end,
             without_any_more_descriptors_all_comes_to_an_end,
             without_descriptors_something_fails_and_the_rest_goes_on, interruptions_do_not_show,
             what_is_not_ready_after_all_is_waited_for, a_kernel_without_room_is_waited_for,
             bytes_may_come_and_go_one_by_one)
