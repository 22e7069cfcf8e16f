/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "base/pool.h"

#define BLOCK_SIZE 64
#define N_THREADS  4
#define N_BLOCKS   20000
#define N_SLOTS    16

START_TEST(gives_a_block_again_that_came_back)
{
        struct hark_pool *pool = hark_pool_new(BLOCK_SIZE, 4);
        void *block = hark_pool_take(pool);

        memset(block, 1, BLOCK_SIZE);
        hark_pool_put(pool, block);
        ck_assert_ptr_eq(hark_pool_take(pool), block);
        memset(block, 2, BLOCK_SIZE);
        hark_pool_put(pool, block);
        hark_pool_close(pool);
}
END_TEST

START_TEST(gives_aligned_blocks_that_do_not_overlap)
{
        struct hark_pool *pool = hark_pool_new(BLOCK_SIZE, 4);
        uint8_t *blocks[8];

        ck_assert_uint_eq(hark_pool_block_size(pool), BLOCK_SIZE);
        for (int i = 0; i < 8; i++) {
                blocks[i] = hark_pool_take(pool);
                ck_assert_uint_eq((uintptr_t)blocks[i] % 16, 0);
                memset(blocks[i], i, BLOCK_SIZE);
        }
        for (int i = 0; i < 8; i++) {
                ck_assert_int_eq(blocks[i][0], i);
                ck_assert_int_eq(blocks[i][BLOCK_SIZE - 1], i);
                hark_pool_put(pool, blocks[i]);
        }
        hark_pool_close(pool);
}
END_TEST

START_TEST(survives_its_owner_until_the_last_block_is_home)
{
        struct hark_pool *pool = hark_pool_new(BLOCK_SIZE, 4);
        void *away[3];

        for (int i = 0; i < 3; i++)
                away[i] = hark_pool_take(pool);
        hark_pool_put(pool, away[0]);
        hark_pool_close(pool);
        memset(away[1], 1, BLOCK_SIZE);
        hark_pool_put(pool, away[1]);
        memset(away[2], 1, BLOCK_SIZE);
        hark_pool_put(pool, away[2]);
}
END_TEST

START_TEST(closes_nothing_and_an_unused_one)
{
        hark_pool_close(NULL);
        hark_pool_close(hark_pool_new(1, 0));
}
END_TEST

/* Blocks on their way from the owner to the other threads. */
static _Atomic(uint64_t *) slots[N_SLOTS];
static atomic_uint n_put;

static void *put_back(void *argument)
{
        struct hark_pool *pool = argument;

        while (atomic_load(&n_put) < N_BLOCKS) {
                for (size_t i = 0; i < N_SLOTS; i++) {
                        uint64_t *block = atomic_exchange(&slots[i], NULL);

                        if (block == NULL)
                                continue;
                        ck_assert_uint_eq(block[0], ~block[1]);
                        hark_pool_put(pool, block);
                        atomic_fetch_add(&n_put, 1);
                }
        }
        return NULL;
}

static void hand_out(struct hark_pool *pool)
{
        for (uint64_t n = 0; n < N_BLOCKS; n++) {
                uint64_t *block = hark_pool_take(pool), *expected = NULL;
                size_t i = 0;

                block[0] = n;
                block[1] = ~n;
                while (!atomic_compare_exchange_weak(&slots[i], &expected, block)) {
                        expected = NULL;
                        i = (i + 1) % N_SLOTS;
                }
        }
}

START_TEST(takes_blocks_back_from_any_thread_also_after_its_owner_left)
{
        struct hark_pool *pool = hark_pool_new(BLOCK_SIZE, 4);
        pthread_t threads[N_THREADS];

        for (size_t i = 0; i < N_THREADS; i++)
                ck_assert_int_eq(pthread_create(&threads[i], NULL, put_back, pool), 0);
        hand_out(pool);
        hark_pool_close(pool);
        for (size_t i = 0; i < N_THREADS; i++)
                pthread_join(threads[i], NULL);
        ck_assert_uint_eq(atomic_load(&n_put), N_BLOCKS);
}
END_TEST

FIXTURE_MAIN("pool", gives_a_block_again_that_came_back, gives_aligned_blocks_that_do_not_overlap,
             survives_its_owner_until_the_last_block_is_home, closes_nothing_and_an_unused_one,
             takes_blocks_back_from_any_thread_also_after_its_owner_left)
