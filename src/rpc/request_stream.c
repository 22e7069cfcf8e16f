/* SPDX-License-Identifier: MIT */

/*
 * The answering side of streams: what a request has whose question or answer may have items.
 *
 *         QUEUED  items of the question wait
 *         OPEN    items of the question: on_item; room for items of the answer: on_room
 *         ...     nothing any more: what is not told is dropped
 *
 * A handler that watches for items of a question without any is told their end at once, and one
 * that watches for room to a caller who takes no items is told that there is: so it learns from
 * hark_push(), and nobody waits for what never comes.
 */

#include <errno.h>

#include "base/payload.h"
#include "rpc/context.h"
#include "rpc/item_receiver.h"
#include "rpc/item_sender.h"
#include "rpc/request.h"

struct hark_request_stream {
        hark_request *request;
        bool feeds;    /* the question has items */
        bool has_fed;  /* and their end has come */
        bool owes_end; /* it has none, or no more: to be told to who watches for them from now on */
        struct hark_item_receiver receiver;
        struct hark_item_sender sender;
};

_Static_assert(sizeof(struct hark_request_stream) <= HARK_BLOCK_SIZE, "one block of the pool");

static struct hark_request_stream *stream_of(struct hark_item_receiver *receiver)
{
        return hark_container_of(receiver, struct hark_request_stream, receiver);
}

static hark_request *request_of(struct hark_item_receiver *receiver)
{
        return stream_of(receiver)->request;
}

/* --- what is told ----------------------------------------------------------------------------- */

/* What nobody wants to hear of counts as dealt with; the end is kept for who wants to later. */
static void tell(struct hark_item_receiver *receiver, hark_message *item)
{
        hark_request *request = request_of(receiver);
        hark_request *before;

        if (!request->events.on_item) {
                stream_of(receiver)->owes_end = !item;
                return;
        }
        before = hark_context_enter(request);
        request->events.on_item(request, item, request->userdata);
        hark_context_leave(before);
}

/* Not before that of the request itself. */
static void queue(struct hark_item_receiver *receiver, struct hark_task *turn)
{
        hark_requests_queue(request_of(receiver)->requests, turn);
}

static void fail(struct hark_item_receiver *receiver)
{
        hark_request_break_off(request_of(receiver), -ENOMEM, HARK_RESOURCE_EXHAUSTED,
                               "no memory for the items of the question");
}

static void hold(struct hark_item_receiver *receiver)
{
        hark_request_ref(request_of(receiver));
}

static void let_go(struct hark_item_receiver *receiver)
{
        hark_request_unref(request_of(receiver));
}

static const struct hark_item_receiver_ops receiver_ops = {.tell = tell,
                                                           .queue = queue,
                                                           .fail = fail,
                                                           .hold = hold,
                                                           .let_go = let_go,
                                                           .end_is_item = true};

static void on_room(struct hark_item_sender *sender)
{
        hark_request *request =
                hark_container_of(sender, struct hark_request_stream, sender)->request;
        hark_request *before;

        if (!request->events.on_room)
                return;
        hark_request_ref(request);
        before = hark_context_enter(request);
        request->events.on_room(request, request->userdata);
        hark_context_leave(before);
        hark_request_unref(request);
}

/* --- life ------------------------------------------------------------------------------------- */

int hark_request_stream_new(hark_request *request, uint8_t flags)
{
        struct hark_requests *requests = request->requests;
        struct hark_flow flow = {
                .conn = requests->conn, .id = request->id, .priority = request->priority};
        struct hark_request_stream *stream = hark_pool_take(hark_loop_block_pool(requests->loop));

        if (!stream)
                return -ENOMEM;
        *stream =
                (struct hark_request_stream){.request = request, .feeds = flags & HARK_FLAG_FEEDS};
        hark_item_sender_init(&stream->sender, requests->loop, requests->owner, &flow);
        stream->sender.is_wanted = flags & HARK_FLAG_OBSERVES;
        stream->sender.on_room = on_room;
        stream->owes_end = !stream->feeds;
        flow.flags = HARK_FLAG_FEED;
        if (requests->conn)
                hark_window_init(&flow.window, requests->conn->limits.window_size);
        hark_item_receiver_init(&stream->receiver, &receiver_ops, requests->loop, requests->owner,
                                &flow);
        request->stream = stream;
        return 0;
}

void hark_request_stream_free(struct hark_request_stream *stream)
{
        if (stream)
                hark_pool_put(hark_loop_block_pool(stream->request->requests->loop), stream);
}

void hark_request_stream_close(struct hark_request_stream *stream, bool is_answered)
{
        if (!stream)
                return;
        if (!is_answered && stream->sender.flow.conn)
                hark_item_sender_withdraw(&stream->sender);
        hark_item_sender_close(&stream->sender);
        hark_item_receiver_close(&stream->receiver);
}

void hark_request_stream_detach(struct hark_request_stream *stream)
{
        if (stream)
                stream->sender.flow.conn = stream->receiver.flow.conn = NULL;
}

static void watch(struct hark_request_stream *stream, const struct hark_request_events *events)
{
        if (events->on_room)
                hark_item_sender_await_room(&stream->sender);
        if (!events->on_item || !stream->owes_end)
                return;
        stream->owes_end = false;
        hark_item_receiver_take_end(&stream->receiver);
}

int hark_request_stream_watch(hark_request *request, const struct hark_request_events *events)
{
        int r = 0;

        if (!events->on_room && !events->on_item)
                return 0;
        if (!request->stream)
                r = hark_request_stream_new(request, 0);
        if (r == 0)
                watch(request->stream, events);
        return r;
}

bool hark_request_stream_has_sent(const struct hark_request_stream *stream)
{
        return stream && stream->sender.has_sent;
}

/* --- what comes ------------------------------------------------------------------------------- */

static const char *check_item(const hark_request *request, const struct hark_header *header)
{
        const struct hark_request_stream *stream = request->stream;

        if (!stream || !stream->feeds)
                return "an item of a question that shall have none";
        if (stream->has_fed)
                return "an item behind the end of the items";
        if (header->priority != request->priority)
                return "an item at another priority than its request's";
        return NULL;
}

const char *hark_requests_begin_item(struct hark_requests *requests, struct hark_arriving *item)
{
        hark_request *request = hark_requests_find(requests, item->header->id);
        const char *why;

        if (!request)
                return NULL;
        why = check_item(request, item->header);
        if (why)
                return why;
        if (item->header->flags & HARK_FLAG_END) {
                request->stream->has_fed = true;
                hark_item_receiver_take_end(&request->stream->receiver);
        } else if (!hark_item_receiver_admit(&request->stream->receiver, item->cost)) {
                return "an item beyond the window";
        } else if (item->full) {
                hark_request_break_off(request, -EDQUOT, HARK_RESOURCE_EXHAUSTED, item->full);
        } else {
                item->is_kept = true;
        }
        return NULL;
}

/* Whether it is this request's item that was admitted as it began. That one may have ended
 * meanwhile, and a later one have its id: not at its priority, at which nothing else began. */
static bool is_item_of(const struct hark_header *header, const hark_request *request)
{
        return request && request->stream && request->priority == header->priority;
}

void hark_requests_take_item(struct hark_requests *requests, struct hark_received *received)
{
        hark_request *request = hark_requests_find(requests, received->header->id);

        if (!is_item_of(received->header, request)) {
                hark_conn_release(requests->conn, received->charge);
                hark_message_unref(received->message);
        } else if (hark_item_receiver_take(&request->stream->receiver, received) < 0) {
                fail(&request->stream->receiver);
        }
}

static const char *take_credit(hark_request *request, const struct hark_header *header)
{
        struct hark_request_stream *stream = request->stream;

        if (!stream || !stream->sender.is_wanted)
                return "credit for the items of an answer that has none";
        if (header->priority != request->priority)
                return "credit at another priority than its request's";
        if (!hark_item_sender_credit(&stream->sender, header->status))
                return "credit for more than is under way";
        return NULL;
}

void hark_requests_take_credit(struct hark_requests *requests, const struct hark_header *header)
{
        hark_request *request = hark_requests_find(requests, header->id);
        const char *why = request ? take_credit(request, header) : NULL;

        if (why)
                hark_conn_break(requests->conn, why);
}

void hark_requests_take_room(struct hark_requests *requests)
{
        hark_list_for_each (link, &requests->unfinished) {
                hark_request *request = hark_container_of(link, struct hark_request, link);

                if (request->stream)
                        hark_item_sender_take_room(&request->stream->sender);
        }
}

/* --- public ----------------------------------------------------------------------------------- */

/* Whether an item may be sent: as for an answer, but nothing is taken for sent that is not: a
 * source without an end would never stop. */
static int check_open(const hark_request *request)
{
        if (request->state == HARK_REQUEST_ANSWERED)
                return -EALREADY;
        if (request->state == HARK_REQUEST_ENDED)
                return request->is_cancel_told ? request->reason : -EAGAIN;
        return 0;
}

int hark_push(hark_request *request, struct hark_payload item)
{
        int r;

        if (!request || hark_payload_check_item(&item) < 0)
                return -EINVAL;
        r = check_open(request);
        if (r < 0)
                return r;
        if (!request->stream || !request->stream->sender.is_wanted) {
                request->needs_observe = true;
                return -EOPNOTSUPP;
        }
        r = hark_item_sender_send(&request->stream->sender, &item);
        /* The connection is going, and on_cancel tells it in a moment. */
        return r == -ENOTCONN ? -EAGAIN : r;
}

int hark_request_pause(hark_request *request, bool is_paused)
{
        if (!request)
                return -EINVAL;
        if (request->state == HARK_REQUEST_ANSWERED)
                return -EALREADY;
        if (request->state == HARK_REQUEST_ENDED)
                return request->reason;
        if (request->stream)
                hark_item_receiver_pause(&request->stream->receiver, is_paused);
        return 0;
}
