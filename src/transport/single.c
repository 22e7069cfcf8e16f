/* SPDX-License-Identifier: MIT */

/* See single.h. */

#include "transport/single.h"

#include <stdlib.h>

#include "base/cleanup.h"

struct single_listener {
        struct hark_listener listener; /* the first member */
        struct hark_port *port;        /* until it has been handed over */
        struct hark_task handing_over;
};

static struct single_listener *single_of(struct hark_listener *listener)
{
        return hark_container_of(listener, struct single_listener, listener);
}

static void hand_over(struct hark_task *task)
{
        struct single_listener *single =
                hark_container_of(task, struct single_listener, handing_over);

        single->listener.on_port(&single->listener, HARK_TAKE(single->port));
}

void hark_single_close(struct hark_listener *listener)
{
        struct single_listener *single = single_of(listener);

        hark_task_cancel(&single->handing_over);
        hark_port_close(single->port);
        free(listener->address);
        free(single);
}

struct hark_listener *hark_single_new(hark_loop *loop, const struct hark_transport_ops *transport,
                                      char *address)
{
        struct single_listener *single = address ? calloc(1, sizeof(*single)) : NULL;

        if (!single) {
                free(address);
                return NULL;
        }
        hark_task_init(&single->handing_over, hand_over, NULL);
        single->listener.transport = transport;
        single->listener.loop = loop;
        single->listener.has_one_port = true;
        single->listener.address = address;
        return &single->listener;
}

void hark_single_yield(struct hark_listener *listener, struct hark_port *port)
{
        struct single_listener *single = single_of(listener);

        single->port = port;
        hark_loop_queue_chore(listener->loop, &single->handing_over);
}
