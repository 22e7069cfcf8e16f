/* SPDX-License-Identifier: MIT */

/*
 * The header's encode and decode: a table says what each type allows, and a chain of small checks,
 * each a text or NULL, compares a header with its row. Nothing here depends on what was received
 * before: what only a connection can know (ids in use, fragments in order, limits) is judged there.
 */

#include "wire/header.h"

#include <errno.h>

#include "base/bytes.h"

#define NS_PER_US 1000u
#define NS_PER_MS 1000000u

#define TYPE_MAY_BE_IGNORED 0x80

enum field_offset {
        OFFSET_MAGIC = 0,
        OFFSET_VERSION = 1,
        OFFSET_TYPE = 2,
        OFFSET_FLAGS = 3,
        OFFSET_SIZE = 4,
        OFFSET_ID = 8,
        OFFSET_STATUS = 12,
        OFFSET_TIME_LEFT = 16,
        OFFSET_ENCODING = 20,
        OFFSET_PRIORITY = 21,
        OFFSET_N_FDS = 22,
        OFFSET_NAME_SIZE = 23,
        OFFSET_SEQUENCE = 24,
        OFFSET_OFFSET = 28
};

enum name_rule {
        NAME_NONE = 0,
        NAME_OPTIONAL,
        NAME_REQUIRED
};

enum status_rule {
        STATUS_UNCHECKED = 0, /* a subscription or 0, or not used */
        STATUS_ANY,           /* 0 or a failure */
        STATUS_FAILURE,
        STATUS_SUBSCRIPTION
};

struct type_rule {
        const char *text; /* NULL: no such type */
        uint8_t flags;    /* enum hark_frame_flag: all that are defined for it */
        uint8_t name;     /* enum name_rule */
        uint8_t status;   /* enum status_rule */
};

#define FLAGS_OF_ALL     HARK_FLAG_EXTENSIONS
#define FLAGS_OF_PAYLOAD (HARK_FLAG_EXTENSIONS | HARK_FLAG_MORE | HARK_FLAG_CONTINUED)

static const struct type_rule type_rules[] = {
        [HARK_FRAME_HELLO] = {"hello", FLAGS_OF_ALL, NAME_OPTIONAL, STATUS_UNCHECKED},
        [HARK_FRAME_GOAWAY] = {"goaway", FLAGS_OF_ALL, NAME_NONE, STATUS_ANY},
        [HARK_FRAME_PING] = {"ping", FLAGS_OF_ALL, NAME_NONE, STATUS_UNCHECKED},
        [HARK_FRAME_PONG] = {"pong", FLAGS_OF_ALL, NAME_NONE, STATUS_UNCHECKED},
        [HARK_FRAME_ACK] = {"ack", FLAGS_OF_ALL, NAME_NONE, STATUS_SUBSCRIPTION},
        [HARK_FRAME_CREDIT] = {"credit", FLAGS_OF_ALL | HARK_FLAG_FEED, NAME_NONE,
                               STATUS_UNCHECKED},
        [HARK_FRAME_REQUEST] = {"request",
                                FLAGS_OF_PAYLOAD | HARK_FLAG_TIME_IN_MS | HARK_FLAG_ONE_WAY |
                                        HARK_FLAG_CALLER_WAITS | HARK_FLAG_OBSERVES |
                                        HARK_FLAG_FEEDS,
                                NAME_REQUIRED, STATUS_UNCHECKED},
        [HARK_FRAME_REPLY] = {"reply", FLAGS_OF_PAYLOAD, NAME_NONE, STATUS_UNCHECKED},
        [HARK_FRAME_ERROR] = {"error", FLAGS_OF_PAYLOAD | HARK_FLAG_FROM_LIBRARY, NAME_OPTIONAL,
                              STATUS_FAILURE},
        [HARK_FRAME_CANCEL] = {"cancel", FLAGS_OF_ALL, NAME_NONE, STATUS_UNCHECKED},
        [HARK_FRAME_PUBLISH] = {"publish",
                                FLAGS_OF_PAYLOAD | HARK_FLAG_RETAINED | HARK_FLAG_REPEATED |
                                        HARK_FLAG_KEPT,
                                NAME_REQUIRED, STATUS_UNCHECKED},
        [HARK_FRAME_ITEM] = {"item", FLAGS_OF_PAYLOAD | HARK_FLAG_END | HARK_FLAG_FEED, NAME_NONE,
                             STATUS_UNCHECKED},
        [HARK_FRAME_SUBSCRIBE] = {"subscribe", FLAGS_OF_ALL, NAME_REQUIRED, STATUS_UNCHECKED},
        [HARK_FRAME_UNSUBSCRIBE] = {"unsubscribe", FLAGS_OF_ALL, NAME_NONE, STATUS_UNCHECKED},
        [HARK_FRAME_SUBSCRIBED] = {"subscribed", FLAGS_OF_ALL, NAME_NONE, STATUS_ANY},
        [HARK_FRAME_GAP] = {"gap", FLAGS_OF_ALL, NAME_REQUIRED, STATUS_SUBSCRIPTION},
        [HARK_FRAME_WITHDRAWN] = {"withdrawn", FLAGS_OF_ALL, NAME_REQUIRED, STATUS_UNCHECKED},
};

#define N_TYPE_RULES (sizeof(type_rules) / sizeof(type_rules[0]))

static const struct type_rule *find_rule(uint8_t type)
{
        if (type >= N_TYPE_RULES || type_rules[type].text == NULL)
                return NULL;
        return &type_rules[type];
}

static uint64_t divide_up(uint64_t dividend, uint32_t divisor)
{
        return dividend / divisor + (dividend % divisor != 0);
}

/* Microseconds while they fit, so that short deadlines are exact. */
static uint32_t encode_time_left(uint64_t time_left_ns, uint8_t *flags)
{
        uint64_t time_left = divide_up(time_left_ns, NS_PER_US);

        *flags &= (uint8_t)~HARK_FLAG_TIME_IN_MS;
        if (time_left <= UINT32_MAX)
                return (uint32_t)time_left;
        *flags |= HARK_FLAG_TIME_IN_MS;
        time_left = divide_up(time_left_ns, NS_PER_MS);
        return time_left <= UINT32_MAX ? (uint32_t)time_left : UINT32_MAX;
}

static uint64_t decode_time_left(uint32_t time_left, uint8_t *flags)
{
        uint32_t unit_ns = *flags & HARK_FLAG_TIME_IN_MS ? NS_PER_MS : NS_PER_US;

        *flags &= (uint8_t)~HARK_FLAG_TIME_IN_MS;
        return (uint64_t)time_left * unit_ns;
}

static const char *check_origin(const uint8_t *bytes)
{
        if (bytes[OFFSET_MAGIC] != HARK_WIRE_MAGIC)
                return "not a hark frame: its first byte is not 0xC1";
        if (bytes[OFFSET_VERSION] != HARK_WIRE_VERSION)
                return "a frame of a version of the wire that is not spoken here";
        if (hark_load32(bytes + OFFSET_SIZE) > HARK_FRAME_MAX)
                return "a frame larger than 1 GiB";
        return NULL;
}

static const char *check_size(const struct hark_header *header, const struct type_rule *rule)
{
        size_t least = hark_align8(header->name_size);

        if (!(rule->flags & HARK_FLAG_MORE) && header->size > HARK_CONTROL_MAX)
                return "a frame larger than 64 KiB of a type that carries no message";
        if (header->flags & HARK_FLAG_EXTENSIONS)
                least += 8; /* their size, padded */
        if (header->size < least)
                return "a frame too small for its name and extensions";
        return NULL;
}

static const char *check_name(const struct hark_header *header, const struct type_rule *rule)
{
        if (header->name_size > 0 && rule->name == NAME_NONE)
                return "a name in a frame of a type that has none";
        if (header->name_size == 0 && rule->name == NAME_REQUIRED)
                return "no name in a frame of a type that needs one";
        return NULL;
}

/* Items: an answer's end with the answer. */
static const char *check_stream(const struct hark_header *header)
{
        uint8_t flags = header->flags;

        if (header->type == HARK_FRAME_REQUEST && flags & HARK_FLAG_ONE_WAY &&
            flags & (HARK_FLAG_OBSERVES | HARK_FLAG_FEEDS))
                return "items of a request that expects no answer";
        if (header->type != HARK_FRAME_ITEM || !(flags & HARK_FLAG_END))
                return NULL;
        if (!(flags & HARK_FLAG_FEED))
                return "an end of items that end with the answer";
        return flags & HARK_FLAG_MORE || header->n_fds > 0 ? "an end of items that is one" : NULL;
}

static const char *check_first(const struct hark_header *header, const struct type_rule *rule)
{
        if (header->type == HARK_FRAME_SUBSCRIBE && header->id == 0)
                return "a subscribe with id 0, which is no subscription";
        if (header->n_fds > 0 && !(rule->flags & HARK_FLAG_MORE))
                return "fds with a frame of a type that carries no message";
        if (!(header->flags & HARK_FLAG_MORE) && header->offset != 0)
                return "an offset in a frame whose flags say that it is no fragment";
        if (header->flags & HARK_FLAG_MORE && header->offset == 0)
                return "a first fragment without the total size of its message";
        if (header->offset > HARK_FRAME_MAX)
                return "a message larger than 1 GiB";
        return NULL;
}

static const char *check_continued(const struct hark_header *header)
{
        if (header->name_size > 0 || header->flags & HARK_FLAG_EXTENSIONS || header->n_fds > 0)
                return "name, extensions or fds in a later fragment";
        if (header->size == 0)
                return "an empty fragment";
        if (header->offset > HARK_FRAME_MAX - header->size)
                return "a fragment that ends beyond 1 GiB";
        return NULL;
}

/* A status becomes an int whose sign means something else: errno. */
static const char *check_status(const struct hark_header *header, const struct type_rule *rule)
{
        uint32_t status = header->status;

        switch ((enum status_rule)rule->status) {
        case STATUS_UNCHECKED:
                return NULL;
        case STATUS_FAILURE:
                if (status == 0)
                        return "an error without a status";
                return status <= INT32_MAX ? NULL : "a status beyond 2^31 - 1";
        case STATUS_ANY:
                return status <= INT32_MAX ? NULL : "a status beyond 2^31 - 1";
        case STATUS_SUBSCRIPTION:
                return status != 0 ? NULL : "a gap or an ack of no subscription";
        }
        return NULL;
}

/* The first fragment, or all, of a message; a frame that carries none. */
static const char *check_whole(const struct hark_header *header, const struct type_rule *rule)
{
        const char *why = check_name(header, rule);

        if (!why)
                why = check_first(header, rule);
        if (!why)
                why = check_stream(header);
        return why ? why : check_status(header, rule);
}

static const char *check_header(const struct hark_header *header)
{
        const struct type_rule *rule = find_rule(header->type);
        const char *why;

        if (!rule)
                return header->type & TYPE_MAY_BE_IGNORED ? NULL : "a frame of an unknown type";
        if (header->flags & ~rule->flags)
                return "a flag that is not defined for its type of frame";
        if (header->priority >= HARK_PRIORITIES)
                return "a priority above 7";
        if (header->flags & HARK_FLAG_CONTINUED)
                why = check_continued(header);
        else
                why = check_whole(header, rule);
        return why ? why : check_size(header, rule);
}

void hark_header_encode(const struct hark_header *header, uint8_t bytes[HARK_HEADER_SIZE])
{
        uint8_t flags = header->flags;

        hark_store32(bytes + OFFSET_TIME_LEFT, encode_time_left(header->time_left_ns, &flags));
        bytes[OFFSET_MAGIC] = HARK_WIRE_MAGIC;
        bytes[OFFSET_VERSION] = HARK_WIRE_VERSION;
        bytes[OFFSET_TYPE] = header->type;
        bytes[OFFSET_FLAGS] = flags;
        hark_store32(bytes + OFFSET_SIZE, header->size);
        hark_store32(bytes + OFFSET_ID, header->id);
        hark_store32(bytes + OFFSET_STATUS, header->status);
        bytes[OFFSET_ENCODING] = header->encoding;
        bytes[OFFSET_PRIORITY] = header->priority;
        bytes[OFFSET_N_FDS] = header->n_fds;
        bytes[OFFSET_NAME_SIZE] = header->name_size;
        hark_store32(bytes + OFFSET_SEQUENCE, header->sequence);
        hark_store32(bytes + OFFSET_OFFSET, header->offset);
}

int hark_header_decode(const uint8_t bytes[HARK_HEADER_SIZE], struct hark_header *ret_header,
                       const char **ret_why)
{
        struct hark_header header = {
                .type = bytes[OFFSET_TYPE],
                .flags = bytes[OFFSET_FLAGS],
                .encoding = bytes[OFFSET_ENCODING],
                .priority = bytes[OFFSET_PRIORITY],
                .n_fds = bytes[OFFSET_N_FDS],
                .name_size = bytes[OFFSET_NAME_SIZE],
                .size = hark_load32(bytes + OFFSET_SIZE),
                .id = hark_load32(bytes + OFFSET_ID),
                .status = hark_load32(bytes + OFFSET_STATUS),
                .sequence = hark_load32(bytes + OFFSET_SEQUENCE),
                .offset = hark_load32(bytes + OFFSET_OFFSET),
        };
        const char *why = check_origin(bytes);

        if (!why)
                why = check_header(&header);
        if (why) {
                *ret_why = why;
                return -EPROTO;
        }
        header.time_left_ns =
                decode_time_left(hark_load32(bytes + OFFSET_TIME_LEFT), &header.flags);
        *ret_header = header;
        return 0;
}

bool hark_frame_type_is_known(uint8_t type)
{
        return find_rule(type) != NULL;
}

bool hark_frame_type_has_payload(uint8_t type)
{
        const struct type_rule *rule = find_rule(type);

        return rule && rule->flags & HARK_FLAG_MORE;
}

const char *hark_frame_type_name(uint8_t type)
{
        const struct type_rule *rule = find_rule(type);

        return rule ? rule->text : "unknown";
}
