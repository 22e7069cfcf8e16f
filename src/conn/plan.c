/* SPDX-License-Identifier: MIT */

/*
 * Which frames a writer sends next, and what they look like. See writer.h.
 *
 *         the rest of a frame that has begun     then    one chunk of what is due; if nothing is,
 *                                                        frames of priority 7, 6, ... 0
 */

#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "conn/writer.h"

static size_t smaller(size_t a, size_t b)
{
        return a < b ? a : b;
}

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

        *frame = (struct hark_out_frame){.priority = outgoing->header.priority};
        if (payload_size == outgoing->payload_size)
                frame->loss_number = outgoing->loss_number;
        if (is_first && !outgoing->message) {
                add_piece(frame, head, HARK_HEADER_SIZE + prefix_size + hark_align8(payload_size));
                return;
        }
        add_piece(frame, head, HARK_HEADER_SIZE + prefix_size);
        add_piece(frame, outgoing->payload + offset, payload_size);
        add_piece(frame, zeros, padding);
        /* Of a shared message all fds may have been taken: then it has some and the frame has
         * none. */
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
        frame->loss_number = 0;
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

/* How much one send is given: as much as a socket takes at once, so that what turns up meanwhile
 * and is more urgent waits for no more than that. */
#define PLAN_SIZE (256 * 1024)

/* Plans frames of one message, from offset on; false: no room for more, or it may not leave. */
static bool plan_message(const struct hark_writer *writer, struct hark_plan *plan,
                         struct hark_outgoing *outgoing, size_t offset,
                         struct hark_send_budget *budget)
{
        do {
                if (plan->n_frames == HARK_SEND_FRAMES || plan->size >= plan->max_size)
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

/* Plans frames of a priority; false: no room for more, or one may not leave. */
static bool plan_queue(const struct hark_writer *writer, struct hark_plan *plan, unsigned priority,
                       struct hark_send_budget *budget)
{
        hark_list_for_each (link, &writer->queue[priority]) {
                struct hark_outgoing *outgoing =
                        hark_container_of(link, struct hark_outgoing, link);

                if (has_more_to_plan(writer, outgoing) &&
                    !plan_message(writer, plan, outgoing, planned_offset(writer, outgoing), budget))
                        return false;
        }
        return true;
}

/* --- fairness --------------------------------------------------------------------------------- */

/* Says something of all that was sent before it: who reads it has read that, too. */
static bool is_behind_all(const struct hark_outgoing *outgoing)
{
        switch (outgoing->header.type) {
        case HARK_FRAME_GOAWAY:
        case HARK_FRAME_PING:
        case HARK_FRAME_PONG:
                return true;
        default:
                return false;
        }
}

static struct hark_outgoing *first_of(const struct hark_writer *writer, unsigned priority)
{
        struct hark_list *link = hark_list_first(&writer->queue[priority]);

        return link ? hark_container_of(link, struct hark_outgoing, link) : NULL;
}

/* Whether it may leave although something more urgent waits. */
static bool may_pass(const struct hark_writer *writer, const struct hark_outgoing *outgoing)
{
        unsigned priority = outgoing->header.priority;

        if (!is_behind_all(outgoing))
                return true;
        while (++priority < HARK_PRIORITIES) {
                const struct hark_outgoing *urgent = first_of(writer, priority);

                if (urgent && urgent->number < outgoing->number)
                        return false;
        }
        return true;
}

static bool is_due(const struct hark_writer *writer, unsigned priority)
{
        return writer->passed[priority] >= HARK_PASSED_MAX &&
               may_pass(writer, first_of(writer, priority));
}

/* Plans one chunk of what is due; false: nothing is, or may leave. */
static bool plan_due(const struct hark_writer *writer, struct hark_plan *plan,
                     struct hark_send_budget budget)
{
        unsigned n_frames = plan->n_frames, priority = 0;

        while (priority < HARK_PRIORITIES && !is_due(writer, priority))
                priority++;
        if (priority == HARK_PRIORITIES)
                return false;
        plan->max_size = plan->size + HARK_CHUNK;
        hark_list_for_each (link, &writer->queue[priority]) {
                struct hark_outgoing *outgoing =
                        hark_container_of(link, struct hark_outgoing, link);

                if (!may_pass(writer, outgoing) ||
                    (has_more_to_plan(writer, outgoing) &&
                     !plan_message(writer, plan, outgoing, planned_offset(writer, outgoing),
                                   &budget)))
                        break;
        }
        return plan->n_frames > n_frames;
}

void hark_writer_plan(struct hark_writer *writer, struct hark_plan *plan,
                      struct hark_send_budget budget)
{
        plan->n_frames = 0;
        plan->size = 0;
        if (writer->current.outgoing)
                plan_current(writer, plan);
        budget.bytes -= smaller(plan->size, budget.bytes);
        if (plan_due(writer, plan, budget))
                return;
        plan->max_size = PLAN_SIZE;
        for (unsigned filled = writer->filled; filled != 0;) {
                unsigned priority = 31 - (unsigned)__builtin_clz(filled);

                filled &= ~(1u << priority);
                if (!plan_queue(writer, plan, priority, &budget))
                        return;
        }
}

bool hark_plan_is_bulky(const struct hark_plan *plan)
{
        return plan->n_frames > 0 &&
               plan->planned[plan->n_frames - 1].outgoing->payload_size > PLAN_SIZE;
}
