/* SPDX-License-Identifier: MIT */

/* See payload.h. */

#include "base/payload.h"

#include <errno.h>
#include <hark/client.h>

#define PRIORITY_MAX 7
#define TRACE_MAX    255 /* bytes */

static bool is_trace(const char *text)
{
        size_t size = 0;

        for (; text[size]; size++)
                if (size >= TRACE_MAX || text[size] < ' ' || text[size] > '~')
                        return false;
        return true;
}

/* Numbers that callbacks are given for something else. */
static bool is_reserved_status(int status)
{
        return status == HARK_MORE || status == HARK_ROOM;
}

int hark_payload_check(const struct hark_payload *payload)
{
        size_t n_reserved = sizeof(payload->reserved) / sizeof(*payload->reserved);

        if (!payload->data && payload->size > 0)
                return -EINVAL;
        if (!payload->fds && payload->n_fds > 0)
                return -EINVAL;
        if (payload->priority > PRIORITY_MAX || payload->retain > HARK_WITHDRAW ||
            payload->status < 0 || is_reserved_status(payload->status))
                return -EINVAL;
        if ((payload->is_detached && payload->parent) ||
            (payload->trace && !is_trace(payload->trace)))
                return -EINVAL;
        for (size_t i = 0; i < n_reserved; i++)
                if (payload->reserved[i] != 0)
                        return -EINVAL;
        return 0;
}

int hark_payload_check_answer(const struct hark_payload *payload)
{
        return payload->has_feed ? -EINVAL : hark_payload_check(payload);
}

int hark_payload_check_item(const struct hark_payload *payload)
{
        return payload->status != 0 ? -EINVAL : hark_payload_check_answer(payload);
}
