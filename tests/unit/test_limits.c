/* SPDX-License-Identifier: MIT */

/* What the table of transports says of this machine, and what a connection takes. */

#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <hark/hark.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "loop_kit.h"
#include "transport/limits.h"

#define N_CLIENTS 8

/* Fails unless there is one of this name. */
static struct hark_transport_limit limit_of(const char *scheme, const char *name)
{
        struct hark_transport_limit limit = {0};

        for (size_t i = 0; hark_transport_limit_get(scheme, i, &limit) == 0; i++)
                if (strcmp(limit.name, name) == 0)
                        return limit;
        ck_abort_msg("%s: no %s", scheme, name);
}

static size_t count_limits(const char *scheme)
{
        struct hark_transport_limit limit;
        size_t n = 0;
        int r;

        while ((r = hark_transport_limit_get(scheme, n, &limit)) == 0)
                n++;
        ck_assert_int_eq(r, -ENOENT);
        return n;
}

/* --- what they say ---------------------------------------------------------------------------- */

static void check_limit(const struct hark_transport_limit *limit)
{
        bool is_sysctl = strncmp(limit->where, "/proc/sys/", 10) == 0;
        const char *at = is_sysctl ? limit->where + 10 : "";

        ck_assert(is_sysctl || strncmp(limit->name, "RLIMIT_", 7) == 0);
        for (const char *c = limit->name; is_sysctl && *c; c++, at++)
                ck_assert_msg(*at == (*c == '.' ? '/' : *c), "%s: %s", limit->name, limit->where);
        ck_assert_uint_gt(strlen(limit->what), 0);
        ck_assert_uint_gt(strlen(limit->beyond), 0);
        ck_assert_uint_gt(strlen(limit->unit), 0);
        ck_assert_int_eq(!limit->command, !limit->setting);
        ck_assert_int_eq(!limit->command, !limit->file);
        ck_assert_uint_le(limit->needed, limit->enough);
        ck_assert_msg(limit->command || limit->enough == 0, "%s: advice that cannot be followed",
                      limit->name);
}

START_TEST(every_transport_has_limits_and_they_are_complete)
{
        const struct hark_transport *transport;
        struct hark_transport_limit limit;

        for (size_t i = 0; (transport = hark_transport_get(i)); i++) {
                ck_assert_uint_gt(count_limits(transport->scheme), 0);
                for (size_t j = 0; hark_transport_limit_get(transport->scheme, j, &limit) == 0; j++)
                        check_limit(&limit);
        }
}
END_TEST

START_TEST(what_is_not_there_is_told_and_the_result_left_alone)
{
        struct hark_transport_limit limit = {.value = 42};

        ck_assert_int_eq(hark_transport_limit_get("smoke", 0, &limit), -EPROTONOSUPPORT);
        ck_assert_int_eq(hark_transport_limit_get("unix:", 0, &limit), -EPROTONOSUPPORT);
        ck_assert_int_eq(hark_transport_limit_get("unix", SIZE_MAX, &limit), -ENOENT);
        ck_assert_uint_eq(limit.value, 42);
}
END_TEST

START_TEST(a_limit_of_the_process_is_what_it_is_now)
{
        struct rlimit less;

        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &less), 0);
        less.rlim_cur = 77;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &less), 0);
        ck_assert_uint_eq(limit_of("unix", "RLIMIT_NOFILE").value, 77);
}
END_TEST

START_TEST(a_limit_of_the_system_is_what_its_file_says)
{
        struct hark_transport_limit limit = limit_of("tcp", "net.ipv4.ip_local_port_range");
        FILE *file = fopen(limit.where, "re");
        unsigned first, last;

        ck_assert_ptr_nonnull(file);
        ck_assert_int_eq(fscanf(file, "%u %u", &first, &last), 2);
        fclose(file);
        ck_assert_uint_eq(limit.value, last - first + 1);
}
END_TEST

START_TEST(what_needs_more_descriptors_has_enough_at_more)
{
        ck_assert_uint_gt(limit_of("dgram", "RLIMIT_NOFILE").enough,
                          limit_of("unix", "RLIMIT_NOFILE").enough);
}
END_TEST

START_TEST(what_the_kernel_does_not_show_is_left_out)
{
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
            mount("none", "/proc/sys", "tmpfs", 0, NULL) < 0)
                fixture_skip("no namespace in which /proc/sys can be hidden");
        ck_assert_uint_eq(count_limits("mq"), 2);
        ck_assert_uint_eq(count_limits("tcp"), 1);
}
END_TEST

static int read_text(const char *text, uint64_t numbers[HARK_SYSCTL_NUMBERS])
{
        const char *path = fixture_path("numbers");
        FILE *file = fopen(path, "we");
        int r;

        ck_assert_ptr_nonnull(file);
        fputs(text, file);
        fclose(file);
        r = hark_sysctl_read(path, numbers);
        ck_assert_int_eq(remove(path), 0);
        return r;
}

START_TEST(a_file_has_up_to_three_numbers)
{
        uint64_t numbers[HARK_SYSCTL_NUMBERS] = {0};

        ck_assert_int_eq(hark_sysctl_read(fixture_path("nothing"), numbers), -ENOENT);
        ck_assert_int_eq(hark_sysctl_read(fixture_dir(), numbers), -EISDIR);
        ck_assert_int_eq(read_text("", numbers), -EINVAL);
        ck_assert_int_eq(read_text("many\n", numbers), -EINVAL);
        ck_assert_int_eq(read_text("-1\n", numbers), -EINVAL);
        ck_assert_int_eq(read_text("18446744073709551615\n", numbers), 1);
        ck_assert_uint_eq(numbers[0], UINT64_MAX);
        ck_assert_int_eq(read_text("4096\t131072\t6291456\n", numbers), 3);
        ck_assert_uint_eq(numbers[2], 6291456);
        ck_assert_int_eq(read_text("1 2 3 4\n", numbers), 3);
}
END_TEST

/* --- what a connection takes ------------------------------------------------------------------ */

static const char *const addresses[] = {
        "unix:", "seqpacket:", "dgram:", "tcp:", "udp:", "fifo:", "mq:/"}; /* how they begin */

#define N_ADDRESSES (sizeof(addresses) / sizeof(*addresses))

struct place {
        const struct hark_transport *transport;
        hark_loop *loop;
        hark_server *server;
        hark_client *clients[N_CLIENTS + 1];
        unsigned n_accepted, n_connected;
        struct fixture_gate first, rest; /* for the clients: have been counted */
};

static int count_accepted(hark_peer *peer, void *userdata)
{
        (void)peer;
        ((struct place *)userdata)->n_accepted++;
        return 0;
}

static void count_connected(hark_client *client, int state, int reason, void *userdata)
{
        (void)client;
        (void)reason;
        ((struct place *)userdata)->n_connected += state == HARK_CONNECTED;
}

static const struct hark_transport *transport_of(const char *address)
{
        const struct hark_transport *transport;
        size_t size = strcspn(address, ":");

        for (size_t i = 0; (transport = hark_transport_get(i)); i++)
                if (strlen(transport->scheme) == size &&
                    strncmp(transport->scheme, address, size) == 0)
                        return transport;
        ck_abort_msg("no transport: %s", address);
}

static const char *rest_of(const char *address)
{
        if (strcmp(address, "tcp:") == 0 || strcmp(address, "udp:") == 0)
                return "127.0.0.1:0";
        return strcmp(address, "mq:/") == 0 ? fixture_name("q") : fixture_path("place");
}

static void serve(struct place *place, const char *beginning)
{
        struct hark_server_params params = {.on_accept = count_accepted, .userdata = place};
        char address[256];

        (void)snprintf(address, sizeof(address), "%s%s", beginning, rest_of(beginning));
        *place = (struct place){.transport = transport_of(address), .loop = kit_new_loop()};
        ck_assert_int_eq(hark_server_new(place->loop, &params, &place->server), 0);
        ck_assert_int_eq(hark_server_listen(place->server, address), 0);
}

static void connect_one(struct place *place, hark_loop *loop, unsigned i)
{
        struct hark_client_params params = {.on_state = count_connected, .userdata = place};
        const char *address = hark_server_address(place->server, 0);

        ck_assert_int_eq(hark_connect(loop, address, &params, &place->clients[i]), 0);
        kit_process_until(loop, &place->n_connected, i + 1);
}

static void leave(struct place *place, hark_loop *loop)
{
        for (unsigned i = 0; i <= N_CLIENTS; i++)
                place->clients[i] = hark_client_unref(place->clients[i]);
        place->server = hark_server_unref(place->server);
        hark_loop_unref(loop);
}

static void measure_memory(const char *address)
{
        struct place place;
        size_t before;

        serve(&place, address);
        connect_one(&place, place.loop, 0);
        before = mallinfo2().uordblks;
        for (unsigned i = 1; i <= N_CLIENTS; i++)
                connect_one(&place, place.loop, i);
        ck_assert_uint_le((mallinfo2().uordblks - before) / N_CLIENTS,
                          place.transport->memory_per_connection);
        leave(&place, place.loop);
}

/* As far as the program's own memory shows it; not where another allocator stands in. */
START_TEST(a_connection_costs_no_more_memory_than_is_said)
{
        for (size_t i = 0; i < N_ADDRESSES; i++)
                measure_memory(addresses[i]);
}
END_TEST

/* The directory's own is among them, each time. */
static unsigned count_fds(void)
{
        DIR *directory = opendir("/proc/self/fd");
        unsigned n = 0;

        ck_assert_ptr_nonnull(directory);
        while (readdir(directory))
                n++;
        closedir(directory);
        return n;
}

static int connect_all(void *userdata)
{
        struct place *place = userdata;
        hark_loop *loop = kit_new_loop();

        connect_one(place, loop, 0);
        fixture_gate_wait(&place->first);
        for (unsigned i = 1; i <= N_CLIENTS; i++)
                connect_one(place, loop, i);
        fixture_gate_wait(&place->rest);
        _exit(0); /* the server is the parent's */
}

static void measure_fds(const char *address)
{
        struct place place;
        unsigned before, expected;
        pid_t pid;

        serve(&place, address);
        place.first = fixture_gate_new();
        place.rest = fixture_gate_new();
        pid = fixture_fork(connect_all, &place);
        kit_process_until(place.loop, &place.n_accepted, 1);
        fixture_gate_open(&place.first);
        before = count_fds();
        kit_process_until(place.loop, &place.n_accepted, 1 + N_CLIENTS);
        expected = N_CLIENTS * place.transport->fds_per_connection;
        ck_assert_msg(count_fds() - before == expected, "%s: %u", address, count_fds() - before);
        fixture_gate_open(&place.rest);
        ck_assert_int_eq(fixture_wait_exit(pid), 0);
        leave(&place, place.loop);
}

START_TEST(a_connection_takes_as_many_descriptors_as_is_said)
{
        for (size_t i = 0; i < N_ADDRESSES; i++)
                measure_fds(addresses[i]);
}
END_TEST

FIXTURE_MAIN("limits", every_transport_has_limits_and_they_are_complete,
             what_is_not_there_is_told_and_the_result_left_alone,
             a_limit_of_the_process_is_what_it_is_now, a_limit_of_the_system_is_what_its_file_says,
             what_needs_more_descriptors_has_enough_at_more,
             what_the_kernel_does_not_show_is_left_out, a_file_has_up_to_three_numbers,
             a_connection_costs_no_more_memory_than_is_said,
             a_connection_takes_as_many_descriptors_as_is_said)
