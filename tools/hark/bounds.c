/* SPDX-License-Identifier: MIT */
/* See bounds.h. */
#include "bounds.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "failure.h"
#include "text.h"

static struct found_limit *find_item(struct found_limits *limits, const char *name)
{
        for (size_t i = 0; i < limits->n_items; i++)
                if (strcmp(limits->items[i].limit.name, name) == 0)
                        return &limits->items[i];
        return NULL;
}

static void add_scheme(struct found_limit *found, const char *scheme)
{
        size_t size = strlen(found->schemes);

        (void)snprintf(found->schemes + size, sizeof(found->schemes) - size, "%s%s",
                       size > 0 ? " " : "", scheme);
        found->n_schemes++;
}

static void add_limit(struct found_limits *limits, const char *scheme,
                      const struct hark_transport_limit *limit)
{
        struct found_limit *found = find_item(limits, limit->name);

        if (!found && limits->n_items == MAX_LIMITS)
                return;
        if (!found) {
                found = &limits->items[limits->n_items++];
                *found = (struct found_limit){.limit = *limit};
        }
        if (limit->enough > found->limit.enough)
                found->limit = *limit;
        add_scheme(found, scheme);
}

void find_limits(const char *scheme, struct found_limits *ret_limits)
{
        const struct hark_transport *transport;
        struct hark_transport_limit limit;

        ret_limits->n_items = 0;
        for (size_t i = 0; (transport = hark_transport_get(i)); i++) {
                if (scheme && strcmp(scheme, transport->scheme) != 0)
                        continue;
                for (size_t j = 0; hark_transport_limit_get(transport->scheme, j, &limit) == 0; j++)
                        add_limit(ret_limits, transport->scheme, &limit);
        }
}

static const struct hark_transport *find_transport(const char *address)
{
        const struct hark_transport *transport;
        size_t size = strcspn(address, ":");

        for (size_t i = 0; (transport = hark_transport_get(i)); i++)
                if (strlen(transport->scheme) == size &&
                    strncmp(transport->scheme, address, size) == 0)
                        return transport;
        return NULL;
}

int take_transport(const char *verb, const char *operand, const struct hark_transport **ret_wanted)
{
        const struct hark_transport *wanted = operand ? find_transport(operand) : NULL;

        if (operand && !wanted) {
                complain("%s: there is no transport '%s'; see hark transports", verb, operand);
                return EXIT_USAGE;
        }
        *ret_wanted = wanted;
        return EXIT_GOOD;
}

size_t count_transports(void)
{
        size_t n = 0;

        while (hark_transport_get(n))
                n++;
        return n;
}

void write_amount(char *text, size_t size, uint64_t amount, const char *unit)
{
        if (amount == HARK_NO_LIMIT)
                (void)snprintf(text, size, "no limit");
        else
                (void)snprintf(text, size, "%" PRIu64 " %s", amount, unit);
}

static void print_json_number(const char *key, uint64_t value)
{
        if (value == HARK_NO_LIMIT)
                printf(",\"%s\":null", key);
        else
                printf(",\"%s\":%" PRIu64, key, value);
}

static void print_json_member(const char *key, const char *text)
{
        printf(",\"%s\":", key);
        if (text)
                print_json_text(stdout, text);
        else
                fputs("null", stdout);
}

void print_json_limit(const struct hark_transport_limit *limit)
{
        fputs("{\"name\":", stdout);
        print_json_text(stdout, limit->name);
        print_json_number("value", limit->value);
        print_json_member("unit", limit->unit);
        print_json_member("what", limit->what);
        print_json_member("beyond", limit->beyond);
        print_json_member("where", limit->where);
        print_json_number("needed", limit->needed);
        print_json_number("enough", limit->enough);
        print_json_member("command", limit->command);
        print_json_member("setting", limit->setting);
        print_json_member("file", limit->file);
        putchar('}');
}
