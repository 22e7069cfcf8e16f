/* SPDX-License-Identifier: MIT */
/*
 * What `send` and `pub` do alike: a message goes out, and no answer comes, unless the other side
 * refuses it.
 */
#include "oneway.h"

#include "client.h"
#include "failure.h"
#include "input.h"

const struct option_spec oneway_options[] = {
        OPTION_TIMEOUT(struct oneway_options, "for connecting and handing over"),
        OPTION_PRIORITY(struct oneway_options),
        OPTION_WAIT(struct oneway_options),
        {0},
};

struct oneway {
        const char *address;
        int status; /* an exit status: what on_refused said */
};

static void on_refused(hark_client *client, const char *name, int status,
                       const hark_message *message, void *userdata)
{
        struct oneway *oneway = userdata;

        (void)client;
        oneway->status = complain_of_result(name, oneway->address, status, message);
}

/*
 * Waits until the other side has read the message, and has had its turn to refuse it: it answers a
 * flush while it reads, and handles what it has read before it reads on, but for what stands behind
 * more than a turn of others. So the second answer comes behind a refusal.
 */
static int wait_until_taken(hark_client *client, int timeout_ms)
{
        int64_t start_ms = now_ms();
        int r = hark_client_flush(client, timeout_ms);

        if (r == 0)
                r = hark_client_flush(client, time_left_ms(start_ms, timeout_ms));
        /* Waiting has held the callback of a refusal back. */
        if (r == 0)
                r = hark_loop_process(hark_client_loop(client), 0);
        return r;
}

/* Returns an exit status. */
static int hand_over(struct oneway *oneway, oneway_verb *verb, hark_client *client,
                     const char *name, const struct hark_payload *payload, int timeout_ms)
{
        int r = verb(client, name, *payload);

        if (r == 0)
                r = wait_until_taken(client, timeout_ms);
        return r == 0 ? oneway->status : complain_of_result(name, oneway->address, r, NULL);
}

static enum hark_retain retain_of(const struct oneway_options *options)
{
        if (options->withdraws)
                return HARK_WITHDRAW;
        return options->retains ? HARK_RETAIN : HARK_PASSING;
}

int oneway_run(oneway_verb *verb, const struct oneway_options *options, char **operands)
{
        struct oneway oneway = {.address = operands[0], .status = EXIT_GOOD};
        struct hark_client_params params = {.on_refused = on_refused,
                                            .userdata = &oneway,
                                            .attempt_ms = options->timeout_ms,
                                            .wait_ms = options->wait_ms,
                                            .is_one_shot = true};
        hark_client *client = NULL;
        struct input input;
        int r = input_read(operands[2], &input);
        int64_t start_ms = now_ms();

        input.payload.priority = (uint8_t)options->priority;
        input.payload.retain = (uint8_t)retain_of(options);
        if (r == EXIT_GOOD)
                r = client_connect(oneway.address, &params, &client);
        if (options->wait_ms > 0)
                start_ms = now_ms(); /* waiting for it has a time of its own */
        if (r == EXIT_GOOD)
                r = hand_over(&oneway, verb, client, operands[1], &input.payload,
                              time_left_ms(start_ms, options->timeout_ms));
        hark_client_unref(client);
        input_done(&input);
        return r;
}
