/* SPDX-License-Identifier: MIT */
#ifndef HARK_PUBSUB_MEMBER_H
#define HARK_PUBSUB_MEMBER_H

/*
 * The subscriptions of one connection that are members of groups: how they are given what their
 * groups (group.h) decide, under the numbers that each of them counts, and how they confirm it.
 *
 *         group --give--> [gap] publish --> the peer
 *         group <--confirm--- ack <-------- the peer
 *
 * What a member is given is not dropped again: its window is its bound, and all members of the
 * connection together have no more to confirm than its queue may hold. As much may wait in a group
 * for the first of them, half for the second, a third for the third, and so on: so many of them
 * cost little more than one.
 */

#include "base/map.h"
#include "conn/conn.h"
#include "pubsub/topics.h"

struct hark_members {
        struct hark_conn *conn; /* borrowed; NULL: closed */
        struct hark_topics *topics;
        struct hark_map by_id;
        struct hark_list all;
        struct hark_group_burden burden;
};

void hark_members_init(struct hark_members *members, struct hark_conn *conn,
                       struct hark_topics *topics);

/* A subscribe with the name of a group has come; its id is not in use. hark_members_serve() once it
 * is confirmed. 0; -EINVAL: it has wishes that no group has; -ENOMEM. */
int hark_members_join(struct hark_members *members, const struct hark_received *received,
                      struct hark_span group);

/* Gives what waits in its group. */
void hark_members_serve(struct hark_members *members, uint32_t id);

/* The connection has room again. */
void hark_members_serve_all(struct hark_members *members);

/* Does nothing if there is no such member. */
void hark_members_leave(struct hark_members *members, uint32_t id);

/* An ack has come. What is wrong with it, as a static text; NULL: nothing. One for a subscription
 * that is gone is late. */
const char *hark_members_take_ack(struct hark_members *members, const struct hark_header *ack);

/* Whether all that was published to their groups, and that they take, has been given, and confirmed
 * where it was given to them. */
bool hark_members_are_idle(const struct hark_members *members);

/* The connection is gone: all leave at once. */
void hark_members_close(struct hark_members *members);

#endif
