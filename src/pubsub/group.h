/* SPDX-License-Identifier: MIT */
#ifndef HARK_PUBSUB_GROUP_H
#define HARK_PUBSUB_GROUP_H

/*
 * Groups: subscriptions that share what they match. Each publication goes to one member of a group,
 * which confirms it when it has dealt with it; until then the group keeps it.
 *
 *                          +--------- its member has ended -----------+
 *                          v                                          |
 *         publication -> waiting --a member has room--> given to a member --confirmed--> freed
 *                          |                                          |
 *                          +--dropped, or nobody is left--> unconfirmed: the publisher is told
 *
 * It is given to the member that has the fewest to confirm, in turns where several have as few. A
 * member has room while it has less than HARK_GROUP_WINDOW of them, and less bytes than its queue's
 * max_size. What finds no room waits; what comes back from a member that ended waits in front of
 * all others of its priority. The most urgent is given first, within a priority the oldest.
 *
 * What waits is bounded by the largest queue that a member asked for, and one member's window at
 * least; and in any case by the memory that a member's connection may cost. Beyond that the oldest
 * goes, of those that no member has had while there are any. It is told as lost to the member that
 * gets the next one, in front of that.
 *
 * Who decides is here; what a member's connection does is behind struct hark_group_member_ops, in
 * member.c.
 */

#include "base/message.h"
#include "loop/loop.h"
#include "names/tree.h"
#include "wire/frame.h"

#define HARK_GROUP_WINDOW 16 /* what one member may have to confirm */

struct hark_outgoing;
struct hark_publication;

/* All groups of one server. */
struct hark_groups {
        hark_loop *loop;
        const void *owner; /* of the callbacks */
        struct hark_tree *by_name;
        struct hark_list met; /* those that the current publication matches */
        bool is_closing;      /* nobody is given anything any more */
        /* A publication that no member has confirmed, nor ever will. Called from the loop's
         * callbacks.
         * NULL: it is counted in the log. */
        void (*on_unconfirmed)(const char *group, const char *topic, hark_message *message,
                               void *userdata);
        void *userdata;
};

/* What was dropped and no member has been told of yet. */
struct hark_group_loss {
        uint64_t n_lost;
        uint32_t reason;    /* an errno, of the last */
        uint8_t topic_size; /* 0: of several topics */
        char topic[HARK_NAME_MAX];
};

/* What is kept together, by priority, in order. */
struct hark_group_queue {
        struct hark_list of[HARK_PRIORITIES];
        size_t n_items, size;
};

struct hark_group {
        unsigned n_refs; /* of its members, its items and its log task */
        struct hark_groups *groups;
        struct hark_tree_entry entry;
        struct hark_list members;
        struct hark_group_queue returned,
                fresh;         /* what waits: what a member has had, and the rest */
        uint32_t max_messages; /* that may wait */
        size_t max_size, max_memory;
        bool is_measured;   /* those three are those of the present members */
        unsigned n_leaving; /* members whose items are not handed on yet */
        uint64_t n_published, n_given;
        struct hark_group_loss loss;
        bool is_stalled; /* something waits only because there was no memory to give it */
        struct hark_task log_task;
        uint64_t n_unlogged; /* unconfirmed ones that nobody was told of yet */
        /* Of the current publication: */
        struct hark_list met_link;
        struct hark_group_member *best; /* who gets it; NULL: nobody has room */
        bool has_taker;                 /* somebody takes it, now or later */
        int unfit_error;                /* why the others do not */
        char name[];
};

struct hark_group_member;

/* A publication, as long as a group keeps it. */
struct hark_group_item {
        struct hark_list link;
        struct hark_group *group;          /* held */
        hark_message *message;             /* held */
        size_t size;                       /* what it counts in queues */
        uint64_t number;                   /* counts what was published to the group */
        bool is_returned;                  /* a member has had it ... */
        bool is_repeated;                  /* ... and may have seen it */
        uint64_t sequence;                 /* the member's number of it */
        uint64_t n_lost;                   /* what its member is told as lost in front of it */
        struct hark_outgoing *frame, *gap; /* NULL: can no longer be taken back */
        struct hark_task task;             /* it is unconfirmed */
        size_t topic_size;
        char topic[HARK_NAME_MAX + 1];
};

_Static_assert(sizeof(struct hark_group_item) <= HARK_BLOCK_SIZE,
               "an item is one block of the pool");

struct hark_group_member_ops {
        /* Whether it takes a message of so many bytes and fds: 0; -EAGAIN, -ENOTCONN: not now; else
         * never. */
        int (*check)(struct hark_group_member *member, size_t size, unsigned n_fds);
        /* Gives it an item, behind word of what is lost; sets the item's sequence, frame and gap.
         * 0, or negative: nothing has happened. */
        int (*give)(struct hark_group_member *member, struct hark_group_item *item,
                    const struct hark_group_loss *loss);
        /* Takes back frame and gap of an item, where they are still set. */
        void (*take_back)(struct hark_group_member *member, struct hark_group_item *item);
};

/* What an item costs. */
static inline size_t hark_group_memory(size_t n_items, size_t size)
{
        return n_items * HARK_BLOCK_SIZE + size;
}

/* What all members of one connection have to confirm together, which none has room beyond. */
struct hark_group_burden {
        size_t memory, max_memory;
};

/* Embedded in what a connection keeps of it. */
struct hark_group_member {
        const struct hark_group_member_ops *ops; /* its owner sets this ... */
        const char *filter;
        size_t filter_size;
        bool is_once_only; /* what it may have seen goes to no other */
        uint32_t max_messages;
        size_t max_size, max_memory;
        struct hark_group_burden *burden; /* ... to here */
        struct hark_group *group;         /* NULL: in none */
        struct hark_list link;
        bool may_find;                /* else nothing waits that it takes: not to be looked for */
        struct hark_list unconfirmed; /* in the order they were given */
        size_t n_unconfirmed, unconfirmed_size;
        uint64_t last_given; /* in the group's n_given: whose turn it is */
};

/* 0; -ENOMEM. on_unconfirmed may be set afterwards. */
int hark_groups_init(struct hark_groups *groups, hark_loop *loop, const void *owner);
/* No member is left. */
void hark_groups_done(struct hark_groups *groups);

/* The server goes: what its members leave behind is given to nobody. */
void hark_groups_close(struct hark_groups *groups);

/* name is valid. 0; -ENOMEM. hark_group_serve() once it may be given something. */
int hark_group_join(struct hark_groups *groups, struct hark_group_member *member, const char *name,
                    size_t size);

/* Takes a member out of its group; what it has not confirmed stays with it until it is handed on.
 * So several that end together are given nothing of each other's. */
void hark_group_leave(struct hark_group_member *member);
/* Hands on what a member that left had not confirmed; the last one tells the publisher. Once for
 * each. */
void hark_group_hand_on(struct hark_group_member *member);

/* The publication matches this member's filter. */
void hark_group_meet(struct hark_group_member *member, const struct hark_publication *publication);
/* It has met all that it matches: gives it to one member of each group. message: the publication's;
 * may be NULL, if there was no memory for one. */
void hark_groups_publish(struct hark_groups *groups, const struct hark_publication *publication);

/* The member has dealt with what has this number; only the low half counts. false: it has not been
 * sent it, or has confirmed it before. */
bool hark_group_confirm(struct hark_group_member *member, uint32_t sequence);

/* Gives the member of what waits, as far as it has room. */
void hark_group_serve(struct hark_group_member *member);

/* Whether anything waits that this member takes. What only one that has gone would have taken waits
 * as well, until another such comes, or the group ends. */
bool hark_group_has_for(struct hark_group_member *member);

#endif
