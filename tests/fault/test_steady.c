/* SPDX-License-Identifier: MIT */

/*
 * What a call costs once it has been made before: no memory, and of the system only what sends,
 * receives and waits. Counted in the client and in its server, which runs in a thread of its own.
 */

#include "fixture.h"

#include <hark/hark.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#define N_WARM_UP 200
#define N_CALLS   1000

static atomic_uint n_allocations, n_watches, n_alarms, n_bells, n_sends;

#define WRAP(result, name, ...)            \
        result __real_##name(__VA_ARGS__); \
        result __wrap_##name(__VA_ARGS__); \
        result __wrap_##name(__VA_ARGS__)

WRAP(void *, malloc, size_t size)
{
        atomic_fetch_add(&n_allocations, 1);
        return __real_malloc(size);
}

WRAP(void *, calloc, size_t n, size_t size)
{
        atomic_fetch_add(&n_allocations, 1);
        return __real_calloc(n, size);
}

WRAP(char *, strdup, const char *text)
{
        atomic_fetch_add(&n_allocations, 1);
        return __real_strdup(text);
}

WRAP(int, epoll_ctl, int epoll_fd, int operation, int fd, struct epoll_event *event)
{
        atomic_fetch_add(&n_watches, 1);
        return __real_epoll_ctl(epoll_fd, operation, fd, event);
}

WRAP(int, timerfd_settime, int fd, int flags, const struct itimerspec *new, struct itimerspec *old)
{
        atomic_fetch_add(&n_alarms, 1);
        return __real_timerfd_settime(fd, flags, new, old);
}

/* Of the library only an eventfd is written to so. */
WRAP(ssize_t, write, int fd, const void *bytes, size_t size)
{
        atomic_fetch_add(&n_bells, 1);
        return __real_write(fd, bytes, size);
}

WRAP(ssize_t, sendmsg, int fd, const struct msghdr *message, int flags)
{
        atomic_fetch_add(&n_sends, 1);
        return __real_sendmsg(fd, message, flags);
}

static void count_anew(void)
{
        n_allocations = n_watches = n_alarms = n_bells = n_sends = 0;
}

/* --- the server ------------------------------------------------------------------------------- */

static void on_echo(hark_request *request, void *userdata)
{
        (void)userdata;
        (void)hark_reply(request, hark_message_payload(hark_request_message(request)));
}

static void *run_loop(void *userdata)
{
        hark_loop_run(userdata);
        return NULL;
}

struct service {
        hark_loop *loop;
        hark_server *server;
        hark_client *client;
        pthread_t thread;
};

static void start(struct service *service)
{
        char address[256];

        snprintf(address, sizeof(address), "unix:%s", fixture_path("s"));
        ck_assert_int_eq(hark_loop_new(&service->loop), 0);
        ck_assert_int_eq(hark_server_new(service->loop, NULL, &service->server), 0);
        ck_assert_int_eq(hark_server_handle(service->server, "echo", on_echo, NULL), 0);
        ck_assert_int_eq(hark_server_listen(service->server, address), 0);
        ck_assert_int_eq(pthread_create(&service->thread, NULL, run_loop, service->loop), 0);
        ck_assert_int_eq(hark_connect(NULL, address, NULL, &service->client), 0);
}

static void stop(struct service *service)
{
        hark_client_unref(service->client);
        hark_loop_stop(service->loop);
        ck_assert_int_eq(pthread_join(service->thread, NULL), 0);
        hark_server_unref(service->server);
        hark_loop_unref(service->loop);
}

/* --- the client ------------------------------------------------------------------------------- */

static void call(hark_client *client, unsigned n)
{
        static const char bytes[32] = "0123456789abcdef0123456789abcdef";

        for (unsigned i = 0; i < n; i++) {
                hark_message *reply = NULL;
                int r = hark_call(client, "echo", hark_bytes(bytes, sizeof(bytes)), 10000, &reply);

                if (r != 0)
                        ck_abort_msg("%s", hark_reason(r, reply));
                hark_message_unref(reply);
        }
}

START_TEST(a_call_takes_no_memory_and_touches_no_watch)
{
        struct service service;

        start(&service);
        call(service.client, N_WARM_UP);
        count_anew();
        call(service.client, N_CALLS);
        ck_assert_uint_eq(n_allocations, 0);
        ck_assert_uint_eq(n_watches, 0);
        ck_assert_uint_eq(n_bells, 0);
        ck_assert_uint_le(n_alarms, 20);
        stop(&service);
}
END_TEST

START_TEST(a_call_is_one_send_at_each_end)
{
        struct service service;

        start(&service);
        call(service.client, N_WARM_UP);
        count_anew();
        call(service.client, N_CALLS);
        ck_assert_uint_eq(n_sends, 2 * N_CALLS);
        stop(&service);
}
END_TEST

static void count_reply(int result, hark_message *message, void *userdata)
{
        (void)message;
        if (result == 0)
                (*(unsigned *)userdata)++;
}

/* Without ck_assert(), which takes memory also where it is satisfied. */
static void invoke_and_wait(hark_client *client, unsigned n)
{
        unsigned n_replies = 0;
        int r = 0;

        for (unsigned i = 0; r == 0 && i < n; i++)
                r = hark_invoke(client, "echo", hark_text("hello"), 10000, count_reply, &n_replies,
                                NULL);
        while (r == 0 && n_replies < n)
                r = hark_loop_process(hark_client_loop(client), 10000);
        if (r != 0)
                ck_abort_msg("%s", hark_reason(r, NULL));
}

START_TEST(many_calls_in_flight_take_no_memory_either)
{
        struct service service;

        start(&service);
        for (int i = 0; i < 20; i++)
                invoke_and_wait(service.client, 100);
        count_anew();
        invoke_and_wait(service.client, 100);
        ck_assert_uint_eq(n_allocations, 0);
        ck_assert_uint_eq(n_watches, 0);
        ck_assert_uint_lt(n_sends, 100);
        stop(&service);
}
END_TEST

FIXTURE_MAIN("steady", a_call_takes_no_memory_and_touches_no_watch, a_call_is_one_send_at_each_end,
             many_calls_in_flight_take_no_memory_either)
