/* SPDX-License-Identifier: MIT */
/*
 * hark bench-server: what hark bench starts as its other process. It serves one client and ends
 * when that leaves, or when nobody has come for ten seconds.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "failure.h"
#include "verb.h"

#define PATIENCE_MS 10000

struct bench_server {
        hark_loop *loop;
        hark_server *server;
        uint64_t patience; /* the timer */
        char *buffer;
};

static int on_accept(hark_peer *peer, void *userdata)
{
        struct bench_server *bench = userdata;

        (void)peer;
        hark_loop_remove(bench->loop, bench->patience);
        return 0;
}

static void on_leave(hark_peer *peer, int reason, void *userdata)
{
        struct bench_server *bench = userdata;

        (void)peer;
        (void)reason;
        hark_loop_stop(bench->loop);
}

static void on_nobody(void *userdata)
{
        struct bench_server *bench = userdata;

        hark_loop_stop(bench->loop);
}

static void on_echo(hark_request *request, void *userdata)
{
        (void)userdata;
        hark_reply(request, hark_message_payload(hark_request_message(request)));
}

static void on_order(hark_request *request, void *userdata)
{
        struct bench_server *bench = userdata;
        hark_message *message = hark_request_message(request);
        struct bench_order order;

        if (hark_message_size(message) != sizeof(order))
                return;
        memcpy(&order, hark_message_data(message), sizeof(order));
        if (order.size > BENCH_MAX_SIZE)
                return;
        for (uint32_t i = 0; i < order.count; i++)
                hark_server_publish(bench->server, BENCH_TOPIC,
                                    hark_bytes(bench->buffer, order.size));
}

static int prepare(struct bench_server *bench, const char *address)
{
        struct hark_server_params params = {
                .on_accept = on_accept, .on_leave = on_leave, .userdata = bench};
        int r = hark_loop_new(&bench->loop);

        if (r == 0)
                r = hark_loop_add_timer(bench->loop, PATIENCE_MS, 0, on_nobody, bench,
                                        &bench->patience);
        if (r == 0)
                r = hark_server_new(bench->loop, &params, &bench->server);
        if (r == 0)
                r = hark_server_handle(bench->server, "echo", on_echo, NULL);
        if (r == 0)
                r = hark_server_handle(bench->server, BENCH_METHOD, on_order, bench);
        if (r == 0)
                r = hark_server_listen(bench->server, address);
        return r == 0 ? EXIT_GOOD : complain_of_listen(address, r);
}

/* For whoever has started this, unless standard output is the conversation itself. */
static void announce(const struct bench_server *bench)
{
        const char *address = hark_server_address(bench->server, 0);

        if (strcmp(address, "stdio:") == 0)
                return;
        puts(address);
        fflush(stdout);
}

static int run_bench_server(const void *options, char **operands)
{
        struct bench_server bench = {.buffer = calloc(1, BENCH_MAX_SIZE)};
        int r;

        (void)options;
        if (!bench.buffer)
                return EXIT_REFUSED;
        signal(SIGINT, SIG_IGN); /* the client ends it by leaving */
        r = prepare(&bench, operands[0]);
        if (r == EXIT_GOOD) {
                announce(&bench);
                hark_loop_run(bench.loop);
        }
        hark_server_unref(bench.server);
        hark_loop_unref(bench.loop);
        free(bench.buffer);
        return r;
}

const struct verb verb_bench_server = {
        .name = "bench-server",
        .operands = "ADDRESS",
        .summary = "Serve hark bench, which starts this itself",
        .example = "  hark bench\n",
        .min_operands = 1,
        .max_operands = 1,
        .is_hidden = true,
        .run = run_bench_server,
};
