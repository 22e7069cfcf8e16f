/* SPDX-License-Identifier: MIT */

/* What ends a wait besides its answer, and waits without a loop, a connection or room. The service
 * is apart. */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

#include "record.h"
#include "tests.h"

#define SOON_MS 20

static hark_loop *loop_to_stop;

static void stop_by_signal(int signo)
{
        (void)signo;
        hark_loop_stop(loop_to_stop);
}

static void *stop_by_thread(void *userdata)
{
        hark_loop_stop(userdata);
        return NULL;
}

static void ring_soon(void)
{
        struct itimerval soon = {.it_value = {.tv_usec = SOON_MS * 1000}};

        ck_assert_int_eq(setitimer(ITIMER_REAL, &soon, NULL), 0);
}

START_TEST(a_stop_ends_a_wait)
{
        pthread_t thread;
        struct rig rig;

        rig_start_apart(&rig, NULL, NULL);
        hark_loop_stop(rig.loop);
        kit_assert_result(hark_call(rig.client, "keep", HARK_NOTHING, 60000, NULL), -ECANCELED);
        ck_assert_str_eq(rig_ask(&rig, "echo", "x"), "x");
        ck_assert_int_eq(pthread_create(&thread, NULL, stop_by_thread, rig.loop), 0);
        kit_assert_result(hark_call(rig.client, "keep", HARK_NOTHING, 60000, NULL), -ECANCELED);
        pthread_join(thread, NULL);
        loop_to_stop = rig.loop;
        signal(SIGALRM, stop_by_signal);
        ring_soon();
        kit_assert_result(hark_call(rig.client, "keep", HARK_NOTHING, 60000, NULL), -ECANCELED);
        rig_ask(&rig, "let_go", "%s", "");
        rig_end(&rig);
}
END_TEST

static void count_signal(int signo, void *userdata)
{
        ck_assert_int_eq(signo, SIGALRM);
        ++*(unsigned *)userdata;
}

START_TEST(a_signal_that_the_loop_takes_ends_a_wait)
{
        struct rig rig;
        unsigned n = 0;

        rig_start_apart(&rig, NULL, NULL);
        kit_assert_good(hark_loop_add_signal(rig.loop, SIGALRM, count_signal, &n, NULL));
        ring_soon();
        kit_assert_result(hark_call(rig.client, "keep", HARK_NOTHING, 60000, NULL), -ECANCELED);
        ck_assert_uint_eq(n, 0);
        /* It is pending until its callback has run, and ends every wait that lasts. */
        kit_assert_result(hark_call(rig.client, "keep", HARK_NOTHING, 60000, NULL), -ECANCELED);
        kit_until(rig.loop, n == 1);
        ck_assert_str_eq(rig_ask(&rig, "echo", "x"), "x");
        rig_ask(&rig, "let_go", "%s", "");
        rig_end(&rig);
}
END_TEST

static volatile sig_atomic_t n_ignored;

static void ignore(int signo)
{
        (void)signo;
        n_ignored++;
}

START_TEST(a_signal_of_somebody_else_does_not)
{
        struct sigaction action = {.sa_handler = ignore};
        struct rig rig;

        rig_start_apart(&rig, NULL, NULL);
        sigaction(SIGALRM, &action, NULL);
        ring_soon();
        kit_assert_result(hark_call(rig.client, "keep", HARK_NOTHING, 3 * SOON_MS, NULL),
                          -ETIMEDOUT);
        ck_assert_int_eq(n_ignored, 1);
        rig_ask(&rig, "let_go", "%s", "");
        rig_end(&rig);
}
END_TEST

/* --- a client by itself ----------------------------------------------------------------------- */

START_TEST(a_client_without_a_loop_waits_on_its_own)
{
        struct record record = {0};
        hark_message *reply = NULL;
        hark_client *client = NULL;
        struct rig rig;

        rig_serve_apart(&rig, NULL);
        kit_assert_good(rig_begin_connect(&rig, NULL, NULL, &client));
        ck_assert_int_eq(hark_client_state(client), HARK_CONNECTED);
        kit_assert_good(hark_call(client, "echo", hark_text("x"), KIT_PATIENCE_MS, &reply));
        ck_assert_str_eq(hark_message_text(reply), "x");
        hark_message_unref(reply);
        record_subscribe(&record, client, "a");
        kit_assert_good(hark_call(client, "publish", hark_text("a 3"), KIT_PATIENCE_MS, NULL));
        kit_until(hark_client_loop(client), record.n_delivered == 3);
        kit_assert_good(hark_client_flush(client, KIT_PATIENCE_MS));
        hark_client_unref(client);
        ck_assert(record.is_over);
        rig_end(&rig);
}
END_TEST

START_TEST(a_flush_waits_for_the_connection)
{
        hark_client *client = NULL;
        struct rig rig;

        rig_serve_apart(&rig, NULL);
        kit_assert_good(rig_begin_connect(&rig, rig.loop, NULL, &client));
        kit_assert_good(hark_send(client, "echo", HARK_NOTHING));
        kit_assert_good(hark_client_flush(client, KIT_PATIENCE_MS));
        ck_assert_int_eq(hark_client_state(client), HARK_CONNECTED);
        hark_client_unref(client);
        rig_end(&rig);
}
END_TEST

/* --- a full queue ----------------------------------------------------------------------------- */

static pid_t pid_to_thaw;

static void thaw(int signo)
{
        (void)signo;
        kill(pid_to_thaw, SIGCONT);
}

static void fill_queue(struct rig *rig)
{
        static const uint8_t bytes[1024];
        int r;

        do {
                r = hark_send(rig->client, "echo", hark_bytes(bytes, sizeof(bytes)));
                if (r == -EAGAIN)
                        kit_settle(rig->loop);
        } while (r == 0 || hark_send(rig->client, "echo", HARK_NOTHING) == 0);
        kit_assert_result(r, -EAGAIN);
}

START_TEST(a_waiting_call_waits_for_room)
{
        struct hark_client_params params = {.limits = {.queue_size = 4096}};
        struct rig rig;

        rig_start_apart(&rig, NULL, &params);
        rig_freeze(&rig);
        fill_queue(&rig);
        kit_assert_result(hark_call(rig.client, "echo", HARK_NOTHING, 30, NULL), -ENOTCONN);
        pid_to_thaw = rig.pid;
        signal(SIGALRM, thaw);
        ring_soon();
        kit_assert_good(hark_call(rig.client, "echo", HARK_NOTHING, KIT_PATIENCE_MS, NULL));
        rig_end(&rig);
}
END_TEST

CHAPTER(test_waits, a_stop_ends_a_wait, a_signal_that_the_loop_takes_ends_a_wait,
        a_signal_of_somebody_else_does_not, a_client_without_a_loop_waits_on_its_own,
        a_flush_waits_for_the_connection, a_waiting_call_waits_for_room)
