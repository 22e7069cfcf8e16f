/* SPDX-License-Identifier: MIT */

/* The number by which a thread is recognised. */

#include "fixture.h"

#include <pthread.h>

#include "base/instance.h"

START_TEST(a_thread_keeps_its_number)
{
        uint64_t instance;

        ck_assert_uint_eq(hark_instance(), 0);
        instance = hark_instance_to_tell();
        ck_assert_uint_ne(instance, 0);
        ck_assert_uint_eq(hark_instance(), instance);
        ck_assert_uint_eq(hark_instance_to_tell(), instance);
}
END_TEST

static void *tell(void *ret_instance)
{
        *(uint64_t *)ret_instance = hark_instance_to_tell();
        return NULL;
}

START_TEST(threads_have_numbers_of_their_own)
{
        uint64_t ours = hark_instance_to_tell(), theirs = 0;
        pthread_t thread;

        ck_assert_int_eq(pthread_create(&thread, NULL, tell, &theirs), 0);
        pthread_join(thread, NULL);
        ck_assert_uint_ne(theirs, 0);
        ck_assert_uint_ne(theirs, ours);
        ck_assert_uint_eq(hark_instance(), ours);
}
END_TEST

static int tell_another(void *ours)
{
        return hark_instance_to_tell() != *(uint64_t *)ours ? 0 : 1;
}

START_TEST(a_child_tells_a_number_of_its_own)
{
        uint64_t ours = hark_instance_to_tell();

        ck_assert_int_eq(fixture_wait_exit(fixture_fork(tell_another, &ours)), 0);
}
END_TEST

FIXTURE_MAIN("instance", a_thread_keeps_its_number, threads_have_numbers_of_their_own,
             a_child_tells_a_number_of_its_own)
