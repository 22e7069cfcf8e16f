/* SPDX-License-Identifier: MIT */
/* hark transports: the table of capabilities, as the library has it. */
#include <hark/transport.h>
#include <stdio.h>

#include "failure.h"
#include "text.h"
#include "verb.h"

struct transports_options {
        bool is_json;
};

static const struct option_spec transports_options[] = {
        OPTION_JSON(struct transports_options, "print a JSON array of objects"),
        {0},
};

static const struct {
        uint32_t bit;
        const char *heading;  /* of the table */
        const char *json_key; /* in JSON */
} columns[] = {
        {HARK_CAN_STREAM, "stream", "stream"},
        {HARK_CAN_PASS_FDS, "fds", "passes_fds"},
        {HARK_CAN_IDENTIFY, "identity", "identifies"},
        {HARK_CAN_SEE_DEATH, "death", "sees_death"},
        {HARK_CAN_PRIORITISE, "priority", "prioritises"},
        {HARK_CAN_SHARE, "shared", "shares"},
        {HARK_CAN_LOSE, "lossy", "loses"},
};

#define N_COLUMNS (sizeof(columns) / sizeof(*columns))

static void print_heading(void)
{
        printf("%-10s", "scheme");
        for (size_t i = 0; i < N_COLUMNS; i++)
                printf(" %-8s", columns[i].heading);
        puts(" max-frame  address");
}

static void print_row(const struct hark_transport *transport)
{
        printf("%-10s", transport->scheme);
        for (size_t i = 0; i < N_COLUMNS; i++)
                printf(" %-8s", transport->capabilities & columns[i].bit ? "yes" : "-");
        if (transport->max_frame)
                printf(" %9zu", transport->max_frame);
        else
                printf(" %9s", "any");
        printf("  %s\n", transport->syntax);
}

static void print_json_row(const struct hark_transport *transport)
{
        fputs("{\"scheme\":", stdout);
        print_json_text(stdout, transport->scheme);
        fputs(",\"address\":", stdout);
        print_json_text(stdout, transport->syntax);
        for (size_t i = 0; i < N_COLUMNS; i++)
                printf(",\"%s\":%s", columns[i].json_key,
                       transport->capabilities & columns[i].bit ? "true" : "false");
        fputs(",\"peer_death\":", stdout);
        print_json_text(stdout, transport->peer_death);
        fputs(",\"credentials\":", stdout);
        print_json_text(stdout, transport->credentials);
        if (transport->max_frame)
                printf(",\"max_frame\":%zu}", transport->max_frame);
        else
                fputs(",\"max_frame\":null}", stdout);
}

static void print_json_table(void)
{
        const struct hark_transport *transport;

        putchar('[');
        for (size_t i = 0; (transport = hark_transport_get(i)); i++) {
                fputs(i > 0 ? ",\n " : "", stdout);
                print_json_row(transport);
        }
        puts("]");
}

static void print_table(void)
{
        const struct hark_transport *transport;

        print_heading();
        for (size_t i = 0; (transport = hark_transport_get(i)); i++)
                print_row(transport);
        printf("\n%-10s %-52s %s\n", "scheme", "the peer's death shows", "the kernel vouches for");
        for (size_t i = 0; (transport = hark_transport_get(i)); i++)
                printf("%-10s %-52s %s\n", transport->scheme, transport->peer_death,
                       transport->credentials);
}

static int run_transports(const void *userdata, char **operands)
{
        const struct transports_options *options = userdata;

        (void)operands;
        if (options->is_json)
                print_json_table();
        else
                print_table();
        return EXIT_GOOD;
}

const struct verb verb_transports = {
        .name = "transports",
        .operands = "",
        .summary = "Print what each transport can do",
        .details = "  stream     carries bytes, not datagrams\n"
                   "  fds        passes file descriptors with a message\n"
                   "  identity   the kernel says who the peer is\n"
                   "  death      the peer's death is seen at once, without a probe\n"
                   "  priority   urgent messages go first by themselves\n"
                   "  shared     payloads can be built and read in place\n"
                   "  lossy      may lose; calls are repeated, lost notifications counted\n"
                   "  max-frame  bytes; larger messages travel in fragments\n",
        .example = "  hark transports --json\n",
        .options = transports_options,
        .options_size = sizeof(struct transports_options),
        .run = run_transports,
};
