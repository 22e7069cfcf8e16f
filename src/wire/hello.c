/* SPDX-License-Identifier: MIT */

/*
 * hello's payload:
 *
 *          0             2             4              8
 *         | version_min | version_max | features u32 | instance u64                         |
 *          16                                         24
 *         | message_size u64                         | received_size u64                    |
 *          32                          36             40                    44
 *         | calls_in_flight u32       | subscriptions | fds_per_message u32 | pid u32       |
 *          48
 *         | window_size u64                          |
 */

#include "wire/frame.h"

#include <errno.h>

#include "base/bytes.h"

static const char *check_hello(const struct hark_hello *hello)
{
        if (hello->version_min > HARK_WIRE_VERSION || hello->version_max < HARK_WIRE_VERSION)
                return "a hello without a version of the wire that is spoken here";
        if (hello->message_size < HARK_MESSAGE_SIZE_MIN)
                return "a hello that takes no message of 1 KiB";
        if (hello->received_size < hello->message_size)
                return "a hello that takes less than one message";
        return NULL;
}

void hark_hello_encode(const struct hark_hello *hello, uint8_t bytes[HARK_HELLO_SIZE])
{
        hark_store16(bytes, hello->version_min);
        hark_store16(bytes + 2, hello->version_max);
        hark_store32(bytes + 4, hello->features);
        hark_store64(bytes + 8, hello->instance);
        hark_store64(bytes + 16, hello->message_size);
        hark_store64(bytes + 24, hello->received_size);
        hark_store32(bytes + 32, hello->calls_in_flight);
        hark_store32(bytes + 36, hello->subscriptions);
        hark_store32(bytes + 40, hello->fds_per_message);
        hark_store32(bytes + 44, hello->pid);
        hark_store64(bytes + 48, hello->window_size);
}

int hark_hello_decode(struct hark_span payload, struct hark_hello *ret_hello, const char **ret_why)
{
        const uint8_t *bytes = payload.bytes;
        struct hark_hello hello;
        const char *why;

        if (payload.size < HARK_HELLO_SIZE) {
                *ret_why = "a hello of less than 56 bytes";
                return -EPROTO;
        }
        hello = (struct hark_hello){
                .version_min = hark_load16(bytes),
                .version_max = hark_load16(bytes + 2),
                .features = hark_load32(bytes + 4),
                .instance = hark_load64(bytes + 8),
                .message_size = hark_load64(bytes + 16),
                .received_size = hark_load64(bytes + 24),
                .calls_in_flight = hark_load32(bytes + 32),
                .subscriptions = hark_load32(bytes + 36),
                .fds_per_message = hark_load32(bytes + 40),
                .pid = hark_load32(bytes + 44),
                .window_size = hark_load64(bytes + 48),
        };
        why = check_hello(&hello);
        if (why) {
                *ret_why = why;
                return -EPROTO;
        }
        if (hello.message_size > HARK_FRAME_MAX)
                hello.message_size = HARK_FRAME_MAX;
        if (hello.window_size > HARK_FRAME_MAX)
                hello.window_size = HARK_FRAME_MAX;
        *ret_hello = hello;
        return 0;
}
