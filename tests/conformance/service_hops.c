/* SPDX-License-Identifier: MIT */

/* What the service asks on somebody's behalf, of whom it is told to. See service.h. */

#include "service_internal.h"

#include <stdio.h>
#include <string.h>

#include "kit.h"

#define TEXT_SIZE 1024

/* What a request says that shall be asked further. */
struct hop {
        char whom[64], wish[16], method[64];
        const char *text; /* in the request */
};

static void parse(const hark_request *request, struct hop *hop)
{
        int at = 0;

        kit_assert(sscanf(service_text(request), "%63s %15s %63s %n", hop->whom, hop->wish,
                          hop->method, &at) >= 3);
        hop->text = service_text(request) + at;
}

/* NULL: no peer is called so. "-" is who asks. */
static hark_client *find(const struct service *service, const hark_request *request,
                         const char *name)
{
        if (strcmp(name, "-") == 0)
                return hark_peer_client(hark_request_peer(request));
        for (size_t i = 0; i < SERVICE_PEERS; i++)
                if (service->peers[i] &&
                    strcmp(hark_peer_credentials(service->peers[i])->claimed_name, name) == 0)
                        return hark_peer_client(service->peers[i]);
        return NULL;
}

static void answer_with(hark_request *request, int result, const hark_message *message)
{
        if (result >= 0)
                hark_reply(request, hark_message_payload(message));
        else
                hark_fail(request, result, hark_reason(result, NULL));
}

static void pass_on(int result, hark_message *message, void *userdata)
{
        answer_with(userdata, result, message);
        hark_request_unref(userdata);
}

static void wait_and_pass_on(hark_request *request, hark_client *client, const struct hop *hop,
                             struct hark_payload payload)
{
        hark_message *reply = NULL;
        int r = hark_call(client, hop->method, payload, HARK_FOREVER, &reply);

        answer_with(request, r, reply);
        hark_message_unref(reply);
}

static void relay(hark_request *request, void *userdata)
{
        struct hark_payload payload;
        hark_client *client;
        struct hop hop;

        parse(request, &hop);
        client = find(userdata, request, hop.whom);
        payload = hark_text(hop.text);
        if (strncmp(hop.wish, "parent", 6) == 0)
                payload.parent = request;
        payload.is_detached = strcmp(hop.wish, "detached") == 0;
        if (!client)
                hark_fail(request, HARK_NOT_FOUND, hop.whom);
        else if (strstr(hop.wish, "call"))
                wait_and_pass_on(request, client, &hop, payload);
        else
                kit_assert_good(hark_invoke(client, hop.method, payload, HARK_FOREVER, pass_on,
                                            hark_request_ref(request), NULL));
}

/* Asks and does not wait for it before it answers. */
static void hand_over(hark_request *request, void *userdata)
{
        hark_client *client;
        struct hop hop;

        parse(request, &hop);
        client = find(userdata, request, hop.whom);
        kit_assert(client);
        kit_assert_good(hark_send(client, hop.method, hark_text(hop.text)));
        hark_reply(request, HARK_NOTHING);
}

static void answer_trace(hark_request *request, void *userdata)
{
        (void)userdata;
        hark_reply(request, hark_text(hark_request_trace(request)));
}

const struct service_method service_hops[] = {
        {"relay", relay},
        {"hand_over", hand_over},
        {"trace", answer_trace},
        {NULL, NULL},
};
