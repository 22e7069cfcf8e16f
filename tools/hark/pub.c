/* SPDX-License-Identifier: MIT */
/* hark pub: publishing through a server that accepts publications. */
#include <hark/client.h>

#include "input.h"
#include "oneway.h"
#include "verb.h"

static int run_pub(const void *options, char **operands)
{
        return oneway_run(hark_publish, options, operands);
}

const struct verb verb_pub = {
        .name = "pub",
        .operands = "ADDRESS TOPIC [DATA|@FILE|-]",
        .summary = "Publish through a server that accepts it, such as hark serve --hub",
        .details = INPUT_HELP
        "Ends when the server has taken it. Exits with 1 if the server accepts no publications.\n",
        .example = "  hark pub unix:/tmp/hub room.kitchen.temperature 21.5\n",
        .min_operands = 2,
        .max_operands = 3,
        .options = oneway_options,
        .options_size = sizeof(struct oneway_options),
        .run = run_pub,
};
