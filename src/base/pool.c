/* SPDX-License-Identifier: MIT */

/*
 * See pool.h for the two lists. What is particular here is the end: nobody counts the blocks that
 * are away while the owner lives. When it leaves it puts the mark `closed` where returned blocks
 * were pushed, so that whoever comes home later sees that it has to free its block itself; those
 * count down n_away, to which the owner adds how many there are. The count passes zero, for the
 * last time, exactly once, and whoever makes it do so frees the pool.
 */

#include "base/pool.h"

#include <stdatomic.h>
#include <stdlib.h>

/* A kept block must not be touched: AddressSanitizer would not see that by itself. */
#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

struct block {
        struct block *next;
};

struct hark_pool {
        /* the owner's */
        struct block *ready;
        size_t n_ready;
        size_t n_blocks; /* that exist: ready, returned or away */
        size_t block_size, max_kept;

        /* everybody's */
        _Atomic(struct block *) returned;
        atomic_ptrdiff_t n_away; /* after the close only: see above */
};

/* Only its address counts. */
static struct block closed;

static void free_block(struct hark_pool *pool, struct block *block)
{
        ASAN_UNPOISON_MEMORY_REGION(block, pool->block_size);
        free(block);
}

static void free_chain(struct hark_pool *pool, struct block *chain)
{
        while (chain != NULL) {
                struct block *block = chain;

                chain = block->next;
                free_block(pool, block);
                pool->n_blocks--;
        }
}

static void keep_block(struct hark_pool *pool, struct block *block)
{
        if (pool->n_ready >= pool->max_kept) {
                free_block(pool, block);
                pool->n_blocks--;
                return;
        }
        block->next = pool->ready;
        pool->ready = block;
        pool->n_ready++;
}

/* Even while there are blocks ready: what came home last is what the cache still holds. */
static void collect_returned(struct hark_pool *pool)
{
        struct block *chain;

        if (atomic_load_explicit(&pool->returned, memory_order_relaxed) == NULL)
                return;
        chain = atomic_exchange_explicit(&pool->returned, NULL, memory_order_acquire);
        while (chain != NULL) {
                struct block *block = chain;

                chain = block->next;
                keep_block(pool, block);
        }
}

static struct block *pop_ready(struct hark_pool *pool)
{
        struct block *block = pool->ready;

        if (block == NULL)
                return NULL;
        pool->ready = block->next;
        pool->n_ready--;
        ASAN_UNPOISON_MEMORY_REGION(block, pool->block_size);
        return block;
}

static void put_after_close(struct hark_pool *pool, struct block *block)
{
        free_block(pool, block);
        if (atomic_fetch_sub(&pool->n_away, 1) == 1)
                free(pool);
}

struct hark_pool *hark_pool_new(size_t block_size, size_t max_kept)
{
        struct hark_pool *pool = calloc(1, sizeof(*pool));

        if (pool == NULL)
                return NULL;
        pool->block_size = block_size > sizeof(struct block) ? block_size : sizeof(struct block);
        pool->max_kept = max_kept;
        return pool;
}

void hark_pool_close(struct hark_pool *pool)
{
        ptrdiff_t n_away;

        if (pool == NULL)
                return;
        free_chain(pool, pool->ready);
        free_chain(pool, atomic_exchange(&pool->returned, &closed));
        n_away = (ptrdiff_t)pool->n_blocks;
        if (atomic_fetch_add(&pool->n_away, n_away) + n_away == 0)
                free(pool);
}

size_t hark_pool_block_size(const struct hark_pool *pool)
{
        return pool->block_size;
}

void *hark_pool_take(struct hark_pool *pool)
{
        struct block *block;

        collect_returned(pool);
        block = pop_ready(pool);
        if (block != NULL)
                return block;
        block = malloc(pool->block_size);
        if (block != NULL)
                pool->n_blocks++;
        return block;
}

void hark_pool_put(struct hark_pool *pool, void *block)
{
        struct block *self = block;
        struct block *head = atomic_load_explicit(&pool->returned, memory_order_acquire);

        ASAN_POISON_MEMORY_REGION(self + 1, pool->block_size - sizeof(*self));
        do {
                if (head == &closed) {
                        put_after_close(pool, self);
                        return;
                }
                self->next = head;
        } while (!atomic_compare_exchange_weak_explicit(
                &pool->returned, &head, self, memory_order_release, memory_order_acquire));
}
