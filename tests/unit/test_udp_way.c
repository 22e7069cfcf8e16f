/* SPDX-License-Identifier: MIT */

/* udp: over ways that carry less than loopback does, and what is reported of them: in a network of
 * the test's own. */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "udp_kit.h"

/* --- a network -------------------------------------------------------------------------------- */

static void configure(const char *interface, unsigned long request, struct ifreq change)
{
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        ck_assert_int_ge(fd, 0);
        snprintf(change.ifr_name, sizeof(change.ifr_name), "%s", interface);
        ck_assert_int_eq(ioctl(fd, request, &change), 0);
        close(fd);
}

/* What the way carries from now on. */
static void set_mtu(int mtu)
{
        configure("lo", SIOCSIFMTU, (struct ifreq){.ifr_mtu = mtu});
}

static void enter_network(int mtu)
{
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
                fixture_skip("no namespace for a network of its own");
        configure("lo", SIOCSIFFLAGS, (struct ifreq){.ifr_flags = IFF_UP});
        set_mtu(mtu);
}

static uint16_t sum_of(const uint8_t *bytes, size_t size)
{
        uint32_t sum = 0;

        for (size_t i = 0; i + 1 < size; i += 2)
                sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
        while (sum > 0xFFFF)
                sum = (sum & 0xFFFF) + (sum >> 16);
        return htons((uint16_t)~sum);
}

struct report {
        struct icmphdr icmp;
        struct iphdr ip;
        struct udphdr udp;
        uint8_t quoted[HARK_CHUNK_HEADER + HARK_UDP_OPENING];
};

/* Says that a datagram of this socket did not arrive, as anybody can who knows the two ports. */
static void report(int fd, uint8_t code, const void *quoted, size_t size)
{
        struct report report = {.icmp = {.type = ICMP_DEST_UNREACH, .code = code}};
        struct sockaddr_in from, to;
        socklen_t name_size = sizeof(from);
        int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);

        ck_assert_int_ge(raw, 0);
        ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&from, &name_size), 0);
        ck_assert_int_eq(getpeername(fd, (struct sockaddr *)&to, &name_size), 0);
        report.icmp.un.frag.mtu = htons(code == ICMP_FRAG_NEEDED ? 60000 : 0);
        report.ip = (struct iphdr){.version = 4,
                                   .ihl = 5,
                                   .protocol = IPPROTO_UDP,
                                   .saddr = from.sin_addr.s_addr,
                                   .daddr = to.sin_addr.s_addr};
        report.udp.source = from.sin_port;
        report.udp.dest = to.sin_port;
        memcpy(report.quoted, quoted, size);
        report.icmp.checksum = sum_of((const uint8_t *)&report, sizeof(report));
        ck_assert_int_eq(
                sendto(raw, &report, sizeof(report), 0, (struct sockaddr *)&from, name_size),
                sizeof(report));
        close(raw);
}

static void report_chunk(int fd, uint8_t code, uint64_t connection)
{
        struct hark_chunk chunk = {.kind = HARK_CHUNK_DATA, .connection = connection};
        uint8_t packet[HARK_CHUNK_HEADER];

        hark_chunk_encode(&chunk, packet);
        report(fd, code, packet, sizeof(packet));
}

static void report_opening(int fd, uint8_t code, uint64_t nonce, size_t size)
{
        uint8_t packet[HARK_UDP_LOOPBACK];

        hark_udp_opening_encode(&(struct hark_udp_opening){.nonce = nonce}, HARK_CHUNK_OPEN, 0,
                                packet, size);
        report(fd, code, packet, HARK_CHUNK_HEADER + HARK_UDP_OPENING);
}

/* --- ways that carry less --------------------------------------------------------------------- */

static void check_way(const char *address, int mtu, size_t packet_size)
{
        struct pair pair;

        enter_network(mtu);
        pair_open_at(&pair, address);
        ck_assert_uint_eq(inside(&pair.client)->packet_size, packet_size);
        ck_assert_uint_eq(inside(&pair.server)->packet_size, packet_size);
        ck_assert_int_eq(send_frame(&pair.client, 4096, 1), 4096);
        expect_frame(pair.loop, &pair.server, 4096, 1);
        ck_assert_int_eq(send_frame(&pair.server, 4096, 2), 4096);
        expect_frame(pair.loop, &pair.client, 4096, 2);
        pair_close(&pair);
}

START_TEST(datagrams_are_not_larger_than_what_the_way_carries)
{
        check_way("udp:127.0.0.1:0", 1300, HARK_UDP_COMMON);
}
END_TEST

START_TEST(so_they_are_over_ipv6)
{
        check_way("udp:[::1]:0", 1300, HARK_UDP_COMMON);
}
END_TEST

START_TEST(a_way_that_carries_little_is_good_enough)
{
        check_way("udp:127.0.0.1:0", 600, HARK_UDP_LEAST);
}
END_TEST

START_TEST(what_is_not_loopback_may_carry_less)
{
        struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0A010101)};
        struct ifreq change;
        struct pair pair;

        enter_network(65536);
        memcpy(&change.ifr_addr, &name, sizeof(name));
        configure("lo:1", SIOCSIFADDR, change);
        pair_open_at(&pair, "udp:10.1.1.1:0?open");
        ck_assert_uint_eq(inside(&pair.client)->packet_size, HARK_UDP_COMMON);
        expect_unharmed(&pair);
        pair_close(&pair);
}
END_TEST

/* The next connection finds out. */
START_TEST(a_way_that_comes_to_carry_less_ends_the_connection)
{
        struct pair pair;

        enter_network(65536);
        pair_open(&pair);
        set_mtu(1300);
        ck_assert_int_eq(send_frame(&pair.client, 4096, 1), -ECONNRESET);
        pair_close(&pair);
}
END_TEST

START_TEST(so_it_does_when_something_is_sent_again)
{
        static uint8_t bytes[HARK_UDP_LOOPBACK];
        struct pair pair;

        enter_network(65536);
        pair_open(&pair);
        ck_assert_int_eq(send_frame(&pair.client, 4096, 1), 4096);
        set_mtu(1300);
        /* As if it had been lost. */
        ck_assert_int_eq(recv(inside(&pair.server)->io.fd, bytes, sizeof(bytes), 0),
                         HARK_CHUNK_HEADER + 4096);
        kit_wait(pair.loop, &pair.client.n_broken, 1);
        ck_assert_int_eq(pair.client.port->error, -ECONNRESET);
        pair_close(&pair);
}
END_TEST

/* --- hosts ------------------------------------------------------------------------------------ */

static void write_file(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, text, strlen(text)) < 0)
                fixture_skip("no file in /proc/sys may be written");
        close(fd);
}

static void check_every_address(const char *client)
{
        struct kit_listener listener = {.n_ports = 0};
        struct pair pair = {.loop = kit_new_loop()};
        char address[64];

        kit_listen(pair.loop, "udp:*:0?open", &listener);
        snprintf(address, sizeof(address), "udp:%s%s", client,
                 strrchr(listener.listener->address, ':'));
        kit_connect(pair.loop, address, &pair.client);
        kit_accept(pair.loop, &listener, &pair.server);
        kit_wait(pair.loop, &pair.client.n_opened, 1);
        expect_unharmed(&pair);
        kit_close(&pair.client);
        kit_close(&pair.server);
        kit_close_listener(&listener);
        hark_loop_unref(pair.loop);
}

START_TEST(every_address_is_one_of_ipv4_too_whatever_the_system_prefers)
{
        enter_network(65536);
        write_file("/proc/sys/net/ipv6/bindv6only", "1");
        check_every_address("127.0.0.1");
}
END_TEST

/* Whether lo has an address of a link; the kernel takes a moment to find that nobody else has it. */
static bool add_link_address(void)
{
        struct sockaddr_nl changes = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV6_IFADDR};
        struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_scope_id = 1};
        struct {
                struct in6_addr address;
                uint32_t n_bits;
                int interface;
        } change = {.n_bits = 64, .interface = 1};
        int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int watch = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        char bytes[4096];
        int r;

        ck_assert_int_eq(bind(watch, (struct sockaddr *)&changes, sizeof(changes)), 0);
        ck_assert_int_eq(inet_pton(AF_INET6, "fe80::1", &name.sin6_addr), 1);
        change.address = name.sin6_addr;
        r = fd < 0 ? -1 : ioctl(fd, SIOCSIFADDR, &change);
        while (r == 0 && bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
                ck_assert_int_gt(recv(watch, bytes, sizeof(bytes), 0), 0);
        close(fd);
        close(watch);
        return r == 0;
}

START_TEST(every_address_is_one_of_a_link_too)
{
        enter_network(65536);
        if (!add_link_address())
                fixture_skip("no address of a link can be had");
        check_every_address("[fe80::1%25lo]");
}
END_TEST

/* --- reports ---------------------------------------------------------------------------------- */

START_TEST(a_report_of_a_connection_has_to_know_its_number)
{
        struct pair pair;
        struct udp_port *port;

        enter_network(65536);
        pair_open(&pair);
        port = inside(&pair.client);
        report_chunk(port->io.fd, ICMP_PORT_UNREACH, port->connection ^ 1);
        kit_turn(pair.loop, hark_deadline_ns(KIT_PATIENCE_MS)); /* it is read, */
        report_chunk(port->io.fd, ICMP_FRAG_NEEDED, port->connection ^ 1);
        kit_turn(pair.loop, hark_deadline_ns(KIT_PATIENCE_MS));
        expect_unharmed(&pair);                                         /* and harms nobody */
        report_chunk(port->io.fd, ICMP_HOST_UNREACH, port->connection); /* for now */
        kit_turn(pair.loop, hark_deadline_ns(KIT_PATIENCE_MS));
        expect_unharmed(&pair);
        report_chunk(port->io.fd, ICMP_PORT_UNREACH, port->connection);
        kit_wait(pair.loop, &pair.client.n_broken, 1);
        ck_assert_int_eq(pair.client.port->error, -ECONNRESET);
        pair_close(&pair);
}
END_TEST

START_TEST(a_report_of_a_way_that_carries_less_ends_the_connection)
{
        struct pair pair;
        struct udp_port *port;

        enter_network(65536);
        pair_open(&pair);
        port = inside(&pair.server);
        report_chunk(port->io.fd, ICMP_FRAG_NEEDED, port->connection);
        kit_wait(pair.loop, &pair.server.n_broken, 1);
        ck_assert_int_eq(pair.server.port->error, -ECONNRESET);
        pair_close(&pair);
}
END_TEST

/* A client that asks, and a socket that it takes for a server. */
struct asking {
        hark_loop *loop;
        struct kit_port client;
        int fd, server;
        uint64_t nonce;
};

static void asking_begin(struct asking *asking)
{
        struct sockaddr_in name = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(name);
        struct heard heard;
        char address[64];

        enter_network(65536);
        *asking = (struct asking){.loop = kit_new_loop(),
                                  .server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
        ck_assert_int_eq(bind(asking->server, (struct sockaddr *)&name, size), 0);
        ck_assert_int_eq(getsockname(asking->server, (struct sockaddr *)&name, &size), 0);
        snprintf(address, sizeof(address), "udp:127.0.0.1:%u", ntohs(name.sin_port));
        kit_connect(asking->loop, address, &asking->client);
        asking->fd = inside(&asking->client)->io.fd;
        heard = hear(asking->loop, asking->server);
        ck_assert_uint_eq(heard.size, HARK_UDP_LOOPBACK);
        asking->nonce = heard.opening.nonce;
}

static void asking_end(struct asking *asking)
{
        kit_close(&asking->client);
        close(asking->server);
        hark_loop_unref(asking->loop);
}

START_TEST(a_report_of_an_opening_has_to_know_its_number)
{
        struct asking asking;

        asking_begin(&asking);
        report_opening(asking.fd, ICMP_PORT_UNREACH, asking.nonce ^ 1, HARK_UDP_LOOPBACK);
        ck_assert_uint_eq(hear(asking.loop, asking.server).opening.nonce, asking.nonce);
        ck_assert_uint_eq(asking.client.n_broken, 0);
        report_opening(asking.fd, ICMP_PORT_UNREACH, asking.nonce, HARK_UDP_LOOPBACK);
        kit_wait(asking.loop, &asking.client.n_broken, 1);
        ck_assert_int_eq(asking.client.port->error, -ECONNREFUSED);
        asking_end(&asking);
}
END_TEST

START_TEST(reports_of_a_size_that_is_not_tried_any_more_say_nothing)
{
        struct asking asking;

        asking_begin(&asking);
        report_opening(asking.fd, ICMP_FRAG_NEEDED, asking.nonce, HARK_UDP_LOOPBACK);
        ck_assert_uint_eq(hear(asking.loop, asking.server).size, HARK_UDP_COMMON);
        report_opening(asking.fd, ICMP_FRAG_NEEDED, asking.nonce, HARK_UDP_LOOPBACK);
        ck_assert_uint_eq(hear(asking.loop, asking.server).size, HARK_UDP_COMMON);
        asking_end(&asking);
}
END_TEST

/* It does not ask again and again, as fast as it is told. */
START_TEST(where_nothing_passes_nobody_is_reached)
{
        struct asking asking;

        asking_begin(&asking);
        report_opening(asking.fd, ICMP_FRAG_NEEDED, asking.nonce, HARK_UDP_LOOPBACK);
        ck_assert_uint_eq(hear(asking.loop, asking.server).size, HARK_UDP_COMMON);
        report_opening(asking.fd, ICMP_FRAG_NEEDED, asking.nonce, HARK_UDP_COMMON);
        ck_assert_uint_eq(hear(asking.loop, asking.server).size, HARK_UDP_LEAST);
        report_opening(asking.fd, ICMP_FRAG_NEEDED, asking.nonce, HARK_UDP_LEAST);
        kit_wait(asking.loop, &asking.client.n_broken, 1);
        ck_assert_int_eq(asking.client.port->error, -EHOSTUNREACH);
        asking_end(&asking);
}
END_TEST

FIXTURE_MAIN("udp_way", datagrams_are_not_larger_than_what_the_way_carries, so_they_are_over_ipv6,
             a_way_that_carries_little_is_good_enough, what_is_not_loopback_may_carry_less,
             a_way_that_comes_to_carry_less_ends_the_connection,
             so_it_does_when_something_is_sent_again,
             every_address_is_one_of_ipv4_too_whatever_the_system_prefers,
             every_address_is_one_of_a_link_too, a_report_of_a_connection_has_to_know_its_number,
             a_report_of_a_way_that_carries_less_ends_the_connection,
             a_report_of_an_opening_has_to_know_its_number,
             reports_of_a_size_that_is_not_tried_any_more_say_nothing,
             where_nothing_passes_nobody_is_reached)
