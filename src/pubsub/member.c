/* SPDX-License-Identifier: MIT */

/* See member.h. */

#include "pubsub/member.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pubsub/channel.h"

struct member {
        struct hark_subscriber subscriber;
        struct hark_group_member in_group;
        struct hark_map_node node;
        struct hark_list link;
        struct hark_members *members;
        uint32_t id;
        uint64_t sequence; /* the last number of what it was given, or told as lost */
        size_t filter_size;
        char filter[];
};

static struct member *member_of_link(struct hark_list *link)
{
        return hark_container_of(link, struct member, link);
}

static struct member *member_in_group(struct hark_group_member *in_group)
{
        return hark_container_of(in_group, struct member, in_group);
}

static struct member *find(const struct hark_members *members, uint32_t id)
{
        struct hark_map_node *node = hark_map_find(&members->by_id, id);

        return node ? hark_container_of(node, struct member, node) : NULL;
}

/* --- what its group has it do ----------------------------------------------------------------- */

static int check(struct hark_group_member *in_group, size_t size, unsigned n_fds)
{
        return hark_conn_check_send(member_in_group(in_group)->members->conn, size, n_fds);
}

/* In front of what is given next, so at its priority. */
static int send_gap(struct member *member, uint8_t priority, const struct hark_group_loss *loss,
                    struct hark_outgoing **slot)
{
        uint8_t bytes[HARK_GAP_SIZE];
        struct hark_payload payload = {.data = bytes, .size = sizeof(bytes)};
        struct hark_gap gap = {
                .n_lost = loss->n_lost, .first = member->sequence + 1, .reason = loss->reason};
        struct hark_send send = {
                .type = HARK_FRAME_GAP,
                .priority = priority,
                .status = member->id,
                .name = loss->topic_size > 0 ? loss->topic : member->filter,
                .name_size = loss->topic_size > 0 ? loss->topic_size : member->filter_size,
                .payload = &payload,
                .deadline_ns = HARK_NEVER,
        };

        hark_gap_encode(&gap, bytes);
        return hark_conn_send_before(member->members->conn, &send, NULL, slot);
}

static int send_item(const struct member *member, struct hark_group_item *item, uint64_t sequence)
{
        struct hark_conn *conn = member->members->conn;
        struct hark_send send = {
                .type = HARK_FRAME_PUBLISH,
                .flags = item->is_repeated ? HARK_FLAG_REPEATED : 0,
                .priority = item->message->priority,
                .id = hark_conn_next_id(conn),
                .status = member->id,
                .sequence = (uint32_t)sequence,
                .name = item->topic,
                .name_size = item->topic_size,
                .message = item->message,
                .deadline_ns = HARK_NEVER,
        };

        return hark_conn_send(conn, &send, &item->frame);
}

static int give(struct hark_group_member *in_group, struct hark_group_item *item,
                const struct hark_group_loss *loss)
{
        struct member *member = member_in_group(in_group);
        uint64_t sequence = member->sequence + loss->n_lost + 1;
        int r = 0;

        if (loss->n_lost > 0)
                r = send_gap(member, item->message->priority, loss, &item->gap);
        if (r == 0)
                r = send_item(member, item, sequence);
        if (r == 0)
                member->sequence = item->sequence = sequence;
        else if (item->gap)
                hark_conn_withdraw(member->members->conn, item->gap);
        return r;
}

static void take_back(struct hark_group_member *in_group, struct hark_group_item *item)
{
        struct hark_conn *conn = member_in_group(in_group)->members->conn;

        if (item->frame)
                hark_conn_withdraw(conn, item->frame);
        if (item->gap)
                hark_conn_withdraw(conn, item->gap);
}

static const struct hark_group_member_ops member_ops = {
        .check = check,
        .give = give,
        .take_back = take_back,
};

/* --- as a channel ----------------------------------------------------------------------------- */

static void deliver(struct hark_subscriber *subscriber, const struct hark_publication *publication)
{
        if (publication->is_withdrawn)
                return;
        hark_group_meet(&hark_container_of(subscriber, struct member, subscriber)->in_group,
                        publication);
}

static const struct hark_channel_ops channel_ops = {.deliver = deliver};

/* --- coming and going ------------------------------------------------------------------------- */

static struct member *new_member(struct hark_members *members, const struct hark_received *received,
                                 const struct hark_queue *queue)
{
        struct member *member = calloc(1, sizeof(*member) + received->name.size);

        if (!member)
                return NULL;
        member->members = members;
        member->id = received->header->id;
        member->filter_size = received->name.size;
        memcpy(member->filter, received->name.bytes, received->name.size);
        member->in_group = (struct hark_group_member){
                .ops = &member_ops,
                .filter = member->filter,
                .filter_size = member->filter_size,
                .is_once_only = queue->flags & HARK_QUEUE_ONCE_ONLY,
                .max_messages =
                        queue->max_messages > 0 ? queue->max_messages : HARK_CHANNEL_MESSAGES,
                .max_size = queue->max_size > 0 ? (size_t)queue->max_size : HARK_CHANNEL_SIZE,
                .max_memory = members->burden.max_memory / (members->by_id.n_nodes + 1),
                .burden = &members->burden,
        };
        return member;
}

/* Whether a group can do what is wished of its member's queue. */
static bool is_possible(const struct hark_queue *queue)
{
        return queue->policy == 0 && (queue->flags & ~HARK_QUEUE_ONCE_ONLY) == 0;
}

int hark_members_join(struct hark_members *members, const struct hark_received *received,
                      struct hark_span group)
{
        struct hark_queue queue;
        struct member *member;

        hark_queue_find(received->extensions, &queue);
        if (!is_possible(&queue))
                return -EINVAL;
        member = new_member(members, received, &queue);
        if (!member)
                return -ENOMEM;
        if (hark_topics_add(members->topics, &member->subscriber, &channel_ops, member->filter,
                            member->filter_size) < 0 ||
            hark_group_join(&members->topics->groups, &member->in_group, (const char *)group.bytes,
                            group.size) < 0) {
                hark_topics_remove(members->topics, &member->subscriber);
                free(member);
                return -ENOMEM;
        }
        hark_map_add(&members->by_id, &member->node, member->id);
        hark_list_push_back(&members->all, &member->link);
        return 0;
}

void hark_members_serve(struct hark_members *members, uint32_t id)
{
        hark_group_serve(&find(members, id)->in_group);
}

void hark_members_serve_all(struct hark_members *members)
{
        hark_list_for_each (link, &members->all)
                hark_group_serve(&member_of_link(link)->in_group);
}

static void leave(struct member *member)
{
        hark_topics_remove(member->members->topics, &member->subscriber);
        hark_group_leave(&member->in_group);
        hark_map_remove(&member->members->by_id, &member->node);
}

static void free_member(struct member *member)
{
        hark_group_hand_on(&member->in_group);
        hark_list_remove(&member->link);
        free(member);
}

void hark_members_leave(struct hark_members *members, uint32_t id)
{
        struct member *member = find(members, id);

        if (!member)
                return;
        leave(member);
        free_member(member);
        hark_members_serve_all(members);
}

const char *hark_members_take_ack(struct hark_members *members, const struct hark_header *ack)
{
        struct member *member = find(members, ack->status);
        bool was_full = members->burden.memory >= members->burden.max_memory;

        if (!member)
                return NULL;
        if (!hark_group_confirm(&member->in_group, ack->sequence))
                return "an ack of what was not sent";
        /* What one has confirmed may be what the others had no room for. */
        if (was_full)
                hark_members_serve_all(members);
        return NULL;
}

void hark_members_init(struct hark_members *members, struct hark_conn *conn,
                       struct hark_topics *topics)
{
        *members = (struct hark_members){.conn = conn, .topics = topics};
        members->burden.max_memory = conn->limits.queue_size;
        hark_list_init(&members->all);
}

bool hark_members_are_idle(const struct hark_members *members)
{
        hark_list_for_each (link, &members->all) {
                struct hark_group_member *member = &member_of_link(link)->in_group;

                if (member->n_unconfirmed > 0 || hark_group_has_for(member))
                        return false;
        }
        return true;
}

/* First all of them leave, so that none is given what another leaves behind. */
void hark_members_close(struct hark_members *members)
{
        hark_list_for_each (link, &members->all)
                leave(member_of_link(link));
        hark_list_for_each (link, &members->all)
                free_member(member_of_link(link));
        hark_map_done(&members->by_id);
        members->conn = NULL;
}
