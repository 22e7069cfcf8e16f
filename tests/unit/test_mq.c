/* SPDX-License-Identifier: MIT */

/* Queues: what is left behind, limits, and who gets in between. */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "link/chunk.h"
#include "port_kit.h"
#include "transport/mq_port.h"
#include "transport/reader_mark.h"
#include "wire/header.h"

#define STRANGER 65432 /* a user of no meaning */

struct server {
        hark_loop *loop;
        struct kit_listener listener;
};

static const char *name(const char *end)
{
        static char texts[4][200];
        static unsigned n;
        char *text = texts[n++ % 4];

        (void)snprintf(text, 200, "/%s%s", fixture_name("q"), end);
        return text;
}

static const char *address(const char *options)
{
        static char text[200];

        (void)snprintf(text, sizeof(text), "mq:%s%s", name(""), options);
        return text;
}

static void server_open(struct server *server, const char *options)
{
        *server = (struct server){.loop = kit_new_loop()};
        kit_listen(server->loop, address(options), &server->listener);
}

static void server_close(struct server *server)
{
        kit_close_listener(&server->listener);
        hark_loop_unref(server->loop);
}

static bool exists(const char *queue)
{
        mqd_t fd = mq_open(queue, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return false;
        close(fd);
        return true;
}

/* A frame: a header, and so many bytes. */
static struct hark_out_frame frame_of(uint8_t *bytes, size_t size, uint8_t priority)
{
        uint32_t body = (uint32_t)size - 32;

        memset(bytes, 0, 32);
        memcpy(bytes + 4, &body, sizeof(body));
        return (struct hark_out_frame){.iov = {{.iov_base = bytes, .iov_len = size}},
                                       .n_iov = 1,
                                       .size = size,
                                       .priority = priority};
}

static ssize_t send_frame(struct kit_port *end, uint8_t *bytes, size_t size, uint8_t priority)
{
        struct hark_out_frame frame = frame_of(bytes, size, priority);

        return end->port->transport->send(end->port, &frame, 1);
}

static ssize_t receive_frame(struct kit_port *end, uint8_t *bytes, size_t size)
{
        struct iovec iov = {.iov_base = bytes, .iov_len = size};
        struct hark_in_fds fds = {.n_fds = 0};

        return end->port->transport->receive(end->port, &iov, 1, &fds);
}

static void join(struct server *server, struct kit_port *client, struct kit_port *end)
{
        kit_connect(server->loop, address(""), client);
        kit_accept(server->loop, &server->listener, end);
        kit_wait(server->loop, &client->n_opened, 1);
}

static void talk(struct server *server, struct kit_port *client, struct kit_port *end)
{
        uint8_t there[64] = {[40] = 'x'}, here[64];
        uint64_t end_ns = hark_deadline_ns(KIT_PATIENCE_MS);
        ssize_t n;

        ck_assert_int_eq(send_frame(client, there, sizeof(there), 0), sizeof(there));
        while ((n = receive_frame(end, here, sizeof(here))) == -EAGAIN)
                kit_turn(server->loop, end_ns);
        ck_assert_int_eq(n, sizeof(here));
        ck_assert_mem_eq(there, here, sizeof(here));
        ck_assert_int_eq(send_frame(end, there, sizeof(there), 0), sizeof(there));
        while ((n = receive_frame(client, here, sizeof(here))) == -EAGAIN)
                kit_turn(server->loop, end_ns);
        ck_assert_int_eq(n, sizeof(here));
}

static void expect_service(struct server *server)
{
        struct kit_port client = {0}, end = {0};

        join(server, &client, &end);
        talk(server, &client, &end);
        kit_close(&client);
        kit_close(&end);
}

/* --- what is left ----------------------------------------------------------------------------- */

START_TEST(queues_go_with_who_reads_them)
{
        struct kit_port client = {0}, end = {0};
        struct server server;

        server_open(&server, "");
        ck_assert(exists(name("")));
        join(&server, &client, &end);
        ck_assert(exists(name(".r0")));
        kit_close_listener(&server.listener);
        ck_assert(!exists(name("")));
        talk(&server, &client, &end); /* what is connected stays so */
        kit_close(&client);
        ck_assert(!exists(name(".r0")));
        kit_close(&end);
        hark_loop_unref(server.loop);
}
END_TEST

START_TEST(nobody_there_is_told_at_once)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0};
        mqd_t fd;

        ck_assert_int_eq(kit_try_connect(loop, address(""), &client), -ENOENT);
        fd = mq_open(name(""), O_RDWR | O_CREAT | O_CLOEXEC, 0600, NULL);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(kit_try_connect(loop, address(""), &client), -ECONNREFUSED);
        close(fd);
        mq_unlink(name(""));
        hark_loop_unref(loop);
}
END_TEST

static int listen_and_die(void *userdata)
{
        struct server server;

        (void)userdata;
        server_open(&server, "");
        raise(SIGKILL);
        return 1;
}

static void leave_client_queue(const char *queue)
{
        struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = 256};
        mqd_t fd = mq_open(queue, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);

        ck_assert_msg(fd >= 0, "%s: %m", queue);
        close(fd);
}

START_TEST(what_the_dead_have_left_is_adopted_and_cleared_away)
{
        struct server server;

        ck_assert_int_eq(fixture_wait_exit(fixture_fork(listen_and_die, NULL)), 128 + SIGKILL);
        ck_assert(exists(name("")));
        leave_client_queue(name(".r0"));
        leave_client_queue(name(".r7"));
        server_open(&server, "");
        ck_assert(!exists(name(".r0")));
        ck_assert(!exists(name(".r7")));
        expect_service(&server);
        server_close(&server);
        ck_assert(!exists(name("")));
}
END_TEST

START_TEST(what_is_served_cannot_be_served_again)
{
        struct kit_listener again = {0};
        struct server server;

        server_open(&server, "");
        ck_assert_int_eq(kit_try_listen(server.loop, address(""), &again), -EADDRINUSE);
        expect_service(&server); /* whose client, here, closes a descriptor of the same queue */
        ck_assert_int_eq(kit_try_listen(server.loop, address(""), &again), -EADDRINUSE);
        server_close(&server);
}
END_TEST

static int connect_and_wait(void *userdata)
{
        struct kit_port client = {0};
        hark_loop *loop = kit_new_loop();

        (void)userdata;
        kit_connect(loop, address(""), &client);
        kit_wait(loop, &client.n_broken, 1); /* killed before */
        return 1;
}

START_TEST(a_death_is_seen_at_once)
{
        struct kit_port end = {0};
        struct server server;
        pid_t pid;

        server_open(&server, "");
        pid = fixture_fork(connect_and_wait, NULL);
        kit_accept(server.loop, &server.listener, &end);
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        kit_wait(server.loop, &end.n_broken, 1);
        ck_assert_int_eq(fixture_wait_exit(pid), 128 + SIGKILL);
        kit_close(&end);
        ck_assert(!exists(name(".r0"))); /* cleared away by the server */
        server_close(&server);
}
END_TEST

START_TEST(a_name_that_is_another_s_now_is_left_alone)
{
        struct kit_port first = {0}, second = {0}, ends[2] = {{0}, {0}};
        struct server server;

        server_open(&server, "");
        join(&server, &first, &ends[0]);
        kit_close(&first);
        join(&server, &second, &ends[1]); /* with the same number */
        kit_close(&ends[0]);
        ck_assert(exists(name(".r0")));
        talk(&server, &second, &ends[1]);
        kit_close(&second);
        kit_close(&ends[1]);
        server_close(&server);
}
END_TEST

/* --- frames ----------------------------------------------------------------------------------- */

START_TEST(what_is_urgent_is_read_first)
{
        uint8_t first[64], bulky[64] = {0}, urgent[64] = {0}, here[64];
        struct kit_port client = {0}, end = {0};
        struct server server;
        uint64_t end_ns = hark_deadline_ns(KIT_PATIENCE_MS);

        server_open(&server, "");
        join(&server, &client, &end);
        bulky[40] = 'b';
        urgent[40] = 'u';
        ck_assert_int_eq(send_frame(&client, first, sizeof(first), 0), sizeof(first));
        ck_assert_int_eq(send_frame(&client, bulky, sizeof(bulky), 0), sizeof(bulky));
        ck_assert_int_eq(send_frame(&client, urgent, sizeof(urgent), 7), sizeof(urgent));
        while (end.n_readable == 0)
                kit_turn(server.loop, end_ns);
        ck_assert_int_eq(receive_frame(&end, here, sizeof(here)), sizeof(here));
        ck_assert_mem_eq(here, first, sizeof(here)); /* the first of all stays the first */
        ck_assert_int_eq(receive_frame(&end, here, sizeof(here)), sizeof(here));
        ck_assert_int_eq(here[40], 'u');
        ck_assert_int_eq(receive_frame(&end, here, sizeof(here)), sizeof(here));
        ck_assert_int_eq(here[40], 'b');
        kit_close(&client);
        kit_close(&end);
        server_close(&server);
}
END_TEST

/* A client whose server does not take what it has sent stops, and the server reads on for others. */
START_TEST(what_is_not_taken_holds_up_its_sender_only)
{
        uint8_t *bytes = calloc(1, 16384);
        struct kit_port client = {0}, end = {0};
        struct server server;
        uint64_t end_ns = hark_deadline_ns(KIT_PATIENCE_MS);
        size_t sent = 0;
        ssize_t n = 0;

        server_open(&server, "");
        join(&server, &client, &end);
        end.port->transport->want(end.port, 0); /* nothing, for now */
        while (sent < 100 * 16384) {
                n = send_frame(&client, bytes, 16384, 0);
                if (n != 16384)
                        break;
                sent += (size_t)n;
                ck_assert_int_eq(hark_loop_process(server.loop, 0), 0);
        }
        ck_assert_uint_lt(sent, 5 * 16384);
        for (int i = 0; i < 20; i++)
                expect_service(&server);
        (void)end_ns;
        kit_close(&client);
        kit_close(&end);
        server_close(&server);
        free(bytes);
}
END_TEST

static void need_root(void)
{
        if (geteuid() != 0)
                fixture_skip("only root can become another user");
}

static void become_stranger(void)
{
        ck_assert_int_eq(setresuid(STRANGER, STRANGER, STRANGER), 0);
}

/* --- somebody's end, and what others have sent ------------------------------------------------ */

START_TEST(what_is_read_at_the_end_of_one_is_told_to_the_others)
{
        uint8_t there[64];
        struct kit_port first = {0}, second = {0}, ends[2] = {{0}, {0}};
        struct server server;
        struct mq_port *port;

        server_open(&server, "");
        join(&server, &first, &ends[0]);
        join(&server, &second, &ends[1]);
        ck_assert_int_eq(send_frame(&second, there, sizeof(there), 0), sizeof(there));
        port = hark_container_of(ends[0].port, struct mq_port, base.port);
        port->ops->drain(port); /* as at the death of the first */
        kit_wait(server.loop, &ends[1].n_readable, 1);
        kit_close(&first);
        kit_close(&second);
        kit_close(&ends[0]);
        kit_close(&ends[1]);
        server_close(&server);
}
END_TEST

static void leave_request(struct kit_port *client)
{
        struct hark_header header = {.type = HARK_FRAME_REQUEST,
                                     .flags = HARK_FLAG_ONE_WAY,
                                     .id = 1,
                                     .size = 32,
                                     .name_size = 1};
        uint8_t request[64] = {[32] = 'm'};
        struct hark_out_frame frame = frame_of(request, sizeof(request), 0);

        hark_header_encode(&header, request);
        ck_assert_int_eq(client->port->transport->send(client->port, &frame, 1), sizeof(request));
}

START_TEST(who_hands_on_what_was_left_outlives_the_queue)
{
        struct kit_port client = {0}, left = {0};
        struct server server;

        server_open(&server, "");
        kit_connect(server.loop, address("?leave"), &client);
        kit_wait(server.loop, &client.n_opened, 1);
        leave_request(&client);
        kit_wait(server.loop, &server.listener.n_ports, 1);
        left.port = server.listener.ports[--server.listener.n_ports];
        kit_start(&left);
        kit_close_listener(&server.listener);
        kit_wait(server.loop, &left.n_readable, 1);
        kit_close(&left);
        kit_close(&client);
        hark_loop_unref(server.loop);
}
END_TEST

/* --- limits ----------------------------------------------------------------------------------- */

static void note_log(int level, const char *text, void *userdata)
{
        (void)level;
        (void)snprintf(userdata, 512, "%s", text);
}

START_TEST(a_limit_that_is_in_the_way_is_named)
{
        struct rlimit limit = {1000, 1000};
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        char log[512] = "";

        ck_assert_int_eq(hark_loop_set_log(loop, note_log, log), 0);
        ck_assert_int_eq(setrlimit(RLIMIT_MSGQUEUE, &limit), 0);
        ck_assert_int_eq(kit_try_listen(loop, address(""), &listener), -EDQUOT);
        ck_assert_ptr_nonnull(strstr(log, "RLIMIT_MSGQUEUE"));
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_queue_is_as_large_as_the_limit_allows)
{
        struct rlimit limit = {40000, 40000};
        struct kit_port client = {0}, end = {0};
        struct server server;

        need_root();
        become_stranger(); /* who has no other queues */
        ck_assert_int_eq(setrlimit(RLIMIT_MSGQUEUE, &limit), 0);
        server_open(&server, "");
        join(&server, &client, &end);
        talk(&server, &client, &end);
        kit_close(&client);
        kit_close(&end);
        server_close(&server);
}
END_TEST

/* --- somebody else ---------------------------------------------------------------------------- */

static void write_chunk(const char *queue, uint8_t kind, uint64_t connection)
{
        struct hark_chunk chunk = {
                .kind = kind, .flags = HARK_CHUNK_LAST, .size = 64, .connection = connection};
        uint8_t message[HARK_CHUNK_HEADER + 64] = {0};
        mqd_t fd = mq_open(queue, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

        ck_assert_msg(fd >= 0, "%s: %m", queue);
        hark_chunk_encode(&chunk, message);
        ck_assert_int_eq(mq_send(fd, (char *)message, sizeof(message), 7), 0);
        close(fd);
}

/* Into the server's queue, which is open to all here, and an answer's, which is to one user. */
static int intrude(void *userdata)
{
        (void)userdata;
        become_stranger();
        ck_assert_int_eq(mq_open(name(""), O_RDONLY | O_NONBLOCK), -1);
        ck_assert_int_eq(mq_open(name(".r0"), O_RDONLY | O_NONBLOCK), -1);
        ck_assert_int_eq(mq_unlink(name("")), -1);
        ck_assert_int_eq(mq_unlink(name(".r0")), -1);
        for (uint64_t connection = 0; connection < 3; connection++) {
                write_chunk(name(""), HARK_CHUNK_DATA, connection);
                write_chunk(name(""), HARK_CHUNK_CLOSE, connection);
        }
        write_chunk(name(".r0"), HARK_CHUNK_DATA, 1);
        write_chunk(name(".r0"), HARK_CHUNK_CLOSE, 0);
        return 0;
}

START_TEST(a_stranger_can_neither_read_nor_speak_for_another)
{
        struct kit_port client = {0}, end = {0};
        struct server server;
        mqd_t fd;

        need_root();
        server_open(&server, "?mode=0622");
        join(&server, &client, &end);
        fd = mq_open(name(".r0"), O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(fchmod(fd, 0622), 0); /* as it is where the server is another user */
        close(fd);
        ck_assert_int_eq(fixture_wait_exit(fixture_fork(intrude, NULL)), 0);
        talk(&server, &client, &end); /* the first frame goes before all */
        talk(&server, &client, &end);
        ck_assert_uint_eq(client.n_broken + end.n_broken, 0);
        kit_close(&client);
        kit_close(&end);
        server_close(&server);
}
END_TEST

/* Of another user, who is in the same group, as many are. */
static int connect_to_stranger(void *userdata)
{
        struct fixture_gate *gate = userdata;
        struct kit_port client = {0};
        hark_loop *loop = kit_new_loop();

        fixture_gate_wait(gate);
        ck_assert_int_eq(setresuid(STRANGER + 1, STRANGER + 1, STRANGER + 1), 0);
        kit_connect(loop, address("?uid=any"), &client);
        kit_wait(loop, &client.n_opened, 1);
        kit_close(&client);
        hark_loop_unref(loop);
        return 0;
}

START_TEST(a_client_and_a_server_of_two_users_meet)
{
        struct fixture_gate gate = fixture_gate_new();
        struct kit_port end = {0};
        struct server server;
        pid_t pid;

        need_root();
        pid = fixture_fork(connect_to_stranger, &gate);
        become_stranger();
        server_open(&server, "?mode=0622");
        fixture_gate_open(&gate);
        kit_accept(server.loop, &server.listener, &end);
        kit_wait(server.loop, &end.n_readable, 1); /* the end */
        ck_assert_int_eq(fixture_wait_exit(pid), 0);
        kit_close(&end);
        server_close(&server);
}
END_TEST

static int take_name(void *userdata)
{
        mqd_t fd;

        (void)userdata;
        become_stranger();
        fd = mq_open(name(""), O_RDWR | O_CREAT | O_EXCL, 0666, NULL);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fchmod(fd, 0666), 0);
        ck_assert_int_eq(hark_reader_show(fd), 0);
        for (;;)
                pause();
}

START_TEST(a_queue_that_a_stranger_has_made_is_neither_served_nor_trusted)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port client = {0};
        pid_t pid;

        need_root();
        pid = fixture_fork(take_name, NULL);
        while (kit_try_connect(loop, address(""), &client) != -EPERM)
                ;
        ck_assert_int_eq(kit_try_listen(loop, address(""), &listener), -EADDRINUSE);
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(fixture_wait_exit(pid), 128 + SIGKILL);
        /* Nor when it is stale. */
        ck_assert_int_eq(kit_try_listen(loop, address(""), &listener), -EADDRINUSE);
        ck_assert_int_eq(mq_unlink(name("")), 0);
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("mq", queues_go_with_who_reads_them, nobody_there_is_told_at_once,
             what_the_dead_have_left_is_adopted_and_cleared_away,
             what_is_served_cannot_be_served_again, a_death_is_seen_at_once,
             a_name_that_is_another_s_now_is_left_alone, what_is_urgent_is_read_first,
             what_is_read_at_the_end_of_one_is_told_to_the_others,
             who_hands_on_what_was_left_outlives_the_queue,
             what_is_not_taken_holds_up_its_sender_only, a_limit_that_is_in_the_way_is_named,
             a_queue_is_as_large_as_the_limit_allows,
             a_stranger_can_neither_read_nor_speak_for_another,
             a_client_and_a_server_of_two_users_meet,
             a_queue_that_a_stranger_has_made_is_neither_served_nor_trusted)
