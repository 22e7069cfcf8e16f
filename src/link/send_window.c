/* SPDX-License-Identifier: MIT */

/* See send_window.h. */

#include "link/send_window.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

#define RTO_FIRST_NS     (100 * 1000000ull) /* as long as nothing was measured */
#define CONGESTION_FIRST 10                 /* RFC 6928 */
#define CONGESTION_MIN   4
#define REORDER_MIN_NS   (1 * 1000000ull)
#define N_OVERTAKEN      3 /* sent later and here before it: it will not come */

static struct hark_sent_chunk *chunk_at(struct hark_send_window *window, uint32_t sequence)
{
        return &window->chunks[sequence % HARK_WINDOW];
}

static unsigned larger(unsigned a, unsigned b)
{
        return a > b ? a : b;
}

void hark_send_window_init(struct hark_send_window *window)
{
        *window = (struct hark_send_window){
                .limit = HARK_WINDOW,
                .order = 1, /* arrived is 0: nothing yet */
                .congestion = CONGESTION_FIRST,
                .threshold = HARK_WINDOW,
        };
}

void hark_send_window_done(struct hark_send_window *window)
{
        for (unsigned i = 0; i < HARK_WINDOW; i++) {
                free(window->chunks[i].packet);
                window->chunks[i].packet = NULL;
        }
}

bool hark_send_window_has_room(const struct hark_send_window *window)
{
        return window->next - window->first < HARK_WINDOW && window->next != window->limit &&
               window->n_lost == 0 && window->n_flying < window->congestion;
}

/* --- how many may fly ------------------------------------------------------------------------- */

static void grow(struct hark_send_window *window)
{
        unsigned step = window->congestion < window->threshold ? 1 : window->congestion;

        if (++window->n_grown < step || window->congestion == HARK_WINDOW)
                return;
        window->n_grown = 0;
        window->congestion++;
}

/* Of one round trip, one loss is enough to know. */
static void halve(struct hark_send_window *window, uint64_t order)
{
        if (order < window->halved)
                return;
        window->halved = window->order;
        window->threshold = larger(window->congestion / 2, CONGESTION_MIN);
        window->congestion = window->threshold;
}

/* --- time ------------------------------------------------------------------------------------- */

static void measure(struct hark_send_window *window, uint64_t rtt_ns)
{
        uint64_t off = rtt_ns > window->rtt_ns ? rtt_ns - window->rtt_ns : window->rtt_ns - rtt_ns;

        if (window->rtt_ns == 0) {
                window->rtt_ns = rtt_ns + 1; /* not 0 */
                window->deviation_ns = rtt_ns / 2;
                return;
        }
        window->deviation_ns = (3 * window->deviation_ns + off) / 4;
        window->rtt_ns = (7 * window->rtt_ns + rtt_ns) / 8 + 1;
}

static uint64_t timeout_ns(const struct hark_send_window *window)
{
        uint64_t timeout = window->rtt_ns + 4 * window->deviation_ns;

        if (window->rtt_ns == 0)
                timeout = RTO_FIRST_NS;
        if (timeout < HARK_WINDOW_RTO_MIN_NS)
                timeout = HARK_WINDOW_RTO_MIN_NS;
        timeout <<= window->n_timeouts;
        return timeout < HARK_WINDOW_RTO_MAX_NS ? timeout : HARK_WINDOW_RTO_MAX_NS;
}

/* --- chunks ----------------------------------------------------------------------------------- */

static void note_sent(struct hark_send_window *window, struct hark_sent_chunk *chunk,
                      uint64_t now_ns)
{
        chunk->sent_ns = now_ns;
        chunk->order = window->order++;
        window->n_flying++;
}

uint8_t *hark_send_window_add(struct hark_send_window *window, size_t size, uint64_t now_ns)
{
        struct hark_sent_chunk *chunk = chunk_at(window, window->next);
        uint8_t *packet = malloc(size);

        if (!packet)
                return NULL;
        *chunk = (struct hark_sent_chunk){.packet = packet, .size = (uint32_t)size};
        note_sent(window, chunk, now_ns);
        window->next++;
        return packet;
}

static void take_in(struct hark_send_window *window, uint32_t sequence, uint64_t now_ns)
{
        struct hark_sent_chunk *chunk = chunk_at(window, sequence);

        if (!chunk->packet)
                return;
        if (chunk->is_lost)
                window->n_lost--;
        else
                window->n_flying--;
        if (!chunk->is_repeated)
                measure(window, now_ns - chunk->sent_ns);
        if (chunk->order > window->arrived && !chunk->is_lost)
                window->arrived = chunk->order;
        free(chunk->packet);
        chunk->packet = NULL;
        window->n_timeouts = 0;
        grow(window);
}

static void lose(struct hark_send_window *window, struct hark_sent_chunk *chunk)
{
        chunk->is_lost = true;
        window->n_flying--;
        window->n_lost++;
}

static void find_overtaken(struct hark_send_window *window)
{
        for (uint32_t i = window->first; i != window->next; i++) {
                struct hark_sent_chunk *chunk = chunk_at(window, i);

                if (!chunk->packet || chunk->is_lost ||
                    window->arrived < chunk->order + N_OVERTAKEN)
                        continue;
                halve(window, chunk->order);
                lose(window, chunk);
        }
}

int hark_send_window_acknowledge(struct hark_send_window *window, uint32_t acknowledged,
                                 uint64_t more, bool is_full, uint64_t now_ns)
{
        uint32_t n_sent = window->next - window->first;
        uint32_t n_new = acknowledged - window->first;

        if ((int32_t)n_new < 0)
                return 0; /* it was overtaken by a later one */
        if (n_new > n_sent)
                return -EPROTO;
        for (; window->first != acknowledged; window->first++)
                take_in(window, window->first, now_ns);
        for (uint32_t i = 0; i + 1 < window->next - window->first; i++)
                if (more >> i & 1)
                        take_in(window, acknowledged + 1 + i, now_ns);
        if (!is_full && (int32_t)(acknowledged + HARK_WINDOW - window->limit) > 0)
                window->limit = acknowledged + HARK_WINDOW;
        find_overtaken(window);
        return 0;
}

const struct hark_sent_chunk *hark_send_window_repeat(struct hark_send_window *window,
                                                      uint64_t now_ns)
{
        if (window->n_lost == 0 || window->n_flying >= window->congestion)
                return NULL;
        for (uint32_t i = window->first; i != window->next; i++) {
                struct hark_sent_chunk *chunk = chunk_at(window, i);

                if (!chunk->packet || !chunk->is_lost)
                        continue;
                chunk->is_lost = false;
                chunk->is_repeated = true;
                window->n_lost--;
                note_sent(window, chunk, now_ns);
                return chunk;
        }
        return NULL;
}

void hark_send_window_hurry(struct hark_send_window *window)
{
        window->congestion = HARK_WINDOW;
        for (uint32_t i = window->first; i != window->next; i++) {
                struct hark_sent_chunk *chunk = chunk_at(window, i);

                if (chunk->packet && !chunk->is_lost)
                        lose(window, chunk);
        }
}

/* Whether one that was sent later has come. */
static bool is_overtaken(const struct hark_send_window *window, const struct hark_sent_chunk *chunk)
{
        return window->arrived > chunk->order;
}

/* When a chunk that flies should have been acknowledged. One that was overtaken may still be on its
 * way, but not for much longer than others were. */
static uint64_t due_ns(const struct hark_send_window *window, const struct hark_sent_chunk *chunk)
{
        uint64_t soon_ns = window->rtt_ns + window->rtt_ns / 4 + REORDER_MIN_NS;
        uint64_t timeout = timeout_ns(window);

        if (is_overtaken(window, chunk) && soon_ns < timeout)
                timeout = soon_ns;
        return chunk->sent_ns + timeout;
}

uint64_t hark_send_window_due_ns(const struct hark_send_window *window)
{
        uint64_t first_ns = HARK_NEVER;

        for (uint32_t i = window->first; i != window->next; i++) {
                const struct hark_sent_chunk *chunk = &window->chunks[i % HARK_WINDOW];

                if (chunk->packet && !chunk->is_lost && due_ns(window, chunk) < first_ns)
                        first_ns = due_ns(window, chunk);
        }
        return first_ns;
}

/* Nothing came back: whatever is in the way needs time to go. */
static void back_off(struct hark_send_window *window)
{
        window->congestion = CONGESTION_MIN;
        if (timeout_ns(window) < HARK_WINDOW_RTO_MAX_NS)
                window->n_timeouts++;
}

void hark_send_window_expire(struct hark_send_window *window, uint64_t now_ns)
{
        bool is_silence = false;

        for (uint32_t i = window->first; i != window->next; i++) {
                struct hark_sent_chunk *chunk = chunk_at(window, i);

                if (!chunk->packet || chunk->is_lost || due_ns(window, chunk) > now_ns)
                        continue;
                is_silence |= !is_overtaken(window, chunk);
                halve(window, chunk->order);
                lose(window, chunk);
        }
        if (is_silence)
                back_off(window);
}
