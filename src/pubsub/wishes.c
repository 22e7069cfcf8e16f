/* SPDX-License-Identifier: MIT */

/* What a subscribe says besides its filter. See subscription.h. */

#include <errno.h>
#include <string.h>

#include "names/name.h"
#include "pubsub/subscription.h"

/* The wishes for its queue and the name of a group, each with its head. */
#define SUBSCRIBE_EXTENSIONS_MAX \
        ((size_t)HARK_EXTENSIONS_HEAD_SIZE + 4 + HARK_QUEUE_SIZE + 4 + HARK_NAME_MAX + 8)

static uint8_t flags_of(const struct hark_subscribe_params *params)
{
        return (params->is_once_only ? HARK_QUEUE_ONCE_ONLY : 0) |
               (params->wants_retained ? HARK_QUEUE_WANTS_RETAINED : 0);
}

/* What a subscribe says besides its filter. */
static size_t put_wishes(const struct hark_subscription *subscription,
                         uint8_t bytes[SUBSCRIBE_EXTENSIONS_MAX])
{
        const struct hark_subscribe_params *params = &subscription->params;
        struct hark_extension_writer writer;
        uint8_t encoded[HARK_QUEUE_SIZE];

        if (!subscription->has_params)
                return 0;
        hark_queue_encode(&(struct hark_queue){.max_messages = params->max_messages,
                                               .policy = params->policy,
                                               .flags = flags_of(params),
                                               .max_size = params->max_size},
                          encoded);
        hark_extensions_start(&writer, bytes);
        hark_extensions_put(&writer, HARK_EXTENSION_QUEUE, encoded, sizeof(encoded));
        if (params->group)
                hark_extensions_put(&writer, HARK_EXTENSION_GROUP, params->group,
                                    strlen(params->group));
        return hark_extensions_finish(&writer);
}

int hark_subscription_ask(const struct hark_subscription *subscription, bool is_again)
{
        uint8_t bytes[SUBSCRIBE_EXTENSIONS_MAX];
        struct hark_send send = {
                .type = HARK_FRAME_SUBSCRIBE,
                .id = (uint32_t)subscription->id,
                .name = subscription->filter,
                .name_size = strlen(subscription->filter),
                .extensions = {bytes, put_wishes(subscription, bytes)},
                .deadline_ns = HARK_NEVER,
                .is_again = is_again,
        };

        return hark_conn_send(subscription->subscriptions->conn, &send, NULL);
}

static int check_group(const struct hark_subscribe_params *params)
{
        if (!params->group)
                return params->is_once_only ? -EINVAL : 0;
        if (params->policy != HARK_DROP_OLDEST || params->wants_retained)
                return -EINVAL;
        return hark_name_is_valid(params->group, strlen(params->group)) ? 0 : -EINVAL;
}

int hark_subscription_check(const struct hark_subscribe_params *params)
{
        size_t n_reserved = params ? sizeof(params->reserved) / sizeof(*params->reserved) : 0;

        for (size_t i = 0; i < n_reserved; i++)
                if (params->reserved[i] != 0)
                        return -EINVAL;
        if (params && params->policy > HARK_DISCONNECT)
                return -EINVAL;
        return params ? check_group(params) : 0;
}
