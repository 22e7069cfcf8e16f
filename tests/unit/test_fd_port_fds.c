/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "port_kit.h"

static const char *address(void)
{
        static char text[64];

        (void)snprintf(text, sizeof(text), "unix:@%s", fixture_name("stream"));
        return text;
}

/* The other end of the port's socket as a plain descriptor, to do what no port does. */
static int connect_plainly(hark_loop *loop, struct kit_port *server)
{
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        struct kit_listener listener = {0};
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                                     strlen(fixture_name("stream")));

        (void)snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "%s", fixture_name("stream"));
        kit_listen(loop, address(), &listener);
        ck_assert_int_eq(connect(fd, (struct sockaddr *)&name, size), 0);
        kit_accept(loop, &listener, server);
        kit_close_listener(&listener);
        return fd;
}

#define N_FILES 8

/* Files that can be told apart after they were passed. */
struct files {
        int fds[N_FILES];
        ino_t inodes[N_FILES];
};

static void open_files(struct files *files)
{
        for (unsigned i = 0; i < N_FILES; i++) {
                int pair[2];
                struct stat status;

                ck_assert_int_eq(pipe(pair), 0);
                close(pair[1]);
                files->fds[i] = pair[0];
                ck_assert_int_eq(fstat(pair[0], &status), 0);
                files->inodes[i] = status.st_ino;
        }
}

static void close_files(struct files *files)
{
        for (unsigned i = 0; i < N_FILES; i++)
                close(files->fds[i]);
}

static void check_file(int fd, ino_t inode)
{
        struct stat status;

        ck_assert_int_eq(fstat(fd, &status), 0);
        ck_assert_uint_eq(status.st_ino, inode);
        ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        close(fd);
}

/* A long conversation of random frames, to be sent and received in random pieces. */
#define N_FRAMES   3000
#define FRAME_SIZE 5000

struct talk {
        struct files files;
        unsigned seed;
        struct {
                size_t begin; /* in the stream */
                unsigned n_fds, first_fd;
        } frames[N_FRAMES + 1];
        unsigned n_sent_frames; /* whole ones */
        size_t n_sent, n_received;
        unsigned next_frame; /* the first of which no byte was received */
        unsigned n_fds_due;  /* of all frames before it */
        unsigned n_fds_received;
};

static unsigned random_below(struct talk *talk, unsigned limit)
{
        talk->seed = talk->seed * 1103515245u + 12345u;
        return (talk->seed >> 16) % limit;
}

static void plan_talk(struct talk *talk)
{
        unsigned n_fds = 0;
        size_t begin = 0;

        for (unsigned i = 0; i <= N_FRAMES; i++) {
                talk->frames[i].begin = begin;
                talk->frames[i].first_fd = n_fds;
                if (random_below(talk, 3) == 0)
                        talk->frames[i].n_fds = random_below(talk, 5);
                n_fds += talk->frames[i].n_fds;
                begin += 1 + random_below(talk, random_below(talk, 10) == 0 ? FRAME_SIZE : 50);
        }
}

static void make_frame(struct talk *talk, unsigned number, struct hark_out_frame *frame, int *fds)
{
        static const uint8_t zeros[FRAME_SIZE];
        size_t begin = talk->frames[number].begin;
        size_t size = talk->frames[number + 1].begin - begin;
        size_t skip = talk->n_sent > begin ? talk->n_sent - begin : 0;

        *frame = (struct hark_out_frame){
                .iov = {{(void *)(uintptr_t)zeros, size - skip}}, .n_iov = 1, .size = size - skip};
        if (skip > 0)
                return;
        frame->fds = fds;
        frame->n_fds = talk->frames[number].n_fds;
        for (unsigned i = 0; i < frame->n_fds; i++)
                fds[i] = talk->files.fds[(talk->frames[number].first_fd + i) % N_FILES];
}

static void send_some(struct talk *talk, struct kit_port *end)
{
        struct hark_out_frame frames[HARK_SEND_FRAMES];
        int fds[HARK_SEND_FRAMES][N_FILES];
        unsigned n = 1 + random_below(talk, HARK_SEND_FRAMES);
        ssize_t sent;

        if (n > N_FRAMES - talk->n_sent_frames)
                n = N_FRAMES - talk->n_sent_frames;
        for (unsigned i = 0; i < n; i++)
                make_frame(talk, talk->n_sent_frames + i, &frames[i], fds[i]);
        if (n == 0)
                return;
        sent = end->port->transport->send(end->port, frames, n);
        if (sent == -EAGAIN)
                return;
        ck_assert_int_gt(sent, 0);
        talk->n_sent += (size_t)sent;
        while (talk->n_sent_frames < N_FRAMES &&
               talk->n_sent >= talk->frames[talk->n_sent_frames + 1].begin)
                talk->n_sent_frames++;
}

/* The fds of each frame have come, in order, when its first byte has. */
static void receive_some(struct talk *talk, struct kit_port *end)
{
        struct hark_in_fds fds = {.n_fds = 0};
        char bytes[2 * FRAME_SIZE];
        ssize_t n = kit_receive(end, bytes, 1 + random_below(talk, sizeof(bytes) - 1), &fds);

        if (n == -EAGAIN)
                return;
        ck_assert_int_gt(n, 0);
        ck_assert(!fds.is_truncated);
        for (unsigned i = 0; i < fds.n_fds; i++)
                check_file(fds.fds[i], talk->files.inodes[talk->n_fds_received++ % N_FILES]);
        talk->n_received += (size_t)n;
        for (;
             talk->next_frame < N_FRAMES && talk->frames[talk->next_frame].begin < talk->n_received;
             talk->next_frame++)
                talk->n_fds_due += talk->frames[talk->next_frame].n_fds;
        ck_assert_uint_ge(talk->n_fds_received, talk->n_fds_due);
}

static void run_talk(unsigned seed)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0}, server = {0};
        struct talk *talk = calloc(1, sizeof(*talk));

        talk->seed = seed;
        open_files(&talk->files);
        plan_talk(talk);
        kit_pair(loop, address(), &client, &server);
        while (talk->n_received < talk->frames[N_FRAMES].begin) {
                for (unsigned i = random_below(talk, 10); i > 0; i--)
                        send_some(talk, &client);
                for (unsigned i = random_below(talk, 40); i > 0; i--)
                        receive_some(talk, &server);
        }
        ck_assert_uint_eq(talk->n_fds_received, talk->frames[N_FRAMES].first_fd);
        kit_close(&client);
        kit_close(&server);
        close_files(&talk->files);
        free(talk);
        hark_loop_unref(loop);
}

START_TEST(fds_come_no_later_than_the_first_byte_of_their_frame)
{
        for (unsigned seed = 0; seed < 10; seed++)
                run_talk(seed);
}
END_TEST

/* As many fds as asked for go with one byte, from somebody who is no port. */
static void send_fds_plainly(int socket_fd, unsigned n)
{
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(253 * sizeof(int))];
        } control = {.header = {.cmsg_len = CMSG_LEN(n * sizeof(int)),
                                .cmsg_level = SOL_SOCKET,
                                .cmsg_type = SCM_RIGHTS}};
        struct iovec iov = {"x", 1};
        struct msghdr message = {.msg_iov = &iov,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = CMSG_SPACE(n * sizeof(int))};

        for (unsigned i = 0; i < n; i++)
                memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &(int){STDERR_FILENO},
                       sizeof(int));
        ck_assert_int_eq(sendmsg(socket_fd, &message, 0), 1);
}

static void close_received(struct hark_in_fds *fds)
{
        for (unsigned i = 0; i < fds->n_fds; i++)
                close(fds->fds[i]);
}

START_TEST(as_many_fds_as_a_frame_may_have_come_and_more_are_missed)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port server = {0};
        int fd = connect_plainly(loop, &server);
        const unsigned ns[] = {HARK_PORT_FDS, HARK_PORT_FDS + 1, 253};

        for (size_t i = 0; i < 3; i++) {
                struct hark_in_fds fds = {.n_fds = 0};
                char byte;

                send_fds_plainly(fd, ns[i]);
                ck_assert_int_eq(kit_receive(&server, &byte, 1, &fds), 1);
                ck_assert_uint_eq(fds.n_fds, HARK_PORT_FDS);
                ck_assert(fds.is_truncated == (i > 0));
                close_received(&fds);
        }
        close(fd);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(fds_beyond_those_that_were_not_taken_yet_are_missed_and_closed)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port server = {0};
        int fd = connect_plainly(loop, &server);
        struct hark_in_fds fds = {.n_fds = 0};
        char byte;

        send_fds_plainly(fd, HARK_PORT_FDS - 1);
        send_fds_plainly(fd, 2);
        ck_assert_int_eq(kit_receive(&server, &byte, 1, &fds), 1);
        ck_assert(!fds.is_truncated);
        ck_assert_int_eq(kit_receive(&server, &byte, 1, &fds), 1);
        ck_assert_uint_eq(fds.n_fds, HARK_PORT_FDS);
        ck_assert(fds.is_truncated);
        close_received(&fds);
        close(fd);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

/* Five come, and there is room for fewer. */
static void receive_into(struct kit_port *server, int highest_fd, unsigned n_rooms)
{
        struct hark_in_fds fds = {.n_fds = 0};
        struct rlimit limit, few;
        char byte;

        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        few = limit;
        few.rlim_cur = (rlim_t)highest_fd + 1 + n_rooms;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
        ck_assert_int_eq(kit_receive(server, &byte, 1, &fds), 1);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        ck_assert(fds.is_truncated);
        ck_assert_uint_eq(fds.n_fds, n_rooms);
        close_received(&fds);
}

START_TEST(fds_for_which_there_is_no_room_in_the_process_are_missed)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port server = {0};
        int fd = connect_plainly(loop, &server);
        int copies[50]; /* so that there is no hole below the last of them */

        for (unsigned i = 0; i < 50; i++)
                copies[i] = dup(fd);
        for (unsigned n_rooms = 0; n_rooms < 3; n_rooms++) {
                send_fds_plainly(fd, 5);
                receive_into(&server, copies[49], n_rooms);
        }
        for (unsigned i = 0; i < 50; i++)
                close(copies[i]);
        close(fd);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

/* What the user may have in flight depends on its limit of open files, unless it is privileged. */
static int send_too_many_fds(void *userdata)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0}, server = {0};
        struct hark_in_fds fds = {.n_fds = 0};
        int stderrs[HARK_PORT_FDS];
        struct hark_out_frame frame = {.iov = {{"x", 1}}, .n_iov = 1, .size = 1, .fds = stderrs};
        struct rlimit limit = {64, 64};
        char byte;

        (void)userdata;
        ck_assert_int_eq(setresuid(65432, 65432, 65432), 0);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        for (unsigned i = 0; i < HARK_PORT_FDS; i++)
                stderrs[i] = STDERR_FILENO;
        kit_pair(loop, address(), &client, &server);
        server.port->transport->want(server.port, 0);
        frame.n_fds = 40;
        for (ssize_t n = 1; n == 1;) {
                n = client.port->transport->send(client.port, &frame, 1);
                ck_assert(n == 1 || n == -EAGAIN);
        }
        /* The socket itself has room: that it is tried for again must not make the loop spin. */
        client.port->transport->want(client.port, HARK_PORT_READABLE | HARK_PORT_WRITABLE);
        for (unsigned i = 0; i < 5; i++) {
                kit_process_what_shows(loop);
                kit_wait(loop, &client.n_writable, i + 1);
                ck_assert_int_eq(client.port->transport->send(client.port, &frame, 1), -EAGAIN);
        }
        while (kit_receive(&server, &byte, 1, &fds) == 1) {
                close_received(&fds);
                fds.n_fds = 0;
        }
        kit_wait(loop, &client.n_writable, 6);
        ck_assert_int_eq(client.port->transport->send(client.port, &frame, 1), 1);
        kit_close(&client);
        kit_close(&server);
        hark_loop_unref(loop);
        return 0;
}

START_TEST(too_many_fds_in_flight_wait_and_do_not_break_the_connection)
{
        if (geteuid() != 0)
                fixture_skip("only root can become a user that has no other fds in flight");
        ck_assert_int_eq(fixture_wait_exit(fixture_fork(send_too_many_fds, NULL)), 0);
}
END_TEST

/* Sends one byte with so many fds. */
static ssize_t send_with_fds(struct kit_port *end, unsigned n_fds)
{
        int stderrs[HARK_PORT_FDS];
        struct hark_out_frame frame = {
                .iov = {{"x", 1}}, .n_iov = 1, .size = 1, .fds = stderrs, .n_fds = n_fds};

        for (unsigned i = 0; i < HARK_PORT_FDS; i++)
                stderrs[i] = STDERR_FILENO;
        return end->port->transport->send(end->port, &frame, 1);
}

static void read_all(struct kit_port *end)
{
        struct hark_in_fds fds = {.n_fds = 0};
        char byte;

        while (kit_receive(end, &byte, 1, &fds) == 1) {
                close_received(&fds);
                fds.n_fds = 0;
        }
}

START_TEST(of_one_connection_only_some_fds_are_unread)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0}, server = {0}, other_client = {0}, other_server = {0};

        kit_pair(loop, address(), &client, &server);
        server.port->transport->want(server.port, 0);
        for (unsigned i = 0; i < 32; i++)
                ck_assert_int_eq(send_with_fds(&client, 1), 1);
        ck_assert_int_eq(send_with_fds(&client, 1), -EAGAIN);
        /* What has none is not held up by that, and neither is another connection. */
        ck_assert_int_eq(send_with_fds(&client, 0), 1);
        kit_pair(loop, address(), &other_client, &other_server);
        ck_assert_int_eq(send_with_fds(&other_client, 16), 1);
        client.port->transport->want(client.port, HARK_PORT_WRITABLE);
        kit_wait(loop, &client.n_writable, 1);
        ck_assert_int_eq(send_with_fds(&client, 1), -EAGAIN);
        read_all(&server);
        kit_wait(loop, &client.n_writable, 2);
        ck_assert_int_eq(send_with_fds(&client, 32), 1);
        ck_assert_int_eq(send_with_fds(&client, 1), -EAGAIN);
        kit_close(&client);
        kit_close(&server);
        kit_close(&other_client);
        kit_close(&other_server);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(as_many_fds_as_a_message_has_may_be_unread)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0}, server = {0};

        kit_pair(loop, address(), &client, &server);
        for (unsigned i = 0; i < 3; i++) {
                ck_assert_int_eq(send_with_fds(&client, HARK_PORT_FDS), 1);
                ck_assert_int_eq(send_with_fds(&client, 1), -EAGAIN);
                read_all(&server);
        }
        ck_assert_int_eq(send_with_fds(&client, 32), 1);
        ck_assert_int_eq(send_with_fds(&client, HARK_PORT_FDS), -EAGAIN);
        kit_close(&client);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("stream_fds", fds_come_no_later_than_the_first_byte_of_their_frame,
             as_many_fds_as_a_frame_may_have_come_and_more_are_missed,
             fds_beyond_those_that_were_not_taken_yet_are_missed_and_closed,
             fds_for_which_there_is_no_room_in_the_process_are_missed,
             too_many_fds_in_flight_wait_and_do_not_break_the_connection,
             of_one_connection_only_some_fds_are_unread, as_many_fds_as_a_message_has_may_be_unread)
