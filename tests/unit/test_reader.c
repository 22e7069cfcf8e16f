/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "conn/reader.h"
#include "frame_examples.h"
#include "frame_text.h"
#include "reader_kit.h"
#include "stream_kit.h"

/* --- any cut ---------------------------------------------------------------------------------- */

static void check_recorder(const struct recorder *recorder, const struct stream *stream)
{
        ck_assert_str_eq(recorder->log.text, stream->expected.text);
        ck_assert_int_eq(recorder->reader.state, HARK_READER_PREFIX);
        ck_assert_uint_eq(recorder->reader.carry_size, 0);
        ck_assert_uint_eq(recorder->reader.fds.n_fds, 0);
}

/* Reads it in two pieces, of which the first has so many bytes. */
static void read_in_two(const struct stream *stream, size_t first, enum recorder_way way)
{
        struct recorder recorder;

        recorder_init(&recorder, NULL);
        recorder_take(&recorder, stream, 0, first, way);
        recorder_take(&recorder, stream, first, stream->size, way);
        check_recorder(&recorder, stream);
        recorder_done(&recorder);
}

static void read_in_pieces(const struct stream *stream, struct dice *dice, uint32_t max_piece)
{
        struct hark_message_pools *pools = hark_message_pools_new();
        struct recorder recorder;

        recorder_init(&recorder, pools);
        for (size_t at = 0; at < stream->size;) {
                size_t end = at + 1 + dice_below(dice, max_piece);

                end = end < stream->size ? end : stream->size;
                recorder_take(&recorder, stream, at, end, dice_below(dice, N_RECORDER_WAYS));
                at = end;
        }
        check_recorder(&recorder, stream);
        recorder_done(&recorder);
        hark_message_pools_close(pools);
}

static void read_with_any_cut(const struct stream *stream)
{
        for (size_t cut = 0; cut <= stream->size; cut++) {
                read_in_two(stream, cut, RECORDER_FEEDS);
                read_in_two(stream, cut, RECORDER_FILLS_TARGET);
        }
}

START_TEST(one_frame_of_each_type_is_the_same_however_it_is_cut)
{
        for (size_t i = 0; i < N_FRAME_EXAMPLES; i++) {
                struct stream stream;

                if (frame_examples[i].header.flags & (HARK_FLAG_MORE | HARK_FLAG_CONTINUED))
                        continue;
                stream = stream_new();
                stream_add_example(&stream, &frame_examples[i]);
                read_with_any_cut(&stream);
                stream_free(&stream);
        }
}
END_TEST

START_TEST(random_messages_are_the_same_wherever_they_are_cut_in_two)
{
        for (unsigned seed = 0; seed < 3; seed++) {
                struct dice dice = dice_new(seed);
                struct stream stream = stream_new();

                stream_add_random(&stream, &dice, 10);
                read_with_any_cut(&stream);
                stream_free(&stream);
        }
}
END_TEST

START_TEST(random_messages_are_the_same_in_any_number_of_pieces)
{
        for (unsigned seed = 100; seed < 112; seed++) {
                struct dice dice = dice_new(seed);
                struct stream stream = stream_new();

                stream_add_random(&stream, &dice, 60);
                read_in_pieces(&stream, &dice, 1);
                read_in_pieces(&stream, &dice, 9);
                read_in_pieces(&stream, &dice, 100);
                read_in_pieces(&stream, &dice, 5000);
                stream_free(&stream);
        }
}
END_TEST

/* What the reader says to a stream with a mistake in it, read in pieces. */
static void read_broken(const struct stream *stream, struct dice *dice, uint32_t max_piece,
                        char *ret_end, size_t end_size, struct text *ret_log)
{
        struct recorder recorder;
        const char *why = NULL;
        int r = 0;

        recorder_init(&recorder, NULL);
        for (size_t at = 0; at < stream->size && r == 0;) {
                size_t size = 1 + dice_below(dice, max_piece);

                size = size < stream->size - at ? size : stream->size - at;
                r = hark_reader_feed(&recorder.reader, stream->bytes + at, size, &why);
                at += size;
        }
        snprintf(ret_end, end_size, "%d %s", r, why ? why : "no mistake");
        *ret_log = recorder.log;
        recorder.log = text_new();
        recorder_done(&recorder);
}

START_TEST(a_mistake_is_the_same_one_however_the_stream_is_cut)
{
        unsigned n_mistakes = 0;

        for (unsigned seed = 1000; seed < 1500; seed++) {
                struct dice dice = dice_new(seed);
                struct stream stream = stream_new();
                char at_once[128], in_pieces[128];
                struct text log, log_in_pieces;

                stream.has_no_fds = true;
                stream_add_random(&stream, &dice, 12);
                stream.bytes[dice_below(&dice, (uint32_t)stream.size)] ^=
                        (uint8_t)(1u << dice_below(&dice, 8));
                read_broken(&stream, &dice, 1u << 20, at_once, sizeof(at_once), &log);
                read_broken(&stream, &dice, 1 + dice_below(&dice, 40), in_pieces, sizeof(in_pieces),
                            &log_in_pieces);
                ck_assert_str_eq(at_once, in_pieces);
                ck_assert_str_eq(log.text, log_in_pieces.text);
                n_mistakes += at_once[0] == '-';
                text_free(&log);
                text_free(&log_in_pieces);
                stream_free(&stream);
        }
        ck_assert_uint_gt(n_mistakes, 50);
}
END_TEST

/* --- what is wrong ---------------------------------------------------------------------------- */

struct mistake {
        const char *lines[4];
        const char *why;
};

static const struct mistake mistakes[] = {
        {{"request #1 continued at=8 \"x\""},
         "a later fragment of a message that is not under way"},
        {{"request #1 more total=9 a \"12345678\"", "request #2 continued at=8 \"9\""},
         "a later fragment of a message that is not under way"},
        {{"request #1 more total=9 a \"12345678\"", "reply #1 continued at=8 \"9\""},
         "a later fragment of a message that is not under way"},
        {{"request #1 more total=9 a \"12345678\"", "request #1 priority=1 continued at=8 \"9\""},
         "a later fragment of a message that is not under way"},
        {{"request #1 more total=9 a \"12345678\"", "request #1 continued at=8 \"9\"",
          "request #1 continued at=9 \"0\""},
         "a later fragment of a message that is not under way"},
        {{"request #1 more total=9 a \"12345678\"", "request #1 continued at=7 \"9\""},
         "a fragment does not continue its message"},
        {{"request #1 more total=9 a \"12345678\"", "request #1 continued at=8 \"90\""},
         "fragments do not add up to their message"},
        {{"request #1 more total=20 a \"12345678\"", "request #1 continued at=8 \"90\""},
         "fragments do not add up to their message"},
        {{"request #1 more total=9 a \"12345678\"", "request #1 continued more at=8 \"9\""},
         "fragments do not add up to their message"},
        {{"request #1 more total=9 a \"12345678\"", "ping #1"},
         "a frame between the fragments of a message of its priority"},
        {{"request #1 more total=9 a \"12345678\"", "request #1 more total=9 a \"12345678\""},
         "a frame between the fragments of a message of its priority"},
        {{"request #1 fds=1 a"}, "file descriptors are missing"},
        {{"ping #1", "request #1 status=0 a..b"}, "a malformed name"},
        {{"ping fds=1 #1"}, "fds with a frame of a type that carries no message"},
};

static void check_mistake(const struct mistake *mistake)
{
        struct recorder recorder;
        uint8_t bytes[8192];
        const char *why = NULL;
        int r = 0;

        recorder_init(&recorder, NULL);
        for (size_t i = 0; i < 4 && mistake->lines[i]; i++) {
                size_t size = frame_from_text(mistake->lines[i], bytes, sizeof(bytes));

                ck_assert_msg(size > 0, "malformed line: %s", mistake->lines[i]);
                ck_assert_int_eq(r, 0);
                r = hark_reader_feed(&recorder.reader, bytes, size, &why);
        }
        ck_assert_int_eq(r, -EPROTO);
        ck_assert_str_eq(why, mistake->why);
        recorder_done(&recorder);
}

START_TEST(says_what_is_wrong)
{
        for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++)
                check_mistake(&mistakes[i]);
}
END_TEST

START_TEST(what_ended_the_reading_is_handed_on)
{
        struct recorder recorder;
        uint8_t bytes[8192];
        size_t size = frame_from_text("ping #1", bytes, sizeof(bytes));
        const char *why = NULL;

        recorder_init(&recorder, NULL);
        recorder.end_result = -ECANCELED;
        ck_assert_int_eq(hark_reader_feed(&recorder.reader, bytes, size, &why), -ECANCELED);
        recorder_done(&recorder);

        recorder_init(&recorder, NULL);
        recorder.begin_result = -EPROTO;
        ck_assert_int_eq(hark_reader_feed(&recorder.reader, bytes, size, &why), -EPROTO);
        ck_assert_str_eq(why, "as begin said");
        recorder_done(&recorder);
}
END_TEST

/* --- fds -------------------------------------------------------------------------------------- */

static void give_fds(struct recorder *recorder, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                recorder->reader.fds.fds[recorder->reader.fds.n_fds++] =
                        eventfd(i + 1, EFD_CLOEXEC | EFD_NONBLOCK);
}

static int feed_line(struct recorder *recorder, const char *line, const char **ret_why)
{
        uint8_t bytes[8192];
        size_t size = frame_from_text(line, bytes, sizeof(bytes));

        ck_assert_msg(size > 0, "malformed line: %s", line);
        return hark_reader_feed(&recorder->reader, bytes, size, ret_why);
}

START_TEST(fds_that_nobody_claims_are_a_mistake)
{
        struct recorder recorder;
        const char *why = NULL;

        recorder_init(&recorder, NULL);
        give_fds(&recorder, 2);
        ck_assert_int_eq(feed_line(&recorder, "request #1 fds=1 a", &why), -EPROTO);
        ck_assert_str_eq(why, "file descriptors that belong to no message");
        recorder_done(&recorder);
}
END_TEST

START_TEST(fds_that_were_lost_on_the_way_are_a_mistake)
{
        struct recorder recorder;
        const char *why = NULL;

        recorder_init(&recorder, NULL);
        give_fds(&recorder, 1);
        recorder.reader.fds.is_truncated = true;
        ck_assert_int_eq(feed_line(&recorder, "request #1 fds=1 a", &why), -EPROTO);
        ck_assert_str_eq(why, "file descriptors were lost on the way");
        recorder_done(&recorder);
}
END_TEST

START_TEST(fds_of_what_is_not_kept_are_closed)
{
        struct recorder recorder;
        const char *why = NULL;

        recorder_init(&recorder, NULL);
        recorder.keeps_nothing = true;
        give_fds(&recorder, 3);
        ck_assert_int_eq(feed_line(&recorder, "request #1 fds=3 a \"x\"", &why), 0);
        ck_assert_str_eq(recorder.log.text, "begin request #1 of 1\nend request #1 dropped\n");
        recorder_done(&recorder);
}
END_TEST

START_TEST(fds_of_an_ignored_frame_are_closed)
{
        uint8_t bytes[8192];
        size_t size = frame_from_text("request #1 fds=2 a \"x\"", bytes, sizeof(bytes));
        struct recorder recorder;
        const char *why = NULL;

        bytes[2] = 0x90; /* a type that may be ignored */
        recorder_init(&recorder, NULL);
        give_fds(&recorder, 2);
        ck_assert_int_eq(hark_reader_feed(&recorder.reader, bytes, size, &why), 0);
        ck_assert_int_eq(feed_line(&recorder, "ping #2", &why), 0);
        ck_assert_str_eq(recorder.log.text,
                         "begin ping #2 of 0\nend ping #2 name= sum=cbf29ce484222325\n");
        recorder_done(&recorder);
}
END_TEST

START_TEST(fds_that_were_not_reached_are_closed_at_the_end)
{
        uint8_t bytes[8192];
        struct recorder recorder;
        const char *why = NULL;

        frame_from_text("request #1 fds=2 a \"x\"", bytes, sizeof(bytes));
        recorder_init(&recorder, NULL);
        give_fds(&recorder, 2);
        ck_assert_int_eq(hark_reader_feed(&recorder.reader, bytes, 20, &why), 0);
        recorder_done(&recorder);
}
END_TEST

/* --- what is kept ----------------------------------------------------------------------------- */

START_TEST(the_longest_prefix_comes_byte_by_byte)
{
        static uint8_t bytes[8192], filler[HARK_EXTENSIONS_MAX];
        char name[HARK_NAME_MAX];
        struct hark_extension_writer writer;
        struct hark_header header = {.type = HARK_FRAME_REQUEST,
                                     .flags = HARK_FLAG_EXTENSIONS,
                                     .id = 1,
                                     .name_size = HARK_NAME_MAX};
        struct recorder recorder;
        const char *why = NULL;
        size_t size = HARK_HEADER_SIZE + hark_name_padded_size(HARK_NAME_MAX);

        memset(name, 'n', sizeof(name));
        memcpy(bytes + HARK_HEADER_SIZE, name, sizeof(name));
        hark_extensions_start(&writer, bytes + size);
        hark_extensions_put(&writer, 99, filler, sizeof(filler));
        size += hark_extensions_finish(&writer);
        ck_assert_uint_eq(size, HARK_PREFIX_MAX);
        header.size = (uint32_t)(size - HARK_HEADER_SIZE);
        hark_header_encode(&header, bytes);

        recorder_init(&recorder, NULL);
        for (size_t i = 0; i < size; i++) {
                ck_assert_int_eq(hark_reader_feed(&recorder.reader, bytes + i, 1, &why), 0);
                ck_assert_uint_eq(recorder.reader.carry_size, i + 1 < size ? i + 1 : 0);
        }
        ck_assert(strncmp(recorder.log.text, "begin request #1 of 0\nend request #1", 36) == 0);
        recorder_done(&recorder);
}
END_TEST

START_TEST(what_is_behind_a_prefix_is_not_carried)
{
        uint8_t bytes[8192];
        size_t size = frame_from_text("request #1 a size=2000", bytes, sizeof(bytes));
        struct recorder recorder;
        const char *why = NULL;
        size_t target_size;

        recorder_init(&recorder, NULL);
        ck_assert_int_eq(hark_reader_feed(&recorder.reader, bytes, 10, &why), 0);
        ck_assert_uint_eq(recorder.reader.carry_size, 10);
        ck_assert_int_eq(hark_reader_feed(&recorder.reader, bytes + 10, 40, &why), 0);
        ck_assert_uint_eq(recorder.reader.carry_size, 0);
        ck_assert_ptr_nonnull(hark_reader_target(&recorder.reader, &target_size));
        ck_assert_uint_eq(target_size, size - 50);
        recorder_done(&recorder);
}
END_TEST

START_TEST(a_message_that_is_not_kept_has_no_memory_to_read_into)
{
        uint8_t bytes[8192];
        struct recorder recorder;
        const char *why = NULL;
        size_t size;

        recorder_init(&recorder, NULL);
        recorder.keeps_nothing = true;
        ck_assert_ptr_null(hark_reader_target(&recorder.reader, &size));
        frame_from_text("request #1 a size=2000", bytes, sizeof(bytes));
        ck_assert_int_eq(hark_reader_feed(&recorder.reader, bytes, 50, &why), 0);
        ck_assert_ptr_null(hark_reader_target(&recorder.reader, &size));
        recorder_done(&recorder);
}
END_TEST

START_TEST(a_cancelled_request_is_forgotten)
{
        struct recorder recorder;
        const char *why = NULL;
        struct hark_incoming forgotten = {.total = 0};

        recorder_init(&recorder, NULL);
        ck_assert_int_eq(feed_line(&recorder, "request #5 more total=100 a size=40", &why), 0);
        ck_assert(!hark_reader_forget(&recorder.reader, HARK_FRAME_REQUEST, 4, 0, &forgotten));
        ck_assert(!hark_reader_forget(&recorder.reader, HARK_FRAME_REQUEST, 5, 1, &forgotten));
        ck_assert(!hark_reader_forget(&recorder.reader, HARK_FRAME_REPLY, 5, 0, &forgotten));
        ck_assert(hark_reader_forget(&recorder.reader, HARK_FRAME_REQUEST, 5, 0, &forgotten));
        ck_assert_uint_eq(forgotten.total, 100);
        ck_assert(!hark_reader_forget(&recorder.reader, HARK_FRAME_REQUEST, 5, 0, &forgotten));
        ck_assert_int_eq(feed_line(&recorder, "request #6 a", &why), 0);
        recorder_done(&recorder);
}
END_TEST

START_TEST(what_was_not_kept_is_forgotten_without_a_total)
{
        struct recorder recorder;
        const char *why = NULL;
        struct hark_incoming forgotten;

        recorder_init(&recorder, NULL);
        recorder.keeps_nothing = true;
        ck_assert_int_eq(feed_line(&recorder, "request #5 more total=100 a size=40", &why), 0);
        ck_assert(!hark_reader_forget(&recorder.reader, HARK_FRAME_REQUEST, 5, 0, &forgotten));
        ck_assert_int_eq(feed_line(&recorder, "request #6 a", &why), 0);
        recorder_done(&recorder);
}
END_TEST

START_TEST(messages_under_way_in_all_priorities_are_dropped_at_the_end)
{
        struct recorder recorder;
        const char *why = NULL;
        char line[128];

        recorder_init(&recorder, NULL);
        for (int i = 0; i < HARK_PRIORITIES; i++) {
                snprintf(line, sizeof(line), "request #%d priority=%d more total=9999 a size=800",
                         i + 1, i);
                ck_assert_int_eq(feed_line(&recorder, line, &why), 0);
        }
        recorder_done(&recorder);
}
END_TEST

FIXTURE_MAIN("reader", one_frame_of_each_type_is_the_same_however_it_is_cut,
             random_messages_are_the_same_wherever_they_are_cut_in_two,
             random_messages_are_the_same_in_any_number_of_pieces,
             a_mistake_is_the_same_one_however_the_stream_is_cut, says_what_is_wrong,
             what_ended_the_reading_is_handed_on, fds_that_nobody_claims_are_a_mistake,
             fds_that_were_lost_on_the_way_are_a_mistake, fds_of_what_is_not_kept_are_closed,
             fds_of_an_ignored_frame_are_closed, fds_that_were_not_reached_are_closed_at_the_end,
             the_longest_prefix_comes_byte_by_byte, what_is_behind_a_prefix_is_not_carried,
             a_message_that_is_not_kept_has_no_memory_to_read_into,
             a_cancelled_request_is_forgotten, what_was_not_kept_is_forgotten_without_a_total,
             messages_under_way_in_all_priorities_are_dropped_at_the_end)
