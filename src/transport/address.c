/* SPDX-License-Identifier: MIT */

/*
 * Addresses: finding the parts, checking what is the same in all of them, and the options.
 *
 *         scheme : body ? option=value & option
 *         `---'    `--'   `-------------------'
 *         find_transport()     parse_options()
 *                  check_body(), then the transport's own parse
 *
 * Nothing is guessed: what is not understood is refused, and why says which part it was.
 */

#include "transport/address.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hark/transport.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "transport/transport.h"

#define QUOTED_MAX 40 /* bytes: two such parts fit into the 128 that the contract promises */
#define LIST_SIZE  64 /* of schemes or options in a text */

#define PASSWD_SIZE     1024 /* of an entry, to begin with */
#define PASSWD_SIZE_MAX (1024 * 1024)

/* Where why goes, and what is looked at: so that the functions below need no more parameters. */
struct parser {
        struct hark_address *address;
        char *why;
        size_t why_size;
};

struct option {
        const char *name;
        enum hark_address_option bit;
        /* value: NULL where no `=` was written. */
        int (*parse)(struct parser *parser, const char *value, size_t size);
};

/* --- texts ------------------------------------------------------------------------------------- */

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

/* Appends a word to a list "a, b, c" of LIST_SIZE bytes. */
static void list_word(char *list, const char *word)
{
        size_t used = strlen(list);

        (void)snprintf(list + used, LIST_SIZE - used, "%s%s", used > 0 ? ", " : "", word);
}

/* --- numbers and escapes ----------------------------------------------------------------------- */

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

/* --- scheme and body --------------------------------------------------------------------------- */

static bool is_word(const char *word, const char *text, size_t size)
{
        return strlen(word) == size && memcmp(word, text, size) == 0;
}

static const struct hark_transport_ops *find_scheme(const char *text, size_t size)
{
        const struct hark_transport_ops *ops;

        for (size_t i = 0; (ops = hark_transport_ops_get(i)); i++)
                if (is_word(ops->public.scheme, text, size))
                        return ops;
        return NULL;
}

static void list_schemes(char *list)
{
        const struct hark_transport_ops *ops;

        for (size_t i = 0; (ops = hark_transport_ops_get(i)); i++)
                list_word(list, ops->public.scheme);
}

static int find_transport(struct parser *parser, const char *text, const char **ret_body)
{
        const char *colon = strchr(text, ':');
        char list[LIST_SIZE] = "";
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
                                      hark_quoted(size), text, list);
                return -EPROTONOSUPPORT;
        }
        *ret_body = colon + 1;
        return 0;
}

static int check_escape(struct parser *parser, const char *text, size_t size)
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

static int check_byte(struct parser *parser, unsigned char byte)
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

static int check_body(struct parser *parser, const char *body, size_t size)
{
        int r = 0;

        for (size_t i = 0; i < size && r == 0; i++)
                r = body[i] == '%' ? check_escape(parser, body + i, size - i)
                                   : check_byte(parser, (unsigned char)body[i]);
        return r;
}

/* --- options ----------------------------------------------------------------------------------- */

/* 0; -ENOENT: there is none of this name; -ENOMEM and others: it could not be asked. */
static int look_up_user(const char *name, uid_t *ret_uid)
{
        int r = ERANGE;

        for (size_t size = PASSWD_SIZE; r == ERANGE && size <= PASSWD_SIZE_MAX; size *= 2) {
                hark_cleanup(hark_freep) char *buffer = malloc(size);
                struct passwd entry, *found = NULL;

                if (!buffer)
                        return -ENOMEM;
                r = getpwnam_r(name, &entry, buffer, size, &found);
                if (r == EINTR)
                        r = ERANGE; /* once more, which a larger buffer does not hinder */
                if (found) {
                        *ret_uid = found->pw_uid;
                        return 0;
                }
        }
        return r == 0 || r == ENOENT || r == ESRCH ? -ENOENT : -r;
}

static int parse_user(struct parser *parser, const char *value, size_t size)
{
        hark_cleanup(hark_freep) char *name = strndup(value, size);
        int r = name ? look_up_user(name, &parser->address->uid) : -ENOMEM;

        if (r == 0)
                return 0;
        hark_address_complain(parser->why, parser->why_size, "uid: %s '%.*s'",
                              r == -ENOENT ? "there is no user" : "cannot look up",
                              hark_quoted(size), value);
        return r;
}

static int parse_uid(struct parser *parser, const char *value, size_t size)
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
        if (digit_value(*value) >= 10)
                return parse_user(parser, value, size);
        /* The last number stands for "unknown" and must match nobody. */
        if (!hark_parse_number(value, size, 10, UINT32_MAX - 1, &number))
                return hark_address_complain(parser->why, parser->why_size,
                                             "uid: '%.*s' is not a number from 0 to 4294967294",
                                             hark_quoted(size), value);
        address->uid = (uid_t)number;
        return 0;
}

static int parse_mode(struct parser *parser, const char *value, size_t size)
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

static int parse_open(struct parser *parser, const char *value, size_t size)
{
        if (value)
                return hark_address_complain(parser->why, parser->why_size,
                                             "open: takes no value, but has '%.*s'",
                                             hark_quoted(size), value);
        parser->address->is_open = true;
        return 0;
}

static const struct option options[] = {
        {"uid", HARK_OPTION_UID, parse_uid},
        {"mode", HARK_OPTION_MODE, parse_mode},
        {"open", HARK_OPTION_OPEN, parse_open},
};

#define N_OPTIONS (sizeof(options) / sizeof(*options))

/* NULL: this transport has none of this name. */
static const struct option *find_option(const struct hark_address *address, const char *name,
                                        size_t size)
{
        for (size_t i = 0; i < N_OPTIONS; i++)
                if ((address->transport->options & options[i].bit) &&
                    is_word(options[i].name, name, size))
                        return &options[i];
        return NULL;
}

static int complain_of_option(struct parser *parser, const char *name, size_t size)
{
        const struct hark_transport_ops *transport = parser->address->transport;
        char list[LIST_SIZE] = "";

        for (size_t i = 0; i < N_OPTIONS; i++)
                if (transport->options & options[i].bit)
                        list_word(list, options[i].name);
        return hark_address_complain(parser->why, parser->why_size,
                                     "option: '%.*s' is unknown to %s:; expected %s",
                                     hark_quoted(size), name, transport->public.scheme,
                                     *list ? list : "none (a '?' is written %3F)");
}

static int parse_option(struct parser *parser, const char *text, size_t size, unsigned *seen)
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

/* text: behind the `?`. */
static int parse_options(struct parser *parser, const char *text)
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

/* --- the whole --------------------------------------------------------------------------------- */

static int parse(struct parser *parser, const char *text)
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
                r = parse_options(parser, body + size + 1);
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
        struct parser parser = {.why = why, .why_size = why ? size : 0};
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
        free(address->host);
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
