/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_H
#define CLIENT_H

/* What the verbs that ask have in common. */

#include <hark/hark.h>

#include "options.h"

#define TIMEOUT_DEFAULT_MS 5000
#define TIMEOUT_MAX_MS     86400000 /* a day */

/* An option table's line for how long to wait: the field is an int timeout_ms. */
#define OPTION_TIMEOUT(type, words)                                                             \
        {                                                                                       \
                .name = "timeout", .value = "MS", .help = words, .kind = OPTION_NUMBER,         \
                .offset = offsetof(type, timeout_ms), .fallback = TIMEOUT_DEFAULT_MS, .min = 1, \
                .max = TIMEOUT_MAX_MS                                                           \
        }

#define OPTION_PRIORITY(type)                                                                 \
        {                                                                                     \
                .name = "priority", .value = "N", .help = "7 goes before all, 0 is ordinary", \
                .kind = OPTION_NUMBER, .offset = offsetof(type, priority), .max = 7           \
        }

/* How long to wait for a server: the field is an int wait_ms. */
#define OPTION_WAIT_IN_WORDS(type, words)                                            \
        {                                                                            \
                .name = "wait", .value = "MS", .help = words, .kind = OPTION_NUMBER, \
                .offset = offsetof(type, wait_ms), .max = TIMEOUT_MAX_MS             \
        }

#define OPTION_WAIT(type) OPTION_WAIT_IN_WORDS(type, "wait so long for a server to be there")

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t now_ms(void);

/* What is left of timeout_ms since start_ms; 0: nothing. */
int time_left_ms(int64_t start_ms, int timeout_ms);

/* Connects within params->wait_ms and params->attempt_ms. Returns EXIT_GOOD; or says what is wrong,
 * and returns another exit status. */
int client_connect(const char *address, const struct hark_client_params *params,
                   hark_client **ret_client);

#endif
