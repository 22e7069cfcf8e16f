/* SPDX-License-Identifier: MIT */

/* What the service publishes. See service.h. */

#include "service_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"

static void publish_numbers(struct service *service, const char *topic, unsigned n,
                            struct hark_payload payload, char *bytes)
{
        for (unsigned i = 1; i <= n; i++) {
                int size = snprintf(bytes, 16, "%u", i);

                if (payload.size < (size_t)size)
                        payload.size = (size_t)size;
                kit_assert_good(hark_server_publish(service->server, topic, payload));
        }
}

static void answer_publish(hark_request *request, void *userdata)
{
        struct hark_payload payload = {.encoding = HARK_TEXT};
        unsigned n = 1, priority = 0;
        char topic[256], *bytes;

        kit_assert(sscanf(service_text(request), "%255s %u %zu %u", topic, &n, &payload.size,
                          &priority) >= 1);
        bytes = calloc(1, payload.size + 16);
        kit_assert(bytes);
        payload.data = bytes;
        payload.priority = (uint8_t)priority;
        publish_numbers(userdata, topic, n, payload, bytes);
        free(bytes);
        hark_reply(request, HARK_NOTHING);
}

static void answer_has_subscribers(hark_request *request, void *userdata)
{
        struct service *service = userdata;

        service_say(request, "%d",
                    hark_server_has_subscribers(service->server, service_text(request)));
}

const struct service_method service_topics[] = {
        {"publish", answer_publish},
        {"has_subscribers", answer_has_subscribers},
        {NULL, NULL},
};
