/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_ADDRESS_H
#define HARK_TRANSPORT_ADDRESS_H

/*
 * Addresses: `scheme:body?option=value&option`, parsed once and strictly; hark-addresses(7).
 *
 *         unix:/path  unix:@name            ?uid=NAME|NUMBER|any  ?mode=0660
 *         tcp:host:port  tcp:[::1]:port     ?open
 *         pipe:READ_FD,WRITE_FD
 *         exec:PROGRAM ARGUMENT...
 *         stdio:
 *
 * In a body %XX is the byte XX: so a path may hold a `?`, and an argument a space. address.c splits
 * and decodes, and knows the options; each transport parses its own body.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct hark_transport_ops;

enum hark_uid_rule {
        HARK_UID_DEFAULT = 0, /* not said: what the transport thinks safe */
        HARK_UID_ANY,
        HARK_UID_ONE
};

struct hark_address {
        const struct hark_transport_ops *transport;
        char *text; /* as it was given */
        char *path; /* unix: the path, or the abstract name without its @ */
        size_t path_size;
        bool is_abstract;
        char *host; /* tcp: without brackets */
        uint16_t port;
        int read_fd, write_fd; /* pipe */
        char **argv;           /* exec: NULL-terminated */
        enum hark_uid_rule uid_rule;
        uid_t uid; /* HARK_UID_ONE */
        bool has_mode;
        mode_t mode;
        bool is_open; /* tcp: may be reached from other machines */
};

/*
 * 0: *ret_address is the caller's, hark_address_free(); -EINVAL, -EPROTONOSUPPORT, -ENOMEM; -ENOENT:
 * no such user. why (may be NULL) is written on failure: which part is wrong and what was expected.
 */
int hark_address_parse(const char *text, struct hark_address **ret_address, char *why, size_t size);

/* Takes NULL. Returns NULL. */
struct hark_address *hark_address_free(struct hark_address *address);

#endif
