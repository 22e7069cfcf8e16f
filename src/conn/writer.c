/* SPDX-License-Identifier: MIT */

/* See writer.h. */

#include "conn/writer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"

static size_t smaller(size_t a, size_t b)
{
        return a < b ? a : b;
}

static void unqueue(struct hark_writer *writer, struct hark_outgoing *outgoing)
{
        unsigned priority = outgoing->header.priority;

        hark_list_remove(&outgoing->link);
        if (hark_list_is_empty(&writer->queue[priority]))
                writer->filled &= ~(1u << priority);
        writer->queued_size -= outgoing->charge;
        if (outgoing->is_control)
                writer->control_size -= outgoing->charge;
}

static void drop_outgoing(struct hark_writer *writer, struct hark_outgoing *outgoing)
{
        unqueue(writer, outgoing);
        hark_outgoing_free(outgoing);
}

/* --- planning ---------------------------------------------------------------------------------- */

static bool is_fragmented(const struct hark_writer *writer, const struct hark_outgoing *outgoing)
{
        return outgoing->payload_size > writer->max_frame;
}

/* The header of the frame that carries payload_size bytes from offset on. */
static void encode_head(const struct hark_writer *writer, const struct hark_outgoing *outgoing,
                        size_t offset, size_t payload_size, uint8_t *bytes)
{
        struct hark_header header = outgoing->header;
        bool is_first = offset == 0;

        header.size = (uint32_t)(payload_size + (is_first ? outgoing->prefix_size : 0));
        if (is_fragmented(writer, outgoing)) {
                header.offset = (uint32_t)(is_first ? outgoing->payload_size : offset);
                if (offset + payload_size < outgoing->payload_size)
                        header.flags |= HARK_FLAG_MORE;
        }
        if (!is_first) {
                header.flags |= HARK_FLAG_CONTINUED;
                header.name_size = 0;
                header.n_fds = 0;
                header.flags &= (uint8_t)~HARK_FLAG_EXTENSIONS;
        }
        if (outgoing->deadline_ns != HARK_NEVER) {
                uint64_t now = hark_now_ns();

                header.time_left_ns = outgoing->deadline_ns > now ? outgoing->deadline_ns - now : 1;
        }
        hark_header_encode(&header, bytes);
}

static void add_piece(struct hark_out_frame *frame, const void *bytes, size_t size)
{
        if (size == 0)
                return;
        /* sendmsg(2) does not write to it, but struct iovec has no const. */
        frame->iov[frame->n_iov++] =
                (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
        frame->size += size;
}

/* Lays out one frame: header (and prefix, if it is the first), payload, padding. */
static void lay_out(const struct hark_outgoing *outgoing, size_t offset, size_t payload_size,
                    const uint8_t *head, struct hark_out_frame *frame)
{
        static const uint8_t zeros[8];
        bool is_first = offset == 0;
        size_t prefix_size = is_first ? outgoing->prefix_size : 0;
        size_t padding = hark_align8(payload_size) - payload_size;

        *frame =
                (struct hark_out_frame){.priority = outgoing->header.priority,
                                        .must_arrive = outgoing->header.type != HARK_FRAME_PUBLISH};
        if (is_first && !outgoing->message) {
                add_piece(frame, head, HARK_HEADER_SIZE + prefix_size + hark_align8(payload_size));
                return;
        }
        add_piece(frame, head, HARK_HEADER_SIZE + prefix_size);
        add_piece(frame, outgoing->payload + offset, payload_size);
        add_piece(frame, zeros, padding);
        /* Of a shared message all fds may have been taken: then it has some and the frame has none. */
        if (is_first && outgoing->header.n_fds > 0) {
                frame->fds = outgoing->message->fds;
                frame->n_fds = outgoing->header.n_fds;
        }
}

/* The rest of a frame of which the port has taken a part; its fds have left with the first byte. */
static void plan_current(const struct hark_writer *writer, struct hark_plan *plan)
{
        const struct hark_planned_frame *current = &writer->current;
        const struct hark_outgoing *outgoing = current->outgoing;
        struct hark_out_frame *frame = &plan->frames[0];
        const uint8_t *head = outgoing->offset == 0 ? outgoing->bytes : writer->current_head;
        size_t skip = writer->current_sent;
        unsigned first = 0;

        lay_out(outgoing, outgoing->offset, current->payload_size, head, frame);
        while (skip >= frame->iov[first].iov_len)
                skip -= frame->iov[first++].iov_len;
        memmove(frame->iov, frame->iov + first, (frame->n_iov - first) * sizeof(*frame->iov));
        frame->n_iov -= first;
        frame->iov[0].iov_base = (uint8_t *)frame->iov[0].iov_base + skip;
        frame->iov[0].iov_len -= skip;
        frame->size = current->size - writer->current_sent;
        frame->fds = NULL;
        frame->n_fds = 0;
        plan->planned[0] = *current;
        plan->n_frames = 1;
        plan->size = frame->size;
}

static bool fits_budget(const struct hark_outgoing *outgoing, size_t size,
                        const struct hark_send_budget *budget)
{
        if (outgoing->header.type == HARK_FRAME_REQUEST && budget->requests == 0)
                return false;
        return size <= budget->bytes && (budget->allows_fds || outgoing->header.n_fds == 0);
}

/* Plans one frame from offset on; false: it may not leave now. */
static bool plan_frame(const struct hark_writer *writer, struct hark_plan *plan,
                       struct hark_outgoing *outgoing, size_t offset,
                       struct hark_send_budget *budget)
{
        bool is_first = offset == 0;
        size_t payload_size = smaller(outgoing->payload_size - offset, writer->max_frame);
        size_t size = HARK_HEADER_SIZE + (is_first ? outgoing->prefix_size : 0) +
                      hark_align8(payload_size);
        unsigned i = plan->n_frames;
        uint8_t *head = is_first ? outgoing->bytes : plan->heads[i];

        if (!fits_budget(outgoing, size, budget))
                return false;
        budget->bytes -= size;
        if (is_first && outgoing->header.type == HARK_FRAME_REQUEST)
                budget->requests--;
        encode_head(writer, outgoing, offset, payload_size, head);
        lay_out(outgoing, offset, payload_size, head, &plan->frames[i]);
        plan->planned[i] = (struct hark_planned_frame){outgoing, payload_size, size};
        plan->n_frames++;
        plan->size += size;
        return true;
}

/* How much one send is given: as much as a socket takes at once, so that what turns up meanwhile and
 * is more urgent waits for no more than that. */
#define PLAN_SIZE (256 * 1024)

/* Plans frames of one message, from offset on; false: no room for more, or it may not leave. */
static bool plan_message(const struct hark_writer *writer, struct hark_plan *plan,
                         struct hark_outgoing *outgoing, size_t offset,
                         struct hark_send_budget *budget)
{
        do {
                if (plan->n_frames == HARK_SEND_FRAMES || plan->size >= PLAN_SIZE)
                        return false;
                if (!plan_frame(writer, plan, outgoing, offset, budget))
                        return false;
                offset += smaller(outgoing->payload_size - offset, writer->max_frame);
        } while (offset < outgoing->payload_size);
        return true;
}

/* Where planning goes on in this message: behind its frame that is planned already. */
static size_t planned_offset(const struct hark_writer *writer, const struct hark_outgoing *outgoing)
{
        return outgoing->offset +
               (writer->current.outgoing == outgoing ? writer->current.payload_size : 0);
}

static bool has_more_to_plan(const struct hark_writer *writer, const struct hark_outgoing *outgoing)
{
        bool is_current = writer->current.outgoing == outgoing;

        if (is_current && outgoing->is_given_up)
                return false;
        return !is_current || planned_offset(writer, outgoing) < outgoing->payload_size;
}

/* --- accounting -------------------------------------------------------------------------------- */

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

static int queue_at(struct hark_writer *writer, const struct hark_send *send,
                    struct hark_list *position, struct hark_outgoing **slot)
{
        struct hark_outgoing *outgoing;
        int r = hark_outgoing_new(writer->pool, writer->messages, send, &outgoing);

        if (r < 0)
                return r;
        hark_list_insert_before(position, &outgoing->link);
        writer->filled |= 1u << send->priority;
        writer->queued_size += outgoing->charge;
        if (outgoing->is_control)
                writer->control_size += outgoing->charge;
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

void hark_writer_plan(struct hark_writer *writer, struct hark_plan *plan,
                      struct hark_send_budget budget)
{
        plan->n_frames = 0;
        plan->size = 0;
        if (writer->current.outgoing)
                plan_current(writer, plan);
        budget.bytes -= smaller(plan->size, budget.bytes);
        for (unsigned filled = writer->filled; filled != 0;) {
                unsigned priority = 31 - (unsigned)__builtin_clz(filled);

                filled &= ~(1u << priority);
                hark_list_for_each (link, &writer->queue[priority]) {
                        struct hark_outgoing *outgoing =
                                hark_container_of(link, struct hark_outgoing, link);

                        if (has_more_to_plan(writer, outgoing) &&
                            !plan_message(writer, plan, outgoing, planned_offset(writer, outgoing),
                                          &budget))
                                return;
                }
        }
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
