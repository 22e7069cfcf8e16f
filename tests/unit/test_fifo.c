/* SPDX-License-Identifier: MIT */

/* Rendezvous by FIFO: what is left behind, who gets in between, and what is thrown away. */

#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port_kit.h"
#include "transport/fifo_place.h"
#include "transport/fifo_record.h"

#define STRANGER 65432 /* a user of no meaning */
#define NAME     "0123456789abcdef0123456789abcdef"

struct server {
        hark_loop *loop;
        struct kit_listener listener;
};

static const char *address(const char *options)
{
        static char text[200];

        (void)snprintf(text, sizeof(text), "fifo:%s%s", fixture_path("s"), options);
        return text;
}

/* A file of the server's directory. */
static const char *beside(const char *file)
{
        static char text[200];

        (void)snprintf(text, sizeof(text), "%s.d/%s", fixture_path("s"), file);
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

static unsigned count_files(void)
{
        DIR *listing = opendir(beside(""));
        const struct dirent *entry;
        unsigned n = 0;

        ck_assert_ptr_nonnull(listing);
        while ((entry = readdir(listing)))
                n += *entry->d_name != '.';
        closedir(listing);
        return n;
}

/* Somebody connects and is served, whatever went on before. */
static void expect_service(struct server *server)
{
        struct kit_port client = {0}, end = {0};

        kit_connect(server->loop, address(""), &client);
        kit_accept(server->loop, &server->listener, &end);
        kit_wait(server->loop, &client.n_opened, 1);
        kit_talk(server->loop, &client, &end);
        kit_close(&client);
        kit_close(&end);
}

/* --- what is left ----------------------------------------------------------------------------- */

START_TEST(what_is_open_has_no_name_any_more)
{
        struct kit_port client = {0}, end = {0};
        struct server server;

        server_open(&server, "");
        kit_connect(server.loop, address(""), &client);
        kit_accept(server.loop, &server.listener, &end);
        kit_wait(server.loop, &client.n_opened, 1);
        ck_assert_uint_eq(count_files(), 0);
        kit_close_listener(&server.listener);
        ck_assert_int_eq(access(fixture_path("s"), F_OK), -1);
        ck_assert_int_eq(access(beside(""), F_OK), -1);
        kit_talk(server.loop, &client, &end); /* what is connected stays so */
        kit_close(&client);
        kit_close(&end);
        hark_loop_unref(server.loop);
}
END_TEST

START_TEST(nobody_there_is_told_at_once)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0};

        ck_assert_int_eq(kit_try_connect(loop, address(""), &client), -ENOENT);
        ck_assert_int_eq(mkfifo(fixture_path("s"), 0600), 0);
        ck_assert_int_eq(kit_try_connect(loop, address(""), &client), -ECONNREFUSED);
        unlink(fixture_path("s"));
        close(open(fixture_path("s"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        ck_assert_int_eq(kit_try_connect(loop, address(""), &client), -ECONNREFUSED);
        unlink(fixture_path("s"));
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

START_TEST(what_a_dead_server_has_left_is_taken_over)
{
        struct server server;

        ck_assert_int_eq(fixture_wait_exit(fixture_fork(listen_and_die, NULL)), 128 + SIGKILL);
        ck_assert_int_eq(mkfifo(beside(NAME ".r"), 0600), 0);
        ck_assert_int_eq(mkfifo(beside(NAME ".w"), 0600), 0);
        server_open(&server, "");
        ck_assert_uint_eq(count_files(), 0);
        expect_service(&server);
        server_close(&server);
        ck_assert_int_eq(access(fixture_path("s"), F_OK), -1);
}
END_TEST

START_TEST(what_is_served_cannot_be_served_again)
{
        struct kit_listener again = {0};
        struct server server;

        server_open(&server, "");
        ck_assert_int_eq(kit_try_listen(server.loop, address(""), &again), -EADDRINUSE);
        expect_service(&server);
        server_close(&server);
}
END_TEST

START_TEST(what_is_no_fifo_is_never_replaced)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};

        close(open(fixture_path("s"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        ck_assert_int_eq(kit_try_listen(loop, address(""), &listener), -EADDRINUSE);
        unlink(fixture_path("s"));
        hark_loop_unref(loop);
}
END_TEST

/* --- clients that stop half-way --------------------------------------------------------------- */

static void write_to_server(const void *bytes, size_t size)
{
        int fd = open(fixture_path("s"), O_WRONLY | O_NONBLOCK | O_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, bytes, size), size);
        close(fd);
}

static void write_record(const char *name)
{
        uint8_t record[HARK_FIFO_RECORD];

        hark_fifo_record_encode(name, record);
        write_to_server(record, sizeof(record));
}

static int make_own(void)
{
        int directory = open(beside(""), O_PATH | O_DIRECTORY | O_CLOEXEC);
        int fd = hark_fifo_make(directory, NAME ".r", geteuid());

        ck_assert_int_ge(fd, 0);
        close(directory);
        return fd;
}

START_TEST(a_client_that_goes_before_it_is_answered_leaves_nothing)
{
        struct server server;

        server_open(&server, "");
        close(make_own());
        write_record(NAME);
        expect_service(&server);
        ck_assert_uint_eq(count_files(), 0);
        server_close(&server);
}
END_TEST

START_TEST(a_client_that_goes_with_the_welcome_leaves_nothing)
{
        struct kit_port end = {0};
        struct server server;
        int fd;

        server_open(&server, "");
        fd = make_own();
        write_record(NAME);
        kit_wait(server.loop, &server.listener.n_ports, 1);
        end.port = server.listener.ports[--server.listener.n_ports];
        kit_start(&end);
        ck_assert_uint_eq(count_files(), 2);
        close(fd);
        kit_wait(server.loop, &end.n_broken, 1);
        ck_assert_uint_eq(end.n_opened, 0);
        kit_close(&end);
        ck_assert_uint_eq(count_files(), 0);
        expect_service(&server);
        server_close(&server);
}
END_TEST

START_TEST(who_does_not_know_the_cookie_does_not_get_in)
{
        struct kit_port end = {0};
        struct server server;
        int own, other;

        server_open(&server, "");
        own = make_own();
        write_record(NAME);
        kit_wait(server.loop, &server.listener.n_ports, 1);
        end.port = server.listener.ports[--server.listener.n_ports];
        kit_start(&end);
        other = open(beside(NAME ".w"), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        ck_assert_int_eq(write(other, "sixteen letters!", 16), 16);
        kit_wait(server.loop, &end.n_broken, 1);
        ck_assert_int_eq(end.port->error, -EPROTO);
        close(own);
        close(other);
        kit_close(&end);
        ck_assert_uint_eq(count_files(), 0);
        server_close(&server);
}
END_TEST

START_TEST(a_client_that_is_let_go_of_half_way_leaves_nothing)
{
        struct kit_port client = {0};
        struct server server;

        server_open(&server, "");
        kit_connect(server.loop, address(""), &client);
        while (count_files() == 0)
                ck_assert_int_eq(hark_loop_process(server.loop, 0), 0);
        kit_close(&client);
        expect_service(&server);
        ck_assert_uint_eq(count_files(), 0);
        server_close(&server);
}
END_TEST

/* Before the client could even ask: there is no directory. */
START_TEST(a_server_that_goes_while_a_client_waits_for_its_directory_is_missed)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0};
        int fd;

        ck_assert_int_eq(mkfifo(fixture_path("s"), 0600), 0);
        fd = open(fixture_path("s"), O_RDWR | O_NONBLOCK | O_CLOEXEC);
        kit_connect(loop, address(""), &client);
        close(fd);
        kit_wait(loop, &client.n_broken, 1);
        ck_assert_int_eq(client.port->error, -ECONNRESET);
        kit_close(&client);
        unlink(fixture_path("s"));
        hark_loop_unref(loop);
}
END_TEST

/* It has taken the record, or not, and goes. */
START_TEST(a_server_that_goes_without_an_answer_is_missed_at_once)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0};
        uint8_t record[HARK_FIFO_RECORD];
        char directory[200];
        int fd;

        (void)snprintf(directory, sizeof(directory), "%s.d", fixture_path("s"));
        ck_assert_int_eq(mkdir(directory, 0700), 0);
        ck_assert_int_eq(mkfifo(fixture_path("s"), 0600), 0);
        fd = open(fixture_path("s"), O_RDWR | O_NONBLOCK | O_CLOEXEC);
        kit_connect(loop, address(""), &client);
        while (read(fd, record, sizeof(record)) != sizeof(record))
                ck_assert_int_eq(hark_loop_process(loop, 0), 0);
        close(fd);
        kit_wait(loop, &client.n_broken, 1);
        ck_assert_int_eq(client.port->error, -ECONNRESET);
        kit_close(&client);
        ck_assert_int_eq(rmdir(directory), 0); /* it has taken its own away */
        unlink(fixture_path("s"));
        hark_loop_unref(loop);
}
END_TEST

/* --- what is no record ------------------------------------------------------------------------ */

START_TEST(what_is_no_record_is_passed_over)
{
        uint8_t bytes[HARK_FIFO_RECORD];
        struct server server;

        server_open(&server, "");
        write_to_server("garbage", 7);
        memset(bytes, 0xC4, sizeof(bytes));
        write_to_server(bytes, sizeof(bytes));
        hark_fifo_record_encode(NAME, bytes);
        bytes[100] ^= 1;
        write_to_server(bytes, sizeof(bytes));
        hark_fifo_record_encode("../../../../../../../../etc/passw", bytes);
        write_to_server(bytes, sizeof(bytes));
        write_record(NAME); /* of which there is no FIFO */
        expect_service(&server);
        server_close(&server);
}
END_TEST

START_TEST(a_record_of_which_a_byte_was_changed_is_none)
{
        for (size_t i = 0; i < HARK_FIFO_RECORD; i++) {
                struct hark_fifo_records records = {.end = HARK_FIFO_RECORD};
                char name[HARK_FIFO_NAME + 1];

                hark_fifo_record_encode(NAME, records.bytes);
                records.bytes[i] ^= 1;
                ck_assert(!hark_fifo_records_take(&records, name));
        }
}
END_TEST

START_TEST(a_record_is_read_back_however_it_is_cut)
{
        uint8_t bytes[3 + 2 * HARK_FIFO_RECORD] = "\xC4h";
        char name[HARK_FIFO_NAME + 1];

        hark_fifo_record_encode(NAME, bytes + 3);
        hark_fifo_record_encode(NAME, bytes + 3 + HARK_FIFO_RECORD);
        for (size_t cut = 0; cut < sizeof(bytes); cut++) {
                struct hark_fifo_records records = {.begin = 0};
                unsigned n = 0;

                for (size_t part = 0; part < 2; part++) {
                        size_t at = part == 0 ? 0 : cut;
                        size_t n_bytes = part == 0 ? cut : sizeof(bytes) - cut, room;
                        uint8_t *place = hark_fifo_records_room(&records, &room);

                        ck_assert_uint_ge(room, n_bytes);
                        memcpy(place, bytes + at, n_bytes);
                        records.end += n_bytes;
                        for (; hark_fifo_records_take(&records, name); n++)
                                ck_assert_str_eq(name, NAME);
                }
                ck_assert_uint_eq(n, 2);
        }
}
END_TEST

/* --- somebody else ---------------------------------------------------------------------------- */

static void need_root(void)
{
        if (geteuid() != 0)
                fixture_skip("only root can become another user");
        ck_assert_int_eq(chmod(fixture_dir(), 0777), 0);
}

static void become_stranger(void)
{
        ck_assert_int_eq(setresuid(STRANGER, STRANGER, STRANGER), 0);
}

/* While a client is half-way, and after. */
static int try_all(void *userdata)
{
        (void)userdata;
        become_stranger();
        ck_assert_ptr_null(opendir(beside("")));
        ck_assert_int_eq(open(beside(NAME ".r"), O_RDONLY | O_NONBLOCK), -1);
        ck_assert_int_eq(open(beside(NAME ".w"), O_RDONLY | O_NONBLOCK), -1);
        ck_assert_int_eq(open(fixture_path("s"), O_RDONLY | O_NONBLOCK), -1);
        ck_assert_int_eq(unlink(beside(NAME ".r")), -1);
        ck_assert_int_eq(unlink(beside(NAME ".w")), -1);
        write_to_server("garbage", 7);
        write_record(NAME);
        return 0;
}

START_TEST(a_stranger_sees_nothing_and_gets_nowhere)
{
        struct kit_port end = {0};
        struct server server;
        int own;

        need_root();
        server_open(&server, "?mode=0622");
        own = make_own();
        write_record(NAME);
        kit_wait(server.loop, &server.listener.n_ports, 1);
        end.port = server.listener.ports[--server.listener.n_ports];
        kit_start(&end);
        ck_assert_int_eq(fixture_wait_exit(fixture_fork(try_all, NULL)), 0);
        expect_service(&server);
        ck_assert_uint_eq(end.n_broken, 0);
        close(own);
        kit_close(&end);
        server_close(&server);
}
END_TEST

static int visit(void *userdata)
{
        struct kit_port client = {0};
        hark_loop *loop = kit_new_loop();
        int expected = *(int *)userdata;

        become_stranger();
        ck_assert_int_eq(kit_try_connect(loop, address(""), &client), expected);
        if (expected == 0) {
                kit_start(&client);
                kit_wait(loop, &client.n_opened, 1);
                kit_expect(loop, &client, "hello", 5);
                kit_close(&client);
        }
        hark_loop_unref(loop);
        return 0;
}

START_TEST(a_stranger_is_let_in_where_the_mode_says_so)
{
        struct hark_credentials who;
        struct kit_port end = {0};
        struct server server;
        int expected = -EACCES;
        pid_t pid;

        need_root();
        server_open(&server, "");
        ck_assert_int_eq(fixture_wait_exit(fixture_fork(visit, &expected)), 0);
        server_close(&server);
        server_open(&server, "?mode=0622");
        expected = 0;
        pid = fixture_fork(visit, &expected);
        kit_accept(server.loop, &server.listener, &end);
        hark_credentials_init(&who);
        end.port->transport->identify(end.port, &who);
        ck_assert_uint_eq(who.uid, STRANGER);
        ck_assert_int_eq(who.pid, pid);
        ck_assert_int_ge(who.pidfd, 0);
        close(who.pidfd);
        ck_assert_int_eq(kit_send(&end, "hello", 5), 5);
        ck_assert_int_eq(fixture_wait_exit(pid), 0);
        kit_close(&end);
        server_close(&server);
}
END_TEST

/* A stranger puts something else where the server is to write. */
static int put_links(void *userdata)
{
        (void)userdata;
        become_stranger();
        ck_assert_int_eq(symlink(fixture_path("other"), beside(NAME ".r")), 0);
        write_record(NAME);
        return 0;
}

START_TEST(a_link_in_place_of_a_fifo_is_not_written_to)
{
        struct server server;
        int other;

        need_root();
        server_open(&server, "?mode=0622");
        ck_assert_int_eq(mkfifo(fixture_path("other"), 0600), 0);
        other = open(fixture_path("other"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        ck_assert_int_eq(fixture_wait_exit(fixture_fork(put_links, NULL)), 0);
        expect_service(&server);
        ck_assert_uint_eq(count_files(), 0); /* it is thrown away */
        ck_assert_int_eq(link(fixture_path("other"), beside(NAME ".r")), 0);
        write_record(NAME);
        expect_service(&server);
        ck_assert_int_eq(read(other, (char[1]){0}, 1), 0); /* nobody has written, or does */
        close(other);
        unlink(fixture_path("other"));
        server_close(&server);
}
END_TEST

static int take_directory(void *userdata)
{
        char text[200];

        (void)userdata;
        become_stranger();
        (void)snprintf(text, sizeof(text), "%s.d", fixture_path("s"));
        return mkdir(text, 0777) == 0 ? 0 : 1;
}

START_TEST(a_directory_of_a_stranger_is_not_used)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};

        need_root();
        ck_assert_int_eq(fixture_wait_exit(fixture_fork(take_directory, NULL)), 0);
        ck_assert_int_eq(kit_try_listen(loop, address(""), &listener), -EPERM);
        ck_assert_int_eq(access(fixture_path("s"), F_OK), -1);
        ck_assert_int_eq(rmdir(beside("")), 0);
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("fifo", what_is_open_has_no_name_any_more, nobody_there_is_told_at_once,
             what_a_dead_server_has_left_is_taken_over, what_is_served_cannot_be_served_again,
             what_is_no_fifo_is_never_replaced,
             a_client_that_goes_before_it_is_answered_leaves_nothing,
             a_client_that_goes_with_the_welcome_leaves_nothing,
             who_does_not_know_the_cookie_does_not_get_in,
             a_client_that_is_let_go_of_half_way_leaves_nothing,
             a_server_that_goes_while_a_client_waits_for_its_directory_is_missed,
             a_server_that_goes_without_an_answer_is_missed_at_once,
             what_is_no_record_is_passed_over, a_record_of_which_a_byte_was_changed_is_none,
             a_record_is_read_back_however_it_is_cut, a_stranger_sees_nothing_and_gets_nowhere,
             a_stranger_is_let_in_where_the_mode_says_so,
             a_link_in_place_of_a_fifo_is_not_written_to, a_directory_of_a_stranger_is_not_used)
