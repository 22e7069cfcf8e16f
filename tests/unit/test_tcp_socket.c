/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "port_kit.h"
#include "transport/fd_port.h"
#include "transport/inet_address.h"
#include "transport/tcp_socket.h"

static int socket_of(const struct kit_port *end)
{
        return hark_container_of(end->port, struct hark_fd_port, port)->in.fd;
}

/* Looks until it sees this, or no patience is left. */
static void expect_health(int fd, unsigned silence_ms, enum hark_tcp_health health)
{
        uint64_t end_ns = hark_deadline_ns(KIT_PATIENCE_MS);

        while (hark_tcp_look(fd, silence_ms) != health)
                ck_assert_int_gt(hark_time_left_ms(end_ns), 0);
}

/* What a cut cable does: nothing that is sent to this socket arrives any more. */
static void cut_off(int fd)
{
        struct sock_filter drop_all = BPF_STMT(BPF_RET | BPF_K, 0);
        struct sock_fprog program = {.len = 1, .filter = &drop_all};

        if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
                fixture_skip("this user may not cut a socket off by a filter");
}

START_TEST(a_machine_that_is_lost_falls_silent)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0}, server = {0};

        kit_pair(loop, "tcp:127.0.0.1:0", &client, &server);
        ck_assert_int_eq(kit_send(&client, "x", 1), 1);
        expect_health(socket_of(&client), 0, HARK_TCP_SETTLED);
        cut_off(socket_of(&server));
        ck_assert_int_eq(kit_send(&client, "x", 1), 1);
        ck_assert_int_eq(hark_tcp_look(socket_of(&client), 500), HARK_TCP_WAITING);
        expect_health(socket_of(&client), 500, HARK_TCP_SILENT);
        kit_close(&client);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_process_that_does_not_read_does_not_fall_silent)
{
        static const char zeros[65536];
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0}, server = {0};
        uint64_t end_ns;
        struct tcp_info info;
        socklen_t size = sizeof(info);

        kit_pair(loop, "tcp:127.0.0.1:0", &client, &server);
        while (kit_send(&client, zeros, sizeof(zeros)) > 0)
                ;
        end_ns = hark_deadline_ns(1000);
        while (hark_time_left_ms(end_ns) > 0)
                ck_assert_int_eq(hark_tcp_look(socket_of(&client), 100), HARK_TCP_WAITING);
        ck_assert_int_eq(getsockopt(socket_of(&client), IPPROTO_TCP, TCP_INFO, &info, &size), 0);
        ck_assert_uint_ge(info.tcpi_last_ack_recv, 100); /* so it was not for want of silence */
        kit_close(&client);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_socket_that_is_connected_to_itself_is_known)
{
        union hark_inet_name name = {
                .in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}};
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0}, server = {0};
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        socklen_t size = sizeof(name.in);

        ck_assert_int_eq(bind(fd, &name.any, size), 0);
        ck_assert_int_eq(getsockname(fd, &name.any, &size), 0);
        ck_assert_int_eq(connect(fd, &name.any, size), 0);
        ck_assert(hark_tcp_is_own_peer(fd));
        close(fd);
        kit_pair(loop, "tcp:127.0.0.1:0", &client, &server);
        ck_assert(!hark_tcp_is_own_peer(socket_of(&client)));
        kit_close(&client);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("tcp_socket", a_machine_that_is_lost_falls_silent,
             a_process_that_does_not_read_does_not_fall_silent,
             a_socket_that_is_connected_to_itself_is_known)
