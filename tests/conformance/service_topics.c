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

static void answer_publish_round(hark_request *request, void *userdata)
{
        struct service *service = userdata;
        char prefix[200], topic[256], text[16];
        unsigned n_topics, n;

        kit_assert(sscanf(service_text(request), "%199s %u %u", prefix, &n_topics, &n) == 3);
        for (unsigned i = 0; i < n * n_topics; i++) {
                snprintf(topic, sizeof(topic), "%s%u", prefix, i % n_topics + 1);
                snprintf(text, sizeof(text), "%u", i / n_topics + 1);
                kit_assert_good(hark_server_publish(service->server, topic, hark_text(text)));
        }
        hark_reply(request, HARK_NOTHING);
}

static void answer_n_slow(hark_request *request, void *userdata)
{
        struct service *service = userdata;

        service_say(request, "%zu", hark_server_n_slow(service->server));
}

static void answer_has_subscribers(hark_request *request, void *userdata)
{
        struct service *service = userdata;

        service_say(request, "%d",
                    hark_server_has_subscribers(service->server, service_text(request)));
}

const struct service_method service_topics[] = {
        {"publish", answer_publish},
        {"publish_round", answer_publish_round},
        {"n_slow", answer_n_slow},
        {"has_subscribers", answer_has_subscribers},
        {NULL, NULL},
};
