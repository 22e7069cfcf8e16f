/* SPDX-License-Identifier: MIT */

/*
 * What a call must not cost, at either end, once a connection is warm: no allocation, and no system
 * call but those that carry it. What shall not happen is wrapped by the linker, and counts.
 */

#include "fixture.h"

#include <hark/hark.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define N_WARM  200
#define N_CALLS 1000

#define ADDRESS_SIZE 128

static char *address; /* both processes see it: the server writes the port that it was given */
static unsigned n_allocations, n_epoll_ctl, n_settime, n_write, n_recvmsg;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *block, size_t size);
int __real_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int __real_timerfd_settime(int fd, int flags, const struct itimerspec *value,
                           struct itimerspec *old);
ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __real_recvmsg(int fd, struct msghdr *message, int flags);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *block, size_t size);
int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *value,
                           struct itimerspec *old);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags);

void *__wrap_malloc(size_t size)
{
        n_allocations++;
        return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
        n_allocations++;
        return __real_calloc(n, size);
}

void *__wrap_realloc(void *block, size_t size)
{
        n_allocations++;
        return __real_realloc(block, size);
}

int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
        n_epoll_ctl++;
        return __real_epoll_ctl(epoll_fd, operation, fd, event);
}

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *value,
                           struct itimerspec *old)
{
        n_settime++;
        return __real_timerfd_settime(fd, flags, value, old);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
        n_write++;
        return __real_write(fd, bytes, size);
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags)
{
        n_recvmsg++;
        return __real_recvmsg(fd, message, flags);
}

/* Says what was counted since it was said last. */
static void describe_counts(char *text, size_t size)
{
        snprintf(text, size, "%u allocations, %u epoll_ctl, %u timerfd_settime, %u eventfd writes",
                 n_allocations, n_epoll_ctl, n_settime, n_write);
        n_allocations = n_epoll_ctl = n_settime = n_write = 0;
}

static void on_echo(hark_request *request, void *userdata)
{
        (void)userdata;
        hark_reply(request, hark_message_payload(hark_request_message(request)));
}

static void on_counts(hark_request *request, void *userdata)
{
        char text[128];

        (void)userdata;
        describe_counts(text, sizeof(text));
        hark_reply(request, hark_text(text));
}

static void on_reads(hark_request *request, void *userdata)
{
        unsigned n = n_recvmsg;

        (void)userdata;
        n_recvmsg = 0;
        hark_reply(request, hark_bytes(&n, sizeof(n)));
}

static void on_end(hark_request *request, void *userdata)
{
        hark_reply(request, HARK_NOTHING);
        hark_loop_stop(userdata);
}

static const char *rule; /* of the server; NULL: it has none */

static int serve(void *userdata)
{
        hark_loop *loop = NULL;
        hark_server *server = NULL;

        ck_assert_int_eq(hark_loop_new(&loop), 0);
        ck_assert_int_eq(hark_server_new(loop, NULL, &server), 0);
        ck_assert_int_eq(hark_server_handle(server, "echo", on_echo, NULL), 0);
        ck_assert_int_eq(hark_server_handle(server, "counts", on_counts, NULL), 0);
        ck_assert_int_eq(hark_server_handle(server, "reads", on_reads, NULL), 0);
        ck_assert_int_eq(hark_server_handle(server, "end", on_end, loop), 0);
        if (rule)
                ck_assert_int_eq(hark_server_allow(server, rule), 0);
        ck_assert_int_eq(hark_server_listen(server, address), 0);
        snprintf(address, ADDRESS_SIZE, "%s", hark_server_address(server, 0));
        fixture_gate_open(userdata);
        ck_assert_int_eq(hark_loop_run(loop), 0);
        hark_server_unref(server);
        hark_loop_unref(loop);
        return 0;
}

/* An assertion allocates even if it holds: so only one that does not is made. */
static void call_often(hark_client *client, unsigned n)
{
        static const char bytes[32] = "thirty-two bytes of a payload..";

        for (unsigned i = 0; i < n; i++) {
                hark_message *reply = NULL;
                int r = hark_call(client, "echo", hark_bytes(bytes, sizeof(bytes)), 10000, &reply);

                if (r != 0 || memcmp(hark_message_data(reply), bytes, sizeof(bytes)) != 0)
                        ck_abort_msg("call %u: %s", i, hark_reason(r, reply));
                hark_message_unref(reply);
        }
}

static void assert_nothing_counted_at_the_server(hark_client *client)
{
        hark_message *reply = NULL;

        ck_assert_int_eq(hark_call(client, "counts", HARK_NOTHING, 10000, &reply), 0);
        ck_assert_str_eq(hark_message_text(reply),
                         "0 allocations, 0 epoll_ctl, 0 timerfd_settime, 0 eventfd writes");
        hark_message_unref(reply);
}

/* A server at this address, and a client that has called it often. */
struct pair {
        hark_client *client;
        pid_t server;
};

static void pair_open(struct pair *pair, const char *where)
{
        struct fixture_gate is_listening = fixture_gate_new();

        address =
                mmap(NULL, ADDRESS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ck_assert_ptr_ne(address, MAP_FAILED);
        snprintf(address, ADDRESS_SIZE, "%s", where);
        pair->server = fixture_fork(serve, &is_listening);
        fixture_gate_wait(&is_listening);
        ck_assert_int_eq(hark_connect(NULL, address, NULL, &pair->client), 0);
        call_often(pair->client, N_WARM);
}

static void pair_close(struct pair *pair)
{
        ck_assert_int_eq(hark_call(pair->client, "end", HARK_NOTHING, 10000, NULL), 0);
        hark_client_unref(pair->client);
        ck_assert_int_eq(fixture_wait_exit(pair->server), 0);
        munmap(address, ADDRESS_SIZE);
}

static void count_calls(void)
{
        char where[ADDRESS_SIZE], text[128];
        struct pair pair;

        snprintf(where, sizeof(where), "unix:%s", fixture_path("socket"));
        pair_open(&pair, where);
        ck_assert_int_eq(hark_call(pair.client, "counts", HARK_NOTHING, 10000, NULL), 0);
        describe_counts(text, sizeof(text));
        call_often(pair.client, N_CALLS);
        describe_counts(text, sizeof(text));
        ck_assert_str_eq(text, "0 allocations, 0 epoll_ctl, 0 timerfd_settime, 0 eventfd writes");
        assert_nothing_counted_at_the_server(pair.client);
        pair_close(&pair);
}

START_TEST(a_call_allocates_nothing_and_asks_the_kernel_for_nothing_else)
{
        count_calls();
}
END_TEST

/* Who the peer is was asked once. */
START_TEST(neither_does_one_that_a_rule_allows)
{
        rule = "call > gid=4294967294 self";
        count_calls();
}
END_TEST

static unsigned ask_reads(hark_client *client)
{
        hark_message *reply = NULL;
        unsigned n;

        ck_assert_int_eq(hark_call(client, "reads", HARK_NOTHING, 10000, &reply), 0);
        memcpy(&n, hark_message_data(reply), sizeof(n));
        hark_message_unref(reply);
        return n;
}

/* Once for what has come, and once to see that this was all; and now and then an acknowledgement
 * comes by itself. */
START_TEST(over_udp_a_server_looks_twice_for_a_call)
{
        struct pair pair;

        pair_open(&pair, "udp:127.0.0.1:0");
        (void)ask_reads(pair.client);
        call_often(pair.client, N_CALLS);
        ck_assert_uint_lt(ask_reads(pair.client), 2 * N_CALLS + N_CALLS / 2);
        pair_close(&pair);
}
END_TEST

FIXTURE_MAIN("call_cost", a_call_allocates_nothing_and_asks_the_kernel_for_nothing_else,
             neither_does_one_that_a_rule_allows, over_udp_a_server_looks_twice_for_a_call)
