/* SPDX-License-Identifier: MIT */
#ifndef METHODS_H
#define METHODS_H

/*
 * What sysmon answers. It is text, a line for each fact, so that a shell can read it as well as a
 * human:
 *
 *         sys.Load        load_1min, load_5min, load_15min, running, threads
 *         sys.Memory      total_kib, available_kib, free_kib, swap_total_kib, swap_free_kib
 *         sys.Uptime      up_s, idle_s
 *         sys.Processes   a table: pid, rss_kib, cpu_s, name; asked with a text, only those whose
 *                         name holds it, or matches it if it is a glob(7) pattern
 *
 * And sys.Echo, what it was asked with, byte for byte: to try out the way here.
 */

#include <hark/hark.h>

/* Offers them. Returns as hark_server_handle() does. */
int methods_offer(hark_server *server);

#endif
