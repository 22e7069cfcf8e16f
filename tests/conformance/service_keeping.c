/* SPDX-License-Identifier: MIT */

/* What the service does with a request after its handler has returned. See service.h. */

#include "service_internal.h"

#include <pthread.h>
#include <stdlib.h>

#include "kit.h"

/* --- kept until somebody says so -------------------------------------------------------------- */

static void keep(struct service *service, hark_request *request)
{
        kit_assert(service->n_kept < SERVICE_KEPT);
        service->kept[service->n_kept++] = hark_request_ref(request);
        service_add(service, "kept", 1);
}

/* Whether it was kept, and is not any more: a cancel may be told of one that was let go of
 * meanwhile. */
static bool forget_kept(struct service *service, const hark_request *request)
{
        for (size_t i = 0; i < service->n_kept; i++) {
                if (service->kept[i] == request) {
                        service->kept[i] = service->kept[--service->n_kept];
                        return true;
                }
        }
        return false;
}

static void on_cancel(hark_request *request, int reason, void *userdata)
{
        struct service *service = userdata;

        service_add(service, "cancelled", 1);
        service_set(service, "cancel_reason", reason);
        service_set(service, "late_reply", hark_reply(request, hark_text("late")));
        if (forget_kept(service, request))
                hark_request_unref(request);
}

static void keep_and_watch(hark_request *request, void *userdata)
{
        struct hark_request_events events = {.on_cancel = on_cancel};

        keep(userdata, request);
        kit_assert_good(hark_request_watch(request, &events, userdata));
}

static void keep_quietly(hark_request *request, void *userdata)
{
        keep(userdata, request);
}

static void shuffle(hark_request **requests, size_t n)
{
        uint32_t state = 1;

        for (size_t i = n; i > 1; i--) {
                size_t other;
                hark_request *request = requests[i - 1];

                state = state * 1664525 + 1013904223;
                other = (state >> 8) % i;
                requests[i - 1] = requests[other];
                requests[other] = request;
        }
}

size_t service_answer_kept(struct service *service)
{
        size_t n = service->n_kept;

        shuffle(service->kept, n);
        for (size_t i = 0; i < n; i++)
                service_set(service, "answered",
                            hark_reply(service->kept[i], hark_message_payload(hark_request_message(
                                                                 service->kept[i]))));
        service_drop_kept(service);
        return n;
}

static void answer_kept(hark_request *request, void *userdata)
{
        service_say(request, "%zu", service_answer_kept(userdata));
}

void service_drop_kept(struct service *service)
{
        while (service->n_kept > 0)
                hark_request_unref(service->kept[--service->n_kept]);
}

static void let_go(hark_request *request, void *userdata)
{
        service_drop_kept(userdata);
        hark_reply(request, HARK_NOTHING);
}

static void answer_burst(hark_request *request, void *userdata)
{
        struct service *service = userdata;

        for (size_t i = 0; i < service->n_kept; i++) {
                kit_assert_good(hark_server_publish(service->server, "burst", hark_text("burst")));
                kit_assert_good(hark_reply(service->kept[i], hark_text("burst")));
        }
        service_drop_kept(service);
        hark_reply(request, HARK_NOTHING);
}

/* --- answered by itself, later ---------------------------------------------------------------- */

static void answer_by_timer(void *userdata)
{
        hark_request *request = userdata;

        hark_reply(request, hark_message_payload(hark_request_message(request)));
        hark_request_unref(request);
}

static void answer_later(hark_request *request, void *userdata)
{
        struct service *service = userdata;

        kit_assert_good(hark_loop_add_timer(service->loop, 1, 0, answer_by_timer,
                                            hark_request_ref(request), NULL));
}

struct job {
        hark_loop *loop;
        hark_request *request;
        pthread_t thread;
};

static void come_home(void *userdata)
{
        struct job *job = userdata;

        pthread_join(job->thread, NULL);
        answer_by_timer(job->request);
        free(job);
}

static void *work(void *userdata)
{
        struct job *job = userdata;

        kit_assert_good(hark_loop_post(job->loop, come_home, job));
        return NULL;
}

static void answer_by_thread(hark_request *request, void *userdata)
{
        struct service *service = userdata;
        struct job *job = malloc(sizeof(*job));

        kit_assert(job);
        *job = (struct job){.loop = service->loop, .request = hark_request_ref(request)};
        kit_assert(pthread_create(&job->thread, NULL, work, job) == 0);
}

struct look {
        hark_request *request;
        int first_ms;
};

static void look_again(void *userdata)
{
        struct look *look = userdata;

        service_say(look->request, "%d %d", look->first_ms,
                    hark_request_time_left_ms(look->request));
        hark_request_unref(look->request);
        free(look);
}

static void answer_time_left(hark_request *request, void *userdata)
{
        struct service *service = userdata;
        struct look *look = malloc(sizeof(*look));

        kit_assert(look);
        *look = (struct look){hark_request_ref(request), hark_request_time_left_ms(request)};
        kit_assert_good(hark_loop_add_timer(service->loop, 10, 0, look_again, look, NULL));
}

const struct service_method service_keeping[] = {
        {"keep", keep_and_watch},     {"keep_quietly", keep_quietly},  {"answer", answer_kept},
        {"let_go", let_go},           {"burst", answer_burst},         {"later", answer_later},
        {"thread", answer_by_thread}, {"time_left", answer_time_left}, {NULL, NULL},
};
