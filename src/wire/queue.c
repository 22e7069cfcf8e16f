/* SPDX-License-Identifier: MIT */

/* What a subscribe says of its queue. */

#include "base/bytes.h"
#include "wire/frame.h"

void hark_queue_encode(const struct hark_queue *queue, uint8_t bytes[HARK_QUEUE_SIZE])
{
        hark_store32(bytes, queue->max_messages);
        bytes[4] = queue->policy;
        bytes[5] = queue->flags;
        hark_store16(bytes + 6, 0);
        hark_store64(bytes + 8, queue->max_size);
}

void hark_queue_find(struct hark_span extensions, struct hark_queue *ret_queue)
{
        struct hark_span value;

        *ret_queue = (struct hark_queue){.max_messages = 0};
        if (!hark_extension_find(extensions, HARK_EXTENSION_QUEUE, &value))
                return;
        *ret_queue = (struct hark_queue){
                .max_messages = hark_load32(value.bytes),
                .policy = value.bytes[4],
                .flags = value.bytes[5],
                .max_size = hark_load64(value.bytes + 8),
        };
}
