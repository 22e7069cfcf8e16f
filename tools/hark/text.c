/* SPDX-License-Identifier: MIT */
/*
 * Everything here goes through decode_utf8(), which accepts exactly what RFC 3629 allows: no
 * surrogates, nothing overlong, nothing above U+10FFFF.
 */
#include "text.h"

#include <stdint.h>
#include <string.h>

#define REPLACEMENT "\\ufffd"

/* Decodes the first character. Returns its length in bytes, 0: it is no UTF-8. */
static size_t decode_utf8(const uint8_t *data, size_t size, uint32_t *ret_rune)
{
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        uint32_t rune;
        size_t length;

        if (data[0] < 0x80) {
                *ret_rune = data[0];
                return 1;
        }
        length = data[0] >= 0xf0 ? 4 : data[0] >= 0xe0 ? 3 : 2;
        if (data[0] < 0xc2 || data[0] > 0xf4 || length > size)
                return 0;
        rune = data[0] & (0xffU >> (length + 1));
        for (size_t i = 1; i < length; i++) {
                if ((data[i] & 0xc0) != 0x80)
                        return 0;
                rune = rune << 6 | (data[i] & 0x3f);
        }
        if (rune < least[length] || rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
                return 0;
        *ret_rune = rune;
        return length;
}

static bool is_control(uint32_t rune)
{
        return rune < 0x20 || (rune >= 0x7f && rune < 0xa0);
}

bool is_utf8(const void *data, size_t size)
{
        const uint8_t *bytes = data;
        size_t length;
        uint32_t rune;

        for (size_t i = 0; i < size; i += length) {
                length = decode_utf8(bytes + i, size - i, &rune);
                if (length == 0)
                        return false;
        }
        return true;
}

/* The letter of a backslash escape, 0 where there is none. */
static char escape_letter(uint32_t rune)
{
        switch (rune) {
        case '\\':
                return '\\';
        case '\t':
                return 't';
        case '\n':
                return 'n';
        case '\r':
                return 'r';
        default:
                return 0;
        }
}

static void print_hex(FILE *file, const uint8_t *bytes, size_t size)
{
        for (size_t i = 0; i < size; i++)
                fprintf(file, "\\x%02x", bytes[i]);
}

void print_escaped(FILE *file, const void *data, size_t size)
{
        const uint8_t *bytes = data;
        uint32_t rune = 0;
        size_t length;

        for (size_t i = 0; i < size; i += length) {
                length = decode_utf8(bytes + i, size - i, &rune);
                if (length == 0) {
                        length = 1;
                        print_hex(file, bytes + i, 1);
                } else if (escape_letter(rune)) {
                        fprintf(file, "\\%c", escape_letter(rune));
                } else if (is_control(rune)) {
                        print_hex(file, bytes + i, length);
                } else {
                        fwrite(bytes + i, 1, length, file);
                }
        }
}

static void print_json_rune(FILE *file, const uint8_t *bytes, size_t length, uint32_t rune)
{
        if (rune == '"')
                fputs("\\\"", file);
        else if (escape_letter(rune))
                fprintf(file, "\\%c", escape_letter(rune));
        else if (is_control(rune))
                fprintf(file, "\\u%04x", (unsigned)rune);
        else
                fwrite(bytes, 1, length, file);
}

void print_json_string(FILE *file, const void *data, size_t size)
{
        const uint8_t *bytes = data;
        uint32_t rune = 0;
        size_t length;

        putc('"', file);
        for (size_t i = 0; i < size; i += length) {
                length = decode_utf8(bytes + i, size - i, &rune);
                if (length > 0) {
                        print_json_rune(file, bytes + i, length, rune);
                } else {
                        fputs(REPLACEMENT, file);
                        length = 1;
                }
        }
        putc('"', file);
}

void print_json_text(FILE *file, const char *text)
{
        print_json_string(file, text, strlen(text));
}

static void print_base64(FILE *file, const uint8_t *bytes, size_t size)
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

        for (size_t i = 0; i < size; i += 3) {
                size_t left = size - i;
                uint32_t three = (uint32_t)bytes[i] << 16 |
                                 (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                                 (left > 2 ? (uint32_t)bytes[i + 2] : 0);

                putc(digits[three >> 18], file);
                putc(digits[three >> 12 & 63], file);
                putc(left > 1 ? digits[three >> 6 & 63] : '=', file);
                putc(left > 2 ? digits[three & 63] : '=', file);
        }
}

static void print_encoding(FILE *file, uint8_t encoding)
{
        static const char *const names[] = {
                [HARK_RAW] = "raw",   [HARK_MSGPACK] = "msgpack", [HARK_PROTOBUF] = "protobuf",
                [HARK_JSON] = "json", [HARK_CBOR] = "cbor",       [HARK_TEXT] = "text",
        };

        if (encoding < sizeof(names) / sizeof(*names))
                fprintf(file, "\"encoding\":\"%s\"", names[encoding]);
        else
                fprintf(file, "\"encoding\":%u", encoding);
}

void print_json_message(FILE *file, const hark_message *message)
{
        const void *data = hark_message_data(message);
        size_t size = hark_message_size(message);

        print_encoding(file, hark_message_payload(message).encoding);
        fprintf(file, ",\"size\":%zu,", size);
        if (is_utf8(data, size)) {
                fputs("\"text\":", file);
                print_json_string(file, data, size);
        } else {
                fputs("\"base64\":\"", file);
                print_base64(file, data, size);
                putc('"', file);
        }
}
