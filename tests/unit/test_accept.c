/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <sys/resource.h>
#include <unistd.h>

#include "port_kit.h"

static const char *path_address(const char *options)
{
        static char text[200];

        (void)snprintf(text, sizeof(text), "unix:%s%s", fixture_path("s"), options);
        return text;
}

static const char *name_address(const char *options)
{
        static char text[200];

        (void)snprintf(text, sizeof(text), "unix:@%s%s", fixture_name("s"), options);
        return text;
}

START_TEST(many_who_come_at_once_all_get_in)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port clients[100] = {0};

        kit_listen(loop, path_address(""), &listener);
        for (unsigned i = 0; i < 100; i++)
                ck_assert_int_eq(kit_try_connect(loop, path_address(""), &clients[i]), 0);
        kit_wait(loop, &listener.n_ports, 100);
        for (unsigned i = 0; i < 100; i++)
                kit_close(&clients[i]);
        listener.n_ports = 8; /* those that were kept */
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

static void close_listener_on_port(struct hark_listener *base, struct hark_port *port)
{
        struct kit_listener *listener = base->userdata;

        hark_port_close(port);
        listener->n_ports++;
        listener->listener = hark_listener_close(base);
}

START_TEST(a_listener_may_be_closed_by_whoever_it_tells)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port clients[3] = {0};

        kit_listen(loop, path_address(""), &listener);
        listener.listener->on_port = close_listener_on_port;
        for (unsigned i = 0; i < 3; i++)
                ck_assert_int_eq(kit_try_connect(loop, path_address(""), &clients[i]), 0);
        kit_wait(loop, &listener.n_ports, 1);
        kit_process_what_shows(loop);
        ck_assert_uint_eq(listener.n_ports, 1);
        ck_assert_ptr_null(listener.listener);
        for (unsigned i = 0; i < 3; i++)
                kit_close(&clients[i]);
        hark_loop_unref(loop);
}
END_TEST

static void count_log(int level, const char *text, void *userdata)
{
        (void)level;
        ck_assert_ptr_nonnull(strstr(text, "cannot accept"));
        kit_count(userdata);
}

/* How often there is something to do. */
static unsigned count_turns(hark_loop *loop, int for_ms)
{
        uint64_t end_ns = hark_deadline_ns(for_ms);
        unsigned n = 0;

        while (kit_is_readable_within(loop, hark_time_left_ms(end_ns)) &&
               hark_time_left_ms(end_ns) > 0) {
                ck_assert_int_eq(hark_loop_process(loop, 0), 0);
                n++;
        }
        return n;
}

START_TEST(who_comes_while_there_is_no_descriptor_left_waits_and_gets_in)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port client = {0};
        struct rlimit limit, few;
        unsigned n_lines = 0;

        ck_assert_int_eq(hark_loop_set_log(loop, count_log, &n_lines), 0);
        kit_listen(loop, path_address(""), &listener);
        for (unsigned shortage = 1; shortage <= 2; shortage++) {
                ck_assert_int_eq(kit_try_connect(loop, path_address(""), &client), 0);
                ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
                few = limit;
                few.rlim_cur = 3;
                ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
                ck_assert_uint_lt(count_turns(loop, 200), 20);
                ck_assert_uint_eq(listener.n_ports, 0);
                ck_assert_uint_eq(n_lines, shortage); /* does not repeat itself either */
                ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
                kit_wait(loop, &listener.n_ports, 1);
                hark_port_close(listener.ports[--listener.n_ports]);
                kit_close(&client);
        }
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_listener_that_waits_for_descriptors_may_be_closed)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port client = {0};
        struct rlimit limit, few;

        kit_listen(loop, name_address(""), &listener);
        ck_assert_int_eq(kit_try_connect(loop, name_address(""), &client), 0);
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        few = limit;
        few.rlim_cur = 3;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
        kit_turn(loop, hark_deadline_ns(KIT_PATIENCE_MS));
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        kit_close_listener(&listener);
        kit_close(&client);
        kit_process_what_shows(loop);
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("accept", many_who_come_at_once_all_get_in,
             a_listener_may_be_closed_by_whoever_it_tells,
             who_comes_while_there_is_no_descriptor_left_waits_and_gets_in,
             a_listener_that_waits_for_descriptors_may_be_closed)
