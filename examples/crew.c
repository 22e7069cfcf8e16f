/* SPDX-License-Identifier: MIT */

/*
 * Does jobs, one of a crew of which each job goes to one: `crew [ADDRESS]`, as often as there shall
 * be hands. A job is done when its callback returns. Who dies before has perhaps begun it: then
 * another is told so, and looks before it does a thing twice.
 */

#include <errno.h>
#include <hark/hark.h>
#include <signal.h>
#include <stdio.h>

static void on_job(const struct hark_notification *n, void *userdata)
{
        hark_client *client = userdata;

        switch (n->kind) {
        case HARK_NOTIFICATION:
                printf("%s%s\n", hark_message_text(n->message),
                       n->is_repeated ? ", which another may have begun" : "");
                break;
        case HARK_GAP:
                if (n->n_lost == UINT64_MAX) /* with the connection; others have our jobs now */
                        puts("the dispatcher is away");
                else /* more waited than the group's queue holds */
                        printf("%llu jobs went to nobody\n", (unsigned long long)n->n_lost);
                break;
        case HARK_UNSUBSCRIBED:
                if (n->reason != -ECANCELED)
                        fprintf(stderr, "crew: %s\n", hark_reason(n->reason, n->message));
                hark_loop_stop(hark_client_loop(client));
                break;
        }
        fflush(stdout);
}

static void on_signal(int signo, void *userdata)
{
        (void)signo;
        hark_loop_stop(userdata);
}

int main(int argc, char **argv)
{
        const char *address = argc > 1 ? argv[1] : "unix:@jobs";
        struct hark_subscribe_params params = {.group = "crew"};
        hark_client *client = NULL;
        int r = hark_connect(NULL, address, NULL, &client);

        if (r == 0)
                r = hark_loop_add_signal(hark_client_loop(client), SIGTERM, on_signal,
                                         hark_client_loop(client), NULL);
        if (r == 0)
                r = hark_subscribe(client, "jobs.>", on_job, client, &params, NULL);
        if (r == 0)
                r = hark_client_flush(client, 1000);
        if (r == 0 && puts("ready") >= 0 && fflush(stdout) == 0)
                r = hark_loop_run(hark_client_loop(client));
        if (r != 0)
                fprintf(stderr, "%s: %s\n", address, hark_reason(r, NULL));
        else
                hark_client_flush(client, 1000); /* what was done is confirmed */
        hark_client_unref(client);
        return r != 0;
}
