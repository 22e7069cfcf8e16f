/* SPDX-License-Identifier: MIT */
#ifndef HARK_BASE_MESSAGE_H
#define HARK_BASE_MESSAGE_H

/*
 * What is inside a hark_message: one block that holds the structure, the payload with a NUL behind
 * it, and the strings.
 *
 *         struct hark_message | payload ... NUL | name NUL | error name NUL | error text NUL
 *                             | trace NUL | chain NUL
 *
 * Blocks come from pools of four sizes, those that fit none from malloc. The large sizes matter as
 * much as the small one: memory that malloc gives back to the kernel costs a page fault per 4 KiB
 * when it is had again, which is more than copying it. A message is filled in by the one who makes
 * it, before anybody else sees it, and immutable from then on, but for its count of references and
 * the fds that are taken out of it.
 */

#include <hark/message.h>
#include <stdatomic.h>

#include "base/pool.h"

struct hark_message {
        atomic_uint n_refs;
        struct hark_pool *pool; /* NULL: from malloc */
        uint8_t *data;
        size_t size;
        const char *name;       /* method or topic; "" if none */
        const char *error_name; /* NULL if none; fit to print */
        const char *error_text; /* NULL if none; fit to print */
        const char *trace;      /* NULL if none; fit to print */
        const uint8_t *chain;   /* NULL if none; see wire/chain.h */
        size_t chain_size;
        int status;
        uint8_t encoding, priority;
        uint8_t retain; /* what was published: enum hark_retain */
        unsigned n_fds, n_fds_left;
        int *fds; /* own block of twice n_fds: at index i the fd, -1 once it was taken; behind those
                     the n_fds_left that were not, without holes. NULL if there are none */
};

/* What the strings of a message to be made are; none is terminated, each may be NULL with size 0.
 * chain is no string, but is kept as they are. */
struct hark_message_strings {
        const char *name, *error_name, *error_text, *trace, *chain;
        size_t name_size, error_name_size, error_text_size, trace_size, chain_size;
};

/* The pools that messages of one loop come from; hark_message_pools_new() NULL: no memory. */
struct hark_message_pools;
struct hark_message_pools *hark_message_pools_new(void);
/* Takes NULL. Messages that are still about come home later. */
void hark_message_pools_close(struct hark_message_pools *pools);

/* The largest payload that comes from a pool at all, whatever its strings. */
#define HARK_MESSAGE_POOLED (1024 * 1024)

/*
 * Makes a message of one reference with room for size bytes, uninitialised but for the NUL behind
 * them, attributes zero, strings copied (those of an error made fit to print).
 * pools may be NULL. NULL: no memory.
 */
hark_message *hark_message_new(struct hark_message_pools *pools, size_t size,
                               const struct hark_message_strings *strings);

/* Makes a message that holds a copy of what payload says: bytes, attributes and duplicates of its
 * fds. 0, -ENOMEM, -EMFILE, -EBADF. If payload.message is such a message itself and nothing else
 * differs, a reference to it; but not if it holds fds, which could be taken out of it meanwhile.
 * name may be NULL. */
int hark_message_new_copy(struct hark_message_pools *pools, const char *name,
                          const struct hark_payload *payload, hark_message **ret_message);

/* Takes over n_fds fds. 0; -ENOMEM, then they still are the caller's. */
int hark_message_take_over_fds(hark_message *message, const int *fds, unsigned n_fds);

static inline void hark_message_unrefp(hark_message **message)
{
        hark_message_unref(*message);
}

#endif
