/* SPDX-License-Identifier: MIT */

/* What the service does with a request at once. See service.h. */

#include "service_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "kit.h"

static void answer_echo(hark_request *request, void *userdata)
{
        service_add(userdata, "echoed", 1);
        hark_reply(request, hark_message_payload(hark_request_message(request)));
}

static void answer_fail(hark_request *request, void *userdata)
{
        struct hark_payload failure = hark_text("details");
        char name[64], text[64];

        (void)userdata;
        kit_assert(sscanf(service_text(request), "%d %63s %63[^\n]", &failure.status, name, text) ==
                   3);
        failure.error_name = name;
        failure.error_text = text;
        hark_reply(request, failure);
}

static void answer_fail_errno(hark_request *request, void *userdata)
{
        int error = atoi(service_text(request));

        (void)userdata;
        hark_fail(request, error, hark_reason(error, NULL));
}

static void answer_failf(hark_request *request, void *userdata)
{
        (void)userdata;
        hark_failf(request, HARK_APPLICATION + 3, "%s: %d", "seven", 7);
}

static void forget(hark_request *request, void *userdata)
{
        (void)request;
        service_add(userdata, "forgotten", 1);
}

static void answer_twice(hark_request *request, void *userdata)
{
        kit_assert_good(hark_reply(request, hark_text("first")));
        service_set(userdata, "twice", hark_reply(request, hark_text("second")));
}

static void answer_large(hark_request *request, void *userdata)
{
        size_t size = strtoul(service_text(request), NULL, 10);
        uint8_t *bytes = kit_pattern(size);

        service_add(userdata, "asked_for_large", 1);
        service_set(userdata, "large", hark_reply(request, hark_bytes(bytes, size)));
        free(bytes);
}

/* Notes who was asked: for filters. */
static void answer_filter(hark_request *request, void *userdata)
{
        (void)userdata;
        service_say(request, "*: %s", hark_request_method(request));
}

static void answer_one_way(hark_request *request, void *userdata)
{
        service_set(userdata, "is_one_way", hark_request_is_one_way(request));
        service_set(userdata, "one_way_reply", hark_reply(request, hark_text("heard by nobody")));
}

const struct service_method service_calls[] = {
        {"echo", answer_echo},
        {"fail", answer_fail},
        {"fail_errno", answer_fail_errno},
        {"failf", answer_failf},
        {"forget", forget},
        {"twice", answer_twice},
        {"large", answer_large},
        {"one_way", answer_one_way},
        {"family.*", answer_filter},
        {"family.echo", answer_echo},
        {NULL, NULL},
};
