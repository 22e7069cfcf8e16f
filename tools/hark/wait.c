/* SPDX-License-Identifier: MIT */
/* hark wait: until somebody serves an address. */
#include <errno.h>

#include "client.h"
#include "failure.h"
#include "verb.h"

struct wait_options {
        int timeout_ms;
};

static const struct option_spec wait_options[] = {
        {
                .name = "timeout",
                .value = "MS",
                .help = "no longer than this; 0: for ever",
                .kind = OPTION_NUMBER,
                .offset = offsetof(struct wait_options, timeout_ms),
                .max = TIMEOUT_MAX_MS,
        },
        {0},
};

static int run_wait(const void *userdata, char **operands)
{
        const struct wait_options *options = userdata;
        int timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : HARK_FOREVER;
        struct hark_client_params params = {.wait_ms = timeout_ms, .is_one_shot = true};
        hark_client *client = NULL;
        int r = check_address(operands[0]);

        if (r != EXIT_GOOD)
                return r;
        r = hark_connect(NULL, operands[0], &params, &client);
        hark_client_unref(client);
        if (r != -ETIMEDOUT)
                return r == 0 ? EXIT_GOOD : complain_of_connect(operands[0], r);
        complain("nobody has come to %s in time", operands[0]);
        return EXIT_LATE;
}

const struct verb verb_wait = {
        .name = "wait",
        .operands = "ADDRESS",
        .summary = "Wait until somebody serves an address",
        .example = "  hark wait unix:/tmp/t --timeout 3000 && hark call unix:/tmp/t upper hello\n",
        .min_operands = 1,
        .max_operands = 1,
        .options = wait_options,
        .options_size = sizeof(struct wait_options),
        .run = run_wait,
};
