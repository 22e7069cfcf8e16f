/* SPDX-License-Identifier: MIT */
/* hark pub: publishing through a server that accepts publications. */
#include <hark/client.h>

#include "client.h"
#include "failure.h"
#include "input.h"
#include "oneway.h"
#include "verb.h"

static const struct option_spec pub_options[] = {
        OPTION_TIMEOUT(struct oneway_options, "for connecting and handing over"),
        OPTION_PRIORITY(struct oneway_options),
        OPTION_WAIT(struct oneway_options),
        {
                .name = "retain",
                .help = "keep it as the topic's value, for who subscribes later",
                .kind = OPTION_FLAG,
                .offset = offsetof(struct oneway_options, retains),
        },
        {
                .name = "withdraw",
                .help = "the topic has no value any more; takes no data",
                .kind = OPTION_FLAG,
                .offset = offsetof(struct oneway_options, withdraws),
        },
        {0},
};

static int run_pub(const void *options, char **operands)
{
        const struct oneway_options *wishes = options;

        if (wishes->withdraws && (wishes->retains || operands[2])) {
                complain("pub: --withdraw takes neither --retain nor data; see hark pub --help");
                return EXIT_USAGE;
        }
        return oneway_run(hark_publish, options, operands);
}

const struct verb verb_pub = {
        .name = "pub",
        .operands = "ADDRESS TOPIC [DATA|@FILE|-]",
        .summary = "Publish through a server that accepts it, such as hark serve --hub",
        .details = INPUT_HELP
        "Ends when the server has taken it. Exits with 1 if the server accepts no publications.\n",
        .example = "  hark pub unix:/tmp/hub room.kitchen.temperature 21.5 --retain\n",
        .min_operands = 2,
        .max_operands = 3,
        .options = pub_options,
        .options_size = sizeof(struct oneway_options),
        .run = run_pub,
};
