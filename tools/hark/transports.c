/* SPDX-License-Identifier: MIT */
/* hark transports: what each can do, as the library has it, and what limits it here. */
#include <hark/transport.h>
#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "failure.h"
#include "text.h"
#include "verb.h"

#define MESSAGE_MAX ((size_t)1 << 30) /* to which limits.message_size can be raised */

struct transports_options {
        bool is_json;
};

static const struct option_spec transports_options[] = {
        OPTION_JSON(struct transports_options, "print a JSON array of objects"),
        {0},
};

static const struct column {
        uint32_t bit;         /* 0: all can */
        bool is_opposite;     /* the bit says that it can not */
        const char *heading;  /* of the table; NULL: only in JSON */
        const char *json_key; /* in JSON */
} columns[] = {
        {HARK_CAN_LOSE, true, "reliable", "reliable"},
        {0, false, "ordered", "ordered"},
        {HARK_CAN_STREAM, false, "stream", "stream"},
        {HARK_CAN_PASS_FDS, false, "fds", "passes_fds"},
        {HARK_CAN_IDENTIFY, false, "identity", "identifies"},
        {HARK_CAN_SEE_DEATH, false, "death", "sees_death"},
        {HARK_CAN_PRIORITISE, false, "priority", "prioritises"},
        {HARK_CAN_SHARE, false, "shared", "shares"},
        {HARK_CAN_LOSE, false, NULL, "loses"},
};

#define N_COLUMNS (sizeof(columns) / sizeof(*columns))

static bool has(const struct hark_transport *transport, const struct column *column)
{
        bool is_set = (transport->capabilities & column->bit) == column->bit;

        return is_set != column->is_opposite;
}

static size_t max_message(const struct hark_transport *transport)
{
        return transport->max_message > 0 ? transport->max_message : MESSAGE_MAX;
}

/* "64K"; "-": 0. */
static void print_size(int width, size_t size)
{
        static const char units[] = " KMG";
        char text[24] = "-";
        size_t i = 0;

        while (i + 2 < sizeof(units) && size >= 1024 && size % 1024 == 0) {
                size /= 1024;
                i++;
        }
        if (size > 0)
                (void)snprintf(text, sizeof(text), i > 0 ? "%zu%c" : "%zu", size, units[i]);
        printf(" %*s", width, text);
}

/* --- for eyes --------------------------------------------------------------------------------- */

static void print_abilities(void)
{
        const struct hark_transport *transport;

        printf("%-10s", "scheme");
        for (size_t i = 0; i < N_COLUMNS; i++)
                if (columns[i].heading)
                        printf(" %s", columns[i].heading);
        puts(" message  frame");
        for (size_t i = 0; (transport = hark_transport_get(i)); i++) {
                printf("%-10s", transport->scheme);
                for (size_t j = 0; j < N_COLUMNS; j++)
                        if (columns[j].heading)
                                printf(" %-*s", (int)strlen(columns[j].heading),
                                       has(transport, &columns[j]) ? "yes" : "-");
                print_size(7, max_message(transport));
                print_size(6, transport->max_frame);
                putchar('\n');
        }
}

static void print_peers(void)
{
        const struct hark_transport *transport;

        printf("\n%-10s %-42s %s\n", "scheme", "the peer's death shows", "the kernel vouches for");
        for (size_t i = 0; (transport = hark_transport_get(i)); i++)
                printf("%-10s %-42s %s\n", transport->scheme, transport->peer_death,
                       transport->credentials);
}

static void print_costs(void)
{
        const struct hark_transport *transport;

        printf("\n%-10s %6s %5s  %s\n", "scheme", "memory", "fds",
               "address; before it what a connection takes");
        for (size_t i = 0; (transport = hark_transport_get(i)); i++) {
                printf("%-10s", transport->scheme);
                print_size(6, transport->memory_per_connection);
                print_size(5, transport->fds_per_connection);
                printf("  %s\n", transport->syntax);
        }
}

static void print_limits(void)
{
        struct found_limits limits;
        char amount[48];

        find_limits(NULL, &limits);
        printf("\n%-31s %-21s %s\n", "limit found here", "value", "of");
        for (size_t i = 0; i < limits.n_items; i++) {
                const struct found_limit *found = &limits.items[i];

                write_amount(amount, sizeof(amount), found->limit.value, found->limit.unit);
                printf("%-31s %-21s %s\n", found->limit.name, amount,
                       found->n_schemes == count_transports() ? "all" : found->schemes);
        }
}

static void print_limits_of(const struct hark_transport *transport)
{
        struct hark_transport_limit limit;
        char amount[48];

        puts("\nlimits found here:");
        for (size_t i = 0; hark_transport_limit_get(transport->scheme, i, &limit) == 0; i++) {
                write_amount(amount, sizeof(amount), limit.value, limit.unit);
                printf("  %-31s %-21s %s\n", limit.name, amount, limit.what);
        }
}

static void print_one(const struct hark_transport *transport)
{
        puts(transport->syntax);
        putchar('\n');
        for (size_t i = 0; i < N_COLUMNS; i++)
                if (columns[i].heading)
                        printf("  %-12s %s\n", columns[i].heading,
                               has(transport, &columns[i]) ? "yes" : "no");
        printf("  %-12s %s\n", "peer's death", transport->peer_death);
        printf("  %-12s %s\n", "credentials", transport->credentials);
        printf("  %-12s", "max message");
        print_size(0, max_message(transport));
        printf("\n  %-12s", "max frame");
        print_size(0, transport->max_frame);
        printf("\n  %-12s", "memory");
        print_size(0, transport->memory_per_connection);
        printf("\n  %-12s", "descriptors");
        print_size(0, transport->fds_per_connection);
        putchar('\n');
        print_limits_of(transport);
}

/* --- for programs ----------------------------------------------------------------------------- */

static void print_json_size(const char *key, size_t size)
{
        if (size > 0)
                printf(",\"%s\":%zu", key, size);
        else
                printf(",\"%s\":null", key);
}

static void print_json_limits(const struct hark_transport *transport)
{
        struct hark_transport_limit limit;

        fputs(",\"limits\":[", stdout);
        for (size_t i = 0; hark_transport_limit_get(transport->scheme, i, &limit) == 0; i++) {
                fputs(i > 0 ? ",\n  " : "\n  ", stdout);
                print_json_limit(&limit);
        }
        putchar(']');
}

static void print_json_one(const struct hark_transport *transport)
{
        fputs("{\"scheme\":", stdout);
        print_json_text(stdout, transport->scheme);
        fputs(",\"address\":", stdout);
        print_json_text(stdout, transport->syntax);
        for (size_t i = 0; i < N_COLUMNS; i++)
                printf(",\"%s\":%s", columns[i].json_key,
                       has(transport, &columns[i]) ? "true" : "false");
        fputs(",\"peer_death\":", stdout);
        print_json_text(stdout, transport->peer_death);
        fputs(",\"credentials\":", stdout);
        print_json_text(stdout, transport->credentials);
        print_json_size("max_message", max_message(transport));
        print_json_size("max_frame", transport->max_frame);
        print_json_size("memory_per_connection", transport->memory_per_connection);
        print_json_size("fds_per_connection", transport->fds_per_connection);
        print_json_limits(transport);
        putchar('}');
}

/* wanted: NULL is all. */
static void print_json(const struct hark_transport *wanted)
{
        const struct hark_transport *transport;
        const char *separator = "";

        putchar('[');
        for (size_t i = 0; (transport = hark_transport_get(i)); i++) {
                if (wanted && transport != wanted)
                        continue;
                fputs(separator, stdout);
                print_json_one(transport);
                separator = ",\n ";
        }
        puts("]");
}

static int run_transports(const void *userdata, char **operands)
{
        const struct transports_options *options = userdata;
        const struct hark_transport *wanted;
        int r = take_transport("transports", operands[0], &wanted);

        if (r != EXIT_GOOD)
                return r;
        if (options->is_json) {
                print_json(wanted);
        } else if (wanted) {
                print_one(wanted);
        } else {
                print_abilities();
                print_peers();
                print_costs();
                print_limits();
        }
        return EXIT_GOOD;
}

const struct verb verb_transports = {
        .name = "transports",
        .operands = "[TRANSPORT]",
        .summary = "Print what each transport can do, and what limits it here",
        .details = "  reliable   loses nothing; else a lost notification is told as a gap, and "
                   "counted\n"
                   "  ordered    what is equally urgent comes in the order in which it was sent\n"
                   "  stream     carries bytes, not datagrams\n"
                   "  fds        passes file descriptors with a message\n"
                   "  identity   the kernel says who the peer is\n"
                   "  death      the peer's death is seen at once, without a probe\n"
                   "  priority   urgent messages go first by themselves\n"
                   "  shared     payloads can be built and read in place\n"
                   "  message    the largest, in bytes, if both ends allow it\n"
                   "  frame      bytes; larger messages travel in several\n"
                   "  memory     of an idle connection: hark's at both ends, and the kernel's\n"
                   "With a TRANSPORT, that one, and what each limit bounds.\n",
        .example = "  hark transports mq\n",
        .max_operands = 1,
        .options = transports_options,
        .options_size = sizeof(struct transports_options),
        .run = run_transports,
};
