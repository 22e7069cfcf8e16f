/* SPDX-License-Identifier: MIT */

/* See outgoing.h. */

#include "conn/outgoing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"

void hark_outgoing_group_init(struct hark_outgoing_group *group)
{
        *group = (struct hark_outgoing_group){.n_queued = 0};
        hark_list_init(&group->queued);
}

void hark_outgoing_group_disband(struct hark_outgoing_group *group)
{
        hark_list_for_each (link, &group->queued) {
                hark_list_remove(link);
                hark_container_of(link, struct hark_outgoing, group_link)->group = NULL;
        }
        hark_outgoing_group_init(group);
}

static struct hark_outgoing *new_outgoing(struct hark_pool *pool, size_t n_bytes)
{
        size_t size = sizeof(struct hark_outgoing) + n_bytes;
        bool is_pooled = size <= hark_pool_block_size(pool);
        struct hark_outgoing *outgoing = is_pooled ? hark_pool_take(pool) : malloc(size);

        if (!outgoing)
                return NULL;
        *outgoing = (struct hark_outgoing){
                .pool = is_pooled ? pool : NULL,
                .charge = is_pooled ? hark_pool_block_size(pool) : size,
        };
        hark_list_init(&outgoing->link);
        hark_list_init(&outgoing->group_link);
        return outgoing;
}

/* From now on its sender cannot take it back. */
void hark_outgoing_detach(struct hark_outgoing *outgoing)
{
        struct hark_outgoing_group *group = outgoing->group;

        if (outgoing->slot)
                *outgoing->slot = NULL;
        outgoing->slot = NULL;
        if (!group)
                return;
        hark_list_remove(&outgoing->group_link);
        group->n_queued--;
        group->queued_size -= outgoing->size;
        outgoing->group = NULL;
        if (group->on_left)
                group->on_left(group, outgoing);
}

void hark_outgoing_free(struct hark_outgoing *outgoing)
{
        hark_outgoing_detach(outgoing);
        hark_list_remove(&outgoing->link);
        hark_message_unref(outgoing->message);
        if (outgoing->pool)
                hark_pool_put(outgoing->pool, outgoing);
        else
                free(outgoing);
}

/* Everything of the header that does not change from fragment to fragment. */
static void fill_header(struct hark_outgoing *outgoing, const struct hark_send *send,
                        const struct hark_payload *payload)
{
        outgoing->header = (struct hark_header){
                .type = send->type,
                .flags = send->flags,
                .encoding = payload->encoding,
                .priority = send->priority,
                .id = send->id,
                .status = send->status,
                .sequence = send->sequence,
                .name_size = (uint8_t)send->name_size,
                .n_fds = (uint8_t)payload->n_fds,
        };
        if (send->extensions.size > 0)
                outgoing->header.flags |= HARK_FLAG_EXTENSIONS;
        outgoing->deadline_ns = send->deadline_ns;
        outgoing->loss_number = send->loss_number;
}

static void copy_prefix(struct hark_outgoing *outgoing, const struct hark_send *send)
{
        uint8_t *prefix = outgoing->bytes + HARK_HEADER_SIZE;
        size_t padded = hark_name_padded_size(send->name_size);

        if (padded > 0) {
                memset(prefix + padded - 8, 0, 8);
                memcpy(prefix, send->name, send->name_size);
        }
        if (send->extensions.size > 0)
                memcpy(prefix + padded, send->extensions.bytes, send->extensions.size);
        outgoing->prefix_size = padded + send->extensions.size;
}

static void copy_small_payload(struct hark_outgoing *outgoing, const struct hark_payload *payload)
{
        uint8_t *place = outgoing->bytes + HARK_HEADER_SIZE + outgoing->prefix_size;
        size_t padded = hark_align8(payload->size);

        outgoing->payload = place;
        outgoing->payload_size = payload->size;
        if (padded == 0)
                return;
        memset(place + padded - 8, 0, 8);
        memcpy(place, payload->data, payload->size);
}

static void share_message(struct hark_outgoing *outgoing, hark_message *message)
{
        outgoing->message = message;
        outgoing->payload = message->data;
        outgoing->payload_size = message->size;
        outgoing->charge += message->size;
}

/*
 * Small payloads without fds go behind the prefix, also those of a message that could be shared:
 * one piece of memory is sent faster than three. All others go into a message.
 */
int hark_outgoing_new(struct hark_pool *pool, struct hark_message_pools *messages,
                      const struct hark_send *send, struct hark_outgoing **ret_outgoing)
{
        struct hark_payload payload = send->message   ? hark_message_payload(send->message)
                                      : send->payload ? *send->payload
                                                      : (struct hark_payload){.size = 0};
        hark_cleanup(hark_message_unrefp) hark_message *message = NULL;
        size_t fixed =
                HARK_HEADER_SIZE + hark_name_padded_size(send->name_size) + send->extensions.size;
        size_t room = hark_pool_block_size(pool) - sizeof(struct hark_outgoing);
        bool is_small = fixed + hark_align8(payload.size) <= room && payload.n_fds == 0;
        struct hark_outgoing *outgoing;
        int r = 0;

        if (!is_small && send->message)
                message = hark_message_ref(send->message);
        else if (!is_small)
                r = hark_message_new_copy(messages, NULL, &payload, &message);
        if (r < 0)
                return r;
        outgoing = new_outgoing(pool, message ? fixed : fixed + hark_align8(payload.size));
        if (!outgoing)
                return -ENOMEM;
        fill_header(outgoing, send, &payload);
        copy_prefix(outgoing, send);
        if (message)
                share_message(outgoing, HARK_TAKE(message));
        else
                copy_small_payload(outgoing, &payload);
        outgoing->size = fixed + outgoing->payload_size;
        outgoing->is_control = send->is_control;
        *ret_outgoing = outgoing;
        return 0;
}

int hark_outgoing_clone(struct hark_pool *pool, const struct hark_outgoing *outgoing,
                        struct hark_outgoing **ret_clone)
{
        size_t payload_size = outgoing->message ? 0 : hark_align8(outgoing->payload_size);
        size_t size = HARK_HEADER_SIZE + outgoing->prefix_size + payload_size;
        struct hark_outgoing *clone = new_outgoing(pool, size);

        if (!clone)
                return -ENOMEM;
        clone->header = outgoing->header;
        clone->deadline_ns = outgoing->deadline_ns;
        clone->prefix_size = outgoing->prefix_size;
        clone->size = outgoing->size;
        memcpy(clone->bytes, outgoing->bytes, size);
        if (outgoing->message) {
                share_message(clone, hark_message_ref(outgoing->message));
        } else {
                clone->payload = clone->bytes + HARK_HEADER_SIZE + clone->prefix_size;
                clone->payload_size = outgoing->payload_size;
        }
        *ret_clone = clone;
        return 0;
}

void hark_outgoing_attach(struct hark_outgoing *outgoing, const struct hark_send *send,
                          struct hark_outgoing **slot)
{
        outgoing->slot = slot;
        if (slot)
                *slot = outgoing;
        outgoing->group = send->group;
        if (!send->group)
                return;
        hark_list_push_back(&send->group->queued, &outgoing->group_link);
        send->group->n_queued++;
        send->group->queued_size += outgoing->size;
}
