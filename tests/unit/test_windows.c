/* SPDX-License-Identifier: MIT */

/* What one side has sent and the other has received, with a clock and a network of the test's own. */

#include "fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "dice.h"
#include "link/receive_window.h"
#include "link/send_window.h"

#define MS 1000000ull

/* --- sending ---------------------------------------------------------------------------------- */

static void add(struct hark_send_window *window, unsigned n, uint64_t now_ns)
{
        for (; n > 0; n--) {
                uint8_t *packet = hark_send_window_add(window, 4, now_ns);

                ck_assert_ptr_nonnull(packet);
                hark_store32(packet, window->next - 1);
        }
}

static void acknowledge(struct hark_send_window *window, uint32_t n, uint64_t more, uint64_t now_ns)
{
        ck_assert_int_eq(hark_send_window_acknowledge(window, n, more, false, now_ns), 0);
}

/* Which chunk has to be sent again now; -1: none. */
static int64_t repeat(struct hark_send_window *window, uint64_t now_ns)
{
        const struct hark_sent_chunk *chunk = hark_send_window_repeat(window, now_ns);

        return chunk ? (int64_t)hark_load32(chunk->packet) : -1;
}

START_TEST(what_has_come_is_forgotten)
{
        struct hark_send_window window;

        hark_send_window_init(&window);
        add(&window, 3, 0);
        ck_assert(!hark_send_window_is_empty(&window));
        acknowledge(&window, 2, 0, 1 * MS);
        ck_assert_uint_eq(window.n_flying, 1);
        acknowledge(&window, 3, 0, 1 * MS);
        ck_assert(hark_send_window_is_empty(&window));
        ck_assert_uint_eq(hark_send_window_due_ns(&window), HARK_NEVER);
        hark_send_window_done(&window);
}
END_TEST

START_TEST(what_three_have_overtaken_is_sent_again_at_once)
{
        struct hark_send_window window;

        hark_send_window_init(&window);
        add(&window, 5, 0);
        acknowledge(&window, 1, 0x3, 1 * MS); /* 0, 2 and 3 */
        ck_assert_int_eq(repeat(&window, 1 * MS), -1);
        acknowledge(&window, 1, 0x7, 1 * MS);
        ck_assert_int_eq(repeat(&window, 1 * MS), 1);
        ck_assert_int_eq(repeat(&window, 1 * MS), -1);
        hark_send_window_done(&window);
}
END_TEST

START_TEST(what_one_has_overtaken_is_given_a_little_longer_than_others_took)
{
        struct hark_send_window window;

        hark_send_window_init(&window);
        add(&window, 2, 0);
        acknowledge(&window, 0, 0x1, 8 * MS);
        ck_assert_uint_ge(hark_send_window_due_ns(&window), 10 * MS);
        ck_assert_uint_lt(hark_send_window_due_ns(&window), 12 * MS);
        hark_send_window_expire(&window, 9 * MS);
        ck_assert_int_eq(repeat(&window, 9 * MS), -1);
        hark_send_window_expire(&window, 12 * MS);
        ck_assert_int_eq(repeat(&window, 12 * MS), 0);
        ck_assert_uint_eq(window.n_timeouts, 0);
        hark_send_window_done(&window);
}
END_TEST

START_TEST(the_last_one_is_sent_again_when_its_time_is_over_and_then_ever_later)
{
        struct hark_send_window window;
        uint64_t now_ns = 0, before_ns = 0;

        hark_send_window_init(&window);
        add(&window, 1, 0);
        acknowledge(&window, 1, 0, 1 * MS);
        add(&window, 1, 1 * MS);
        now_ns = 1 * MS;
        for (unsigned i = 0; i < 12; i++) {
                uint64_t due_ns = hark_send_window_due_ns(&window);

                ck_assert_uint_ge(due_ns - now_ns, HARK_WINDOW_RTO_MIN_NS);
                ck_assert_uint_le(due_ns - now_ns, HARK_WINDOW_RTO_MAX_NS);
                ck_assert_uint_ge(due_ns - now_ns, before_ns);
                before_ns = due_ns - now_ns;
                now_ns = due_ns;
                hark_send_window_expire(&window, now_ns);
                ck_assert_int_eq(repeat(&window, now_ns), 1);
        }
        ck_assert_uint_eq(before_ns, HARK_WINDOW_RTO_MAX_NS);
        acknowledge(&window, 2, 0, now_ns);
        add(&window, 1, now_ns);
        ck_assert_uint_lt(hark_send_window_due_ns(&window) - now_ns, 100 * MS);
        hark_send_window_done(&window);
}
END_TEST

START_TEST(what_was_sent_twice_measures_nothing)
{
        struct hark_send_window window;
        uint64_t rtt_ns;

        hark_send_window_init(&window);
        add(&window, 1, 0);
        acknowledge(&window, 1, 0, 1 * MS);
        rtt_ns = window.rtt_ns;
        add(&window, 1, 1 * MS);
        hark_send_window_expire(&window, 1000 * MS);
        ck_assert_int_eq(repeat(&window, 1000 * MS), 1);
        acknowledge(&window, 2, 0, 5000 * MS);
        ck_assert_uint_eq(window.rtt_ns, rtt_ns);
        hark_send_window_done(&window);
}
END_TEST

START_TEST(nobody_acknowledges_what_was_not_sent)
{
        struct hark_send_window window;

        hark_send_window_init(&window);
        add(&window, 2, 0);
        ck_assert_int_eq(hark_send_window_acknowledge(&window, 3, 0, false, 0), -EPROTO);
        acknowledge(&window, 1, ~0ull, 0); /* bits of nothing */
        ck_assert_uint_eq(window.n_flying, 1);
        acknowledge(&window, 2, 0, 0);
        acknowledge(&window, 1, 0, 0); /* an old one, late */
        ck_assert(hark_send_window_is_empty(&window));
        hark_send_window_done(&window);
}
END_TEST

START_TEST(no_more_is_sent_than_the_other_side_takes)
{
        struct hark_send_window window;

        hark_send_window_init(&window);
        window.congestion = HARK_WINDOW;
        add(&window, HARK_WINDOW, 0);
        ck_assert(!hark_send_window_has_room(&window));
        ck_assert_int_eq(hark_send_window_acknowledge(&window, HARK_WINDOW, 0, true, 0), 0);
        ck_assert(!hark_send_window_has_room(&window));
        ck_assert(hark_send_window_is_shut(&window));
        acknowledge(&window, HARK_WINDOW, 0, 0);
        ck_assert(hark_send_window_has_room(&window));
        ck_assert(!hark_send_window_is_shut(&window));
        hark_send_window_done(&window);
}
END_TEST

START_TEST(how_many_may_fly_is_halved_once_a_round_trip)
{
        struct hark_send_window window;

        hark_send_window_init(&window);
        window.congestion = 32;
        add(&window, 32, 0);
        acknowledge(&window, 0, 0xFFFFFF00, 1 * MS); /* the first nine are missing */
        ck_assert_uint_ge(window.congestion, 16);
        ck_assert_uint_eq(window.n_lost, 9);
        while (repeat(&window, 1 * MS) >= 0)
                ;
        acknowledge(&window, 9, ~0ull, 2 * MS);
        ck_assert_uint_ge(window.congestion, 16);
        hark_send_window_done(&window);
}
END_TEST

START_TEST(how_many_may_fly_grows_with_what_has_come)
{
        struct hark_send_window window;

        hark_send_window_init(&window);
        add(&window, 10, 0);
        ck_assert(!hark_send_window_has_room(&window));
        acknowledge(&window, 10, 0, 1 * MS);
        ck_assert_uint_eq(window.congestion, 20); /* fast, */
        add(&window, 20, 1 * MS);
        ck_assert(!hark_send_window_has_room(&window));
        window.threshold = 20;
        acknowledge(&window, 29, 0, 2 * MS);
        ck_assert_uint_eq(window.congestion, 20); /* and slowly where it was too much before */
        acknowledge(&window, 30, 0, 2 * MS);
        ck_assert_uint_eq(window.congestion, 21);
        hark_send_window_done(&window);
}
END_TEST

START_TEST(what_is_lost_leaves_before_anything_new)
{
        struct hark_send_window window;

        hark_send_window_init(&window);
        add(&window, 5, 0);
        acknowledge(&window, 0, 0xF, 1 * MS);
        ck_assert(!hark_send_window_has_room(&window));
        ck_assert_int_eq(repeat(&window, 1 * MS), 0);
        ck_assert(hark_send_window_has_room(&window));
        hark_send_window_done(&window);
}
END_TEST

START_TEST(after_a_silence_little_is_sent_at_once)
{
        struct hark_send_window window;
        unsigned n = 0;

        hark_send_window_init(&window);
        add(&window, 10, 0);
        hark_send_window_expire(&window, 100 * MS);
        ck_assert_uint_eq(window.n_lost, 10);
        while (repeat(&window, 100 * MS) >= 0)
                n++;
        ck_assert_uint_eq(n, 4);
        hark_send_window_done(&window);
}
END_TEST

START_TEST(a_loss_counts_however_much_was_sent_before_it)
{
        struct hark_send_window window;

        hark_send_window_init(&window);
        window.congestion = 32;
        window.order += 3ull << 30; /* and none of that was lost */
        add(&window, 5, 0);
        acknowledge(&window, 0, 0xF, 1 * MS);
        ck_assert_uint_le(window.congestion, 18);
        ck_assert_int_eq(repeat(&window, 1 * MS), 0);
        hark_send_window_done(&window);
}
END_TEST

START_TEST(at_the_end_all_that_has_not_come_is_sent_once_more)
{
        struct hark_send_window window;
        unsigned n = 0;

        hark_send_window_init(&window);
        add(&window, 10, 0);
        acknowledge(&window, 0, 0x2, 0); /* one of them */
        hark_send_window_hurry(&window);
        while (repeat(&window, 0) >= 0)
                n++;
        ck_assert_uint_eq(n, 9);
        hark_send_window_done(&window);
}
END_TEST

/* --- receiving -------------------------------------------------------------------------------- */

static enum hark_arrival put(struct hark_receive_window *window, uint32_t sequence)
{
        uint8_t bytes[4];

        hark_store32(bytes, sequence);
        return hark_receive_window_put(window, sequence, 7, bytes, sizeof(bytes));
}

static int64_t take(struct hark_receive_window *window)
{
        struct hark_held_chunk chunk;
        int64_t sequence;

        if (!hark_receive_window_take(window, &chunk))
                return -1;
        ck_assert_uint_eq(chunk.size, 4);
        ck_assert_uint_eq(chunk.flags, 7);
        sequence = hark_load32(chunk.bytes);
        free(chunk.bytes);
        return sequence;
}

START_TEST(what_is_early_waits_for_what_is_missing)
{
        struct hark_receive_window window;

        hark_receive_window_init(&window);
        ck_assert_int_eq(put(&window, 2), HARK_ARRIVED_EARLY);
        ck_assert_int_eq(put(&window, 1), HARK_ARRIVED_EARLY);
        ck_assert_int_eq(put(&window, 4), HARK_ARRIVED_EARLY);
        ck_assert_uint_eq(window.early, 0xB);
        ck_assert_int_eq(put(&window, 0), HARK_ARRIVED_IN_ORDER);
        ck_assert_int_eq(take(&window), 1);
        ck_assert_int_eq(take(&window), 2);
        ck_assert_int_eq(take(&window), -1);
        ck_assert_uint_eq(window.next, 3);
        ck_assert_uint_eq(window.early, 0x1);
        ck_assert_int_eq(put(&window, 3), HARK_ARRIVED_IN_ORDER);
        ck_assert_int_eq(take(&window), 4);
        ck_assert_int_eq(take(&window), -1);
        hark_receive_window_done(&window);
}
END_TEST

START_TEST(what_comes_twice_is_used_once)
{
        struct hark_receive_window window;

        hark_receive_window_init(&window);
        ck_assert_int_eq(put(&window, 1), HARK_ARRIVED_EARLY);
        ck_assert_int_eq(put(&window, 1), HARK_ARRIVED_TWICE);
        ck_assert_int_eq(put(&window, 0), HARK_ARRIVED_IN_ORDER);
        ck_assert_int_eq(take(&window), 1);
        ck_assert_int_eq(take(&window), -1);
        ck_assert_int_eq(put(&window, 0), HARK_ARRIVED_TWICE);
        ck_assert_int_eq(put(&window, 1), HARK_ARRIVED_TWICE);
        hark_receive_window_done(&window);
}
END_TEST

START_TEST(no_more_is_taken_than_was_let_in)
{
        struct hark_receive_window window;

        hark_receive_window_init(&window);
        ck_assert_int_eq(put(&window, HARK_WINDOW), HARK_ARRIVED_TWICE);
        ck_assert_int_eq(put(&window, HARK_WINDOW - 1), HARK_ARRIVED_EARLY);
        for (uint32_t i = 0; i < HARK_WINDOW - 1; i++) {
                ck_assert_int_eq(put(&window, i), HARK_ARRIVED_IN_ORDER);
                ck_assert_int_eq(take(&window), i == HARK_WINDOW - 2 ? HARK_WINDOW - 1 : -1);
        }
        ck_assert_int_eq(take(&window), -1);
        ck_assert_int_eq(put(&window, HARK_WINDOW), HARK_ARRIVED_TWICE);
        hark_receive_window_let_in(&window);
        ck_assert_int_eq(put(&window, HARK_WINDOW), HARK_ARRIVED_IN_ORDER);
        ck_assert_int_eq(take(&window), -1);
        hark_receive_window_done(&window);
}
END_TEST

/* --- both, over a network --------------------------------------------------------------------- */

#define FIRST         (UINT32_MAX - 1000) /* so that they wrap */
#define N_CHUNKS      3000
#define IN_FLIGHT_MAX 4096

/* A packet on its way: a chunk, or what has come. */
struct flying {
        uint64_t at_ns;
        bool is_chunk, is_full;
        uint32_t sequence; /* or acknowledged */
        uint64_t early;
};

struct network {
        struct dice dice;
        uint32_t loss, doubling; /* of 100 */
        struct flying flying[IN_FLIGHT_MAX];
        unsigned n_flying;
        uint64_t now_ns;
        struct hark_send_window out;
        struct hark_receive_window in;
        uint32_t n_received, n_waiting; /* chunks; those that nobody has taken */
        unsigned n_sent;
};

static void send_packet(struct network *network, struct flying packet)
{
        unsigned n = dice_below(&network->dice, 100) < network->doubling ? 2 : 1;

        if (dice_below(&network->dice, 100) < network->loss)
                return;
        for (; n > 0; n--) {
                ck_assert_uint_lt(network->n_flying, IN_FLIGHT_MAX);
                packet.at_ns = network->now_ns + 1 * MS + dice_below(&network->dice, 4 * MS);
                network->flying[network->n_flying++] = packet;
        }
}

static void send_chunk(struct network *network, uint32_t sequence)
{
        network->n_sent++;
        send_packet(network, (struct flying){.is_chunk = true, .sequence = sequence});
}

static void send_all(struct network *network)
{
        int64_t sequence;

        while ((sequence = repeat(&network->out, network->now_ns)) >= 0)
                send_chunk(network, (uint32_t)sequence);
        while (network->out.next - FIRST < N_CHUNKS && hark_send_window_has_room(&network->out)) {
                add(&network->out, 1, network->now_ns);
                send_chunk(network, network->out.next - 1);
        }
        ck_assert_uint_le(network->out.n_flying, HARK_WINDOW);
}

static void acknowledge_all(struct network *network)
{
        bool is_full = network->n_waiting > 40;

        if (!is_full)
                hark_receive_window_let_in(&network->in);
        send_packet(network, (struct flying){.is_full = is_full,
                                             .sequence = network->in.next,
                                             .early = network->in.early});
}

/* In order, and each once: that is what counts. */
static void receive(struct network *network, uint32_t sequence)
{
        int64_t held;

        if (put(&network->in, sequence) == HARK_ARRIVED_IN_ORDER) {
                ck_assert_uint_eq(sequence - FIRST, network->n_received);
                network->n_received++;
                network->n_waiting++;
                while ((held = take(&network->in)) >= 0) {
                        ck_assert_uint_eq((uint32_t)held - FIRST, network->n_received);
                        network->n_received++;
                        network->n_waiting++;
                }
        }
        acknowledge_all(network);
}

static void arrive(struct network *network, struct flying packet)
{
        if (packet.is_chunk) {
                receive(network, packet.sequence);
                return;
        }
        ck_assert_int_eq(hark_send_window_acknowledge(&network->out, packet.sequence, packet.early,
                                                      packet.is_full, network->now_ns),
                         0);
}

/* Goes on to whatever happens next. */
static void step(struct network *network)
{
        uint64_t due_ns = hark_send_window_due_ns(&network->out);
        unsigned next = network->n_flying;

        for (unsigned i = 0; i < network->n_flying; i++)
                if (network->flying[i].at_ns < due_ns) {
                        due_ns = network->flying[i].at_ns;
                        next = i;
                }
        /* Nothing happens any more, unless somebody asks. */
        if (due_ns == HARK_NEVER) {
                ck_assert(hark_send_window_is_shut(&network->out));
                network->now_ns += 200 * MS;
                acknowledge_all(network);
                return;
        }
        if (due_ns > network->now_ns)
                network->now_ns = due_ns;
        if (next < network->n_flying) {
                struct flying packet = network->flying[next];

                network->flying[next] = network->flying[--network->n_flying];
                arrive(network, packet);
        } else {
                hark_send_window_expire(&network->out, network->now_ns);
        }
}

static void run(uint64_t seed, uint32_t loss, uint32_t doubling)
{
        static struct network network;

        network = (struct network){
                .dice = dice_new(seed), .loss = loss, .doubling = doubling, .now_ns = 1};
        hark_send_window_init(&network.out);
        hark_receive_window_init(&network.in);
        network.out.first = network.out.next = network.in.next = FIRST;
        network.out.limit = network.in.limit = FIRST + HARK_WINDOW;
        while (network.n_received < N_CHUNKS || !hark_send_window_is_empty(&network.out)) {
                send_all(&network);
                step(&network);
                if (network.n_waiting > 0 && dice_one_in(&network.dice, 3)) {
                        bool was_full = network.n_waiting > 40;

                        network.n_waiting -= network.n_waiting > 30 ? 30 : network.n_waiting;
                        if (was_full)
                                acknowledge_all(&network);
                }
                ck_assert_uint_lt(network.now_ns, 600 * 1000 * MS);
        }
        /* Of what was sent again, most had to be. */
        ck_assert_uint_lt(network.n_sent, N_CHUNKS * (loss > 0 ? 3 : 2));
        hark_send_window_done(&network.out);
        hark_receive_window_done(&network.in);
}

START_TEST(all_arrives_in_order_and_once_whatever_the_network_does)
{
        for (uint64_t seed = 1; seed <= 8; seed++) {
                run(seed, 0, 0);
                run(seed, 20, 5);
                run(seed, 40, 30);
        }
}
END_TEST

FIXTURE_MAIN("windows", what_has_come_is_forgotten, what_three_have_overtaken_is_sent_again_at_once,
             what_one_has_overtaken_is_given_a_little_longer_than_others_took,
             the_last_one_is_sent_again_when_its_time_is_over_and_then_ever_later,
             what_was_sent_twice_measures_nothing, nobody_acknowledges_what_was_not_sent,
             no_more_is_sent_than_the_other_side_takes, how_many_may_fly_grows_with_what_has_come,
             what_is_lost_leaves_before_anything_new, how_many_may_fly_is_halved_once_a_round_trip,
             after_a_silence_little_is_sent_at_once, a_loss_counts_however_much_was_sent_before_it,
             at_the_end_all_that_has_not_come_is_sent_once_more,
             what_is_early_waits_for_what_is_missing, what_comes_twice_is_used_once,
             no_more_is_taken_than_was_let_in,
             all_arrives_in_order_and_once_whatever_the_network_does)
