/* SPDX-License-Identifier: MIT */

/* hark_connect(): what was wished is checked and completed, and the first attempt made. */

#include <errno.h>
#include <string.h>

#include "endpoint/client.h"
#include "endpoint/server.h"

#define DEFAULT_ATTEMPT_MS   5000
#define DEFAULT_RETRY_MIN_MS 20
#define DEFAULT_RETRY_MAX_MS 2000

static int complete_times(struct hark_client_params *params)
{
        if (params->attempt_ms < 0 || params->ping_ms < 0 || params->spin_us < -1 ||
            params->wait_ms < 0 || params->retry_min_ms < 0 || params->retry_max_ms < 0)
                return -EINVAL;
        if (params->attempt_ms == 0)
                params->attempt_ms = DEFAULT_ATTEMPT_MS;
        if (params->retry_min_ms == 0)
                params->retry_min_ms = DEFAULT_RETRY_MIN_MS;
        if (params->retry_max_ms == 0)
                params->retry_max_ms = params->retry_min_ms > DEFAULT_RETRY_MAX_MS
                                               ? params->retry_min_ms
                                               : DEFAULT_RETRY_MAX_MS;
        return params->retry_min_ms <= params->retry_max_ms ? 0 : -EINVAL;
}

static int complete_params(const struct hark_client_params *given,
                           struct hark_client_params *ret_params)
{
        struct hark_client_params params = {.name = NULL};
        int r;

        if (given)
                params = *given;
        for (size_t i = 0; i < sizeof(params.reserved) / sizeof(*params.reserved); i++)
                if (params.reserved[i] != 0)
                        return -EINVAL;
        if (!params.name)
                params.name = program_invocation_short_name;
        r = complete_times(&params);
        if (r == 0)
                r = hark_limits_complete(&params.limits, &params.limits);
        if (r == 0)
                *ret_params = params;
        return r;
}

/* Calls wait as long as was wished; subscriptions, which outlive connections, for ever. */
static void allow_waiting(hark_client *client)
{
        const struct hark_client_params *params = &client->params;

        client->subscriptions.wait_limit = params->limits.subscriptions;
        client->calls.backlog = &client->backlog;
        client->calls.may_repeat = !params->is_one_shot;
        client->backlog.sends_limit = params->outbox_size;
        client->calls.wait_ms = params->wait_ms;
        if (params->wait_ms == 0)
                return;
        client->calls.wait_limit = params->limits.calls_in_flight;
        client->backlog.calls_limit = params->limits.queue_size;
}

static void keep_name(hark_client *client)
{
        strncpy(client->name, client->params.name, HARK_NAME_MAX);
        client->calls.name = client->name;
        client->params.name = NULL; /* the caller's, and so are the addresses */
        client->params.alternatives = NULL;
}

static int start_client(hark_loop *loop, const char *address,
                        const struct hark_client_params *params, hark_client **ret_client)
{
        hark_client *client;
        int r;

        if (params->serves && params->serves->loop != loop)
                return -EINVAL;
        client = hark_client_new(loop, params, NULL);
        if (!client)
                return -ENOMEM;
        keep_name(client);
        allow_waiting(client);
        r = hark_attempts_init(&client->attempts, address, params->alternatives);
        if (r == 0)
                r = hark_client_start_trying(client);
        if (r < 0) {
                hark_client_free(client);
                return r;
        }
        *ret_client = client;
        return 0;
}

/* What ends the attempts that hark_connect() waits for. */
static int wait_until_connected(hark_client *client)
{
        int r = hark_loop_wait(client->loop, &client->is_settled, NULL);

        if (r < 0)
                return r;
        if (client->state != HARK_CLOSED)
                return 0;
        return client->reason < 0 ? client->reason : -ECONNREFUSED;
}

static int start_private_client(const char *address, const struct hark_client_params *params,
                                hark_client **ret_client)
{
        hark_loop *loop = NULL;
        hark_client *client = NULL;
        int r = hark_loop_new(&loop);

        if (r == 0)
                r = start_client(loop, address, params, &client);
        if (r == 0)
                r = wait_until_connected(client);
        hark_loop_unref(loop); /* the client holds it */
        if (r < 0)
                hark_client_unref(client);
        else
                *ret_client = client;
        return r;
}

int hark_connect(hark_loop *loop, const char *address, const struct hark_client_params *params,
                 hark_client **ret_client)
{
        struct hark_client_params complete;
        int r;

        if (!address || !ret_client)
                return -EINVAL;
        r = complete_params(params, &complete);
        if (r < 0)
                return r;
        return loop ? start_client(loop, address, &complete, ret_client)
                    : start_private_client(address, &complete, ret_client);
}
