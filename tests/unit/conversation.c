/* SPDX-License-Identifier: MIT */

/* See conversation.h. */

#include "conversation.h"

#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "frame_text.h"
#include "loop_kit.h"

#define FRAME_ROOM (2 << 20)

void conversation_init(struct conversation *conversation,
                       void (*act)(struct conversation *conversation, const char *words),
                       void *userdata)
{
        *conversation = (struct conversation){.act = act, .userdata = userdata};
        conversation->loop = kit_new_loop();
        conversation->told = text_new();
        memory_port_init(&conversation->memory, conversation->loop);
}

void conversation_done(struct conversation *conversation)
{
        memory_port_done(&conversation->memory);
        text_free(&conversation->told);
        hark_loop_unref(conversation->loop);
}

void conversation_tell(struct conversation *conversation, const char *format, ...)
{
        va_list arguments;
        char line[1024];

        va_start(arguments, format);
        vsnprintf(line, sizeof(line), format, arguments);
        va_end(arguments);
        text_add(&conversation->told, "%s\n", line);
}

/* --- what comes out --------------------------------------------------------------------------- */

/* Takes the next frame; false: there is none. */
static bool take_frame(struct conversation *conversation, char line[FRAME_LINE_SIZE])
{
        const struct memory_bytes *outgoing = &conversation->memory.outgoing;
        size_t size;

        if (outgoing->size == 0 && conversation->memory.is_closed && !conversation->is_end_read) {
                conversation->is_end_read = true;
                strcpy(line, "closed");
                return true;
        }
        if (outgoing->size < HARK_HEADER_SIZE)
                return false;
        size = HARK_HEADER_SIZE + hark_align8(hark_load32(outgoing->bytes + 4));
        if (outgoing->size < size)
                return false;
        frame_to_text(outgoing->bytes, line);
        memory_port_take(&conversation->memory, size);
        return true;
}

/* Takes the next line that was told; false: there is none. */
static bool take_told(struct conversation *conversation, char line[FRAME_LINE_SIZE])
{
        const char *begin = conversation->told.text + conversation->n_read;
        size_t size = strcspn(begin, "\n");

        if (*begin == '\0')
                return false;
        snprintf(line, FRAME_LINE_SIZE, "%.*s", (int)size, begin);
        conversation->n_read += size + 1;
        return true;
}

static void check_nothing_is_left(struct conversation *conversation, const char *before)
{
        char line[FRAME_LINE_SIZE];

        if (take_frame(conversation, line))
                ck_abort_msg("this left before \"%s\": < %s", before, line);
        if (take_told(conversation, line))
                ck_abort_msg("this was told before \"%s\": ! %s", before, line);
}

static void expect(const char *expected, bool is_there, const char *line)
{
        ck_assert_msg(is_there, "this did not happen: %s", expected);
        ck_assert_msg(strcmp(expected + 2, line) == 0, "expected:   %s\ninstead of: %.1s %s",
                      expected, expected, line);
}

/* --- what goes in ----------------------------------------------------------------------------- */

static void put_frame(struct conversation *conversation, const char *line)
{
        uint8_t *bytes;
        size_t size;

        if (strcmp(line, "end") == 0 || strcmp(line, "reset") == 0) {
                memory_port_end(&conversation->memory, line[0] == 'e' ? 0 : -ECONNRESET);
                return;
        }
        bytes = malloc(FRAME_ROOM);
        ck_assert_ptr_nonnull(bytes);
        size = frame_from_text(line, bytes, FRAME_ROOM);
        ck_assert_msg(size > 0, "malformed: > %s", line);
        memory_port_put(&conversation->memory, bytes, size);
        free(bytes);
}

static void run_line(struct conversation *conversation, const char *line)
{
        char found[FRAME_LINE_SIZE] = "";
        bool is_there;

        switch (*line) {
        case '<':
                is_there = take_frame(conversation, found);
                expect(line, is_there, found);
                break;
        case '!':
                is_there = take_told(conversation, found);
                expect(line, is_there, found);
                break;
        case '>':
                put_frame(conversation, line + 2);
                break;
        case '=':
                conversation->act(conversation, line + 2);
                break;
        default:
                ck_assert_msg(strcmp(line, ".") == 0, "malformed: %s", line);
        }
}

static bool does_something(char kind)
{
        return kind == '>' || kind == '=';
}

void conversation_run(struct conversation *conversation, const char *script)
{
        char kind = '.';

        while (*script) {
                size_t size = strcspn(script, "\n");
                char line[FRAME_LINE_SIZE];

                snprintf(line, sizeof(line), "%.*s", (int)size, script);
                if (*line != kind && (does_something(kind) || !does_something(*line)))
                        kit_process_what_shows(conversation->loop);
                if (*line != kind && does_something(*line))
                        check_nothing_is_left(conversation, line);
                run_line(conversation, line);
                kind = *line;
                script += size + (script[size] != '\0');
        }
        kit_process_what_shows(conversation->loop);
        check_nothing_is_left(conversation, "the end of the script");
        ck_assert_msg(conversation->memory.outgoing.size == 0, "a frame was cut");
}

static void wait_while(struct conversation *conversation,
                       bool (*is_so)(const struct conversation *conversation))
{
        uint64_t end_ns = hark_deadline_ns(KIT_PATIENCE_MS);

        while (is_so(conversation)) {
                ck_assert_msg(hark_time_left_ms(end_ns) > 0, "nothing happens");
                ck_assert_int_eq(hark_loop_process(conversation->loop, hark_time_left_ms(end_ns)),
                                 0);
        }
}

static bool is_nothing_told(const struct conversation *conversation)
{
        return conversation->told.text[conversation->n_read] == '\0';
}

static bool has_nothing_left(const struct conversation *conversation)
{
        return conversation->memory.outgoing.size == 0;
}

void conversation_wait(struct conversation *conversation)
{
        wait_while(conversation, is_nothing_told);
}

void conversation_wait_for_frame(struct conversation *conversation)
{
        wait_while(conversation, has_nothing_left);
}

const char *conversation_result(int result)
{
        static char number[16];

        if (result < 0)
                return strerrorname_np(-result);
        snprintf(number, sizeof(number), "%d", result);
        return number;
}
