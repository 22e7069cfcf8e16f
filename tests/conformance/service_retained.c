/* SPDX-License-Identifier: MIT */

/* What the service publishes to be kept. See service.h. */

#include "service_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "kit.h"

static void answer_retain(hark_request *request, void *userdata)
{
        struct service *service = userdata;
        struct hark_payload payload;
        char topic[256], text[256];

        kit_assert(sscanf(service_text(request), "%255s %255s", topic, text) == 2);
        payload = hark_text(text);
        payload.retain = HARK_RETAIN;
        kit_assert_good(hark_server_publish(service->server, topic, payload));
        hark_reply(request, HARK_NOTHING);
}

static void answer_retain_many(hark_request *request, void *userdata)
{
        struct hark_payload payload = {.retain = HARK_RETAIN};
        struct service *service = userdata;
        char prefix[200], topic[256];
        unsigned n;
        void *bytes;

        kit_assert(sscanf(service_text(request), "%199s %u %zu", prefix, &n, &payload.size) == 3);
        bytes = calloc(1, payload.size);
        kit_assert(bytes);
        payload.data = bytes;
        for (unsigned i = 1; i <= n; i++) {
                snprintf(topic, sizeof(topic), "%s%u", prefix, i);
                kit_assert_good(hark_server_publish(service->server, topic, payload));
        }
        free(bytes);
        hark_reply(request, HARK_NOTHING);
}

static void answer_withdraw(hark_request *request, void *userdata)
{
        struct service *service = userdata;
        struct hark_payload payload = {.retain = HARK_WITHDRAW};

        kit_assert_good(hark_server_publish(service->server, service_text(request), payload));
        hark_reply(request, HARK_NOTHING);
}

const struct service_method service_retained[] = {
        {"retain", answer_retain},
        {"retain_many", answer_retain_many},
        {"withdraw", answer_withdraw},
        {NULL, NULL},
};
