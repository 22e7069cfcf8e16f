/* SPDX-License-Identifier: MIT */

/*
 * Messages: made once, shared by counting, freed to where they came from.
 */

#include "base/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/log.h"

/* What a block holds besides a payload of a round size: the structure and the strings. */
#define SLACK 4096

/* Sizes of blocks, smallest first, and how many of each are kept: 6 MiB in all at the most, and
 * only where messages of that size have come. */
static const struct {
        size_t block_size, n_kept;
} pool_sizes[] = {
        {2048, 256}, /* a page holds two */
        {16 * 1024, 32},
        {64 * 1024 + SLACK, 16},
        {HARK_MESSAGE_POOLED + SLACK, 4},
};
#define N_POOLS (sizeof(pool_sizes) / sizeof(*pool_sizes))

struct hark_message_pools {
        struct hark_pool *pools[N_POOLS];
};

/* The structure's share of a block; payloads are 8-aligned. */
#define HEAD_SIZE ((sizeof(struct hark_message) + 7) & ~(size_t)7)

/* Copies size bytes and a NUL to *cursor, which moves behind them. NULL stays NULL. */
static char *put_string(uint8_t **cursor, const char *string, size_t size)
{
        char *copy = (char *)*cursor;

        if (string == NULL)
                return NULL;
        memcpy(copy, string, size);
        copy[size] = '\0';
        *cursor += size + 1;
        return copy;
}

static const char *put_printable(uint8_t **cursor, const char *string, size_t size)
{
        char *copy = put_string(cursor, string, size);

        if (copy != NULL)
                hark_text_sanitise(copy, size);
        return copy;
}

static void put_strings(hark_message *message, const struct hark_message_strings *strings)
{
        uint8_t *cursor = message->data + message->size + 1;
        const char *name = put_string(&cursor, strings->name, strings->name_size);

        message->name = name != NULL ? name : "";
        message->error_name = put_printable(&cursor, strings->error_name, strings->error_name_size);
        message->error_text = put_printable(&cursor, strings->error_text, strings->error_text_size);
        message->trace = put_printable(&cursor, strings->trace, strings->trace_size);
        message->chain = (const uint8_t *)put_string(&cursor, strings->chain, strings->chain_size);
        message->chain_size = strings->chain_size;
}

/* Everything in a block, each string and the payload with its NUL. */
static size_t measure(size_t size, const struct hark_message_strings *strings)
{
        return HEAD_SIZE + size + strings->name_size + strings->error_name_size +
               strings->error_text_size + strings->trace_size + strings->chain_size + 6;
}

/* NULL: too large for any. */
static struct hark_pool *choose_pool(const struct hark_message_pools *pools, size_t block_size)
{
        for (size_t i = 0; pools != NULL && i < N_POOLS; i++)
                if (block_size <= pool_sizes[i].block_size)
                        return pools->pools[i];
        return NULL;
}

/* Uninitialised but for the pool it came from. */
static hark_message *allocate(struct hark_message_pools *pools, size_t block_size)
{
        struct hark_pool *pool = choose_pool(pools, block_size);
        hark_message *message = pool != NULL ? hark_pool_take(pool) : malloc(block_size);

        if (message != NULL)
                message->pool = pool;
        return message;
}

static void free_message(hark_message *message)
{
        for (unsigned i = 0; i < message->n_fds; i++)
                hark_close(message->fds[i]);
        free(message->fds);
        if (message->pool != NULL)
                hark_pool_put(message->pool, message);
        else
                free(message);
}

/* Whoever frees must see what the others did before they let go. Where there is but one reference
 * nobody can be making another, and a load is cheaper than a locked subtraction. */
static bool is_last_reference(hark_message *message)
{
        return atomic_load_explicit(&message->n_refs, memory_order_acquire) == 1 ||
               atomic_fetch_sub_explicit(&message->n_refs, 1, memory_order_acq_rel) == 1;
}

static size_t size_of_string(const char *string)
{
        return string != NULL ? strlen(string) : 0;
}

/* Whether the payload is what hark_message_payload() gave for its message, and that is named so. */
static bool is_unchanged(const struct hark_payload *payload, const char *name)
{
        const hark_message *message = payload->message;

        return payload->data == hark_message_data(message) && payload->size == message->size &&
               payload->encoding == message->encoding && payload->priority == message->priority &&
               payload->status == message->status && payload->error_name == message->error_name &&
               payload->error_text == message->error_text &&
               (name == NULL || strcmp(name, message->name) == 0);
}

/* fds rule it out: whoever holds the same message could take them meanwhile. */
static bool can_share(const struct hark_payload *payload, const char *name)
{
        return payload->message != NULL && payload->n_fds == 0 &&
               payload->message->n_fds_left == 0 && is_unchanged(payload, name);
}

/* The count of references is the one thing in a shared message that changes. */
static hark_message *share(const hark_message *message)
{
        return hark_message_ref((hark_message *)(uintptr_t)message);
}

static void close_all(const int *fds, unsigned n_fds)
{
        for (unsigned i = 0; i < n_fds; i++)
                hark_close(fds[i]);
}

/* All or none. */
static int duplicate_fds(const int *fds, unsigned n_fds, int *ret_fds)
{
        for (unsigned i = 0; i < n_fds; i++) {
                ret_fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
                if (ret_fds[i] < 0) {
                        int r = -errno;

                        close_all(ret_fds, i);
                        return r;
                }
        }
        return 0;
}

static int copy_fds(hark_message *message, const int *fds, unsigned n_fds)
{
        hark_cleanup(hark_freep) int *copies = NULL;
        int r;

        if (n_fds == 0)
                return 0;
        copies = calloc(n_fds, sizeof(*copies));
        if (copies == NULL)
                return -ENOMEM;
        r = duplicate_fds(fds, n_fds, copies);
        if (r < 0)
                return r;
        r = hark_message_take_over_fds(message, copies, n_fds);
        if (r < 0)
                close_all(copies, n_fds);
        return r;
}

static hark_message *copy_all_but_fds(struct hark_message_pools *pools, const char *name,
                                      const struct hark_payload *payload)
{
        struct hark_message_strings strings = {
                .name = name,
                .name_size = size_of_string(name),
                .error_name = payload->error_name,
                .error_name_size = size_of_string(payload->error_name),
                .error_text = payload->error_text,
                .error_text_size = size_of_string(payload->error_text),
        };
        hark_message *message = hark_message_new(pools, payload->size, &strings);

        if (message == NULL)
                return NULL;
        if (payload->size > 0)
                memcpy(message->data, payload->data, payload->size);
        message->encoding = payload->encoding;
        message->priority = payload->priority;
        message->status = payload->status;
        return message;
}

/* Leaves the list without holes: fds is that list, of n_fds. */
static void drop_fd(int *fds, unsigned n_fds, int fd)
{
        unsigned i = 0;

        while (fds[i] != fd)
                i++;
        memmove(fds + i, fds + i + 1, (n_fds - i - 1) * sizeof(*fds));
}

struct hark_message_pools *hark_message_pools_new(void)
{
        struct hark_message_pools *pools = calloc(1, sizeof(*pools));

        for (size_t i = 0; pools != NULL && i < N_POOLS; i++) {
                pools->pools[i] = hark_pool_new(pool_sizes[i].block_size, pool_sizes[i].n_kept);
                if (pools->pools[i] == NULL) {
                        hark_message_pools_close(pools);
                        return NULL;
                }
        }
        return pools;
}

void hark_message_pools_close(struct hark_message_pools *pools)
{
        for (size_t i = 0; pools != NULL && i < N_POOLS; i++)
                hark_pool_close(pools->pools[i]);
        free(pools);
}

hark_message *hark_message_new(struct hark_message_pools *pools, size_t size,
                               const struct hark_message_strings *strings)
{
        hark_message *message = allocate(pools, measure(size, strings));

        if (message == NULL)
                return NULL;
        atomic_init(&message->n_refs, 1);
        message->data = (uint8_t *)message + HEAD_SIZE;
        message->data[size] = '\0';
        message->size = size;
        message->status = 0;
        message->encoding = message->priority = message->retain = 0;
        message->n_fds = message->n_fds_left = 0;
        message->fds = NULL;
        put_strings(message, strings);
        return message;
}

int hark_message_new_copy(struct hark_message_pools *pools, const char *name,
                          const struct hark_payload *payload, hark_message **ret_message)
{
        hark_cleanup(hark_message_unrefp) hark_message *message = NULL;
        int r;

        if (can_share(payload, name)) {
                *ret_message = share(payload->message);
                return 0;
        }
        message = copy_all_but_fds(pools, name, payload);
        if (message == NULL)
                return -ENOMEM;
        r = copy_fds(message, payload->fds, (unsigned)payload->n_fds);
        if (r < 0)
                return r;
        *ret_message = HARK_TAKE(message);
        return 0;
}

int hark_message_take_over_fds(hark_message *message, const int *fds, unsigned n_fds)
{
        if (n_fds == 0)
                return 0;
        message->fds = calloc(n_fds, 2 * sizeof(*fds));
        if (message->fds == NULL)
                return -ENOMEM;
        memcpy(message->fds, fds, n_fds * sizeof(*fds));
        memcpy(message->fds + n_fds, fds, n_fds * sizeof(*fds));
        message->n_fds = message->n_fds_left = n_fds;
        return 0;
}

struct hark_payload hark_bytes(const void *data, size_t size)
{
        return (struct hark_payload){.data = data, .size = size};
}

struct hark_payload hark_text(const char *text)
{
        if (text == NULL)
                text = "";
        return (struct hark_payload){.data = text, .size = strlen(text), .encoding = HARK_TEXT};
}

hark_message *hark_message_ref(hark_message *message)
{
        if (message != NULL)
                atomic_fetch_add_explicit(&message->n_refs, 1, memory_order_relaxed);
        return message;
}

hark_message *hark_message_unref(hark_message *message)
{
        if (message != NULL && is_last_reference(message))
                free_message(message);
        return NULL;
}

const void *hark_message_data(const hark_message *message)
{
        return message != NULL && message->size > 0 ? message->data : NULL;
}

size_t hark_message_size(const hark_message *message)
{
        return message != NULL ? message->size : 0;
}

const char *hark_message_text(const hark_message *message)
{
        if (message == NULL || memchr(message->data, '\0', message->size) != NULL)
                return "";
        return (const char *)message->data;
}

struct hark_payload hark_message_payload(const hark_message *message)
{
        if (message == NULL)
                return HARK_NOTHING;
        return (struct hark_payload){
                .data = hark_message_data(message),
                .size = message->size,
                .fds = message->n_fds_left > 0 ? message->fds + message->n_fds : NULL,
                .n_fds = message->n_fds_left,
                .encoding = message->encoding,
                .priority = message->priority,
                .retain = message->retain,
                .status = message->status,
                .error_name = message->error_name,
                .error_text = message->error_text,
                .message = message,
        };
}

int hark_message_take_fd(hark_message *message, size_t index)
{
        int fd;

        if (message == NULL || index >= message->n_fds)
                return -ENOENT;
        fd = message->fds[index];
        if (fd < 0)
                return -EALREADY;
        message->fds[index] = -1;
        drop_fd(message->fds + message->n_fds, message->n_fds_left, fd);
        message->n_fds_left--;
        return fd;
}
