/* SPDX-License-Identifier: MIT */

/*
 * Changes inputs of fuzz_conn frame by frame, so that most of them are not refused for a size that
 * does not fit: libFuzzer calls this in the place of its own mutations, of which it does one in
 * four as before.
 */

#include "fuzz.h"

#include "base/bytes.h"
#include "wire/frame.h"

#define OPTIONS_SIZE 3
#define FRAMES_MAX   64

#define OFFSET_TYPE     2
#define OFFSET_FLAGS    3
#define OFFSET_SIZE     4
#define OFFSET_ID       8
#define OFFSET_STATUS   12
#define OFFSET_PRIORITY 21
#define OFFSET_SEQUENCE 24
#define OFFSET_OFFSET   28

/* Of libFuzzer; and what it looks for. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

struct input {
        uint8_t *bytes;
        size_t size, max_size;
        size_t frames[FRAMES_MAX]; /* where they begin */
        unsigned n_frames;
        uint32_t random;
};

static uint32_t random_below(struct input *input, uint32_t n)
{
        input->random = input->random * 1664525 + 1013904223;
        return (input->random >> 8) % n;
}

static size_t frame_size(const struct input *input, unsigned i)
{
        size_t end = i + 1 < input->n_frames ? input->frames[i + 1] : input->size;

        return end - input->frames[i];
}

static void find_frames(struct input *input)
{
        size_t at = OPTIONS_SIZE;

        while (input->n_frames < FRAMES_MAX && at + HARK_HEADER_SIZE <= input->size) {
                size_t size = hark_load32(input->bytes + at + OFFSET_SIZE);

                input->frames[input->n_frames++] = at;
                if (size > input->size)
                        break;
                at += HARK_HEADER_SIZE + hark_align8(size);
        }
}

static void change_header(struct input *input)
{
        static const uint8_t types[] = {1, 2, 3, 4, 16, 16, 17, 18, 19, 32, 33, 34, 35, 36, 0x90};
        static const uint8_t fields[] = {OFFSET_ID, OFFSET_STATUS, OFFSET_SEQUENCE, OFFSET_OFFSET};
        uint8_t *header = input->bytes + input->frames[random_below(input, input->n_frames)];

        switch (random_below(input, 5)) {
        case 0:
                header[OFFSET_TYPE] = types[random_below(input, sizeof(types))];
                break;
        case 1:
                header[OFFSET_FLAGS] ^= (uint8_t)(1u << random_below(input, 5));
                break;
        case 2:
                header[OFFSET_PRIORITY] = (uint8_t)random_below(input, HARK_PRIORITIES);
                break;
        default:
                hark_store32(header + fields[random_below(input, sizeof(fields))],
                             random_below(input, 12));
        }
}

/* Copies a frame to the place of another, which moves behind it. */
static void copy_frame(struct input *input)
{
        static uint8_t copy[1 << 16];
        unsigned from = random_below(input, input->n_frames);
        size_t to = input->frames[random_below(input, input->n_frames)];
        size_t size = frame_size(input, from);

        if (size > sizeof(copy) || input->size + size > input->max_size)
                return;
        memcpy(copy, input->bytes + input->frames[from], size);
        memmove(input->bytes + to + size, input->bytes + to, input->size - to);
        memcpy(input->bytes + to, copy, size);
        input->size += size;
}

static void drop_frame(struct input *input)
{
        unsigned i = random_below(input, input->n_frames);
        size_t at = input->frames[i], size = frame_size(input, i);

        memmove(input->bytes + at, input->bytes + at + size, input->size - at - size);
        input->size -= size;
}

static void change_options(struct input *input)
{
        if (random_below(input, 2) == 0)
                input->bytes[0] ^= (uint8_t)(1u << random_below(input, 8));
        else
                input->bytes[2] = (uint8_t)random_below(input, 40);
}

static void change_payload(struct input *input)
{
        unsigned i = random_below(input, input->n_frames);
        size_t size = frame_size(input, i);

        if (size > HARK_HEADER_SIZE)
                LLVMFuzzerMutate(input->bytes + input->frames[i] + HARK_HEADER_SIZE,
                                 size - HARK_HEADER_SIZE, size - HARK_HEADER_SIZE);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
        static void (*const changes[])(struct input * input) = {
                change_header, change_header, change_header,  copy_frame,
                drop_frame,    copy_frame,    change_options, change_payload};
        struct input input = {.bytes = data, .size = size, .max_size = max_size, .random = seed};

        find_frames(&input);
        if (input.n_frames == 0 || random_below(&input, 4) == 0)
                return LLVMFuzzerMutate(data, size, max_size);
        changes[random_below(&input, sizeof(changes) / sizeof(*changes))](&input);
        return input.size;
}
