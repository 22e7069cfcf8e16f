/* SPDX-License-Identifier: MIT */

/* udp: what a client believes, and where and how it asks: the server is the test, by hand. */

#include "fixture.h"

#include <errno.h>

#include "udp_kit.h"

/* A client, and a socket that it takes for a server. */
struct scene {
        hark_loop *loop;
        int fd;
        struct sockaddr_in here;
        char address[64];
        struct kit_port client;
};

static void scene_open(struct scene *scene)
{
        *scene = (struct scene){.loop = kit_new_loop()};
        scene->fd = bind_anywhere(&scene->here);
        snprintf(scene->address, sizeof(scene->address), "udp:127.0.0.1:%u",
                 ntohs(scene->here.sin_port));
}

static void scene_connect(struct scene *scene)
{
        struct sockaddr_in name;
        socklen_t size = sizeof(name);

        kit_connect(scene->loop, scene->address, &scene->client);
        ck_assert_int_eq(
                getsockname(inside(&scene->client)->io.fd, (struct sockaddr *)&name, &size), 0);
        ck_assert_int_eq(connect(scene->fd, (struct sockaddr *)&name, size), 0);
}

static void scene_close(struct scene *scene)
{
        kit_close(&scene->client);
        close(scene->fd);
        hark_loop_unref(scene->loop);
}

static void answer(struct scene *scene, uint8_t kind, struct hark_udp_opening opening,
                   uint64_t number, size_t size)
{
        uint8_t packet[HARK_UDP_LOOPBACK];

        hark_udp_opening_encode(&opening, kind, number, packet, size);
        ck_assert_int_eq(send(scene->fd, packet, size, 0), (ssize_t)size);
}

/* The next opening with a cookie: it may be asked without one meanwhile, as time goes on. */
static uint64_t hear_cookie(struct scene *scene)
{
        struct heard heard;

        do {
                heard = hear(scene->loop, scene->fd);
                ck_assert_uint_eq(heard.chunk.kind, HARK_CHUNK_OPEN);
        } while (heard.opening.cookie == 0);
        return heard.opening.cookie;
}

START_TEST(who_does_not_know_what_was_asked_cannot_answer)
{
        struct hark_udp_opening good, bad;
        struct scene scene;

        scene_open(&scene);
        scene_connect(&scene);
        good = hear(scene.loop, scene.fd).opening;
        bad = (struct hark_udp_opening){good.nonce ^ 1, 5};
        good.cookie = 7;
        answer(&scene, HARK_CHUNK_COOKIE, bad, 0, HARK_UDP_LEAST);
        answer(&scene, HARK_CHUNK_ACCEPT, bad, 9, HARK_UDP_LEAST);
        answer(&scene, HARK_CHUNK_COOKIE, good, 0, HARK_UDP_LEAST);
        ck_assert_uint_eq(hear_cookie(&scene), 7);
        answer(&scene, HARK_CHUNK_ACCEPT, good, 0, HARK_UDP_LEAST); /* no number, */
        answer(&scene, HARK_CHUNK_ACCEPT, good, 10, 100);           /* nor room for anything */
        answer(&scene, HARK_CHUNK_ACCEPT, good, 11, HARK_UDP_LEAST);
        kit_wait(scene.loop, &scene.client.n_opened, 1);
        ck_assert_uint_eq(inside(&scene.client)->connection, 11);
        ck_assert_uint_eq(inside(&scene.client)->packet_size, HARK_UDP_LEAST);
        answer(&scene, HARK_CHUNK_ACCEPT, good, 12, HARK_UDP_COMMON); /* it has one */
        say(scene.fd, HARK_CHUNK_PROBE, 11);
        while (hear(scene.loop, scene.fd).chunk.kind != HARK_CHUNK_ACK)
                ;
        ck_assert_uint_eq(inside(&scene.client)->connection, 11);
        scene_close(&scene);
}
END_TEST

START_TEST(who_is_not_answered_asks_in_smaller_datagrams)
{
        static const size_t sizes[] = {HARK_UDP_LOOPBACK, HARK_UDP_LOOPBACK, HARK_UDP_COMMON,
                                       HARK_UDP_COMMON,   HARK_UDP_LEAST,    HARK_UDP_LEAST};
        struct scene scene;

        scene_open(&scene);
        scene_connect(&scene);
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
                ck_assert_uint_eq(hear(scene.loop, scene.fd).size, sizes[i]);
        scene_close(&scene);
}
END_TEST

/* --- what is sent again ----------------------------------------------------------------------- */

static void scene_open_connection(struct scene *scene, size_t packet_size)
{
        struct hark_udp_opening opening;

        scene_open(scene);
        scene_connect(scene);
        opening = hear(scene->loop, scene->fd).opening;
        answer(scene, HARK_CHUNK_ACCEPT, opening, 11, packet_size);
        kit_wait(scene->loop, &scene->client.n_opened, 1);
}

/* A notification of so many bytes in all, which may be lost. */
static void publish(struct scene *scene, uint8_t *bytes, size_t size)
{
        struct hark_header header = {.type = HARK_FRAME_PUBLISH,
                                     .id = 4,
                                     .sequence = 5,
                                     .name_size = 3,
                                     .status = 9,
                                     .size = (uint32_t)(size - HARK_HEADER_SIZE)};
        struct hark_out_frame frame = {
                .iov = {{bytes, size}}, .n_iov = 1, .size = size, .loss_number = (1ull << 32) + 5};

        memset(bytes, 'x', size);
        hark_header_encode(&header, bytes);
        memcpy(bytes + HARK_HEADER_SIZE, "a.b\0\0\0\0", 8);
        ck_assert_int_eq(scene->client.port->transport->send(scene->client.port, &frame, 1),
                         (ssize_t)size);
}

/* The next datagram of data. */
static struct hark_chunk hear_data(struct scene *scene, uint8_t packet[HARK_UDP_LOOPBACK])
{
        uint64_t end_ns = hark_deadline_ns(KIT_PATIENCE_MS);
        struct hark_chunk chunk;
        ssize_t n;

        do {
                while (!is_there(scene->fd))
                        kit_turn(scene->loop, end_ns);
                n = recv(scene->fd, packet, HARK_UDP_LOOPBACK, 0);
                ck_assert(hark_chunk_decode(packet, (size_t)n, &chunk));
        } while (chunk.kind != HARK_CHUNK_DATA);
        return chunk;
}

START_TEST(in_place_of_a_lost_notification_comes_a_gap_of_its_number)
{
        uint8_t bytes[256], packet[HARK_UDP_LOOPBACK];
        struct hark_header header;
        struct hark_chunk chunk;
        struct hark_gap gap;
        struct scene scene;
        const char *why;

        scene_open_connection(&scene, HARK_UDP_LEAST);
        publish(&scene, bytes, sizeof(bytes));
        chunk = hear_data(&scene, packet);
        ck_assert_uint_eq(chunk.size, sizeof(bytes));
        ck_assert_mem_eq(packet + HARK_CHUNK_HEADER, bytes, sizeof(bytes));
        chunk = hear_data(&scene, packet); /* nobody has acknowledged it */
        ck_assert_uint_eq(chunk.sequence, 0);
        ck_assert_uint_eq(chunk.flags, HARK_CHUNK_LAST);
        ck_assert_uint_eq(chunk.size, HARK_HEADER_SIZE + 8 + HARK_GAP_SIZE);
        ck_assert_int_eq(hark_header_decode(packet + HARK_CHUNK_HEADER, &header, &why), 0);
        ck_assert_uint_eq(header.type, HARK_FRAME_GAP);
        ck_assert_int_eq(header.status, 9);
        ck_assert_mem_eq(packet + HARK_CHUNK_HEADER + HARK_HEADER_SIZE, "a.b\0\0\0\0", 8);
        ck_assert_int_eq(hark_gap_decode((struct hark_span){packet + HARK_CHUNK_HEADER +
                                                                    HARK_HEADER_SIZE + 8,
                                                            HARK_GAP_SIZE},
                                         &gap, &why),
                         0);
        ck_assert_uint_eq(gap.first, (1ull << 32) + 5);
        ck_assert_uint_eq(gap.n_lost, 1);
        ck_assert_uint_eq(gap.reason, ECOMM);
        scene_close(&scene);
}
END_TEST

START_TEST(a_notification_in_pieces_is_sent_again_as_it_was)
{
        uint8_t bytes[1024], packet[HARK_UDP_LOOPBACK];
        struct hark_chunk chunk;
        struct scene scene;
        unsigned n = 0;

        scene_open_connection(&scene, HARK_UDP_LEAST);
        publish(&scene, bytes, sizeof(bytes));
        /* Each of the three, twice. */
        for (unsigned i = 0; i < 6; i++) {
                chunk = hear_data(&scene, packet);
                ck_assert_uint_lt(chunk.sequence, 3);
                n += chunk.sequence;
                ck_assert_mem_eq(packet + HARK_CHUNK_HEADER,
                                 bytes + chunk.sequence * (HARK_UDP_LEAST - HARK_CHUNK_HEADER),
                                 chunk.size);
        }
        ck_assert_uint_eq(n, 2 * (0 + 1 + 2));
        scene_close(&scene);
}
END_TEST

START_TEST(what_nobody_has_acknowledged_is_sent_once_more_before_the_end)
{
        uint8_t packet[HARK_UDP_LOOPBACK];
        struct scene scene;

        scene_open_connection(&scene, HARK_UDP_LEAST);
        for (uint8_t i = 0; i < 3; i++) {
                ck_assert_int_eq(send_frame(&scene.client, 64, i), 64);
                ck_assert_uint_eq(hear_data(&scene, packet).sequence, i);
        }
        kit_close(&scene.client);
        for (uint8_t i = 0; i < 3; i++)
                ck_assert_uint_eq(hear(scene.loop, scene.fd).chunk.sequence, i);
        ck_assert_uint_eq(hear(scene.loop, scene.fd).chunk.kind, HARK_CHUNK_CLOSE);
        scene_close(&scene);
}
END_TEST

START_TEST(the_end_does_not_wait_for_good)
{
        struct hark_chunk chunk = {.kind = HARK_CHUNK_CLOSE, .connection = 11, .sequence = 1};
        uint8_t packet[HARK_CHUNK_HEADER];
        struct scene scene;

        scene_open_connection(&scene, HARK_UDP_LEAST);
        hark_chunk_encode(&chunk, packet);
        ck_assert_int_eq(send(scene.fd, packet, sizeof(packet), 0), sizeof(packet));
        kit_expect_end(scene.loop, &scene.client, 0); /* the first chunk never comes */
        scene_close(&scene);
}
END_TEST

START_TEST(each_that_has_come_shows_that_the_way_is_open)
{
        struct hark_chunk chunk = {.kind = HARK_CHUNK_ACK, .connection = 11, .acknowledged = 1};
        uint8_t packet[HARK_CHUNK_HEADER];
        struct scene scene;
        struct udp_port *port;

        scene_open_connection(&scene, HARK_UDP_LEAST);
        port = inside(&scene.client);
        for (uint8_t i = 0; i < 2; i++)
                ck_assert_int_eq(send_frame(&scene.client, 64, i), 64);
        port->came_ns -= HARK_UDP_SILENCE_NS / 2;
        hark_chunk_encode(&chunk, packet);
        ck_assert_int_eq(send(scene.fd, packet, sizeof(packet), 0), sizeof(packet));
        while (port->out.first != 1)
                kit_turn(scene.loop, hark_deadline_ns(KIT_PATIENCE_MS));
        ck_assert_uint_eq(port->came_ns, port->heard_ns);
        scene_close(&scene);
}
END_TEST

/* --- acknowledgements ------------------------------------------------------------------------- */

static void send_data(struct scene *scene, uint32_t sequence)
{
        struct hark_chunk chunk = {.kind = HARK_CHUNK_DATA,
                                   .flags = HARK_CHUNK_LAST,
                                   .size = 64,
                                   .connection = 11,
                                   .sequence = sequence};
        uint8_t packet[HARK_CHUNK_HEADER + 64];

        hark_chunk_encode(&chunk, packet);
        make_frame(packet + HARK_CHUNK_HEADER, 64, 1);
        ck_assert_int_eq(send(scene->fd, packet, sizeof(packet), 0), sizeof(packet));
}

START_TEST(one_chunk_is_acknowledged_a_little_later)
{
        struct scene scene;
        struct udp_port *port;
        struct heard heard;
        uint64_t begin_ns;

        scene_open_connection(&scene, HARK_UDP_LEAST);
        port = inside(&scene.client);
        begin_ns = hark_now_ns();
        send_data(&scene, 0);
        kit_wait(scene.loop, &scene.client.n_readable, 1);
        if (port->acknowledge_ns != HARK_NEVER) /* else we were slow */
                ck_assert_uint_eq(port->acknowledge_ns, port->heard_ns + 5 * 1000000);
        heard = hear(scene.loop, scene.fd);
        ck_assert_uint_ge(hark_now_ns() - begin_ns, 5 * 1000000);
        ck_assert_uint_eq(heard.chunk.kind, HARK_CHUNK_ACK);
        ck_assert_uint_eq(heard.chunk.acknowledged, 1);
        scene_close(&scene);
}
END_TEST

START_TEST(two_chunks_are_acknowledged_at_once)
{
        struct scene scene;
        struct heard heard;

        scene_open_connection(&scene, HARK_UDP_LEAST);
        send_data(&scene, 0);
        send_data(&scene, 1);
        kit_wait(scene.loop, &scene.client.n_readable, 1);
        ck_assert(is_there(scene.fd));
        heard = hear(scene.loop, scene.fd);
        ck_assert_uint_eq(heard.chunk.acknowledged, 2);
        scene_close(&scene);
}
END_TEST

START_TEST(what_came_early_is_acknowledged_at_once)
{
        uint8_t packet[64];
        struct scene scene;
        struct hark_chunk chunk;

        scene_open_connection(&scene, HARK_UDP_LEAST);
        send_data(&scene, 2);
        while (inside(&scene.client)->in.early == 0)
                kit_turn(scene.loop, hark_deadline_ns(KIT_PATIENCE_MS));
        ck_assert(is_there(scene.fd));
        ck_assert_int_eq(recv(scene.fd, packet, sizeof(packet), 0), HARK_CHUNK_HEADER + 8);
        ck_assert(hark_chunk_decode(packet, HARK_CHUNK_HEADER + 8, &chunk));
        ck_assert_uint_eq(chunk.acknowledged, 0);
        ck_assert_uint_eq(hark_load64(packet + HARK_CHUNK_HEADER), 0x2); /* the next but one */
        scene_close(&scene);
}
END_TEST

START_TEST(what_goes_back_anyway_acknowledges)
{
        struct scene scene;
        uint8_t packet[HARK_UDP_LOOPBACK];

        scene_open_connection(&scene, HARK_UDP_LEAST);
        send_data(&scene, 0);
        kit_wait(scene.loop, &scene.client.n_readable, 1);
        ck_assert_int_eq(send_frame(&scene.client, 64, 2), 64);
        ck_assert_uint_eq(inside(&scene.client)->acknowledge_ns, HARK_NEVER);
        ck_assert_uint_eq(hear_data(&scene, packet).acknowledged, 1);
        scene_close(&scene);
}
END_TEST

/* --- several addresses ------------------------------------------------------------------------ */

/* An address that stands for these two. */
struct two {
        struct addrinfo infos[2];
        struct hark_address *address;
};

static void two_init(struct two *two, const char *text, struct sockaddr_in *first,
                     struct sockaddr_in *second)
{
        *two = (struct two){.address = kit_address(text)};
        for (unsigned i = 0; i < 2; i++)
                two->infos[i] = (struct addrinfo){.ai_family = AF_INET,
                                                  .ai_socktype = SOCK_DGRAM,
                                                  .ai_addrlen = sizeof(*first)};
        two->infos[0].ai_addr = (struct sockaddr *)first;
        two->infos[0].ai_next = &two->infos[1];
        two->infos[1].ai_addr = (struct sockaddr *)second;
        two->address->resolved = two->infos;
}

static void two_done(struct two *two)
{
        two->address->resolved = NULL;
        hark_address_free(two->address);
}

static void expect_the_second(struct scene *scene, struct sockaddr_in *first)
{
        struct two two;

        two_init(&two, scene->address, first, &scene->here);
        scene->client = (struct kit_port){0};
        ck_assert_int_eq(
                two.address->transport->connect(scene->loop, two.address, &scene->client.port), 0);
        kit_start(&scene->client);
        ck_assert_uint_eq(hear(scene->loop, scene->fd).chunk.kind, HARK_CHUNK_OPEN);
        ck_assert_uint_eq(scene->client.n_broken, 0);
        scene_close(scene);
        two_done(&two);
}

START_TEST(where_nobody_is_at_an_address_the_next_one_is_asked)
{
        struct sockaddr_in gone;
        struct scene scene;

        scene_open(&scene);
        close(bind_anywhere(&gone));
        expect_the_second(&scene, &gone);
}
END_TEST

START_TEST(where_nobody_answers_at_an_address_the_next_one_is_asked)
{
        struct sockaddr_in silent;
        struct scene scene;
        int fd;

        scene_open(&scene);
        fd = bind_anywhere(&silent);
        expect_the_second(&scene, &silent);
        close(fd);
}
END_TEST

START_TEST(where_nobody_is_at_the_last_address_it_is_refused)
{
        struct scene scene;

        scene_open(&scene);
        scene.fd = (close(scene.fd), -1);
        kit_connect(scene.loop, scene.address, &scene.client);
        kit_wait(scene.loop, &scene.client.n_broken, 1);
        ck_assert_int_eq(scene.client.port->error, -ECONNREFUSED);
        kit_close(&scene.client);
        hark_loop_unref(scene.loop);
}
END_TEST

FIXTURE_MAIN("udp_client", who_does_not_know_what_was_asked_cannot_answer,
             who_is_not_answered_asks_in_smaller_datagrams,
             in_place_of_a_lost_notification_comes_a_gap_of_its_number,
             a_notification_in_pieces_is_sent_again_as_it_was,
             what_nobody_has_acknowledged_is_sent_once_more_before_the_end,
             the_end_does_not_wait_for_good, each_that_has_come_shows_that_the_way_is_open,
             one_chunk_is_acknowledged_a_little_later, two_chunks_are_acknowledged_at_once,
             what_came_early_is_acknowledged_at_once, what_goes_back_anyway_acknowledges,
             where_nobody_is_at_an_address_the_next_one_is_asked,
             where_nobody_answers_at_an_address_the_next_one_is_asked,
             where_nobody_is_at_the_last_address_it_is_refused)
