/* SPDX-License-Identifier: MIT */

/* Memory and descriptors run out under each transport: what fails leaves nothing behind, and what
 * is tried again succeeds. */

#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "faults.h"
#include "port_kit.h"

enum {
        UNIX_PATH,
        UNIX_NAME,
        TCP,
        GROUP,
        PIPE,
        EXEC,
        N_KINDS
};

/* One try: an address, and where the transport wants them, descriptors of its own. */
struct attempt {
        hark_loop *loop;
        char text[200];
        int far_ends[2]; /* of pipes; -1 */
};

static void prepare(struct attempt *attempt, int kind)
{
        int there[2], back[2];

        attempt->far_ends[0] = attempt->far_ends[1] = -1;
        switch (kind) {
        case UNIX_PATH:
                (void)snprintf(attempt->text, sizeof(attempt->text), "unix:%s?mode=0600",
                               fixture_path("s"));
                break;
        case UNIX_NAME:
                (void)snprintf(attempt->text, sizeof(attempt->text), "unix:@%s", fixture_name("s"));
                break;
        case TCP:
                (void)snprintf(attempt->text, sizeof(attempt->text), "tcp:127.0.0.1:0");
                break;
        case GROUP:
                (void)snprintf(attempt->text, sizeof(attempt->text), "udp:239.255.0.1:%u",
                               20000 + (unsigned)getpid() % 10000);
                break;
        case PIPE:
                ck_assert_int_eq(pipe2(there, O_CLOEXEC), 0);
                ck_assert_int_eq(pipe2(back, O_CLOEXEC), 0);
                (void)snprintf(attempt->text, sizeof(attempt->text), "pipe:%d,%d", back[0],
                               there[1]);
                attempt->far_ends[0] = there[0];
                attempt->far_ends[1] = back[1];
                break;
        default:
                (void)snprintf(attempt->text, sizeof(attempt->text), "exec:cat");
                break;
        }
}

static int parse(const struct attempt *attempt, struct hark_address **ret_address)
{
        return hark_address_parse(attempt->text, ret_address, NULL, 0);
}

/* Nothing is asserted while something is to fail: check's own memory would. */
#define HALF_DONE (-EBADMSG)

/* Listens and stops. */
static int try_listen(struct attempt *attempt)
{
        struct hark_address *address;
        struct hark_listener *listener = NULL;
        int r = parse(attempt, &address);

        if (r < 0)
                return r;
        r = address->transport->listen(attempt->loop, address, &listener);
        hark_address_free(address);
        if ((r == 0) != (listener != NULL))
                r = HALF_DONE;
        hark_listener_close(listener);
        return r;
}

/* Connects, starts, and closes. */
static int try_connect(struct attempt *attempt)
{
        struct hark_address *address;
        struct kit_port end = {0};
        int r = parse(attempt, &address);

        if (r < 0)
                return r;
        r = address->transport->connect(attempt->loop, address, &end.port);
        hark_address_free(address);
        if ((r == 0) != (end.port != NULL))
                r = HALF_DONE;
        if (r == 0)
                r = hark_port_start(end.port, kit_on_event, &end);
        hark_port_close(end.port);
        return r;
}

/* What the address handed over, if it was not taken. */
static void tidy(struct attempt *attempt, int result)
{
        int read_fd, write_fd;

        if (attempt->far_ends[0] < 0)
                return;
        close(attempt->far_ends[0]);
        close(attempt->far_ends[1]);
        if (result == 0 || sscanf(attempt->text, "pipe:%d,%d", &read_fd, &write_fd) != 2)
                return;
        close(read_fd); /* or it was taken before the failure, which is as good */
        close(write_fd);
}

typedef int try_fn(struct attempt *attempt);

static int count_files(void)
{
        DIR *directory = opendir(fixture_dir());
        int n = 0;

        while (readdir(directory))
                n++;
        closedir(directory);
        return n - 2;
}

static void check_without_memory(try_fn *try, int kind)
{
        struct attempt attempt = {.loop = kit_new_loop()};

        FAULTS_FOR_EACH(n)
        {
                int r;

                (void)faults_stop();
                prepare(&attempt, kind);
                faults_start(n);
                r = try(&attempt);
                if (!faults_stop()) {
                        ck_assert_int_eq(r, 0);
                        tidy(&attempt, r);
                        break;
                }
                ck_assert_msg(r == -ENOMEM || r == -ENOSPC, "%s: %d", attempt.text, r);
                ck_assert_int_eq(count_files(), 0);
                tidy(&attempt, r);
        }
        hark_loop_unref(attempt.loop);
}

/* Lets so many descriptors more be opened. */
static void set_room(unsigned n_rooms, struct rlimit *limit)
{
        struct rlimit few;
        int lowest = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

        ck_assert_int_ge(lowest, 0);
        close(lowest);
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, limit), 0);
        few = *limit;
        few.rlim_cur = (rlim_t)lowest + n_rooms;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
}

static void check_without_descriptors(try_fn *try, int kind)
{
        struct attempt attempt = {.loop = kit_new_loop()};
        int r = -EMFILE;

        for (unsigned n_rooms = 0; r != 0; n_rooms++) {
                struct rlimit limit;

                prepare(&attempt, kind);
                set_room(n_rooms, &limit);
                r = try(&attempt);
                ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
                ck_assert_msg(r == 0 || r == -EMFILE, "%s: %d", attempt.text, r);
                ck_assert_int_eq(count_files(), 0);
                tidy(&attempt, r);
        }
        hark_loop_unref(attempt.loop);
}

START_TEST(listening_without_memory_fails_cleanly)
{
        for (int kind = UNIX_PATH; kind <= PIPE; kind++)
                check_without_memory(try_listen, kind);
}
END_TEST

START_TEST(listening_without_descriptors_fails_cleanly)
{
        for (int kind = UNIX_PATH; kind <= PIPE; kind++)
                check_without_descriptors(try_listen, kind);
}
END_TEST

START_TEST(connecting_without_memory_fails_cleanly)
{
        check_without_memory(try_connect, GROUP);
        check_without_memory(try_connect, PIPE);
        check_without_memory(try_connect, EXEC);
}
END_TEST

START_TEST(connecting_without_descriptors_fails_cleanly)
{
        check_without_descriptors(try_connect, GROUP);
        check_without_descriptors(try_connect, PIPE);
        check_without_descriptors(try_connect, EXEC);
}
END_TEST

/* The same where there must be a server. */
static void check_connecting_to(const char *listening, void (*check)(struct attempt *attempt))
{
        struct attempt attempt = {.loop = kit_new_loop()};
        struct kit_listener listener = {0};

        kit_listen(attempt.loop, listening, &listener);
        (void)snprintf(attempt.text, sizeof(attempt.text), "%s", listener.listener->address);
        check(&attempt);
        kit_process_what_shows(attempt.loop);
        if (listener.n_ports > 8)
                listener.n_ports = 8; /* those that were kept */
        kit_close_listener(&listener);
        hark_loop_unref(attempt.loop);
}

static void connect_without_memory(struct attempt *attempt)
{
        FAULTS_FOR_EACH(n)
        {
                int r = try_connect(attempt);

                if (!faults_stop()) {
                        ck_assert_int_eq(r, 0);
                        break;
                }
                ck_assert_msg(r == -ENOMEM || r == -ENOSPC, "%s: %d", attempt->text, r);
        }
}

static void connect_without_descriptors(struct attempt *attempt)
{
        int r = -EMFILE;

        for (unsigned n_rooms = 0; r != 0; n_rooms++) {
                struct rlimit limit;

                set_room(n_rooms, &limit);
                r = try_connect(attempt);
                ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
                ck_assert_msg(r == 0 || r == -EMFILE, "%s: %d", attempt->text, r);
        }
}

START_TEST(connecting_to_a_server_fails_cleanly)
{
        char name[200];

        (void)snprintf(name, sizeof(name), "unix:@%s", fixture_name("s"));
        check_connecting_to(name, connect_without_memory);
        check_connecting_to(name, connect_without_descriptors);
        check_connecting_to("tcp:127.0.0.1:0", connect_without_memory);
        check_connecting_to("tcp:127.0.0.1:0", connect_without_descriptors);
}
END_TEST

START_TEST(who_comes_while_there_is_no_memory_is_shown_out_and_the_next_gets_in)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port client = {0};
        char address[200];

        (void)snprintf(address, sizeof(address), "unix:@%s", fixture_name("s"));
        kit_listen(loop, address, &listener);
        kit_connect(loop, address, &client);
        ck_assert(kit_is_readable_within(loop, KIT_PATIENCE_MS));
        faults_start(0);
        (void)hark_loop_process(loop, 0);
        ck_assert(faults_stop());
        kit_expect_end(loop, &client, 0);
        kit_close(&client);
        kit_connect(loop, address, &client);
        kit_wait(loop, &listener.n_ports, 1);
        kit_close(&client);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("transport_faults", listening_without_memory_fails_cleanly,
             listening_without_descriptors_fails_cleanly, connecting_without_memory_fails_cleanly,
             connecting_without_descriptors_fails_cleanly, connecting_to_a_server_fails_cleanly,
             who_comes_while_there_is_no_memory_is_shown_out_and_the_next_gets_in)
