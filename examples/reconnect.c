/* SPDX-License-Identifier: MIT */

/*
 * Waits for a server that is not there yet, tells of every loss and return, and asks it for the
 * time every second; asking twice does no harm, so a question is repeated if its connection is
 * lost.
 *
 *         reconnect ADDRESS [ADDRESS]...
 */

#include <errno.h>
#include <hark/hark.h>
#include <signal.h>
#include <stdio.h>

static void on_state(hark_client *client, int state, int reason, void *userdata)
{
        static const char *const names[] = {"?", "connecting", "connected", "retrying", "closed"};

        (void)userdata;
        printf("%s%s%s\n", names[state], reason != 0 ? ": " : "",
               reason != 0 ? hark_reason(reason, NULL) : "");
        fflush(stdout);
        if (state == HARK_CLOSED)
                hark_loop_stop(hark_client_loop(client));
}

static void on_time(int result, hark_message *reply, void *userdata)
{
        (void)userdata;
        if (result == 0)
                puts(hark_message_text(reply));
        else if (result != -ENOTCONN) /* that was never sent */
                printf("no time: %s\n", hark_reason(result, reply));
        fflush(stdout);
}

/* Less than a second, so that questions do not pile up while the server is away. */
static void ask(void *userdata)
{
        struct hark_payload question = HARK_NOTHING;

        question.is_idempotent = true;
        if (hark_invoke(userdata, "clock.Now", question, 900, on_time, NULL, NULL) != 0)
                puts("refused");
}

static void on_sigterm(int signo, void *userdata)
{
        (void)signo;
        hark_loop_stop(userdata);
}

int main(int argc, char **argv)
{
        struct hark_client_params params = {
                .on_state = on_state,
                .alternatives = argc > 2 ? (const char *const *)argv + 2 : NULL,
                .wait_ms = HARK_FOREVER,
        };
        hark_loop *loop = NULL;
        hark_client *client = NULL;
        int r = argc > 1 ? hark_loop_new(&loop) : -EINVAL;

        if (r == 0)
                r = hark_loop_add_signal(loop, SIGTERM, on_sigterm, loop, NULL);
        if (r == 0)
                r = hark_connect(loop, argv[1], &params, &client);
        if (r == 0)
                r = hark_loop_add_timer(loop, 0, 1000, ask, client, NULL);
        if (r == 0)
                r = hark_loop_run(loop);
        if (r != 0)
                fprintf(stderr, "reconnect: %s\n", hark_reason(r, NULL));
        hark_client_unref(client);
        hark_loop_unref(loop);
        return r != 0;
}
