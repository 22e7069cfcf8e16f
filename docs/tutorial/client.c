/* SPDX-License-Identifier: MIT */

/*
 * Asks the adder, over whatever the address says, and waits for the total that it publishes.
 *
 *         client ADDRESS
 */

#include <hark/hark.h>
#include <stdio.h>

static void on_total(const struct hark_notification *n, void *userdata)
{
        hark_client *adder = userdata;

        if (n->kind == HARK_NOTIFICATION)
                printf("total %s\n", hark_message_text(n->message));
        else if (n->kind == HARK_GAP)
                printf("some totals lost: %s\n", hark_reason(n->reason, NULL));
        hark_loop_stop(hark_client_loop(adder));
}

int main(int argc, char **argv)
{
        const char *address = argc == 2 ? argv[1] : "(no address)";
        struct hark_client_params params = {.is_one_shot = true}; /* ends with the service */
        hark_client *adder = NULL;
        hark_message *reply = NULL;
        int r = hark_connect(NULL, address, &params, &adder);

        if (r == 0)
                r = hark_subscribe(adder, "adder.total", on_total, adder, NULL, NULL);
        if (r == 0)
                r = hark_call(adder, "adder.Add", hark_text("2 3"), 5000, &reply);
        if (r == 0)
                printf("answer %s\n", hark_message_text(reply));
        else
                fprintf(stderr, "%s: %s\n", address, hark_reason(r, reply));
        hark_message_unref(reply);
        if (r == 0)
                r = hark_loop_run(hark_client_loop(adder));
        hark_client_unref(adder);
        return r != 0;
}
