/* SPDX-License-Identifier: MIT */
#ifndef HARK_LINK_SEND_WINDOW_H
#define HARK_LINK_SEND_WINDOW_H

/*
 * What one side has sent and the other has not acknowledged: when it is sent again, and how much
 * may be on its way. Pure: no fd, no clock; it holds the packets.
 *
 *         sequence   first ........................ next ......... first + 64
 *                    acknowledged or not, each one   room, as far as the other side takes it
 *
 * A chunk is lost when three that were sent after it have come, or one, and it has taken longer than
 * others did (RFC 8985), or when its time is over; it is sent again then, as often as it takes. The
 * time follows from how long answers took (RFC 6298), and doubles with each time that nothing was
 * heard.
 *
 * How many may fly grows with what has come, and is halved by losses, once for each round trip
 * (RFC 5681): a receiver whose socket has no room loses what came, and shows that in no other way.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HARK_WINDOW 64 /* chunks */

#define HARK_WINDOW_RTO_MIN_NS (20 * 1000000ull)
#define HARK_WINDOW_RTO_MAX_NS (2000 * 1000000ull)

struct hark_sent_chunk {
        uint8_t *packet; /* what is sent again; NULL: it has come */
        uint32_t size;
        uint64_t order; /* counts all that is sent, again or not */
        uint64_t sent_ns;
        bool is_repeated; /* so nobody knows which of them was acknowledged */
        bool is_lost;     /* and to be sent again */
};

struct hark_send_window {
        struct hark_sent_chunk chunks[HARK_WINDOW]; /* by sequence */
        uint32_t first, next;
        uint32_t limit;   /* the first that the other side does not take yet */
        uint64_t order;   /* of what is sent next */
        uint64_t arrived; /* the order of the last that came */
        unsigned n_flying, n_lost;
        unsigned congestion, threshold; /* how many may fly; where that begins to grow slowly */
        unsigned n_grown;               /* came since it has grown */
        uint64_t halved;                /* what was sent before this has been paid for */
        uint64_t rtt_ns, deviation_ns;  /* 0: not measured yet */
        unsigned n_timeouts;            /* in a row */
};

void hark_send_window_init(struct hark_send_window *window);
void hark_send_window_done(struct hark_send_window *window);

/* Whether one more chunk may be sent for the first time. */
bool hark_send_window_has_room(const struct hark_send_window *window);

/* Whether nothing waits for an acknowledgement. */
static inline bool hark_send_window_is_empty(const struct hark_send_window *window)
{
        return window->first == window->next;
}

/* Whether the other side takes nothing more for now, all of what it took having come. */
static inline bool hark_send_window_is_shut(const struct hark_send_window *window)
{
        return window->first == window->next && window->next == window->limit;
}

/* Counts a chunk of this sequence, window->next, as sent. Returns where its packet has to be
 * written, for when it is sent again; NULL: no memory, and nothing has changed. */
uint8_t *hark_send_window_add(struct hark_send_window *window, size_t size, uint64_t now_ns);

/*
 * All chunks before `acknowledged` have come; of those behind it, bit i of `more` says whether
 * acknowledged + 1 + i has. is_full: the other side takes nothing beyond what it took before.
 * 0; -EPROTO: that was never sent.
 */
int hark_send_window_acknowledge(struct hark_send_window *window, uint32_t acknowledged,
                                 uint64_t more, bool is_full, uint64_t now_ns);

/* The next chunk that has to be sent again, and counts as sent now; NULL: none, or not yet. */
const struct hark_sent_chunk *hark_send_window_repeat(struct hark_send_window *window,
                                                      uint64_t now_ns);

/* When hark_send_window_expire() is to be called; HARK_NEVER: nothing flies. */
uint64_t hark_send_window_due_ns(const struct hark_send_window *window);

/* Has all that has not come sent again at once, however much that is: the last chance. */
void hark_send_window_hurry(struct hark_send_window *window);

/* Takes for lost what should have been acknowledged by now. */
void hark_send_window_expire(struct hark_send_window *window, uint64_t now_ns);

#endif
