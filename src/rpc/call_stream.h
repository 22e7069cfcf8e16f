/* SPDX-License-Identifier: MIT */
#ifndef HARK_RPC_CALL_STREAM_H
#define HARK_RPC_CALL_STREAM_H

/*
 * The asking side of streams: what a call has that sends items (has_feed) or receives them
 * (hark_observe()).
 *
 *         call started --items of the answer: HARK_MORE---+
 *                      --room for items of the question: HARK_ROOM
 *         call ended   --items that came before it are told, then the end--> freed
 *
 * A call that has ended has no place in the table of pending calls any more; its stream stays known
 * by the call's number until the end is told, because what is stopped must be able to go on, or be
 * cut off.
 */

#include "base/map.h"
#include "rpc/item_receiver.h"
#include "rpc/item_sender.h"

struct hark_calls;
struct hark_pending_call;

struct hark_call_stream {
        struct hark_map_node node; /* of streams, by the call's number */
        struct hark_list link;     /* of streaming */
        struct hark_pending_call *pending;
        bool observes, feeds;
        struct hark_item_receiver receiver;
        struct hark_item_sender sender;
};

/* The call has its number. 0; -ENOMEM; -EOPNOTSUPP: the other side takes no items. */
int hark_call_stream_new(struct hark_pending_call *pending, bool observes, bool feeds);

/* The connection is lost, and the call waits for another: no item has come, and none was fed. */
void hark_call_stream_detach(struct hark_call_stream *stream);

/* Takes NULL. */
void hark_call_stream_free(struct hark_call_stream *stream);

/* The call is over: tells its end behind what has come, which is dropped if the end is our own. */
void hark_call_stream_end(struct hark_call_stream *stream);

/* NULL: there is none, or its end is told. */
struct hark_call_stream *hark_call_stream_find(const struct hark_calls *calls, uint64_t id);

/* Cancels a call that is over and whose end waits behind items. 0; -ENOENT: none does. */
int hark_calls_cut(struct hark_calls *calls, uint64_t id);

int hark_call_stream_feed(struct hark_call_stream *stream, const struct hark_payload *item);
int hark_call_stream_feed_end(struct hark_call_stream *stream);
int hark_call_stream_pause(struct hark_call_stream *stream, bool is_paused);

/* The asker's role: see hark_role_ops. */
const char *hark_calls_begin_item(struct hark_calls *calls, struct hark_arriving *item);
void hark_calls_take_item(struct hark_calls *calls, struct hark_received *received);
void hark_calls_take_credit(struct hark_calls *calls, const struct hark_header *header);

/* There is a connection. What waits to be fed waits for hark_calls_take_room(), which comes when it
 * is open, behind the request. */
void hark_calls_attach_streams(struct hark_calls *calls);

/* The connection is open, or has room in its queue. */
void hark_calls_take_room(struct hark_calls *calls);

/* Their user goes: no stream stays stopped any more. Those that are drop what they hold, and the
 * end is told as reason if it was an answer. */
void hark_calls_cut_streams(struct hark_calls *calls, int reason);

#endif
