/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_ADDRESS_H
#define HARK_TRANSPORT_ADDRESS_H

/*
 * Addresses: `scheme:body?option=value&option`, parsed once and strictly; hark-addresses(7).
 *
 *         unix:/path  unix:@name            ?uid=NAME|NUMBER|any  ?mode=0660
 *         tcp:host:port  tcp:[::1]:port     ?open; udp: the same
 *         udp:group:port                ?interface=NAME  ?open
 *         pipe:READ_FD,WRITE_FD
 *         exec:PROGRAM ARGUMENT...
 *         stdio:
 *         inherit:NAME                        ?uid=NAME|NUMBER|any  ?open
 *
 * In a body %XX is the byte XX: so a path may hold a `?`, and an argument a space. address.c finds
 * the parts, and knows the options; each transport parses its own body.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <hark/types.h>

struct addrinfo;
struct hark_transport_ops;

enum hark_uid_rule {
        HARK_UID_DEFAULT = 0, /* not said: what the transport thinks safe */
        HARK_UID_ANY,
        HARK_UID_ONE
};

/* What may stand behind the `?`, and in the body; each transport says what it knows. */
enum hark_address_option {
        HARK_OPTION_UID = 1 << 0,
        HARK_OPTION_MODE = 1 << 1,
        HARK_OPTION_OPEN = 1 << 2,
        HARK_OPTION_KEEP = 1 << 4,
        HARK_OPTION_LEAVE = 1 << 5,
        HARK_OPTION_INTERFACE = 1 << 6,
        HARK_OPTION_SPACES = 1 << 3 /* not written: spaces separate words of the body */
};

struct hark_address {
        const struct hark_transport_ops *transport;
        char *text; /* as it was given */
        char *path; /* unix: the path, or the abstract name without its @; inherit: the name */
        size_t path_size;
        bool is_abstract;
        char *host; /* tcp, udp: without brackets */
        uint16_t port;
        struct addrinfo *resolved; /* tcp, udp: what the resolver has made of it; NULL: none yet */
        int read_fd, write_fd;     /* pipe */
        char **argv;               /* exec: NULL-terminated */
        enum hark_uid_rule uid_rule;
        uid_t uid; /* HARK_UID_ONE */
        bool has_mode;
        mode_t mode;
        bool keeps;          /* mq: the listener leaves its queue behind */
        char *interface;     /* udp: of a multicast group; NULL: not said */
        bool leaves;         /* mq: the client leaves what it sends in the queue */
        bool is_open;        /* tcp, udp: may be reached from other machines */
        unsigned nth_socket; /* inherit: which of those it stands for */
};

/*
 * 0: *ret_address is the caller's, hark_address_free(); -EINVAL, -EPROTONOSUPPORT, -ENOMEM;
 * -ENOENT: no such user. why (may be NULL) is written on failure: which part is wrong and what was
 * expected.
 */
int hark_address_parse(const char *text, struct hark_address **ret_address, char *why, size_t size);

/* Takes NULL. Returns NULL. */
struct hark_address *hark_address_free(struct hark_address *address);

/* The text without its options, which are for one end only: as the other end would write it. Own
 * memory; NULL: no memory. */
char *hark_address_bare_text(const struct hark_address *address);

/* --- for the transports' parsers -------------------------------------------------------------- */

/* Decodes size bytes of a body, whose escapes are well-formed. Returns own memory, NUL-terminated;
 * NULL: no memory. ret_size may be NULL. */
char *hark_address_decode(const char *text, size_t size, size_t *ret_size);

/* Writes why, fit to print. Returns -EINVAL. A part is quoted as "'%.*s'" of hark_quoted(size). */
int hark_address_complain(char *why, size_t why_size, const char *format, ...) HARK_FORMAT(3, 4);

/* The opposite of decoding: escapes what stands for something else in an address. Own memory; NULL:
 * no memory. */
char *hark_address_encode(const char *text, size_t size);

/* How much of a part of that size is quoted: a line has to hold it. */
int hark_quoted(size_t size);

/* size digits as a number up to max; base 8 or 10. No sign, no space, nothing behind it. */
bool hark_parse_number(const char *text, size_t size, unsigned base, uint64_t max,
                       uint64_t *ret_number);

#endif
