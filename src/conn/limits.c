/* SPDX-License-Identifier: MIT */

/* What one side may make the other hold: defaults and bounds. See <hark/client.h>. */

#include <errno.h>

#include "conn/internal.h"

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)

static int complete_size(size_t given, size_t fallback, size_t least, size_t most, size_t *ret_size)
{
        *ret_size = given > 0 ? given : fallback;
        return *ret_size >= least && *ret_size <= most ? 0 : -EINVAL;
}

static uint32_t or_default(uint32_t given, uint32_t fallback)
{
        return given > 0 ? given : fallback;
}

int hark_limits_complete(const struct hark_limits *given, struct hark_limits *ret_limits)
{
        struct hark_limits limits = *given;
        size_t two_messages;

        for (size_t i = 0; i < sizeof(given->reserved) / sizeof(*given->reserved); i++)
                if (given->reserved[i] != 0)
                        return -EINVAL;
        if (complete_size(given->message_size, 16 * MIB, KIB, HARK_FRAME_MAX,
                          &limits.message_size) < 0)
                return -EINVAL;
        two_messages = 2 * hark_conn_cost(limits.message_size);
        if (complete_size(given->received_size, two_messages > 32 * MIB ? two_messages : 32 * MIB,
                          limits.message_size, SIZE_MAX / 4, &limits.received_size) < 0 ||
            complete_size(given->queue_size, 16 * MIB, 4 * KIB, SIZE_MAX / 4, &limits.queue_size) <
                    0 ||
            complete_size(given->window_size, MIB, 4 * KIB, HARK_FRAME_MAX, &limits.window_size) <
                    0)
                return -EINVAL;
        /* One message fits, with what it costs besides its payload. */
        if (limits.received_size < hark_conn_cost(limits.message_size))
                limits.received_size = hark_conn_cost(limits.message_size);
        limits.calls_in_flight = or_default(given->calls_in_flight, 1024);
        limits.subscriptions = or_default(given->subscriptions, 4096);
        limits.fds_per_message = or_default(given->fds_per_message, 16);
        limits.hello_ms = or_default(given->hello_ms, 10000);
        if (limits.fds_per_message > HARK_PORT_FDS || limits.hello_ms > INT32_MAX)
                return -EINVAL;
        *ret_limits = limits;
        return 0;
}
