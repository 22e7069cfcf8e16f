/* SPDX-License-Identifier: MIT */
#ifndef HARK_BASE_POOL_H
#define HARK_BASE_POOL_H

/*
 * A pool keeps freed blocks of one size for the next who needs one, so that a call costs no malloc.
 *
 * One thread, the owner's, takes blocks; any thread may put them back:
 *
 *         take <- ready list (owner only) <- all of `returned` at once (atomic exchange)
 *         put  -> `returned` (atomic push)
 *
 * Because only the owner removes, and removes everything at once, the push needs no counter against
 * reuse (ABA). The pool outlives its owner until the last block has come home.
 */

#include <stddef.h>

struct hark_pool;

/* block_size: what hark_pool_take() gives, in bytes; max_kept: blocks kept rather than freed.
 * NULL: no memory. */
struct hark_pool *hark_pool_new(size_t block_size, size_t max_kept);

/* The owner leaves, NULL too: the pool frees itself once every block is back. */
void hark_pool_close(struct hark_pool *pool);

size_t hark_pool_block_size(const struct hark_pool *pool);

/* 16-aligned, uninitialised; NULL: no memory. Owner's thread only. */
void *hark_pool_take(struct hark_pool *pool);

/* Any thread. */
void hark_pool_put(struct hark_pool *pool, void *block);

#endif
