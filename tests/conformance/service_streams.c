/* SPDX-License-Identifier: MIT */

/* What the service sends and takes item by item. See service.h. */

#include "service_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"

static void note_cancel(struct service *service, int reason)
{
        service_add(service, "cancelled", 1);
        service_set(service, "cancel_reason", reason);
}

/* --- items of an answer ----------------------------------------------------------------------- */

struct producer {
        struct service *service;
        hark_request *request;
        long next, last;
        size_t size; /* of each; 0: as long as its number is */
        int status;  /* how it ends */
        bool has_files;
};

static void end_producer(struct producer *producer)
{
        hark_request_unref(producer->request);
        free(producer);
}

static int push_next(struct producer *producer)
{
        size_t size = producer->size > 0 ? producer->size : 24;
        char *text = calloc(1, size + 24);
        struct hark_payload item;
        int fd = -1, r;

        kit_assert(text);
        snprintf(text, 24, "%ld", producer->next);
        item = hark_bytes(text, producer->size > 0 ? producer->size : strlen(text));
        if (producer->has_files) {
                fd = service_file_of(text);
                item.fds = &fd;
                item.n_fds = 1;
        }
        r = hark_push(producer->request, item);
        if (fd >= 0)
                close(fd);
        free(text);
        return r;
}

static void on_room(hark_request *request, void *userdata)
{
        struct producer *producer = userdata;

        for (; producer->next <= producer->last; producer->next++) {
                int r = push_next(producer);

                if (r == -EAGAIN) {
                        service_add(producer->service, "held_up", 1);
                        return;
                }
                if (r != 0) {
                        hark_fail(request, r, NULL);
                        end_producer(producer);
                        return;
                }
                service_add(producer->service, "pushed", 1);
        }
        if (producer->status != 0)
                hark_fail(request, producer->status, "enough");
        else
                service_say(request, "%ld", producer->last);
        end_producer(producer);
}

static void on_producer_cancel(hark_request *request, int reason, void *userdata)
{
        struct producer *producer = userdata;

        note_cancel(producer->service, reason);
        service_set(producer->service, "late_push", hark_push(request, HARK_NOTHING));
        end_producer(producer);
}

static struct producer *new_producer(struct service *service, hark_request *request)
{
        static const struct hark_request_events events = {.on_cancel = on_producer_cancel,
                                                          .on_room = on_room};
        struct producer *producer = calloc(1, sizeof(*producer));

        kit_assert(producer);
        producer->service = service;
        producer->request = hark_request_ref(request);
        producer->next = 1;
        kit_assert(sscanf(service_text(request), "%ld %zu %d", &producer->last, &producer->size,
                          &producer->status) >= 1);
        kit_assert_good(hark_request_watch(request, &events, producer));
        return producer;
}

static void answer_items(hark_request *request, void *userdata)
{
        new_producer(userdata, request);
}

static void answer_files(hark_request *request, void *userdata)
{
        new_producer(userdata, request)->has_files = true;
}

/* One that knows nothing of who cannot take items. */
static void push_and_forget(hark_request *request, void *userdata)
{
        service_set(userdata, "pushed_at_once", hark_push(request, hark_text("one")));
}

/* --- items of a question ---------------------------------------------------------------------- */

struct consumer {
        struct service *service;
        hark_request *request;
        long n_items, n_in_order;
        size_t size;
        bool answers_early;
        hark_message *held; /* mirror: what could not be sent back yet */
};

static void end_consumer(struct consumer *consumer)
{
        hark_message_unref(consumer->held);
        hark_request_unref(consumer->request);
        free(consumer);
}

static void on_consumer_cancel(hark_request *request, int reason, void *userdata)
{
        struct consumer *consumer = userdata;
        struct service *service = consumer->service;

        (void)request;
        note_cancel(service, reason);
        service_set(service, "collected", consumer->n_items);
        if (service->stopped == consumer->request)
                service->stopped = NULL;
        end_consumer(consumer);
}

static void answer_sum(struct consumer *consumer)
{
        service_say(consumer->request, "%ld %ld %zu", consumer->n_items, consumer->n_in_order,
                    consumer->size);
        end_consumer(consumer);
}

static void on_item(hark_request *request, hark_message *item, void *userdata)
{
        struct consumer *consumer = userdata;

        (void)request;
        if (!item || consumer->answers_early) {
                answer_sum(consumer);
                return;
        }
        consumer->n_items++;
        consumer->size += hark_message_size(item);
        /* A number and zeros are no text; with the NUL behind them they can be read all the
         * same. */
        consumer->n_in_order += strtol(hark_message_data(item), NULL, 10) == consumer->n_items;
        service_set(consumer->service, "collected", consumer->n_items);
}

static struct consumer *new_consumer(struct service *service, hark_request *request,
                                     const struct hark_request_events *events)
{
        struct consumer *consumer = calloc(1, sizeof(*consumer));

        kit_assert(consumer);
        consumer->service = service;
        consumer->request = hark_request_ref(request);
        kit_assert_good(hark_request_watch(request, events, consumer));
        return consumer;
}

static const struct hark_request_events consumer_events = {.on_cancel = on_consumer_cancel,
                                                           .on_item = on_item};

static void collect(hark_request *request, void *userdata)
{
        new_consumer(userdata, request, &consumer_events);
}

static void collect_one(hark_request *request, void *userdata)
{
        new_consumer(userdata, request, &consumer_events)->answers_early = true;
}

static void collect_later(hark_request *request, void *userdata)
{
        struct service *service = userdata;

        new_consumer(service, request, &consumer_events);
        kit_assert_good(hark_request_pause(request, true));
        service->stopped = request;
}

static void go_on(hark_request *request, void *userdata)
{
        struct service *service = userdata;

        kit_assert(service->stopped);
        kit_assert_good(hark_request_pause(service->stopped, false));
        service->stopped = NULL;
        hark_reply(request, HARK_NOTHING);
}

/* Keeps the request and does not watch for what is fed. */
static void collect_nothing(hark_request *request, void *userdata)
{
        struct service *service = userdata;

        service->stopped = hark_request_ref(request);
}

static void answer_it(hark_request *request, void *userdata)
{
        struct service *service = userdata;

        kit_assert_good(hark_reply(service->stopped, HARK_NOTHING));
        service->stopped = hark_request_unref(service->stopped);
        hark_reply(request, HARK_NOTHING);
}

/* --- both ------------------------------------------------------------------------------------- */

static void on_mirror_item(hark_request *request, hark_message *item, void *userdata)
{
        struct consumer *mirror = userdata;
        int r;

        if (!item) {
                answer_sum(mirror);
                return;
        }
        mirror->n_items++;
        r = hark_push(request, hark_message_payload(item));
        if (r == -EAGAIN) {
                mirror->held = hark_message_ref(item);
                r = hark_request_pause(request, true);
        }
        kit_assert_good(r);
}

static void on_mirror_room(hark_request *request, void *userdata)
{
        struct consumer *mirror = userdata;

        if (!mirror->held)
                return;
        kit_assert_good(hark_push(request, hark_message_payload(mirror->held)));
        mirror->held = hark_message_unref(mirror->held);
        kit_assert_good(hark_request_pause(request, false));
}

static void mirror(hark_request *request, void *userdata)
{
        static const struct hark_request_events events = {.on_cancel = on_consumer_cancel,
                                                          .on_room = on_mirror_room,
                                                          .on_item = on_mirror_item};

        new_consumer(userdata, request, &events);
}

const struct service_method service_streams[] = {
        {"items", answer_items},
        {"items_with_files", answer_files},
        {"push_and_forget", push_and_forget},
        {"collect", collect},
        {"collect_one", collect_one},
        {"collect_later", collect_later},
        {"go_on", go_on},
        {"collect_nothing", collect_nothing},
        {"answer_it", answer_it},
        {"mirror", mirror},
        {NULL, NULL},
};
