/* SPDX-License-Identifier: MIT */

/*
 * The log, and what keeps a peer's text from speaking to a terminal.
 */

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_SIZE 512

/* U+0080 to U+009F, the second set of control characters, as UTF-8 writes them. */
static bool is_c1_control(const unsigned char *byte, size_t size)
{
        return size >= 2 && byte[0] == 0xC2 && byte[1] >= 0x80 && byte[1] <= 0x9F;
}

void hark_text_sanitise(char *text, size_t size)
{
        unsigned char *bytes = (unsigned char *)text;

        for (size_t i = 0; i < size; i++) {
                if (is_c1_control(bytes + i, size - i))
                        bytes[i] = bytes[i + 1] = '?';
                else if (bytes[i] < 0x20 || bytes[i] == 0x7F)
                        bytes[i] = '?';
        }
}

void hark_log(const struct hark_log *log, int level, const char *format, ...)
{
        char line[LINE_SIZE];
        va_list arguments;

        if (log->on_log == NULL)
                return;
        va_start(arguments, format);
        (void)vsnprintf(line, sizeof(line), format, arguments);
        va_end(arguments);
        hark_text_sanitise(line, strlen(line));
        log->on_log(level, line, log->userdata);
}
