/* SPDX-License-Identifier: MIT */
/* hark send: a request without a reply. */
#include <hark/client.h>

#include "input.h"
#include "oneway.h"
#include "verb.h"

static int run_send(const void *options, char **operands)
{
        return oneway_run(hark_send, options, operands);
}

const struct verb verb_send = {
        .name = "send",
        .operands = "ADDRESS METHOD [DATA|@FILE|-]",
        .summary = "Send a request that expects no reply",
        .details = INPUT_HELP "Ends when the other side has taken it; that it was carried out is "
                              "not known. Exits with 1\n"
                              "if the other side refused it: no such method, or a limit.\n",
        .example = "  hark send unix:/tmp/t log 'it is noon'\n",
        .min_operands = 2,
        .max_operands = 3,
        .options = oneway_options,
        .options_size = sizeof(struct oneway_options),
        .run = run_send,
};
