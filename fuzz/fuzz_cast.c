/* SPDX-License-Identifier: MIT */

/*
 * The receiver of a multicast group. An input is any number of
 *
 *         u8 how long after the one before it, in 10 ms | u16 size | a datagram
 *
 * Holds it to: what is told is a whole notification, or a gap of a valid name, which begins at a
 * number and does not end beyond the last one; time goes on, so it wants to be called later.
 */

#include "fuzz.h"

#include "base/bytes.h"
#include "link/cast_receiver.h"
#include "wire/frame.h"

static void check_frame(const struct hark_cast_told *told)
{
        struct hark_header header;
        const char *why;

        FUZZ_CHECK(told->frame_size >= HARK_HEADER_SIZE);
        FUZZ_CHECK(hark_header_decode(told->frame, &header, &why) == 0);
        FUZZ_CHECK(HARK_HEADER_SIZE + header.size == told->frame_size);
        FUZZ_CHECK(hark_frame_type_publishes(header.type));
        FUZZ_CHECK(hark_name_is_valid(told->name, told->name_size));
}

static void on_told(void *userdata, const struct hark_cast_told *told)
{
        (void)userdata;
        if (told->frame) {
                check_frame(told);
                return;
        }
        FUZZ_CHECK(told->first > 0 && told->n_lost > 0);
        FUZZ_CHECK(told->n_lost == UINT64_MAX || (hark_name_is_valid(told->name, told->name_size) &&
                                                  told->n_lost <= UINT64_MAX - told->first));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct hark_cast_receiver *receiver = hark_cast_receiver_new(on_told, NULL);
        uint64_t now_ns = 1, wakeup_ns;

        FUZZ_CHECK(receiver);
        while (size >= 3) {
                size_t packet_size = hark_load16(data + 1);
                uint8_t *packet;

                packet_size = packet_size < size - 3 ? packet_size : size - 3;
                packet = fuzz_copy(data + 3, packet_size);
                now_ns += data[0] * 10000000ull;
                hark_cast_receive(receiver, packet, packet_size, now_ns);
                free(packet);
                wakeup_ns = hark_cast_receiver_process(receiver, now_ns);
                FUZZ_CHECK(wakeup_ns == 0 || wakeup_ns > now_ns);
                data += 3 + packet_size;
                size -= 3 + packet_size;
        }
        hark_cast_receiver_free(receiver);
        return 0;
}
