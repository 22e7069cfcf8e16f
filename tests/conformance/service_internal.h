/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_INTERNAL_H
#define SERVICE_INTERNAL_H

/* What the parts of the service know of each other. */

#include "service.h"

#include <stddef.h>

#define SERVICE_KEPT     2048
#define SERVICE_COUNTERS 32
#define SERVICE_PEERS    8 /* that can be found by name */
#define SERVICE_LOG_SIZE (64 * 1024)

struct counter {
        const char *name; /* a literal */
        long value;
};

struct service {
        hark_loop *loop;
        hark_server *server;
        struct wishes wishes;
        struct counter counters[SERVICE_COUNTERS];
        size_t n_counters;
        hark_request *kept[SERVICE_KEPT];
        size_t n_kept;
        hark_request *stopped; /* the one with items that waits for go_on or answer_it */
        char log[SERVICE_LOG_SIZE];
        size_t log_size;
        hark_peer *peers[SERVICE_PEERS]; /* NULL: a free place */
        long n_peers;
        bool ends_with_peers, is_over;
};

struct service_method {
        const char *name;
        hark_on_request *on_request; /* userdata is the service */
};

/* Each part's own; ended by an entry of zeros. */
extern const struct service_method service_calls[];
extern const struct service_method service_keeping[];
extern const struct service_method service_peers[];
extern const struct service_method service_topics[];
extern const struct service_method service_retained[];
extern const struct service_method service_fds[];
extern const struct service_method service_hops[];
extern const struct service_method service_streams[];

/* name must be a literal. */
void service_set(struct service *service, const char *name, long value);
void service_add(struct service *service, const char *name, long more);

void service_note(struct service *service, const char *text);

/* What the caller wrote. */
const char *service_text(const hark_request *request);

/* Answers with a line made by printf(3). */
void service_say(hark_request *request, const char *format, ...) HARK_FORMAT(2, 3);

/* Lets go of all that is kept. */
void service_drop_kept(struct service *service);

/* An anonymous file with this text in it; the caller's to close. */
int service_file_of(const char *text);

#endif
