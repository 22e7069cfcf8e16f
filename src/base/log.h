/* SPDX-License-Identifier: MIT */
#ifndef HARK_BASE_LOG_H
#define HARK_BASE_LOG_H

/*
 * Where the library reports what concerns no single call. It never prints by itself.
 */

#include <hark/loop.h>
#include <syslog.h> /* LOG_ERR ... */

struct hark_log {
        hark_on_log *on_log; /* NULL: nowhere */
        void *userdata;
};

/* One line, cut at 511 bytes, control characters replaced. May be called anywhere in the loop's
 * thread; the user's callback must not call back into the library, which hark_loop_set_log()
 * says. */
void hark_log(const struct hark_log *log, int level, const char *format, ...) HARK_FORMAT(3, 4);

/* Makes size bytes of a peer's text fit to print: control characters become '?'. In place. */
void hark_text_sanitise(char *text, size_t size);

#endif
