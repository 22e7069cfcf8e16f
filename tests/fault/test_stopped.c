/* SPDX-License-Identifier: MIT */

/*
 * One subscriber of eight is stopped: the other seven notice nothing, and it hears of its exact
 * loss when it goes on.
 *
 *         test_stopped                    as one of the tests: paced by what the others have got, until
 *                                         the stopped one has lost several times its queue
 *         test_stopped SECONDS [RATE]     by hand: RATE notifications a second (default 20000), so long
 *                                         before, as long with one stopped, and as long after; prints the
 *                                         rate of each subscriber, what it lost, and the memory
 *
 * Every subscriber is a process of its own. It says how far it has got each time that it has
 * accounted for another STEP numbers.
 */

#include "fixture.h"

#include <hark/hark.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define N_SUBSCRIBERS 8
#define STEP          100 /* far below half of a queue */
#define PAYLOAD_SIZE  200
#define QUEUE_SIZE    1024 /* the default, in notifications */
#define PATIENCE_MS   10000

/* What the queue of one subscriber may hold: see hark_subscribe(3). Each notification takes a block
 * of 1 KiB. Besides there is what the blocks are allocated with. */
#define MEMORY_MAX ((size_t)2 * 1024 * 1024)

/* By hand: of each phase, and a second. */
static unsigned seconds, rate = 20000;

struct progress {
        uint64_t n_delivered, n_lost, n_gaps;
};

struct run {
        hark_loop *loop;
        hark_server *server;
        char address[64];
        pid_t pids[N_SUBSCRIBERS];
        struct progress progress[N_SUBSCRIBERS];
        uint64_t n_published, n_dropped; /* as on_drop says */
};

static uint64_t now_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* --- a subscriber, in its own process --------------------------------------------------------- */

struct subscriber {
        hark_client *client;
        size_t index;
        uint64_t next; /* number that comes next */
        struct progress progress;
        uint64_t n_told;
        int status;
};

static void tell(struct subscriber *self)
{
        const struct progress *progress = &self->progress;
        char text[100];

        snprintf(text, sizeof(text), "%zu %" PRIu64 " %" PRIu64 " %" PRIu64, self->index,
                 progress->n_delivered, progress->n_lost, progress->n_gaps);
        if (hark_send(self->client, "progress", hark_text(text)) != 0)
                self->status = EXIT_FAILURE;
}

static void account_for(struct subscriber *self, uint64_t first, uint64_t n)
{
        if (first != self->next)
                self->status = EXIT_FAILURE;
        self->next = first + n;
        if ((self->next - 1) / STEP == self->n_told)
                return;
        self->n_told = (self->next - 1) / STEP;
        tell(self);
}

static void on_notification(const struct hark_notification *n, void *userdata)
{
        struct subscriber *self = userdata;

        if (n->kind == HARK_NOTIFICATION) {
                self->progress.n_delivered++;
                account_for(self, n->sequence, 1);
        } else if (n->kind == HARK_GAP) {
                self->progress.n_gaps++;
                self->progress.n_lost += n->n_lost;
                account_for(self, n->sequence, n->n_lost);
        } else if (n->kind == HARK_UNSUBSCRIBED) {
                hark_loop_stop(hark_client_loop(self->client));
        }
}

struct birth {
        const struct run *run;
        size_t index;
};

/* Until the server has said goodbye. */
static int subscribe(void *userdata)
{
        const struct birth *birth = userdata;
        struct hark_client_params params = {.is_one_shot = true};
        struct subscriber self = {.index = birth->index, .next = 1};

        if (hark_connect(NULL, birth->run->address, &params, &self.client) != 0 ||
            hark_subscribe(self.client, "tick", on_notification, &self, NULL, NULL) != 0 ||
            hark_client_flush(self.client, PATIENCE_MS) != 0)
                return EXIT_FAILURE;
        tell(&self);
        hark_loop_run(hark_client_loop(self.client));
        hark_client_unref(self.client);
        return self.status;
}

/* --- the publisher ---------------------------------------------------------------------------- */

static void take_progress(hark_request *request, void *userdata)
{
        struct run *run = userdata;
        struct progress progress;
        size_t index;

        ck_assert_msg(sscanf(hark_message_text(hark_request_message(request)),
                             "%zu %" SCNu64 " %" SCNu64 " %" SCNu64, &index, &progress.n_delivered,
                             &progress.n_lost, &progress.n_gaps) == 4 &&
                              index < N_SUBSCRIBERS,
                      "not a progress");
        run->progress[index] = progress;
        /* The first word of it: it is there. */
        if (run->pids[index] < 0)
                run->pids[index] = -run->pids[index];
}

static void on_drop(hark_peer *peer, const char *topic, uint64_t n_lost, void *userdata)
{
        struct run *run = userdata;

        (void)peer, (void)topic;
        run->n_dropped += n_lost;
}

static void publish(struct run *run, unsigned n)
{
        static const uint8_t payload[PAYLOAD_SIZE];

        for (unsigned i = 0; i < n; i++)
                ck_assert_msg(hark_server_publish(run->server, "tick",
                                                  hark_bytes(payload, sizeof(payload))) == 0,
                              "cannot publish");
        run->n_published += n;
}

static bool has_all(const struct run *run, size_t index)
{
        const struct progress *progress = &run->progress[index];

        return progress->n_delivered + progress->n_lost == run->n_published;
}

/* Runs until those from first on have accounted for all that was published. */
static void catch_up(struct run *run, size_t first)
{
        uint64_t end_ns = now_ns() + (uint64_t)PATIENCE_MS * 1000000;

        for (size_t i = first; i < N_SUBSCRIBERS; i++) {
                while (!has_all(run, i)) {
                        ck_assert_msg(now_ns() < end_ns, "subscriber %zu does not catch up", i);
                        ck_assert_int_eq(hark_loop_process(run->loop, 1000), 0);
                }
        }
}

static void start_subscribers(struct run *run)
{
        for (size_t i = 0; i < N_SUBSCRIBERS; i++) {
                struct birth birth = {run, i};

                run->pids[i] = -fixture_fork(subscribe, &birth);
        }
        for (size_t i = 0; i < N_SUBSCRIBERS; i++)
                while (run->pids[i] < 0)
                        ck_assert_int_eq(hark_loop_process(run->loop, PATIENCE_MS), 0);
}

static void start(struct run *run)
{
        struct hark_server_params params = {.on_drop = on_drop, .userdata = run};

        snprintf(run->address, sizeof(run->address), "unix:@hark-stopped-%d", (int)getpid());
        ck_assert_int_eq(hark_loop_new(&run->loop), 0);
        ck_assert_int_eq(hark_server_new(run->loop, &params, &run->server), 0);
        ck_assert_int_eq(hark_server_handle(run->server, "progress", take_progress, run), 0);
        ck_assert_int_eq(hark_server_listen(run->server, run->address), 0);
        start_subscribers(run);
}

static void finish(struct run *run)
{
        hark_server_unref(run->server);
        hark_loop_unref(run->loop);
        for (size_t i = 0; i < N_SUBSCRIBERS; i++)
                ck_assert_msg(fixture_wait_exit(run->pids[i]) == 0,
                              "subscriber %zu: a number out of order, or no way to say so", i);
}

/* Only the first one is ever stopped. */
static void stop_first(const struct run *run)
{
        int status;

        ck_assert_int_eq(kill(run->pids[0], SIGSTOP), 0);
        ck_assert_int_eq(waitpid(run->pids[0], &status, WUNTRACED), run->pids[0]);
}

static void check_losses(const struct run *run)
{
        ck_assert_msg(has_all(run, 0), "the stopped one's loss does not add up");
        ck_assert_msg(run->progress[0].n_lost > 0, "the stopped one has lost nothing");
        ck_assert_msg(run->progress[0].n_lost == run->n_dropped, "on_drop told another number");
        for (size_t i = 1; i < N_SUBSCRIBERS; i++)
                ck_assert_msg(run->progress[i].n_lost == 0, "subscriber %zu has lost some", i);
}

static size_t memory_used(void)
{
        return mallinfo2().uordblks + mallinfo2().hblkhd;
}

/* --- as a test -------------------------------------------------------------------------------- */

START_TEST(seven_notice_nothing_and_the_stopped_one_hears_its_exact_loss)
{
        struct run run = {.n_published = 0};
        size_t before;

        start(&run);
        for (unsigned i = 0; i < 20; i++) {
                publish(&run, STEP);
                catch_up(&run, 0);
        }
        ck_assert_uint_eq(run.n_dropped, 0);
        before = memory_used();
        stop_first(&run);
        while (run.n_dropped < (uint64_t)5 * QUEUE_SIZE) {
                publish(&run, STEP);
                catch_up(&run, 1);
                ck_assert_uint_lt(memory_used(), before + MEMORY_MAX);
        }
        ck_assert_int_eq(kill(run.pids[0], SIGCONT), 0);
        catch_up(&run, 0);
        check_losses(&run);
        ck_assert_uint_eq(run.progress[0].n_gaps, 1);
        finish(&run);
}
END_TEST

/* --- by hand ---------------------------------------------------------------------------------- */

static void on_tick(void *userdata)
{
        struct run *run = userdata;

        publish(run, rate / 1000);
}

struct phase {
        double rates[N_SUBSCRIBERS];
        size_t memory; /* most of it */
};

static void run_phase(struct run *run, struct phase *ret_phase)
{
        uint64_t began_ns = now_ns(), end_ns = began_ns + (uint64_t)seconds * 1000000000;
        struct progress before[N_SUBSCRIBERS];

        memcpy(before, run->progress, sizeof(before));
        ret_phase->memory = 0;
        while (now_ns() < end_ns) {
                ck_assert_int_eq(hark_loop_process(run->loop, 10), 0);
                if (memory_used() > ret_phase->memory)
                        ret_phase->memory = memory_used();
        }
        for (size_t i = 0; i < N_SUBSCRIBERS; i++)
                ret_phase->rates[i] =
                        (double)(run->progress[i].n_delivered - before[i].n_delivered) /
                        ((double)(now_ns() - began_ns) / 1e9);
}

static void print_phases(const struct run *run, const struct phase *phases)
{
        printf("subscriber      before      during       after  during/before        lost   "
               "gaps\n");
        for (size_t i = 0; i < N_SUBSCRIBERS; i++)
                printf("%zu%-9s %10.0f/s %10.0f/s %10.0f/s %14.3f %11" PRIu64 " %6" PRIu64 "\n",
                       i + 1, i == 0 ? " stopped" : "", phases[0].rates[i], phases[1].rates[i],
                       phases[2].rates[i], phases[1].rates[i] / phases[0].rates[i],
                       run->progress[i].n_lost, run->progress[i].n_gaps);
        printf("published %" PRIu64 "; memory in use: %zu KiB at most before, %zu KiB during\n",
               run->n_published, phases[0].memory / 1024, phases[1].memory / 1024);
}

START_TEST(by_hand)
{
        struct run run = {.n_published = 0};
        struct phase phases[3];
        uint64_t timer;

        start(&run);
        ck_assert_int_eq(hark_loop_add_timer(run.loop, 1, 1, on_tick, &run, &timer), 0);
        run_phase(&run, &phases[0]);
        ck_assert_msg(run.n_dropped == 0, "at this rate some are lost anyway: try a lower one");
        stop_first(&run);
        run_phase(&run, &phases[1]);
        ck_assert_int_eq(kill(run.pids[0], SIGCONT), 0);
        run_phase(&run, &phases[2]);
        hark_loop_remove(run.loop, timer);
        publish(&run, STEP - (unsigned)(run.n_published % STEP));
        catch_up(&run, 0);
        print_phases(&run, phases);
        check_losses(&run);
        ck_assert_uint_lt(phases[1].memory, phases[0].memory + MEMORY_MAX);
        finish(&run);
}
END_TEST

int main(int argc, char **argv)
{
        const TTest *const test =
                argc > 1 ? by_hand : seven_notice_nothing_and_the_stopped_one_hears_its_exact_loss;

        if (argc > 1)
                seconds = (unsigned)atoi(argv[1]);
        if (argc > 2)
                rate = (unsigned)atoi(argv[2]);
        /* Three phases, and a little. */
        if (seconds > 9)
                setenv("CK_TIMEOUT_MULTIPLIER", argv[1], 1);
        return fixture_run("stopped", &test, 1);
}
