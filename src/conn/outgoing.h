/* SPDX-License-Identifier: MIT */
#ifndef HARK_CONN_OUTGOING_H
#define HARK_CONN_OUTGOING_H

/*
 * A message on its way out, from the verb that sends it until its last frame has left.
 *
 *         struct hark_outgoing | header | name, extensions | small payload, padding
 *                                                      or  `message` holds the payload
 *
 * A small payload is copied behind its header, so that a frame is one piece of memory; a larger one
 * lies in a message, of which several outgoing ones may hold a reference (a notification to many).
 */

#include "base/list.h"
#include "base/map.h"
#include "base/message.h"
#include "wire/frame.h"

struct hark_outgoing;

/* Queued messages that belong together, in the order they came, as long as they may be taken back:
 * what one subscriber has not yet been sent. */
struct hark_outgoing_group {
        struct hark_list queued;
        size_t n_queued, queued_size;
        /* One that was counted here is so no more: it leaves, or is dropped. May be NULL; must not
         * queue anything. */
        void (*on_left)(struct hark_outgoing_group *group, struct hark_outgoing *outgoing);
};

struct hark_outgoing {
        struct hark_list link; /* of queue[header.priority] */
        /* Where its sender remembers it; set to NULL once it can no longer be taken back, because
         * the first byte of it leaves or because it is dropped. May be NULL. */
        struct hark_outgoing **slot;
        struct hark_outgoing_group *group; /* which of them may be taken back; may be NULL */
        struct hark_list group_link;
        struct hark_map_node group_node; /* for a table of the group's owner */
        struct hark_header header;
        uint64_t loss_number;  /* as in hark_send */
        uint64_t number;       /* counts up as they are queued, see hark_writer */
        uint64_t deadline_ns;  /* becomes time left when it leaves; HARK_NEVER: none */
        hark_message *message; /* holds payload and fds; NULL: payload lies behind the prefix */
        const uint8_t *payload;
        size_t payload_size, prefix_size;
        size_t offset;          /* payload bytes whose frames have left */
        size_t size;            /* with header and prefix: what it counts in its group */
        size_t charge;          /* memory that it holds: what it counts in its queue */
        bool is_control;        /* as in hark_send */
        bool is_waiting;        /* for a connection, in a backlog */
        bool has_begun;         /* a frame of it has left */
        bool is_given_up;       /* no further fragment of it leaves */
        struct hark_pool *pool; /* NULL: from malloc */
        uint8_t bytes[];        /* header, prefix (name and extensions), small payload, padding */
};

/* What is to be sent, before it is queued. */
struct hark_send {
        uint8_t type, flags;
        uint8_t priority;
        uint32_t id, status, sequence;
        const char *name; /* may be NULL */
        size_t name_size;
        const struct hark_payload *payload; /* data, fds, encoding, error_*; may be NULL */
        hark_message *message;              /* instead of payload: bytes and fds to share */
        struct hark_span extensions;        /* as hark_extensions_finish() made them */
        uint64_t deadline_ns;               /* HARK_NEVER: none */
        uint64_t loss_number; /* of a notification that may be lost on the way, if that is told; 0:
                                 it must not */
        struct hark_outgoing_group *group;
        bool is_control; /* the library's own, for which no limit of the queue counts */
        bool is_again;   /* nor for this, which was let in before, on another connection */
};

void hark_outgoing_group_init(struct hark_outgoing_group *group);
/* None of them may be taken back any more; they leave all the same. */
void hark_outgoing_group_disband(struct hark_outgoing_group *group);

/* Copies what send borrows. The blocks are pool's, as many bytes as those have room for; what is
 * larger lies in a message. 0; -ENOMEM; -EMFILE, -EBADF: an fd could not be duplicated. */
int hark_outgoing_new(struct hark_pool *pool, struct hark_message_pools *messages,
                      const struct hark_send *send, struct hark_outgoing **ret_outgoing);

/* Another one that says the same; nobody remembers it yet. 0; -ENOMEM. */
int hark_outgoing_clone(struct hark_pool *pool, const struct hark_outgoing *outgoing,
                        struct hark_outgoing **ret_clone);

/* Takes it out of its list, too. */
void hark_outgoing_free(struct hark_outgoing *outgoing);

/* Lets its sender take it back, by its slot (may be NULL) and its group. */
void hark_outgoing_attach(struct hark_outgoing *outgoing, const struct hark_send *send,
                          struct hark_outgoing **slot);
/* From now on it cannot. */
void hark_outgoing_detach(struct hark_outgoing *outgoing);

#endif
