/* SPDX-License-Identifier: MIT */

/*
 * Extensions: read by walking over them, written one behind the other.
 *
 *         u32 size | u16 id | u16 size | value | u16 id | u16 size | value | padding
 */

#include "wire/frame.h"

#include <string.h>

#include "base/bytes.h"
#include "wire/chain.h"

#define EXTENSION_HEAD_SIZE 4

#define EXTENSION_MUST_BE_UNDERSTOOD 0x8000

struct extension {
        uint16_t id;
        struct hark_span value;
};

/* Takes the first one off; false: what is left is too short to be one. */
static bool take_extension(struct hark_span *extensions, struct extension *ret_extension)
{
        size_t size;

        if (extensions->size < EXTENSION_HEAD_SIZE)
                return false;
        size = hark_load16(extensions->bytes + 2);
        if (size > extensions->size - EXTENSION_HEAD_SIZE)
                return false;
        ret_extension->id = hark_load16(extensions->bytes);
        ret_extension->value = (struct hark_span){extensions->bytes + EXTENSION_HEAD_SIZE, size};
        extensions->bytes += EXTENSION_HEAD_SIZE + size;
        extensions->size -= EXTENSION_HEAD_SIZE + size;
        return true;
}

/* What is wrong with its value, as a static text; NULL: nothing. */
static const char *check_value(const struct extension *extension)
{
        const struct hark_span *value = &extension->value;

        switch (extension->id) {
        case HARK_EXTENSION_QUEUE:
                return value->size < HARK_QUEUE_SIZE ? "a queue extension of less than 16 bytes"
                                                     : NULL;
        case HARK_EXTENSION_CHAIN:
                return hark_chain_check(*value);
        case HARK_EXTENSION_GROUP:
                return hark_name_is_valid((const char *)value->bytes, value->size)
                               ? NULL
                               : "a malformed name of a group";
        default:
                return extension->id & EXTENSION_MUST_BE_UNDERSTOOD
                               ? "an unknown extension that must be understood"
                               : NULL;
        }
}

const char *hark_extensions_check(struct hark_span extensions)
{
        struct extension extension;
        const char *why = NULL;

        while (!why && extensions.size > 0) {
                if (!take_extension(&extensions, &extension))
                        return "an extension that is cut short";
                why = check_value(&extension);
        }
        return why;
}

bool hark_extension_find(struct hark_span extensions, uint16_t id, struct hark_span *ret_value)
{
        struct extension extension;

        while (take_extension(&extensions, &extension)) {
                if (extension.id == id) {
                        *ret_value = extension.value;
                        return true;
                }
        }
        return false;
}

void hark_extensions_start(struct hark_extension_writer *writer, uint8_t *bytes)
{
        writer->bytes = bytes;
        writer->size = HARK_EXTENSIONS_HEAD_SIZE;
}

void hark_extensions_put(struct hark_extension_writer *writer, uint16_t id, const void *value,
                         size_t size)
{
        size_t room = HARK_EXTENSIONS_MAX - writer->size;
        uint8_t *head = writer->bytes + writer->size;

        if (room < EXTENSION_HEAD_SIZE)
                return;
        room -= EXTENSION_HEAD_SIZE;
        if (size > room)
                size = room;
        hark_store16(head, id);
        hark_store16(head + 2, (uint16_t)size);
        if (size > 0)
                memcpy(head + EXTENSION_HEAD_SIZE, value, size);
        writer->size += EXTENSION_HEAD_SIZE + size;
}

size_t hark_extensions_finish(struct hark_extension_writer *writer)
{
        size_t padded = hark_align8(writer->size);

        hark_store32(writer->bytes, (uint32_t)(writer->size - HARK_EXTENSIONS_HEAD_SIZE));
        memset(writer->bytes + writer->size, 0, padded - writer->size);
        return padded;
}
