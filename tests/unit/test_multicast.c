/* SPDX-License-Identifier: MIT */

/* udp: at the address of a multicast group, on the loopback interface. */

#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <hark/hark.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "link/cast_receiver.h"
#include "link/cast_sender.h"
#include "loop_kit.h"
#include "transport/multicast_in.h"
#include "wire/frame.h"

#define N_CLIENTS 3

#define until(loop, condition)                                                    \
        do {                                                                      \
                uint64_t end_ns = hark_deadline_ns(KIT_PATIENCE_MS);              \
                                                                                  \
                while (!(condition)) {                                            \
                        int left_ms = hark_time_left_ms(end_ns);                  \
                                                                                  \
                        ck_assert_msg(left_ms > 0, "waited for: %s", #condition); \
                        ck_assert_int_eq(hark_loop_process(loop, left_ms), 0);    \
                }                                                                 \
        } while (0)

/* Another one in each test: the port is one that is free now. */
static struct sockaddr_in group_name(void)
{
        struct sockaddr_in name = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        socklen_t size = sizeof(name);

        ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, size), 0);
        ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &size), 0);
        close(fd);
        name.sin_addr.s_addr = htonl(0xEFFF0000u | ((unsigned)getpid() & 0xFFFFu)); /* 239.255 */
        return name;
}

/* --- who hears -------------------------------------------------------------------------------- */

struct ear {
        hark_client *client;
        uint64_t id;
        unsigned n_heard, n_gaps, n_ended;
        uint64_t sequence, n_lost;
        int reason;
        size_t last_size;
        char last_topic[64];
};

struct place {
        hark_loop *loop;
        hark_server *server;
        struct ear ears[N_CLIENTS];
        struct sockaddr_in name;
        char address[64];
};

static void on_notification(const struct hark_notification *notification, void *userdata)
{
        struct ear *ear = userdata;

        switch (notification->kind) {
        case HARK_NOTIFICATION:
                ck_assert_uint_eq(notification->sequence, ear->sequence + 1);
                ck_assert(!notification->is_retained && !notification->is_repeated);
                ear->sequence++;
                ear->n_heard++;
                ear->last_size = hark_message_payload(notification->message).size;
                snprintf(ear->last_topic, sizeof(ear->last_topic), "%s", notification->topic);
                break;
        case HARK_GAP:
                ck_assert_uint_eq(notification->sequence, ear->sequence + 1);
                ear->n_gaps++;
                ear->n_lost += notification->n_lost;
                ear->sequence += notification->n_lost;
                ear->reason = notification->reason;
                break;
        case HARK_UNSUBSCRIBED:
                ear->n_ended++;
                ear->reason = notification->reason;
                break;
        default:
                break;
        }
}

static void listen_in(struct place *place, unsigned i, const char *filter)
{
        struct ear *ear = &place->ears[i];

        if (!ear->client)
                ck_assert_int_eq(hark_connect(place->loop, place->address, NULL, &ear->client), 0);
        ck_assert_int_eq(hark_subscribe(ear->client, filter, on_notification, ear, NULL, &ear->id),
                         0);
        ck_assert_int_eq(hark_client_flush(ear->client, KIT_PATIENCE_MS), 0);
}

static void print_address(struct place *place)
{
        char host[INET_ADDRSTRLEN];

        inet_ntop(AF_INET, &place->name.sin_addr, host, sizeof(host));
        snprintf(place->address, sizeof(place->address), "udp:%s:%u", host,
                 ntohs(place->name.sin_port));
}

static void place_open(struct place *place)
{
        *place = (struct place){.loop = kit_new_loop(), .name = group_name()};
        print_address(place);
}

static void serve(struct place *place)
{
        ck_assert_int_eq(hark_server_new(place->loop, NULL, &place->server), 0);
        ck_assert_int_eq(hark_server_listen(place->server, place->address), 0);
        ck_assert_str_eq(hark_server_address(place->server, 0), place->address);
        /* As a foreign loop does it: a waiting one would sleep until the first heartbeat. */
        while (!hark_server_has_subscribers(place->server, "any")) {
                ck_assert(kit_is_readable_within(place->loop, KIT_PATIENCE_MS));
                ck_assert_int_eq(hark_loop_process(place->loop, 0), 0);
        }
}

static void place_close(struct place *place)
{
        for (unsigned i = 0; i < N_CLIENTS; i++)
                hark_client_unref(place->ears[i].client);
        hark_server_unref(place->server);
        hark_loop_unref(place->loop);
}

static void publish(struct place *place, const char *topic, size_t size)
{
        char *bytes = calloc(1, size + 1);
        struct hark_payload payload = {.data = bytes, .size = size};

        ck_assert_ptr_nonnull(bytes);
        ck_assert_int_eq(hark_server_publish(place->server, topic, payload), 0);
        free(bytes);
}

/* --- a hand-made sender ----------------------------------------------------------------------- */

static int sender_socket(const struct place *place)
{
        struct ip_mreqn choice = {.imr_ifindex = (int)if_nametoindex("lo")};
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &choice, sizeof(choice)), 0);
        ck_assert_int_eq(connect(fd, (const struct sockaddr *)&place->name, sizeof(place->name)),
                         0);
        return fd;
}

static int receiver_socket(const struct place *place)
{
        struct ip_mreqn choice = {.imr_multiaddr = place->name.sin_addr,
                                  .imr_ifindex = (int)if_nametoindex("lo")};
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), yes = 1;

        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
        ck_assert_int_eq(bind(fd, (const struct sockaddr *)&place->name, sizeof(place->name)), 0);
        ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &choice, sizeof(choice)), 0);
        return fd;
}

/* A publish, with all flags and fields that a receiver must not believe. */
static void send_by_hand(int fd, struct hark_cast_sender *sender, const char *topic, bool is_sent)
{
        struct hark_header header = {.type = HARK_FRAME_PUBLISH,
                                     .flags = HARK_FLAG_KEPT | HARK_FLAG_RETAINED |
                                              HARK_FLAG_REPEATED,
                                     .name_size = (uint8_t)strlen(topic),
                                     .status = 77,
                                     .sequence = 4711,
                                     .id = 9};
        size_t name_size = hark_name_padded_size(strlen(topic));
        uint8_t packet[HARK_CAST_PACKET] = {0};
        struct hark_cast cast;

        header.size = (uint32_t)name_size;
        ck_assert_int_eq(hark_cast_sender_begin(sender, topic, strlen(topic),
                                                HARK_HEADER_SIZE + name_size, &cast),
                         0);
        hark_cast_encode(&cast, packet);
        hark_header_encode(&header, packet + HARK_CAST_HEADER);
        memcpy(packet + HARK_CAST_HEADER + HARK_HEADER_SIZE, topic, strlen(topic));
        if (is_sent)
                ck_assert_int_eq(send(fd, packet, HARK_CAST_HEADER + cast.size, 0),
                                 HARK_CAST_HEADER + cast.size);
}

/* --- tests ------------------------------------------------------------------------------------ */

START_TEST(all_who_listen_hear_what_is_published)
{
        struct place place;

        place_open(&place);
        for (unsigned i = 0; i < N_CLIENTS; i++)
                listen_in(&place, i, i == 0 ? "a.*" : ">");
        serve(&place);
        for (unsigned i = 0; i < 100; i++)
                publish(&place, i % 2 ? "a.b" : "c", 8 * (size_t)i);
        publish(&place, "a.large", 16 * 1024);
        for (unsigned i = 0; i < N_CLIENTS; i++)
                until(place.loop, place.ears[i].last_size == 16 * 1024);
        ck_assert_uint_eq(place.ears[0].n_heard, 51);
        ck_assert_uint_eq(place.ears[1].n_heard, 101);
        ck_assert_uint_eq(place.ears[2].n_heard, 101);
        ck_assert_uint_eq(place.ears[2].n_gaps, 0);
        ck_assert_str_eq(place.ears[2].last_topic, "a.large");
        place_close(&place);
}
END_TEST

START_TEST(who_comes_late_misses_nothing_from_then_on)
{
        struct place place;

        place_open(&place);
        listen_in(&place, 0, ">");
        serve(&place);
        publish(&place, "a", 1);
        publish(&place, "a", 1);
        until(place.loop, place.ears[0].n_heard == 2);
        listen_in(&place, 1, ">");
        publish(&place, "a", 1);
        until(place.loop, place.ears[1].n_heard == 1);
        ck_assert_uint_eq(place.ears[1].n_gaps, 0);
        place_close(&place);
}
END_TEST

START_TEST(a_client_s_publication_goes_to_the_group)
{
        static const uint8_t large[17 * 1024];
        struct hark_payload payload = hark_text("hello");
        struct hark_payload too_large = {.data = large, .size = sizeof(large)};
        struct place place;

        place_open(&place);
        listen_in(&place, 0, ">");
        listen_in(&place, 1, ">");
        ck_assert_int_eq(hark_publish(place.ears[0].client, "x.y", payload), 0);
        until(place.loop, place.ears[0].n_heard == 1 && place.ears[1].n_heard == 1);
        ck_assert_uint_eq(place.ears[1].last_size, 5);
        ck_assert_int_eq(hark_publish(place.ears[0].client, "x.y", too_large), -EMSGSIZE);
        place_close(&place);
}
END_TEST

START_TEST(what_a_group_cannot_do_is_refused_at_once)
{
        struct hark_subscribe_params retained = {.wants_retained = true}, grouped = {.group = "g"};
        hark_message *reply = NULL;
        struct place place;
        struct ear *ear;

        place_open(&place);
        listen_in(&place, 0, ">");
        ear = &place.ears[0];
        ck_assert_int_eq(hark_call(ear->client, "m", HARK_NOTHING, KIT_PATIENCE_MS, &reply),
                         HARK_UNIMPLEMENTED);
        ck_assert_str_eq(hark_reason(HARK_UNIMPLEMENTED, reply),
                         "nobody answers at a multicast group");
        hark_message_unref(reply);
        ck_assert_int_eq(hark_subscribe(ear->client, "r", on_notification, ear, &retained, NULL),
                         0);
        until(place.loop, ear->n_ended == 1);
        ck_assert_int_eq(ear->reason, HARK_UNIMPLEMENTED);
        ck_assert_int_eq(hark_subscribe(ear->client, "g", on_notification, ear, &grouped, NULL), 0);
        until(place.loop, ear->n_ended == 2);
        ck_assert_int_eq(ear->reason, HARK_UNIMPLEMENTED);
        place_close(&place);
}
END_TEST

START_TEST(what_is_missing_is_told_by_its_number)
{
        struct hark_cast_sender *sender = hark_cast_sender_new(1234567);
        struct place place;
        int fd;

        place_open(&place);
        listen_in(&place, 0, "a.*");
        fd = sender_socket(&place);
        send_by_hand(fd, sender, "a.b", true);
        send_by_hand(fd, sender, "a.b", false);
        send_by_hand(fd, sender, "a.b", false);
        send_by_hand(fd, sender, "a.b", true);
        until(place.loop, place.ears[0].n_heard == 2);
        ck_assert_uint_eq(place.ears[0].n_gaps, 1);
        ck_assert_uint_eq(place.ears[0].n_lost, 2);
        ck_assert_int_eq(place.ears[0].reason, -ECOMM);
        close(fd);
        hark_cast_sender_free(sender);
        place_close(&place);
}
END_TEST

/* So long as something that is missing is awaited, without looking whether it comes. */
static void let_time_pass(void)
{
        uint64_t end_ns = hark_now_ns() + 3 * HARK_CAST_GRACE_NS / 2;

        while (hark_time_left_ms(end_ns) > 0)
                (void)poll(NULL, 0, hark_time_left_ms(end_ns));
}

START_TEST(what_came_in_time_and_was_not_read_yet_is_not_missed)
{
        struct hark_cast_sender *late = hark_cast_sender_new(11), *other = hark_cast_sender_new(13);
        struct hark_cast_sender *again = hark_cast_sender_new(11);
        struct place place;
        int fd;

        place_open(&place);
        listen_in(&place, 0, "a.*");
        listen_in(&place, 1, ">");
        fd = sender_socket(&place);
        send_by_hand(fd, late, "a.b", true);
        send_by_hand(fd, late, "a.b", false);
        send_by_hand(fd, late, "a.b", true);
        send_by_hand(fd, other, "c", true);
        until(place.loop, place.ears[1].n_heard == 2); /* so the third waits for the second */
        for (unsigned i = 0; i < 100; i++)
                send_by_hand(fd, other, "c", true);
        send_by_hand(fd, again, "a.b", false);
        send_by_hand(fd, again, "a.b", true);
        let_time_pass();
        until(place.loop, place.ears[0].sequence == 3);
        ck_assert_uint_eq(place.ears[0].n_gaps, 0);
        close(fd);
        hark_cast_sender_free(late);
        hark_cast_sender_free(other);
        hark_cast_sender_free(again);
        place_close(&place);
}
END_TEST

START_TEST(what_was_dropped_before_it_could_leave_is_missed_by_all)
{
        struct place place;

        place_open(&place);
        listen_in(&place, 0, ">");
        serve(&place);
        for (unsigned i = 0; i < 3000; i++)
                publish(&place, "a.b", 8);
        until(place.loop, place.ears[0].n_heard + place.ears[0].n_lost == 3000);
        ck_assert_uint_gt(place.ears[0].n_lost, 0);
        publish(&place, "a.b", 17 * 1024); /* more than a group carries */
        publish(&place, "a.b", 9);
        until(place.loop, place.ears[0].last_size == 9);
        ck_assert_uint_eq(place.ears[0].sequence, 3002);
        place_close(&place);
}
END_TEST

START_TEST(who_does_not_listen_any_more_hears_nothing)
{
        struct place place;

        place_open(&place);
        listen_in(&place, 0, "a");
        listen_in(&place, 1, "a");
        serve(&place);
        ck_assert_int_eq(hark_unsubscribe(place.ears[0].client, place.ears[0].id), 0);
        ck_assert_int_eq(hark_client_flush(place.ears[0].client, KIT_PATIENCE_MS), 0);
        publish(&place, "a", 1);
        until(place.loop, place.ears[1].n_heard == 1);
        ck_assert_uint_eq(place.ears[0].n_heard, 0);
        place_close(&place);
}
END_TEST

#define N_SUBSCRIPTIONS 300
#define N_BEHIND        200 /* wait for the first */

/* What the inbox holds for each subscription, as delivered and as lost. */
static uint64_t drain(struct hark_inbox *inbox, uint64_t *ret_n_lost)
{
        uint64_t n_delivered = 0;
        const uint8_t *frame;
        size_t size;

        while ((frame = hark_inbox_peek(inbox, &size))) {
                struct hark_header header;
                const char *why;

                ck_assert_int_eq(hark_header_decode(frame, &header, &why), 0);
                if (header.type == HARK_FRAME_GAP)
                        *ret_n_lost += hark_load64(frame + size - HARK_GAP_SIZE);
                else
                        n_delivered++;
                hark_inbox_take(inbox);
        }
        return n_delivered;
}

static void put_by_hand(struct hark_multicast_in *in, const struct hark_cast *cast, size_t size)
{
        struct hark_header header = {.type = HARK_FRAME_PUBLISH, .name_size = 1};
        uint8_t packet[HARK_CAST_PACKET] = {0};

        header.size = (uint32_t)(size - HARK_HEADER_SIZE);
        hark_cast_encode(cast, packet);
        hark_header_encode(&header, packet + HARK_CAST_HEADER);
        packet[HARK_CAST_HEADER + HARK_HEADER_SIZE] = 'a';
        hark_multicast_in_put(in, packet, HARK_CAST_HEADER + cast->size, 1);
}

START_TEST(what_one_datagram_sets_free_is_bounded_and_the_rest_told_as_lost)
{
        struct hark_cast_sender *sender = hark_cast_sender_new(99);
        struct hark_multicast_in in = {.inbox = NULL};
        uint64_t n_delivered, n_lost = 0;
        const size_t size = 1000;
        struct hark_inbox inbox;
        struct hark_cast first;

        hark_inbox_init(&inbox, 4096);
        ck_assert_int_eq(hark_multicast_in_init(&in, &inbox), 0);
        for (uint32_t i = 1; i <= N_SUBSCRIPTIONS; i++)
                ck_assert_int_eq(hark_multicast_in_subscribe(&in, i, "a", 1), 0);
        ck_assert_int_eq(hark_cast_sender_begin(sender, "a", 1, size, &first), 0);
        put_by_hand(&in, &first, size);
        n_delivered = drain(&inbox, &n_lost);
        ck_assert_uint_eq(n_delivered, N_SUBSCRIPTIONS);
        ck_assert_int_eq(hark_cast_sender_begin(sender, "a", 1, size, &first), 0);
        for (unsigned i = 0; i < N_BEHIND; i++) {
                struct hark_cast cast;

                ck_assert_int_eq(hark_cast_sender_begin(sender, "a", 1, size, &cast), 0);
                put_by_hand(&in, &cast, size);
        }
        put_by_hand(&in, &first, size);
        ck_assert_uint_lt(inbox.size, HARK_MULTICAST_HELD + 4096);
        n_delivered += drain(&inbox, &n_lost);
        ck_assert_uint_eq(n_lost, 0);
        hark_multicast_in_pay(&in);
        n_delivered += drain(&inbox, &n_lost);
        ck_assert_uint_eq(n_delivered + n_lost, (uint64_t)N_SUBSCRIPTIONS * (N_BEHIND + 2));
        hark_multicast_in_done(&in);
        hark_inbox_done(&inbox);
        hark_cast_sender_free(sender);
}
END_TEST

START_TEST(garbage_in_the_group_harms_nobody)
{
        struct place place;
        uint8_t bytes[2000];
        int fd;

        place_open(&place);
        listen_in(&place, 0, ">");
        serve(&place);
        fd = sender_socket(&place);
        for (unsigned i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)(i * 7);
        for (size_t size = 0; size < sizeof(bytes); size += 13) {
                bytes[0] = HARK_CAST_MAGIC;
                bytes[1] = HARK_CAST_VERSION;
                ck_assert_int_eq(send(fd, bytes, size, 0), (ssize_t)size);
        }
        publish(&place, "a", 5);
        until(place.loop, place.ears[0].last_size == 5);
        close(fd);
        place_close(&place);
}
END_TEST

START_TEST(another_group_at_the_same_port_is_another)
{
        struct place place, other;

        place_open(&place);
        place_open(&other);
        other.name.sin_addr.s_addr ^= htonl(0x00010000); /* 239.254 */
        other.name.sin_port = place.name.sin_port;
        print_address(&other);
        listen_in(&place, 0, ">");
        listen_in(&other, 0, ">");
        serve(&place);
        serve(&other);
        publish(&place, "mine", 1);
        publish(&other, "yours", 1);
        until(place.loop, place.ears[0].n_heard > 0);
        until(other.loop, other.ears[0].n_heard > 0);
        ck_assert_str_eq(place.ears[0].last_topic, "mine");
        ck_assert_str_eq(other.ears[0].last_topic, "yours");
        publish(&place, "mine", 2);
        until(place.loop, place.ears[0].n_heard > 1);
        ck_assert_str_eq(place.ears[0].last_topic, "mine");
        place_close(&place);
        place_close(&other);
}
END_TEST

static void on_drained(int result, void *userdata)
{
        ck_assert_int_eq(result, 0);
        (*(unsigned *)userdata)++;
}

START_TEST(a_server_that_drains_leaves_the_group)
{
        unsigned n_drained = 0;
        struct place place;

        place_open(&place);
        listen_in(&place, 0, ">");
        serve(&place);
        publish(&place, "a", 1);
        ck_assert_int_eq(hark_server_drain(place.server, KIT_PATIENCE_MS, on_drained, &n_drained),
                         0);
        until(place.loop, n_drained == 1 && place.ears[0].n_heard == 1);
        place_close(&place);
}
END_TEST

START_TEST(nothing_goes_out_that_not_anyone_may_have)
{
        struct place place;

        place_open(&place);
        ck_assert_int_eq(hark_server_new(place.loop, NULL, &place.server), 0);
        ck_assert_int_eq(hark_server_allow(place.server, "subscribe a.> anyone"), 0);
        ck_assert_int_eq(hark_server_listen(place.server, place.address), 0);
        listen_in(&place, 0, ">");
        until(place.loop, place.ears[0].client);
        ck_assert_int_eq(hark_loop_process(place.loop, 0), 0);
        ck_assert(!hark_server_has_subscribers(place.server, "a.b"));
        place_close(&place);
}
END_TEST

static struct hark_cast hear(int fd, hark_loop *loop)
{
        struct pollfd pollfd = {.fd = fd, .events = POLLIN};
        uint8_t packet[HARK_CAST_PACKET + 1];
        struct hark_cast cast;
        ssize_t n;

        while (poll(&pollfd, 1, 0) == 0)
                ck_assert_int_eq(hark_loop_process(loop, 100), 0);
        n = recv(fd, packet, sizeof(packet), 0);
        ck_assert(hark_cast_decode(packet, (size_t)n, &cast));
        return cast;
}

START_TEST(a_sender_tells_its_numbers_again_and_again_and_says_goodbye)
{
        struct hark_cast cast;
        struct place place;
        uint64_t table;
        int fd;

        place_open(&place);
        fd = receiver_socket(&place);
        serve(&place);
        cast = hear(fd, place.loop);
        ck_assert_int_eq(cast.kind, HARK_CAST_IS_TABLE); /* nothing has been before */
        publish(&place, "a", 1);
        cast = hear(fd, place.loop);
        ck_assert_int_eq(cast.kind, HARK_CAST_IS_PIECE);
        cast = hear(fd, place.loop);
        ck_assert_int_eq(cast.kind, HARK_CAST_IS_TABLE);
        table = cast.number;
        cast = hear(fd, place.loop);
        ck_assert_int_eq(cast.kind, HARK_CAST_IS_TABLE);
        ck_assert_uint_eq(cast.number, table + 1);
        hark_server_unref(HARK_TAKE(place.server));
        for (unsigned i = 0; i < 3; i++)
                ck_assert_uint_eq(hear(fd, place.loop).flags, HARK_CAST_BYE);
        close(fd);
        place_close(&place);
}
END_TEST

START_TEST(an_address_that_cannot_be_a_group_s_is_refused)
{
        struct place place;
        char address[128], why[128];
        hark_client *client = NULL;

        place_open(&place);
        ck_assert_int_eq(hark_server_new(place.loop, NULL, &place.server), 0);
        ck_assert_int_eq(hark_server_listen(place.server, "udp:239.255.0.1:0"), -EINVAL);
        snprintf(address, sizeof(address), "%s?interface=none", place.address);
        ck_assert_int_eq(hark_server_listen(place.server, address), -ENODEV);
        ck_assert_int_eq(hark_connect(place.loop, address, NULL, &client), -ENODEV);
        ck_assert_int_eq(hark_connect(place.loop, "udp:[ff02::1%25none]:5", NULL, &client),
                         -ENODEV);
        ck_assert_int_eq(hark_address_check("udp:127.0.0.1:5?interface=lo", why, sizeof(why)),
                         -EINVAL);
        ck_assert_str_eq(why, "interface: only for a multicast group");
        ck_assert_int_eq(hark_address_check("udp:239.255.0.1:5?interface=", why, sizeof(why)),
                         -EINVAL);
        ck_assert_int_eq(hark_address_check("udp:239.255.0.1:5?interface=averyverylongname", why,
                                            sizeof(why)),
                         -EINVAL);
        place_close(&place);
}
END_TEST

/* An interface of another machine's: any but the loopback one. */
START_TEST(beyond_this_machine_only_who_says_so_sends)
{
        struct if_nameindex *all = if_nameindex();
        struct place place;
        char address[128];
        unsigned i = 0;

        ck_assert_ptr_nonnull(all);
        while (all[i].if_index != 0 && strcmp(all[i].if_name, "lo") == 0)
                i++;
        if (all[i].if_index == 0) {
                if_freenameindex(all);
                fixture_skip("this machine has no interface but lo");
        }
        place_open(&place);
        snprintf(address, sizeof(address), "%s?interface=%s", place.address, all[i].if_name);
        if_freenameindex(all);
        ck_assert_int_eq(hark_server_new(place.loop, NULL, &place.server), 0);
        ck_assert_int_eq(hark_server_listen(place.server, address), -EPERM);
        place_close(&place);
}
END_TEST

FIXTURE_MAIN("multicast", all_who_listen_hear_what_is_published,
             who_comes_late_misses_nothing_from_then_on, a_client_s_publication_goes_to_the_group,
             what_a_group_cannot_do_is_refused_at_once, what_is_missing_is_told_by_its_number,
             what_came_in_time_and_was_not_read_yet_is_not_missed,
             what_was_dropped_before_it_could_leave_is_missed_by_all,
             who_does_not_listen_any_more_hears_nothing, garbage_in_the_group_harms_nobody,
             what_one_datagram_sets_free_is_bounded_and_the_rest_told_as_lost,
             another_group_at_the_same_port_is_another, a_server_that_drains_leaves_the_group,
             nothing_goes_out_that_not_anyone_may_have,
             a_sender_tells_its_numbers_again_and_again_and_says_goodbye,
             an_address_that_cannot_be_a_group_s_is_refused,
             beyond_this_machine_only_who_says_so_sends)
