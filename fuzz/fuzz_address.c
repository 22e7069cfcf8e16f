/* SPDX-License-Identifier: MIT */

/*
 * The parser of addresses. Holds it to:
 *
 *         what is refused has a reason, which is fit to print, fits into the bytes that the contract
 *         names, and is cut where the caller has less room, however little
 *         what is taken leaves the reason untouched, and nothing is handed out for what is refused
 *         hark_address_check() says the same as hark_address_parse()
 *         what is taken has the parts of its transport, in their limits
 *         written anew from these parts, it is the same address; and it is one without its options
 */

#include "fuzz.h"

#include <errno.h>
#include <stdarg.h>

#include "transport/address.h"
#include "transport/transport.h"
#include "transport/unix_address.h"

#define WHY_MOST  128 /* bytes, as hark_address_check() promises */
#define WHY_SIZE  512 /* more than that: what is longer shows */
#define PATH_MOST 107 /* bytes of a path or name of a UNIX socket, or path of a FIFO */
#define NAME_MOST 240 /* bytes of the name of a queue */
#define HOST_MOST 253 /* bytes of the name of a host */

/* Text that is being written; room for every byte of an input escaped. */
struct text {
        char *bytes;
        size_t size, room;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vsnprintf(text->bytes + text->size, text->room - text->size, format, arguments);
        va_end(arguments);
        FUZZ_CHECK(n >= 0 && (size_t)n < text->room - text->size);
        text->size += (size_t)n;
}

static void add_escaped(struct text *text, const char *part)
{
        for (; *part; part++)
                add(text, "%%%02x", (unsigned char)*part);
}

/* Returns the separator of an option that follows. */
static char add_uid(struct text *text, const struct hark_address *address, char separator)
{
        if (address->uid_rule == HARK_UID_ANY)
                add(text, "%cuid=any", separator);
        if (address->uid_rule == HARK_UID_ONE)
                add(text, "%cuid=%u", separator, address->uid);
        return address->uid_rule == HARK_UID_DEFAULT ? separator : '&';
}

static void add_unix(struct text *text, const struct hark_address *address)
{
        char separator = '?';

        FUZZ_CHECK(address->path_size > 0 &&
                   address->path_size <= (strcmp(address->transport->public.scheme, "mq") == 0
                                                  ? NAME_MOST
                                                  : PATH_MOST));
        FUZZ_CHECK(strlen(address->path) == address->path_size);
        FUZZ_CHECK(address->mode <= 0777 && !(address->has_mode && address->is_abstract));
        add(text, "%s:%s", address->transport->public.scheme, address->is_abstract ? "@" : "");
        add_escaped(text, address->path);
        if (address->has_mode) {
                add(text, "?mode=%o", address->mode);
                separator = '&';
        }
        separator = add_uid(text, address, separator);
        if (address->keeps) {
                add(text, "%ckeep", separator);
                separator = '&';
        }
        if (address->leaves)
                add(text, "%cleave", separator);
}

static void add_inherited(struct text *text, const struct hark_address *address)
{
        char separator;

        FUZZ_CHECK(strlen(address->path) == address->path_size && !strchr(address->path, ':'));
        add(text, "inherit:");
        add_escaped(text, address->path);
        separator = add_uid(text, address, '?');
        if (address->is_open)
                add(text, "%copen", separator);
}

static void add_host(struct text *text, const struct hark_address *address)
{
        bool is_ipv6 = strchr(address->host, ':');

        FUZZ_CHECK(*address->host && (is_ipv6 || strlen(address->host) <= HOST_MOST));
        add(text, "%s:%s", address->transport->public.scheme, is_ipv6 ? "[" : "");
        add_escaped(text, address->host);
        add(text, "%s:%u%s", is_ipv6 ? "]" : "", address->port, address->is_open ? "?open" : "");
}

static void add_exec(struct text *text, const struct hark_address *address)
{
        FUZZ_CHECK(address->argv && address->argv[0]);
        add(text, "exec:");
        for (char **word = address->argv; *word; word++) {
                FUZZ_CHECK(**word);
                add(text, " ");
                add_escaped(text, *word);
        }
}

static void write_anew(struct text *text, const struct hark_address *address)
{
        const char *scheme = address->transport->public.scheme;

        if (address->transport->parse == hark_unix_parse || strcmp(scheme, "fifo") == 0 ||
            strcmp(scheme, "mq") == 0) {
                add_unix(text, address);
        } else if (strcmp(scheme, "tcp") == 0 || strcmp(scheme, "udp") == 0) {
                add_host(text, address);
        } else if (strcmp(scheme, "inherit") == 0) {
                add_inherited(text, address);
        } else if (strcmp(scheme, "exec") == 0) {
                add_exec(text, address);
        } else if (strcmp(scheme, "pipe") == 0) {
                FUZZ_CHECK(address->read_fd >= 3 && address->write_fd >= 3);
                add(text, "pipe:%d,%d", address->read_fd, address->write_fd);
        } else {
                FUZZ_CHECK(address->read_fd == 0 && address->write_fd == 1);
                add(text, "%s:", scheme);
        }
}

static void check_same_text(const char *a, const char *b)
{
        FUZZ_CHECK(!a == !b && (!a || strcmp(a, b) == 0));
}

static void check_same(const struct hark_address *a, const struct hark_address *b)
{
        size_t i = 0;

        FUZZ_CHECK(a->transport == b->transport && a->is_abstract == b->is_abstract);
        FUZZ_CHECK(a->path_size == b->path_size && a->port == b->port);
        FUZZ_CHECK(a->read_fd == b->read_fd && a->write_fd == b->write_fd);
        FUZZ_CHECK(a->uid_rule == b->uid_rule && a->uid == b->uid);
        FUZZ_CHECK(a->has_mode == b->has_mode && a->mode == b->mode && a->is_open == b->is_open);
        FUZZ_CHECK(a->keeps == b->keeps && a->leaves == b->leaves);
        check_same_text(a->path, b->path);
        check_same_text(a->host, b->host);
        FUZZ_CHECK(!a->argv == !b->argv);
        for (; a->argv && a->argv[i]; i++)
                check_same_text(a->argv[i], b->argv[i]);
        FUZZ_CHECK(!a->argv || !b->argv[i]);
}

static void check_written_anew(const struct hark_address *address)
{
        size_t room = 4 * strlen(address->text) + 64;
        struct text text = {.bytes = malloc(room), .room = room};
        struct hark_address *again = NULL;

        FUZZ_CHECK(text.bytes);
        write_anew(&text, address);
        FUZZ_CHECK(hark_address_parse(text.bytes, &again, NULL, 0) == 0);
        check_same(address, again);
        hark_address_free(again);
        free(text.bytes);
}

/* As a server tells it to clients. */
static void check_bare(const struct hark_address *address)
{
        char *text = hark_address_bare_text(address);
        struct hark_address *bare = NULL;

        FUZZ_CHECK(text && strncmp(text, address->text, strlen(text)) == 0);
        FUZZ_CHECK(hark_address_parse(text, &bare, NULL, 0) == 0);
        FUZZ_CHECK(bare->uid_rule == HARK_UID_DEFAULT && !bare->has_mode && !bare->is_open);
        FUZZ_CHECK(bare->transport == address->transport && bare->port == address->port);
        check_same_text(bare->path, address->path);
        check_same_text(bare->host, address->host);
        hark_address_free(bare);
        free(text);
}

static void check_fit_to_print(const char *text, size_t size)
{
        for (size_t i = 0; i < size; i++) {
                unsigned char byte = (unsigned char)text[i], next = (unsigned char)text[i + 1];

                FUZZ_CHECK(byte >= ' ' && byte != 0x7F);
                FUZZ_CHECK(byte != 0xC2 || next < 0x80 || next > 0x9F);
        }
}

/* In a block of just that room; of no room, none of it is touched. */
static void check_cut(const char *text, int result, const char *why, size_t room)
{
        size_t expected = strlen(why) < room ? strlen(why) : room - (room > 0);
        char *cut = malloc(room > 0 ? room : 1);

        FUZZ_CHECK(cut);
        *cut = 'x';
        FUZZ_CHECK(hark_address_check(text, cut, room) == result);
        if (room == 0) {
                FUZZ_CHECK(*cut == 'x');
        } else {
                FUZZ_CHECK(strnlen(cut, room) == expected);
                check_fit_to_print(cut, expected);
                /* But for the last byte: half a control character is none, and stays. */
                FUZZ_CHECK(expected == 0 || strncmp(cut, why, expected - 1) == 0);
        }
        free(cut);
}

static void check_refused(const char *text, int result, const char *why)
{
        FUZZ_CHECK(result == -EINVAL || result == -EPROTONOSUPPORT || result == -ENOENT);
        FUZZ_CHECK(*why && strlen(why) < WHY_MOST);
        check_fit_to_print(why, strlen(why));
        for (size_t room = 0; room < 20; room += 1 + room / 2)
                check_cut(text, result, why, room);
        check_cut(text, result, why, WHY_MOST);
        FUZZ_CHECK(hark_address_check(text, NULL, WHY_MOST) == result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char why[WHY_SIZE] = "", checked_why[WHY_SIZE] = "";
        struct hark_address *address = NULL;
        char *text = strndup((const char *)data, size);
        int r;

        FUZZ_CHECK(text);
        r = hark_address_parse(text, &address, why, sizeof(why));
        FUZZ_CHECK(hark_address_check(text, checked_why, sizeof(checked_why)) == r);
        FUZZ_CHECK(strcmp(why, checked_why) == 0);
        FUZZ_CHECK((r == 0) == (address != NULL));
        if (r < 0) {
                check_refused(text, r, why);
        } else {
                FUZZ_CHECK(!*why && strcmp(address->text, text) == 0);
                check_written_anew(address);
                check_bare(address);
        }
        hark_address_free(address);
        free(text);
        return 0;
}
