/* SPDX-License-Identifier: MIT */

/*
 * Addresses: finding the parts, checking what is the same in all of them, and the options.
 *
 *         scheme : body ? option=value & option
 *         `---'    `--'   `-------------------'
 *         find_transport()     hark_parse_options()
 *                  check_body(), then the transport's own parse
 *
 * Nothing is guessed: what is not understood is refused, and why says which part it was.
 */

#include "transport/address.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include <hark/transport.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "transport/parser.h"
#include "transport/transport.h"

#define QUOTED_MAX 40 /* bytes: two such parts fit into the 128 that the contract promises */
#define SCHEME_MAX 12 /* bytes of a scheme that are quoted: beside the list of all there are */

/* --- texts ------------------------------------------------------------------------------------ */

int hark_quoted(size_t size)
{
        return size < QUOTED_MAX ? (int)size : QUOTED_MAX;
}

int hark_address_complain(char *why, size_t why_size, const char *format, ...)
{
        va_list arguments;

        if (why_size == 0)
                return -EINVAL;
        va_start(arguments, format);
        (void)vsnprintf(why, why_size, format, arguments);
        va_end(arguments);
        hark_text_sanitise(why, strlen(why));
        return -EINVAL;
}

void hark_list_word(char list[HARK_LIST_SIZE], const char *word)
{
        size_t used = strlen(list);

        (void)snprintf(list + used, HARK_LIST_SIZE - used, "%s%s", used > 0 ? ", " : "", word);
}

bool hark_is_word(const char *word, const char *text, size_t size)
{
        return strlen(word) == size && memcmp(word, text, size) == 0;
}

/* --- numbers and escapes ---------------------------------------------------------------------- */

static unsigned digit_value(char digit)
{
        if (digit >= '0' && digit <= '9')
                return (unsigned)(digit - '0');
        if (digit >= 'a' && digit <= 'f')
                return (unsigned)(digit - 'a') + 10;
        if (digit >= 'A' && digit <= 'F')
                return (unsigned)(digit - 'A') + 10;
        return UINT8_MAX;
}

bool hark_parse_number(const char *text, size_t size, unsigned base, uint64_t max,
                       uint64_t *ret_number)
{
        uint64_t number = 0;

        for (size_t i = 0; i < size; i++) {
                unsigned digit = digit_value(text[i]);

                if (digit >= base || number > (max - digit) / base)
                        return false;
                number = number * base + digit;
        }
        if (size == 0)
                return false;
        *ret_number = number;
        return true;
}

/* text[0] is the %. */
static bool is_escape(const char *text, size_t size)
{
        return size >= 3 && digit_value(text[1]) < 16 && digit_value(text[2]) < 16;
}

static unsigned char escaped_byte(const char *text)
{
        return (unsigned char)(digit_value(text[1]) << 4 | digit_value(text[2]));
}

char *hark_address_decode(const char *text, size_t size, size_t *ret_size)
{
        char *decoded = malloc(size + 1);
        size_t n = 0;

        if (!decoded)
                return NULL;
        for (size_t i = 0; i < size; i++) {
                if (text[i] == '%') {
                        decoded[n++] = (char)escaped_byte(text + i);
                        i += 2;
                } else {
                        decoded[n++] = text[i];
                }
        }
        decoded[n] = '\0';
        if (ret_size)
                *ret_size = n;
        return decoded;
}

char *hark_address_encode(const char *text, size_t size)
{
        char *encoded = malloc(3 * size + 1), *at = encoded;

        if (!encoded)
                return NULL;
        for (size_t i = 0; i < size; i++) {
                unsigned char byte = (unsigned char)text[i];

                if (byte <= ' ' || byte == 0x7F || byte == '%' || byte == '?')
                        at += sprintf(at, "%%%02X", byte);
                else
                        *at++ = (char)byte;
        }
        *at = '\0';
        return encoded;
}

/* --- scheme and body -------------------------------------------------------------------------- */

static const struct hark_transport_ops *find_scheme(const char *text, size_t size)
{
        const struct hark_transport_ops *ops;

        for (size_t i = 0; (ops = hark_transport_ops_get(i)); i++)
                if (hark_is_word(ops->public.scheme, text, size))
                        return ops;
        return NULL;
}

static void list_schemes(char *list)
{
        const struct hark_transport_ops *ops;

        for (size_t i = 0; (ops = hark_transport_ops_get(i)); i++)
                hark_list_word(list, ops->public.scheme);
}

static int find_transport(struct hark_parser *parser, const char *text, const char **ret_body)
{
        const char *colon = strchr(text, ':');
        char list[HARK_LIST_SIZE] = "";
        size_t size;

        list_schemes(list);
        if (!colon)
                return hark_address_complain(
                        parser->why, parser->why_size,
                        "scheme: there is no ':'; expected one of %s and a ':'", list);
        size = (size_t)(colon - text);
        parser->address->transport = find_scheme(text, size);
        if (!parser->address->transport) {
                hark_address_complain(parser->why, parser->why_size,
                                      "scheme: '%.*s' is unknown; expected one of %s",
                                      size < SCHEME_MAX ? (int)size : SCHEME_MAX, text, list);
                return -EPROTONOSUPPORT;
        }
        *ret_body = colon + 1;
        return 0;
}

static int check_escape(struct hark_parser *parser, const char *text, size_t size)
{
        if (!is_escape(text, size))
                return hark_address_complain(
                        parser->why, parser->why_size,
                        "escape: '%.*s' is not a %% and two hexadecimal digits",
                        (int)(size < 3 ? size : 3), text);
        if (escaped_byte(text) == '\0')
                return hark_address_complain(parser->why, parser->why_size,
                                             "escape: %%00 is in no path, name or argument");
        return 0;
}

static int check_byte(struct hark_parser *parser, unsigned char byte)
{
        if (byte == ' ' && !(parser->address->transport->options & HARK_OPTION_SPACES))
                return hark_address_complain(parser->why, parser->why_size,
                                             "address: has a space; write it as %%20");
        if (byte < ' ' || byte == 0x7F)
                return hark_address_complain(parser->why, parser->why_size,
                                             "address: has a control character; write it as %%%02X",
                                             byte);
        return 0;
}

static int check_body(struct hark_parser *parser, const char *body, size_t size)
{
        int r = 0;

        for (size_t i = 0; i < size && r == 0; i++)
                r = body[i] == '%' ? check_escape(parser, body + i, size - i)
                                   : check_byte(parser, (unsigned char)body[i]);
        return r;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int parse(struct hark_parser *parser, const char *text)
{
        struct hark_address *address = parser->address;
        const char *body = NULL;
        size_t size;
        int r = find_transport(parser, text, &body);

        if (r < 0)
                return r;
        size = strcspn(body, "?");
        r = check_body(parser, body, size);
        if (r == 0 && body[size] == '?')
                r = hark_parse_options(parser, body + size + 1);
        if (r < 0)
                return r;
        return address->transport->parse(address, body, size, parser->why, parser->why_size);
}

static struct hark_address *new_address(const char *text)
{
        struct hark_address *address = calloc(1, sizeof(*address));

        if (!address)
                return NULL;
        address->read_fd = address->write_fd = -1;
        address->text = strdup(text);
        return address->text ? address : hark_address_free(address);
}

int hark_address_parse(const char *text, struct hark_address **ret_address, char *why, size_t size)
{
        struct hark_parser parser = {.why = why, .why_size = why ? size : 0};
        int r;

        if (!text)
                return hark_address_complain(why, parser.why_size, "address: there is none");
        parser.address = new_address(text);
        r = parser.address ? parse(&parser, text) : -ENOMEM;
        if (r == 0) {
                *ret_address = parser.address;
                return 0;
        }
        if (r == -ENOMEM)
                hark_address_complain(why, parser.why_size, "address: no memory to parse it");
        hark_address_free(parser.address);
        return r;
}

struct hark_address *hark_address_free(struct hark_address *address)
{
        if (!address)
                return NULL;
        for (size_t i = 0; address->argv && address->argv[i]; i++)
                free(address->argv[i]);
        free(address->argv);
        if (address->resolved)
                freeaddrinfo(address->resolved);
        free(address->host);
        free(address->interface);
        free(address->path);
        free(address->text);
        free(address);
        return NULL;
}

char *hark_address_bare_text(const struct hark_address *address)
{
        return strndup(address->text, strcspn(address->text, "?"));
}

int hark_address_check(const char *address, char *ret_why, size_t size)
{
        struct hark_address *parsed;
        int r = hark_address_parse(address, &parsed, ret_why, size);

        if (r == 0)
                hark_address_free(parsed);
        return r;
}
