/* SPDX-License-Identifier: MIT */

/*
 * Prints what topics keep and what is published, says where anything was lost, and why it ended.
 *
 *         subscriber [ADDRESS [FILTER [COUNT]]]
 *
 * A client without a loop has one of its own, so a whole subscriber needs no other.
 */

#include <errno.h>
#include <hark/hark.h>
#include <stdio.h>
#include <stdlib.h>

struct subscriber {
        hark_client *client;
        uint64_t subscription;
        unsigned long n_wanted; /* 0: as many as there will be */
        int result;
};

static void print_gap(const struct hark_notification *gap)
{
        if (gap->n_lost == UINT64_MAX) /* nobody knows: the connection was lost */
                printf("%s: perhaps some lost: ", gap->topic);
        else
                printf("%s: %llu lost: ", gap->topic, (unsigned long long)gap->n_lost);
        puts(hark_reason(gap->reason, NULL));
}

static void on_notification(const struct hark_notification *n, void *userdata)
{
        struct subscriber *self = userdata;

        switch (n->kind) {
        case HARK_NOTIFICATION:
                printf("%s: %s\n", n->topic, hark_message_text(n->message));
                if (self->n_wanted > 0 && n->sequence >= self->n_wanted)
                        hark_unsubscribe(self->client, self->subscription);
                break;
        case HARK_WITHDRAWN:
                printf("%s: no more\n", n->topic);
                break;
        case HARK_GAP:
                print_gap(n);
                break;
        case HARK_UNSUBSCRIBED: /* always the last one; -ECANCELED: as we wished */
                if (n->reason != -ECANCELED) {
                        self->result = n->reason;
                        fprintf(stderr, "%s: %s\n", n->topic, hark_reason(n->reason, n->message));
                }
                hark_loop_stop(hark_client_loop(self->client));
                break;
        }
        fflush(stdout);
}

int main(int argc, char **argv)
{
        const char *address = argc > 1 ? argv[1] : "unix:@clock";
        const char *filter = argc > 2 ? argv[2] : ">";
        struct subscriber self = {.n_wanted = argc > 3 ? strtoul(argv[3], NULL, 10) : 0};
        struct hark_subscribe_params wishes = {.wants_retained = true};
        struct hark_client_params params = {.is_one_shot = true}; /* ends with the publisher */
        int r = hark_connect(NULL, address, &params, &self.client);

        if (r == 0)
                r = hark_subscribe(self.client, filter, on_notification, &self, &wishes,
                                   &self.subscription);
        if (r != 0)
                fprintf(stderr, "%s: %s\n", address, hark_reason(r, NULL));
        if (r == 0)
                r = hark_loop_run(hark_client_loop(self.client));
        if (r == 0)
                r = self.result;
        hark_client_unref(self.client);
        return r != 0;
}
