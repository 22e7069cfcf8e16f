/* SPDX-License-Identifier: MIT */

/* See writer.h. */

#include "conn/writer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static size_t smaller(size_t a, size_t b)
{
        return a < b ? a : b;
}

static void unqueue(struct hark_writer *writer, struct hark_outgoing *outgoing)
{
        unsigned priority = outgoing->header.priority;

        hark_list_remove(&outgoing->link);
        if (hark_list_is_empty(&writer->queue[priority])) {
                writer->filled &= ~(1u << priority);
                writer->passed[priority] = 0;
        }
        writer->queued_size -= outgoing->charge;
        if (outgoing->is_control)
                writer->control_size -= outgoing->charge;
}

static void drop_outgoing(struct hark_writer *writer, struct hark_outgoing *outgoing)
{
        unqueue(writer, outgoing);
        hark_outgoing_free(outgoing);
}

/* --- accounting ------------------------------------------------------------------------------- */

/* Bytes of a priority have left: each less urgent one that waits was passed, and itself has had its
 * share of those that passed it. Nobody saves up more than two turns. */
static void count_passed(struct hark_writer *writer, unsigned priority, size_t n_bytes)
{
        const size_t chunks = HARK_PASSED_MAX / HARK_CHUNK;
        size_t *passed = writer->passed;

        for (unsigned i = 0; i < priority; i++)
                if (writer->filled & (1u << i))
                        passed[i] = smaller(passed[i] + n_bytes, 2 * HARK_PASSED_MAX);
        passed[priority] -= smaller(passed[priority], chunks * n_bytes);
}

/* One frame of this message has left whole. */
static void frame_sent(struct hark_writer *writer, const struct hark_planned_frame *planned)
{
        struct hark_outgoing *outgoing = planned->outgoing;

        outgoing->offset += planned->payload_size;
        if (outgoing->offset == outgoing->payload_size || outgoing->is_given_up)
                drop_outgoing(writer, outgoing);
}

void hark_writer_init(struct hark_writer *writer, struct hark_pool *pool,
                      struct hark_message_pools *messages, size_t max_frame)
{
        *writer = (struct hark_writer){.pool = pool, .messages = messages, .max_frame = HARK_CHUNK};
        if (max_frame > 0 && max_frame - HARK_HEADER_SIZE < HARK_CHUNK)
                writer->max_frame = (max_frame - HARK_HEADER_SIZE) & ~(size_t)7;
        for (unsigned i = 0; i < HARK_PRIORITIES; i++)
                hark_list_init(&writer->queue[i]);
}

void hark_writer_done(struct hark_writer *writer)
{
        for (unsigned i = 0; i < HARK_PRIORITIES; i++) {
                struct hark_list *link;

                while ((link = hark_list_first(&writer->queue[i])))
                        drop_outgoing(writer, hark_container_of(link, struct hark_outgoing, link));
        }
        writer->current.outgoing = NULL;
}

static void put_at(struct hark_writer *writer, struct hark_outgoing *outgoing,
                   struct hark_list *position)
{
        if (position == &writer->queue[outgoing->header.priority])
                outgoing->number = ++writer->n_queued;
        else
                outgoing->number = hark_container_of(position, struct hark_outgoing, link)->number;
        hark_list_insert_before(position, &outgoing->link);
        writer->filled |= 1u << outgoing->header.priority;
        writer->queued_size += outgoing->charge;
        if (outgoing->is_control)
                writer->control_size += outgoing->charge;
}

static int queue_at(struct hark_writer *writer, const struct hark_send *send,
                    struct hark_list *position, struct hark_outgoing **slot)
{
        struct hark_outgoing *outgoing;
        int r = hark_outgoing_new(writer->pool, writer->messages, send, &outgoing);

        if (r < 0)
                return r;
        put_at(writer, outgoing, position);
        hark_outgoing_attach(outgoing, send, slot);
        return 0;
}

int hark_writer_queue(struct hark_writer *writer, const struct hark_send *send,
                      struct hark_outgoing **slot)
{
        return queue_at(writer, send, &writer->queue[send->priority], slot);
}

int hark_writer_queue_before(struct hark_writer *writer, const struct hark_send *send,
                             struct hark_outgoing *position, struct hark_outgoing **slot)
{
        struct hark_list *queue = &writer->queue[send->priority];
        struct hark_list *first = queue->next;

        if (position)
                return queue_at(writer, send, &position->link, slot);
        /* Only the first can have begun, and nothing may come between its fragments. */
        if (first != queue && hark_container_of(first, struct hark_outgoing, link)->has_begun)
                first = first->next;
        return queue_at(writer, send, first, slot);
}

void hark_writer_put(struct hark_writer *writer, struct hark_outgoing *outgoing)
{
        put_at(writer, outgoing, &writer->queue[outgoing->header.priority]);
}

void hark_writer_reclaim(struct hark_writer *writer,
                         bool (*take)(struct hark_outgoing *outgoing, void *userdata),
                         void *userdata)
{
        for (unsigned i = HARK_PRIORITIES; i-- > 0;) {
                hark_list_for_each (link, &writer->queue[i]) {
                        struct hark_outgoing *outgoing =
                                hark_container_of(link, struct hark_outgoing, link);

                        if (outgoing->has_begun)
                                continue;
                        unqueue(writer, outgoing);
                        if (!take(outgoing, userdata))
                                put_at(writer, outgoing, link_next);
                }
        }
}

void hark_writer_withdraw(struct hark_writer *writer, struct hark_outgoing *outgoing)
{
        assert(!outgoing->has_begun);
        drop_outgoing(writer, outgoing);
}

/* Only the first of a priority can have begun. */
static struct hark_outgoing *find_begun(const struct hark_writer *writer, uint8_t type, uint32_t id,
                                        uint8_t priority)
{
        struct hark_list *link = hark_list_first(&writer->queue[priority]);
        struct hark_outgoing *first;

        if (!link)
                return NULL;
        first = hark_container_of(link, struct hark_outgoing, link);
        if (!first->has_begun || first->header.type != type || first->header.id != id)
                return NULL;
        return first;
}

bool hark_writer_has_begun(const struct hark_writer *writer, uint8_t type, uint32_t id,
                           uint8_t priority)
{
        return find_begun(writer, type, id, priority) != NULL;
}

void hark_writer_give_up(struct hark_writer *writer, uint8_t type, uint32_t id, uint8_t priority)
{
        struct hark_outgoing *outgoing = find_begun(writer, type, id, priority);

        if (!outgoing)
                return;
        if (writer->current.outgoing == outgoing)
                outgoing->is_given_up = true;
        else
                drop_outgoing(writer, outgoing);
}

void hark_writer_sent(struct hark_writer *writer, const struct hark_plan *plan, size_t n_bytes,
                      struct hark_send_budget *budget)
{
        budget->bytes -= smaller(n_bytes, budget->bytes);
        for (unsigned i = 0; n_bytes > 0; i++) {
                const struct hark_planned_frame *planned = &plan->planned[i];
                struct hark_outgoing *outgoing = planned->outgoing;
                size_t taken = smaller(n_bytes, plan->frames[i].size);

                if (!outgoing->has_begun) {
                        if (outgoing->header.type == HARK_FRAME_REQUEST)
                                budget->requests--;
                        outgoing->has_begun = true;
                        hark_outgoing_detach(outgoing);
                }
                count_passed(writer, outgoing->header.priority, taken);
                n_bytes -= taken;
                if (taken == plan->frames[i].size) {
                        if (writer->current.outgoing == outgoing)
                                writer->current.outgoing = NULL;
                        frame_sent(writer, planned);
                        continue;
                }
                if (writer->current.outgoing != outgoing) {
                        writer->current_sent = 0;
                        memcpy(writer->current_head, plan->heads[i], HARK_HEADER_SIZE);
                }
                writer->current = *planned;
                writer->current_sent += taken;
        }
}

/* Why the other side would not take it, as -errno; 0: it would. */
static int check_fit(const struct hark_outgoing *outgoing, size_t message_size, unsigned n_fds)
{
        if (outgoing->has_begun)
                return 0;
        if (outgoing->payload_size > message_size)
                return -EMSGSIZE;
        return outgoing->header.n_fds > n_fds ? -EDQUOT : 0;
}

void hark_writer_drop_unfit(struct hark_writer *writer, size_t message_size, unsigned n_fds,
                            void (*drop)(const struct hark_outgoing *outgoing, int error,
                                         void *userdata),
                            void *userdata)
{
        for (unsigned i = 0; i < HARK_PRIORITIES; i++) {
                hark_list_for_each (link, &writer->queue[i]) {
                        struct hark_outgoing *outgoing =
                                hark_container_of(link, struct hark_outgoing, link);
                        int error = check_fit(outgoing, message_size, n_fds);

                        if (error == 0)
                                continue;
                        unqueue(writer, outgoing);
                        drop(outgoing, error, userdata);
                        hark_outgoing_free(outgoing);
                }
        }
}
