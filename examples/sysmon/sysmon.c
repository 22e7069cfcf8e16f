/* SPDX-License-Identifier: MIT */

/*
 * A monitor of this machine: methods and topics from /proc, at any number of addresses at once.
 *
 *         sysmon [--every MS] ADDRESS...
 *
 * Prints each address it serves. SIGTERM and SIGINT end it; where it is the child in `exec:sysmon
 * stdio:`, so does the end of that conversation. What it offers stands in methods.h and topics.h.
 */

#include <getopt.h>
#include <hark/hark.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "methods.h"
#include "topics.h"

#define PERIOD_MS     1000
#define PERIOD_MAX_MS 3600000

struct options {
        int period_ms;
        char **addresses; /* NULL-terminated */
};

static bool parse_period(const char *text, int *ret_period_ms)
{
        char *end;
        long value = strtol(text, &end, 10);

        if (end == text || *end != '\0' || value < 1 || value > PERIOD_MAX_MS)
                return false;
        *ret_period_ms = (int)value;
        return true;
}

static bool parse_options(int argc, char **argv, struct options *ret_options)
{
        static const struct option known[] = {{"every", required_argument, NULL, 'e'}, {0}};
        struct options options = {.period_ms = PERIOD_MS};
        int option;

        while ((option = getopt_long(argc, argv, "e:", known, NULL)) != -1)
                if (option != 'e' || !parse_period(optarg, &options.period_ms))
                        return false;
        if (optind == argc)
                return false;
        options.addresses = argv + optind;
        *ret_options = options;
        return true;
}

static void on_signal(int signo, void *userdata)
{
        (void)signo;
        hark_loop_stop(userdata);
}

/* Whoever has started us to talk by stdio: has gone. */
static void on_leave(hark_peer *peer, int reason, void *userdata)
{
        (void)peer;
        (void)reason;
        hark_loop_stop(userdata);
}

static bool is_conversation(const char *address)
{
        return strcmp(address, "stdio:") == 0;
}

static int take_signals(hark_loop *loop)
{
        int r = hark_loop_add_signal(loop, SIGTERM, on_signal, loop, NULL);

        if (r == 0)
                r = hark_loop_add_signal(loop, SIGINT, on_signal, loop, NULL);
        return r;
}

/* Sets *ret_failed to the address that could not be served, if it is one that failed. */
static int listen_everywhere(hark_server *server, char **addresses, const char **ret_failed)
{
        for (size_t i = 0; addresses[i]; i++) {
                int r = hark_server_listen(server, addresses[i]);

                if (r != 0) {
                        *ret_failed = addresses[i];
                        return r;
                }
                if (!is_conversation(addresses[i]))
                        puts(hark_server_address(server, i));
        }
        fflush(stdout);
        return 0;
}

static int run(hark_loop *loop, hark_server *server, int period_ms)
{
        struct topics topics;
        int r = topics_init(&topics, loop, server, period_ms);

        if (r == 0)
                r = hark_loop_run(loop);
        topics_done(&topics);
        return r;
}

int main(int argc, char **argv)
{
        const char *failed = "sysmon";
        struct hark_server_params params = {.userdata = NULL};
        struct options options;
        hark_loop *loop = NULL;
        hark_server *server = NULL;
        int r;

        if (!parse_options(argc, argv, &options)) {
                fprintf(stderr, "usage: sysmon [--every MS] ADDRESS...\n");
                return 2;
        }
        r = hark_loop_new(&loop);
        if (r == 0)
                r = take_signals(loop);
        params.userdata = loop;
        if (is_conversation(options.addresses[0]) && !options.addresses[1])
                params.on_leave = on_leave;
        if (r == 0)
                r = hark_server_new(loop, &params, &server);
        if (r == 0)
                r = methods_offer(server);
        if (r == 0)
                r = listen_everywhere(server, options.addresses, &failed);
        if (r == 0)
                r = run(loop, server, options.period_ms);
        if (r != 0)
                fprintf(stderr, "%s: %s\n", failed, hark_reason(r, NULL));
        hark_server_unref(server);
        hark_loop_unref(loop);
        return r != 0;
}
