/* SPDX-License-Identifier: MIT */

/* Messages when memory or descriptors run out. */

#include "fixture.h"

#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/message.h"
#include "faults.h"

static struct hark_payload make_payload(const int *fds)
{
        struct hark_payload payload = hark_text("hello");

        payload.fds = fds;
        payload.n_fds = 2;
        payload.error_text = "why";
        return payload;
}

START_TEST(a_message_is_copied_whole_or_not_at_all)
{
        struct hark_message_pools *pools = hark_message_pools_new();
        hark_message *message = NULL;
        int fds[2];
        struct hark_payload payload;
        unsigned n_faults = 0;

        ck_assert_int_eq(pipe(fds), 0);
        payload = make_payload(fds);
        FAULTS_FOR_EACH(n)
        {
                int r = hark_message_new_copy(pools, "name", &payload, &message);

                if (!faults_stop())
                        break;
                ck_assert_int_eq(r, -ENOMEM);
                ck_assert_ptr_null(message);
                n_faults++;
        }
        ck_assert_uint_ge(n_faults, 2);
        ck_assert_str_eq(hark_message_text(message), "hello");
        hark_message_unref(message);
        hark_message_pools_close(pools);
        hark_close(fds[0]);
        hark_close(fds[1]);
}
END_TEST

START_TEST(a_process_without_descriptors_copies_none)
{
        hark_message *message = NULL;
        struct rlimit limit, tight;
        int fds[2];
        struct hark_payload payload;

        ck_assert_int_eq(pipe(fds), 0);
        payload = make_payload(fds);
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        tight = limit;
        tight.rlim_cur = (rlim_t)fds[1] + 2; /* room for one of the two, if no other is free */
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
        ck_assert_int_eq(hark_message_new_copy(NULL, NULL, &payload, &message), -EMFILE);
        ck_assert_ptr_null(message);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        hark_close(fds[0]);
        hark_close(fds[1]);
}
END_TEST

START_TEST(a_pool_without_memory_gives_nothing_and_works_on)
{
        struct hark_pool *pool;
        void *block;

        faults_start(0);
        pool = hark_pool_new(64, 1);
        ck_assert(faults_stop());
        ck_assert_ptr_null(pool);

        pool = hark_pool_new(64, 1);
        faults_start(0);
        block = hark_pool_take(pool);
        ck_assert(faults_stop());
        ck_assert_ptr_null(block);
        block = hark_pool_take(pool);
        ck_assert_ptr_nonnull(block);
        hark_pool_put(pool, block);
        hark_pool_close(pool);
}
END_TEST

FIXTURE_MAIN("message_faults", a_message_is_copied_whole_or_not_at_all,
             a_process_without_descriptors_copies_none,
             a_pool_without_memory_gives_nothing_and_works_on)
