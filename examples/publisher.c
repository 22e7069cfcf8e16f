/* SPDX-License-Identifier: MIT */

/*
 * Publishes the time, as long as somebody wants to hear it; and its zone, once.
 *
 *         publisher [ADDRESS [PERIOD_MS]]
 *
 * hark_server_publish() never waits for a slow subscriber and never fails because of one: that one
 * is told how many it missed, see subscriber.c, and so is the publisher.
 */

#include <hark/hark.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Whoever subscribes later is told of this first, see subscriber.c. */
static int publish_zone(hark_server *server)
{
        struct hark_payload zone = hark_text("UTC");

        zone.retain = HARK_RETAIN;
        return hark_server_publish(server, "clock.zone", zone);
}

static void on_period(void *userdata)
{
        hark_server *server = userdata;
        char text[24];

        if (!hark_server_has_subscribers(server, "clock.tick"))
                return;
        snprintf(text, sizeof(text), "%lld", (long long)time(NULL));
        hark_server_publish(server, "clock.tick", hark_text(text));
}

static void on_drop(hark_peer *peer, const char *topic, uint64_t n_lost, void *userdata)
{
        (void)userdata;
        fprintf(stderr, "%s is slow: lost %llu of %s\n", hark_peer_name(peer),
                (unsigned long long)n_lost, topic);
}

static void on_signal(int signo, void *userdata)
{
        (void)signo;
        hark_loop_stop(userdata);
}

int main(int argc, char **argv)
{
        const char *address = argc > 1 ? argv[1] : "unix:@clock";
        int period_ms = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1000;
        struct hark_server_params params = {.on_drop = on_drop};
        hark_loop *loop = NULL;
        hark_server *server = NULL;
        int r = hark_loop_new(&loop);

        if (r == 0)
                r = hark_loop_add_signal(loop, SIGTERM, on_signal, loop, NULL);
        if (r == 0)
                r = hark_server_new(loop, &params, &server);
        if (r == 0)
                r = hark_server_listen(server, address);
        if (r == 0)
                r = publish_zone(server);
        if (r == 0)
                r = hark_loop_add_timer(loop, period_ms, period_ms, on_period, server, NULL);
        if (r == 0)
                puts(hark_server_address(server, 0));
        fflush(stdout);
        if (r == 0)
                r = hark_loop_run(loop);
        if (r != 0)
                fprintf(stderr, "%s: %s\n", address, hark_reason(r, NULL));
        hark_server_unref(server);
        hark_loop_unref(loop);
        return r != 0;
}
