/* SPDX-License-Identifier: MIT */

/*
 * Storms: see storm.h. Each test is a seed.
 *
 *         HARK_STORM_SEED=N HARK_STORM_ROUNDS=N test_storm      by hand: so many storms, from this seed on
 *         HARK_STORM_ADDRESS=tcp:127.0.0.1:0                    where the servers of this process listen
 */

#include "fixture.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "storm.h"

#define STEPS       300
#define PATIENCE_MS 5000
#define MAX_DEPTH   3 /* of whims inside whims */

struct storm storm;

void storm_fail(const char *file, int line, const char *condition)
{
        fprintf(stderr, "%s:%d: seed %" PRIu64 ", step %lu: does not hold: %s\n", file, line,
                storm.seed, storm.step, condition);
        abort();
}

/* --- what there is to do ---------------------------------------------------------------------- */

static void on_post(void *userdata)
{
        (void)userdata;
        storm.n_ran++;
        storm_whim();
}

static void post(void)
{
        storm_assert(hark_loop_post(storm.loop, on_post, NULL) == 0);
        storm.n_posted++;
}

static void trouble_other(void)
{
        storm_tell_other("sccck"[storm_below(5)]);
}

/* What there is to do, and how often. */
static const struct {
        void (*run)(void);
        unsigned weight;
} acts[] = {
        {storm_connect, 4},        {storm_let_go_of_client, 1},
        {storm_ask, 12},           {storm_call, 2},
        {storm_send, 3},           {storm_flush, 1},
        {storm_cancel, 4},         {storm_feed, 8},
        {storm_pause, 4},          {storm_subscribe, 6},
        {storm_unsubscribe, 2},    {storm_publish, 5},
        {storm_serve, 6},          {storm_let_go_of_server, 1},
        {storm_drain, 1},          {storm_answer, 10},
        {storm_push, 8},           {storm_disconnect, 1},
        {storm_server_publish, 8}, {post, 1},
        {trouble_other, 1},
};

static unsigned total_weight(void)
{
        unsigned total = 0;

        for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++)
                total += acts[i].weight;
        return total;
}

static void act(void)
{
        unsigned n = storm_below(total_weight());
        size_t i = 0;

        while (n >= acts[i].weight)
                n -= acts[i++].weight;
        storm.depth++;
        acts[i].run();
        storm.depth--;
}

void storm_whim(void)
{
        if (!storm.is_calm && storm.depth < MAX_DEPTH && storm_one_in(6))
                act();
}

struct hark_payload storm_payload(void)
{
        static const uint8_t bytes[300000];
        static const int fds[] = {2, 2};
        static const size_t sizes[] = {0, 0, 10, 100, 100, 1000, 5000, 70000, 300000};
        struct hark_payload payload =
                hark_bytes(bytes, sizes[storm_below(storm_one_in(10) ? 9 : 6)]);

        payload.priority = storm_one_in(3) ? (uint8_t)storm_below(8) : 0;
        if (storm_one_in(40)) {
                payload.fds = fds;
                payload.n_fds = 1 + storm_below(2);
        }
        return payload;
}

/* Mostly the defaults. */
struct hark_limits storm_limits(void)
{
        bool is_tight = storm_one_in(8);

        return (struct hark_limits){
                .message_size = is_tight ? 50000 : 0,
                .received_size = is_tight ? 100000 : 0,
                .queue_size = storm_one_in(6) ? 20000 : 0,
                .window_size = storm_one_in(3) ? 4096 : 0,
                .calls_in_flight = storm_one_in(6) ? 1 + storm_below(10) : 0,
                .subscriptions = storm_one_in(8) ? 2 : 0,
                .hello_ms = 1000,
        };
}

const char *storm_method(void)
{
        static const char *const methods[] = {"echo", "any.x", "any.y", "none"};

        return methods[storm_one_in(10) ? 3 : storm_below(3)];
}

const char *storm_topic(void)
{
        static const char *const topics[] = {"t.a", "t.b", "u.b"};

        return topics[storm_below(3)];
}

/* --- the storm -------------------------------------------------------------------------------- */

/* As a program does whose loop is the library's, or as one with a loop of its own. */
static void process(int timeout_ms)
{
        struct pollfd pollfd = {.fd = hark_loop_fd(storm.loop), .events = POLLIN};

        if (storm_one_in(2))
                storm_assert(hark_loop_process(storm.loop, timeout_ms) == 0);
        else if (poll(&pollfd, 1, timeout_ms) > 0)
                storm_assert(hark_loop_process(storm.loop, 0) == 0);
}

static void rage(void)
{
        storm_serve_all();
        for (unsigned i = 0; i < STEPS; i++) {
                storm.step++;
                act();
                if (!storm_one_in(3))
                        process(storm_one_in(4) ? 1 : 0);
        }
}

static void settle(void)
{
        struct pollfd pollfd = {.fd = hark_loop_fd(storm.loop), .events = POLLIN};
        unsigned n = 0;

        while (poll(&pollfd, 1, 0) > 0) {
                storm_assert(++n < 100000);
                storm_assert(hark_loop_process(storm.loop, 0) == 0);
        }
}

static uint64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void await_counts(void)
{
        uint64_t end_ms = now_ms() + PATIENCE_MS;

        while (!storm_counts_are_complete()) {
                storm_assert(now_ms() < end_ms);
                storm_assert(hark_loop_process(storm.loop, 10) == 0);
        }
}

/* What is under way arrives. */
static void grow_calm(void)
{
        storm.is_calm = true;
        storm_tell_other('c');
        for (unsigned round = 0; round < 3; round++) {
                for (unsigned i = 0; i < STORM_CLIENTS; i++)
                        if (storm.clients[i])
                                (void)hark_client_flush(storm.clients[i]->client, 200);
                settle();
        }
        await_counts();
}

static void end(void)
{
        bool servers_first = storm_one_in(2);

        if (servers_first)
                storm_end_servers();
        for (unsigned i = 0; i < 100 * STORM_CLIENTS; i++)
                storm_let_go_of_client();
        storm_end_servers();
        settle();
        storm_check_asks();
        storm_check_subscriptions();
        storm_check_servers();
        hark_loop_unref(storm.loop);
        storm_assert(storm.n_posted == storm.n_ran);
}

static void play(uint64_t seed)
{
        const char *given = getenv("HARK_STORM_ADDRESS");

        memset(&storm, 0, sizeof(storm));
        storm.seed = seed;
        storm.dice = dice_new(seed);
        for (unsigned i = 0; i < STORM_SERVERS; i++)
                if (given)
                        snprintf(storm.addresses[i], sizeof(storm.addresses[i]), "%s", given);
                else
                        snprintf(storm.addresses[i], sizeof(storm.addresses[i]), "unix:%s/%u",
                                 fixture_dir(), i);
        snprintf(storm.addresses[STORM_SERVERS], sizeof(storm.addresses[0]), "unix:@%s",
                 fixture_name("other"));
        storm_start_other(storm.addresses[STORM_SERVERS]);
        storm_assert(hark_loop_new(&storm.loop) == 0);
        rage();
        grow_calm();
        end();
        storm_end_other();
}

START_TEST(by_hand)
{
        uint64_t seed = strtoull(getenv("HARK_STORM_SEED"), NULL, 0);
        const char *rounds = getenv("HARK_STORM_ROUNDS");

        for (unsigned long n = rounds ? strtoul(rounds, NULL, 0) : 1; n > 0; n--)
                play(seed++);
}
END_TEST

/* Each a test of its own, so that what breaks has a name. */
#define SEEDS(of)                                                                                \
        of(1) of(2) of(3) of(4) of(5) of(6) of(7) of(8) of(9) of(10) of(11) of(12) of(13) of(14) \
                of(15) of(16) of(17) of(18) of(19) of(20)

#define SEED_TEST(n)         \
        START_TEST(seed_##n) \
        {                    \
                play(n);     \
        }                    \
        END_TEST

SEEDS(SEED_TEST)

#define SEED_NAME(n) seed_##n,

int main(void)
{
        const TTest *const tests[] = {SEEDS(SEED_NAME)};
        const TTest *const hand[] = {by_hand};

        if (!getenv("HARK_STORM_SEED"))
                return fixture_run("storm", tests, sizeof(tests) / sizeof(*tests));
        setenv("CK_TIMEOUT_MULTIPLIER", "1000", 1);
        return fixture_run("storm", hand, 1);
}
