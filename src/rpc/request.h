/* SPDX-License-Identifier: MIT */
#ifndef HARK_RPC_REQUEST_H
#define HARK_RPC_REQUEST_H

/*
 * The inside of a request, for the files of this folder only; its states are drawn in requests.h.
 */

#include "rpc/requests.h"
#include "wire/chain.h"

enum hark_request_state {
        HARK_REQUEST_QUEUED = 1,
        HARK_REQUEST_OPEN,
        HARK_REQUEST_ANSWERED,
        HARK_REQUEST_ENDED
};

struct hark_request_stream;

struct hark_request {
        unsigned n_refs;
        struct hark_map_node node;
        struct hark_list link;       /* of unfinished */
        struct hark_list asker_link; /* of the loop's waiting askers, if it is unfinished */
        struct hark_list children;   /* struct hark_child: what ends when it does */
        struct hark_requests *requests;
        hark_message *message;
        struct hark_charge charge;
        uint32_t id;
        uint8_t priority;
        bool is_one_way, is_cancel_told;
        bool asker_waits;
        uint64_t asker;     /* its instance */
        bool needs_observe; /* it was answered by an item, which its caller does not take */
        enum hark_request_state state;
        int reason;  /* ENDED: why */
        int failure; /* OPEN: what the last attempt to answer returned */
        uint64_t deadline_ns;
        struct hark_timer deadline;
        struct hark_task turn;   /* its handler's turn */
        struct hark_task cancel; /* on_cancel's turn */
        struct hark_request_events events;
        void *userdata;
        struct hark_request_stream *stream; /* NULL: nobody has to do with items of it */
};

/* Whether somebody waits for its answer, or might. */
bool hark_request_is_awaited(const hark_request *request);

/* Answered or ended: nothing of it is pending any more. */
void hark_request_finish(hark_request *request, enum hark_request_state state);

/* Nobody waits for it any more. Before its turn it is gone without a trace. */
void hark_request_end(hark_request *request, int reason);

/* Says no to one that waits for its turn, in the library's name, and frees it. */
void hark_request_refuse(hark_request *request, int status, const char *text);

/* The chain that it came at the end of, its asker included. It is awaited, or has just come. */
void hark_request_chain(const hark_request *request, struct hark_chain *ret_chain);

/* How calls end whose parent has ended for this reason. */
int hark_request_end_of_children(int reason);

/* NULL: it is answered, or has ended. */
hark_request *hark_requests_find(const struct hark_requests *requests, uint32_t id);

/* --- answer.c --------------------------------------------------------------------------------- */

/* Answers no in the library's name. */
void hark_request_answer_no(hark_request *request, int status, const char *text);

/* Nobody has a reference any more who could answer: says why there is no answer. */
void hark_request_answer_unanswered(hark_request *request);

/* Ends a request whose handler cannot go on, for the reason that on_cancel is told, and tells the
 * caller a status. */
void hark_request_break_off(hark_request *request, int reason, int status, const char *text);

/* --- request_stream.c ------------------------------------------------------------------------- */

/* flags: of the request. 0; -ENOMEM. */
int hark_request_stream_new(hark_request *request, uint8_t flags);

/* Takes NULL. */
void hark_request_stream_free(struct hark_request_stream *stream);

/* Takes NULL. Nothing comes and goes any more; what is queued leaves before the answer, but not if
 * nobody waits for that. */
void hark_request_stream_close(struct hark_request_stream *stream, bool is_answered);

/* Takes NULL. The connection is gone, and the request goes on: it expects no answer. */
void hark_request_stream_detach(struct hark_request_stream *stream);

/* The handler watches: what can be told of a question that has no items, or of an answer that may
 * have none, is told. Makes the stream if there is none. 0; -ENOMEM. */
int hark_request_stream_watch(hark_request *request, const struct hark_request_events *events);

/* Whether items have been sent, which the answer must not overtake. Takes NULL. */
bool hark_request_stream_has_sent(const struct hark_request_stream *stream);

#endif
