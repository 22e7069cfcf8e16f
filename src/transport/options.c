/* SPDX-License-Identifier: MIT */

/*
 * The options of addresses: ?name=value&name. Each is known to some transports, and may be given
 * once.
 */

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "transport/accounts.h"
#include "transport/parser.h"
#include "transport/transport.h"

struct option {
        const char *name;
        enum hark_address_option bit;
        /* value: NULL where no `=` was written. */
        int (*parse)(struct hark_parser *parser, const char *value, size_t size);
};

static int parse_user(struct hark_parser *parser, const char *value, size_t size)
{
        int r = hark_user_find(value, size, &parser->address->uid);

        if (r == 0)
                return 0;
        hark_address_complain(parser->why, parser->why_size, "uid: %s '%.*s'",
                              r == -ENOENT ? "there is no user" : "cannot look up",
                              hark_quoted(size), value);
        return r;
}

static int parse_uid(struct hark_parser *parser, const char *value, size_t size)
{
        struct hark_address *address = parser->address;
        uint64_t number;

        if (!value || size == 0)
                return hark_address_complain(parser->why, parser->why_size,
                                             "uid: is empty; expected a user, a number, or any");
        if (size == 3 && memcmp(value, "any", 3) == 0) {
                address->uid_rule = HARK_UID_ANY;
                return 0;
        }
        address->uid_rule = HARK_UID_ONE;
        if (*value < '0' || *value > '9')
                return parse_user(parser, value, size);
        /* The last number stands for "unknown" and must match nobody. */
        if (!hark_parse_number(value, size, 10, UINT32_MAX - 1, &number))
                return hark_address_complain(parser->why, parser->why_size,
                                             "uid: '%.*s' is not a number from 0 to 4294967294",
                                             hark_quoted(size), value);
        address->uid = (uid_t)number;
        return 0;
}

static int parse_mode(struct hark_parser *parser, const char *value, size_t size)
{
        uint64_t number;

        if (!value || !hark_parse_number(value, size, 8, 0777, &number))
                return hark_address_complain(parser->why, parser->why_size,
                                             "mode: '%.*s' is not an octal number from 0 to 0777",
                                             hark_quoted(size), value ? value : "");
        parser->address->has_mode = true;
        parser->address->mode = (mode_t)number;
        return 0;
}

static int parse_flag(struct hark_parser *parser, const char *name, const char *value, size_t size,
                      bool *ret_flag)
{
        if (value)
                return hark_address_complain(parser->why, parser->why_size,
                                             "%s: takes no value, but has '%.*s'", name,
                                             hark_quoted(size), value);
        *ret_flag = true;
        return 0;
}

static int parse_open(struct hark_parser *parser, const char *value, size_t size)
{
        return parse_flag(parser, "open", value, size, &parser->address->is_open);
}

static int parse_keep(struct hark_parser *parser, const char *value, size_t size)
{
        return parse_flag(parser, "keep", value, size, &parser->address->keeps);
}

static int parse_leave(struct hark_parser *parser, const char *value, size_t size)
{
        return parse_flag(parser, "leave", value, size, &parser->address->leaves);
}

static int parse_interface(struct hark_parser *parser, const char *value, size_t size)
{
        if (!value || size == 0 || size >= IF_NAMESIZE)
                return hark_address_complain(
                        parser->why, parser->why_size,
                        "interface: '%.*s' is no name of one, which has 1 to %d bytes",
                        hark_quoted(size), value ? value : "", IF_NAMESIZE - 1);
        parser->address->interface = strndup(value, size);
        return parser->address->interface ? 0 : -ENOMEM;
}

static const struct option options[] = {
        {"uid", HARK_OPTION_UID, parse_uid},
        {"mode", HARK_OPTION_MODE, parse_mode},
        {"open", HARK_OPTION_OPEN, parse_open},
        {"keep", HARK_OPTION_KEEP, parse_keep},
        {"leave", HARK_OPTION_LEAVE, parse_leave},
        {"interface", HARK_OPTION_INTERFACE, parse_interface},
};

#define N_OPTIONS (sizeof(options) / sizeof(*options))

/* NULL: this transport has none of this name. */
static const struct option *find_option(const struct hark_address *address, const char *name,
                                        size_t size)
{
        for (size_t i = 0; i < N_OPTIONS; i++)
                if ((address->transport->options & options[i].bit) &&
                    hark_is_word(options[i].name, name, size))
                        return &options[i];
        return NULL;
}

static int complain_of_option(struct hark_parser *parser, const char *name, size_t size)
{
        const struct hark_transport_ops *transport = parser->address->transport;
        char list[HARK_LIST_SIZE] = "";

        for (size_t i = 0; i < N_OPTIONS; i++)
                if (transport->options & options[i].bit)
                        hark_list_word(list, options[i].name);
        return hark_address_complain(parser->why, parser->why_size,
                                     "option: '%.*s' is unknown to %s:; expected %s",
                                     hark_quoted(size), name, transport->public.scheme,
                                     *list ? list : "none (a '?' is written %3F)");
}

static int parse_option(struct hark_parser *parser, const char *text, size_t size, unsigned *seen)
{
        const char *equals = memchr(text, '=', size);
        size_t name_size = equals ? (size_t)(equals - text) : size;
        const struct option *option = find_option(parser->address, text, name_size);

        if (!option)
                return complain_of_option(parser, text, name_size);
        if (*seen & option->bit)
                return hark_address_complain(parser->why, parser->why_size,
                                             "option: '%s' is given twice", option->name);
        *seen |= option->bit;
        return option->parse(parser, equals ? equals + 1 : NULL, equals ? size - name_size - 1 : 0);
}

int hark_parse_options(struct hark_parser *parser, const char *text)
{
        unsigned seen = 0;
        int r;

        for (;;) {
                size_t size = strcspn(text, "&");

                r = parse_option(parser, text, size, &seen);
                if (r < 0 || text[size] == '\0')
                        return r;
                text += size + 1;
        }
}
