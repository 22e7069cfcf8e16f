/* SPDX-License-Identifier: MIT */

/* Frames that break the protocol, one rule of hark-wire(7) each, and some that only look like
 * it. */

#include <string.h>

#include "hostile_kit.h"
#include "hostile_tests.h"

/* A conversation behind a good hello: frames until one of zeros. */
#define FRAMES_MAX 4

struct crime {
        const char *what;
        struct raw_frame frames[FRAMES_MAX];
};

#define LONG_NAME                                                                         \
        "a234567890123456789012345678901234567890123456789012345678901234567890123456789" \
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678" \
        "901234567890123456789012345678901234567890"

#define ASK .type = REQUEST, .id = 1, .name = "echo"
/* A question with items, which is kept; and one of those. */
#define ASK_AND_FEED .type = REQUEST, .id = 1, .name = "keep", .flags = FEEDS
#define FEED_ITEM    .type = ITEM, .id = 1, .flags = FEED

static const uint8_t hello_good[56] = {[0] = 1, [2] = 1, [18] = 0x10, [26] = 0x10};
static const uint8_t gap_of_one[24] = {[0] = 1, [8] = 1, [16] = 105};
/* A size that leads past the frame; an unknown id that must be understood; a value that is cut. */
static const uint8_t extensions_too_long[8] = {200};
static const uint8_t extensions_unknown[8] = {4, 0, 0, 0, 0x34, 0x92, 0, 0};
static const uint8_t extensions_cut[8] = {4, 0, 0, 0, 0x01, 0x00, 9, 0};
static const uint8_t extensions_no_group[8] = {4, 0, 0, 0, 0x04, 0x80, 0, 0};
static const uint8_t extensions_group[16] = {5, 0, 0, 0, 0x04, 0x80, 1, 0, 'g'};

static const struct crime crimes[] = {
        {"not 0xC1", {{.magic = 0xC2, .type = PING}}},
        {"another version", {{.version = 2, .type = PING}}},
        {"a size of 4 GiB", {{ASK, .size = UINT32_MAX}}},
        {"a size above 1 GiB", {{ASK, .size = (1u << 30) + 1}}},
        {"an unknown type", {{.type = 99}}},
        {"a type that is kept for later", {{.type = 37, .id = 1}}},
        {"type 0", {{.type = 0, .id = 1}}},
        {"priority 8", {{ASK, .priority = 8}}},
        {"priority 255", {{ASK, .priority = 255}}},
        {"a flag that is not defined", {{.type = PING, .flags = 0x80}}},
        {"a flag of another type", {{.type = PING, .flags = ONE_WAY}}},
        {"a second hello", {{.type = HELLO, .payload = hello_good, .payload_size = 56}}},
        /* names */
        {"no name", {{.type = REQUEST, .id = 1}}},
        {"a name with NUL", {{.type = REQUEST, .id = 1, .name = "ec\0ho", .name_size = 5}}},
        {"a name with a space", {{.type = REQUEST, .id = 1, .name = "ec ho"}}},
        {"a name that is a filter", {{.type = REQUEST, .id = 1, .name = "ec.*"}}},
        {"an empty token", {{.type = REQUEST, .id = 1, .name = "a..b"}}},
        {"a name that is not UTF-8", {{.type = PUBLISH, .id = 1, .name = "a\xff"}}},
        {"a name where none may be", {{.type = PING, .name = "ping"}}},
        {"a filter with a NUL", {{.type = SUBSCRIBE, .id = 1, .name = "a\0", .name_size = 2}}},
        {"a filter with > inside", {{.type = SUBSCRIBE, .id = 1, .name = "a.>.b"}}},
        {"a name longer than its frame", {{ASK, .size = 7}}},
        /* extensions */
        {"extensions that are not there", {{ASK, .flags = EXTENSIONS}}},
        {"extensions beyond their frame",
         {{ASK, .flags = EXTENSIONS, .extensions = extensions_too_long, .extensions_size = 8}}},
        {"an extension that must be understood",
         {{ASK, .flags = EXTENSIONS, .extensions = extensions_unknown, .extensions_size = 8}}},
        {"an extension that is cut",
         {{ASK, .flags = EXTENSIONS, .extensions = extensions_cut, .extensions_size = 8}}},
        /* ids */
        {"the id of a request that is not answered",
         {{.type = REQUEST, .id = 5, .name = "keep"}, {.type = REQUEST, .id = 5, .name = "echo"}}},
        {"the id of a subscription that stands",
         {{.type = SUBSCRIBE, .id = 5, .name = "a"}, {.type = SUBSCRIBE, .id = 5, .name = "b"}}},
        {"subscription 0", {{.type = SUBSCRIBE, .id = 0, .name = "a"}}},
        /* groups */
        {"a group with no name",
         {{.type = SUBSCRIBE,
           .id = 1,
           .name = "a",
           .flags = EXTENSIONS,
           .extensions = extensions_no_group,
           .extensions_size = 8}}},
        {"an ack of no subscription", {{.type = ACK}}},
        {"an ack for a subscription in no group",
         {{.type = SUBSCRIBE, .id = 5, .name = "a"}, {.type = ACK, .status = 5, .sequence = 1}}},
        {"an ack of what was not sent",
         {{.type = SUBSCRIBE,
           .id = 5,
           .name = "a",
           .flags = EXTENSIONS,
           .extensions = extensions_group,
           .extensions_size = 16},
          {.type = ACK, .status = 5, .sequence = 1}}},
        /* what only the other end may say */
        {"a reply to what was never asked", {{.type = REPLY, .id = 1}}},
        {"an error to what was never asked", {{.type = ERROR, .id = 1, .status = 5}}},
        {"an error that is none", {{.type = ERROR, .id = 1, .status = 0}}},
        {"subscribed to nothing", {{.type = SUBSCRIBED, .id = 1}}},
        {"a gap in nothing",
         {{.type = GAP, .status = 1, .name = "a", .payload = gap_of_one, .payload_size = 24}}},
        {"a notification to nothing", {{.type = PUBLISH, .id = 1, .status = 9, .name = "a"}}},
        /* items */
        {"an item to what was never asked", {{.type = ITEM, .id = 1}}},
        {"credit for items to what was never asked", {{.type = CREDIT, .id = 1, .flags = FEED}}},
        {"an item of a question that has none",
         {{.type = REQUEST, .id = 1, .name = "keep"}, {FEED_ITEM}}},
        {"an item behind the last",
         {{ASK_AND_FEED}, {.type = ITEM, .id = 1, .flags = FEED | END}, {FEED_ITEM}}},
        {"an end of items that is one",
         {{ASK_AND_FEED},
          {.type = ITEM, .id = 1, .flags = FEED | END, .payload = "x", .payload_size = 1}}},
        {"an end of an answer's items", {{.type = ITEM, .id = 1, .flags = END}}},
        {"an item at another priority", {{ASK_AND_FEED}, {FEED_ITEM, .priority = 1}}},
        {"credit for nothing that was sent",
         {{.type = REQUEST, .id = 1, .name = "keep", .flags = OBSERVES},
          {.type = CREDIT, .id = 1, .status = 1}}},
        {"credit beyond all bounds",
         {{.type = REQUEST, .id = 1, .name = "keep", .flags = OBSERVES},
          {.type = CREDIT, .id = 1, .status = UINT32_MAX}}},
        {"credit to who does not observe", {{ASK_AND_FEED}, {.type = CREDIT, .id = 1}}},
        {"items of what expects no answer",
         {{.type = REQUEST, .id = 1, .name = "keep", .flags = ONE_WAY | FEEDS}}},
        /* fragments */
        {"a fragment of a type that has none", {{.type = PING, .flags = MORE, .offset = 8}}},
        {"a later fragment of nothing", {{.type = REQUEST, .flags = CONTINUED, .id = 1}}},
        {"a total that leaves nothing to the others",
         {{ASK, .flags = MORE, .offset = 4, .payload = "1234", .payload_size = 4}}},
        {"an empty first fragment", {{ASK, .flags = MORE, .offset = 4}}},
        {"a total above 1 GiB",
         {{ASK, .flags = MORE, .offset = UINT32_MAX, .payload = "1", .payload_size = 1}}},
        {"a fragment that overlaps",
         {{ASK, .flags = MORE, .offset = 16, .payload = "12345678", .payload_size = 8},
          {.type = REQUEST,
           .flags = CONTINUED,
           .id = 1,
           .offset = 4,
           .payload = "12345678",
           .payload_size = 8}}},
        {"a hole between fragments",
         {{ASK, .flags = MORE, .offset = 32, .payload = "12345678", .payload_size = 8},
          {.type = REQUEST,
           .flags = CONTINUED | MORE,
           .id = 1,
           .offset = 16,
           .payload = "12345678",
           .payload_size = 8}}},
        {"fragments beyond the total",
         {{ASK, .flags = MORE, .offset = 12, .payload = "12345678", .payload_size = 8},
          {.type = REQUEST,
           .flags = CONTINUED,
           .id = 1,
           .offset = 8,
           .payload = "12345678",
           .payload_size = 8}}},
        {"a last fragment before the total",
         {{ASK, .flags = MORE, .offset = 32, .payload = "12345678", .payload_size = 8},
          {.type = REQUEST,
           .flags = CONTINUED,
           .id = 1,
           .offset = 8,
           .payload = "12345678",
           .payload_size = 8}}},
        {"a fragment of another message",
         {{ASK, .flags = MORE, .offset = 16, .payload = "12345678", .payload_size = 8},
          {.type = REQUEST,
           .flags = CONTINUED,
           .id = 2,
           .offset = 8,
           .payload = "12345678",
           .payload_size = 8}}},
        {"a later fragment with a name",
         {{ASK, .flags = MORE, .offset = 16, .payload = "12345678", .payload_size = 8},
          {ASK, .flags = CONTINUED, .offset = 8, .payload = "12345678", .payload_size = 8}}},
        {"a frame between fragments of its priority",
         {{ASK, .flags = MORE, .offset = 16, .payload = "12345678", .payload_size = 8},
          {.type = REQUEST, .id = 2, .name = "echo"}}},
        {"a fragment with a wrong priority",
         {{ASK, .flags = MORE, .offset = 16, .payload = "12345678", .payload_size = 8},
          {.type = REQUEST,
           .flags = CONTINUED,
           .id = 1,
           .priority = 1,
           .offset = 8,
           .payload = "12345678",
           .payload_size = 8}}},
        {"an offset without fragments", {{ASK, .offset = 8}}},
        /* descriptors */
        {"descriptors that have not come", {{ASK, .n_fds = 1}}},
        {"descriptors where none may be", {{.type = PING, .n_fds = 1}}},
        {"more descriptors than may be", {{ASK, .n_fds = 255}}},
};

static bool is_frame(const struct raw_frame *frame)
{
        return frame->type > 0 || frame->id > 0;
}

/* All that one has to say, in one go, so that a frame behind the bad one is there too. */
static void say(struct stage *stage, int fd, const struct raw_frame *frames)
{
        for (size_t i = 0; i < FRAMES_MAX && is_frame(&frames[i]); i++)
                raw_send_frame(stage, fd, &frames[i]);
        raw_send_frame(stage, fd, &(struct raw_frame){.type = REQUEST, .id = 99, .name = "echo"});
}

START_TEST(who_breaks_a_rule_is_thrown_out_and_told_why)
{
        struct stage stage;

        stage_set(&stage, NULL);
        for (size_t i = 0; i < COUNT(crimes); i++) {
                unsigned n_handled = stage.n_handled;
                int fd = raw_enter(&stage);

                say(&stage, fd, crimes[i].frames);
                raw_expect_thrown_out(&stage, fd, crimes[i].what);
                ck_assert_msg(stage.n_handled == n_handled, "%s: a frame behind it was handled",
                              crimes[i].what);
                stage_check(&stage);
        }
        stage_clear(&stage);
}
END_TEST

/* --- what is odd, and allowed ----------------------------------------------------------------- */

static const uint8_t extensions_to_ignore[8] = {4, 0, 0, 0, 0x34, 0x12, 0, 0};

static const struct crime oddities[] = {
        {"an unknown type that may be ignored", {{.type = 0x80, .id = 3, .flags = 0xff}}},
        {"another, with a name and a payload",
         {{.type = 0xff, .name = "?", .payload = "x", .payload_size = 1, .priority = 99}}},
        {"an unknown extension",
         {{ASK, .flags = EXTENSIONS, .extensions = extensions_to_ignore, .extensions_size = 8}}},
        {"a cancel of nothing", {{.type = CANCEL, .id = 12345}}},
        {"an unsubscribe of nothing", {{.type = UNSUBSCRIBE, .id = 12345}}},
        {"an ack for nothing", {{.type = ACK, .status = 12345, .sequence = 1}}},
        {"a pong that nobody waits for", {{.type = PONG, .id = 12345}}},
        {"an item of nothing", {{FEED_ITEM, .payload = "x", .payload_size = 1}}},
        {"an end of nothing", {{.type = ITEM, .id = 1, .flags = FEED | END}}},
        {"credit for nothing", {{.type = CREDIT, .id = 12345, .status = UINT32_MAX}}},
        {"items for who answered at once",
         {{.type = REQUEST, .id = 1, .name = "echo", .flags = FEEDS},
          {FEED_ITEM},
          {.type = ITEM, .id = 1, .flags = FEED | END}}},
        {"an id anew after its answer", {{ASK}, {ASK}}},
        {"a ping with a payload", {{.type = PING, .payload = "x", .payload_size = 1}}},
        {"the longest name", {{.type = SUBSCRIBE, .id = 3, .name = LONG_NAME}}},
        {"fragments of one byte",
         {{ASK, .flags = MORE, .offset = 3, .payload = "1", .payload_size = 1},
          {.type = REQUEST,
           .flags = CONTINUED | MORE,
           .id = 1,
           .offset = 1,
           .payload = "2",
           .payload_size = 1},
          {.type = REQUEST,
           .flags = CONTINUED,
           .id = 1,
           .offset = 2,
           .payload = "3",
           .payload_size = 1}}},
        {"an urgent frame between fragments",
         {{ASK, .flags = MORE, .offset = 16, .payload = "12345678", .payload_size = 8},
          {.type = REQUEST, .id = 2, .priority = 1, .name = "echo"},
          {.type = REQUEST,
           .flags = CONTINUED,
           .id = 1,
           .offset = 8,
           .payload = "12345678",
           .payload_size = 8}}},
        {"a cancel in the middle of its fragments",
         {{ASK, .flags = MORE, .offset = 16, .payload = "12345678", .payload_size = 8},
          {.type = CANCEL, .id = 1},
          {.type = REQUEST, .id = 2, .name = "echo"}}},
        {"a request larger than the limit, announced",
         {{ASK, .flags = MORE, .offset = 1u << 30, .payload = "12345678", .payload_size = 8},
          {.type = CANCEL, .id = 1}}},
};

START_TEST(what_is_odd_but_allowed_goes_on)
{
        struct stage stage;

        stage_set(&stage, NULL);
        for (size_t i = 0; i < COUNT(oddities); i++) {
                unsigned n_handled = stage.n_handled;
                int fd = raw_enter(&stage);

                /* The id is free again once the answer has come. */
                raw_send_frame(&stage, fd, &oddities[i].frames[0]);
                stage_settle(&stage);
                say(&stage, fd, oddities[i].frames + 1);
                raw_expect_welcome(&stage, fd, oddities[i].what);
                ck_assert_msg(stage.n_handled > n_handled,
                              "%s: what came behind it was not handled", oddities[i].what);
        }
        ck_assert_uint_lt(stage_memory(&stage), 1024 * 1024);
        stage_clear(&stage);
}
END_TEST

/* --- before and in place of a hello ----------------------------------------------------------- */

static const uint8_t hello_short[55] = {1, 0, 1};
static const uint8_t hello_of_version_9[56] = {9, 0, 9, 0, [18] = 0x10, [26] = 0x10};
static const uint8_t hello_takes_nothing[56] = {1, 0, 1};
static const uint8_t hello_holds_nothing[56] = {1, 0, 1, 0, [18] = 0x10};

static const struct crime rude[] = {
        {"a request before hello", {{ASK}}},
        {"a ping before hello", {{.type = PING}}},
        {"a goaway before hello", {{.type = GOAWAY}}},
        {"a hello without a payload", {{.type = HELLO}}},
        {"a hello that is too short",
         {{.type = HELLO, .payload = hello_short, .payload_size = sizeof(hello_short)}}},
        {"a hello of another version",
         {{.type = HELLO, .payload = hello_of_version_9, .payload_size = 56}}},
        {"a hello that takes no message",
         {{.type = HELLO, .payload = hello_takes_nothing, .payload_size = 56}}},
        {"a hello that holds no message",
         {{.type = HELLO, .payload = hello_holds_nothing, .payload_size = 56}}},
        {"HTTP", {{.magic = 'G', .version = 'E', .type = 'T', .flags = ' '}}},
};

START_TEST(who_does_not_say_hello_is_thrown_out_and_told_why)
{
        struct stage stage;

        stage_set(&stage, NULL);
        for (size_t i = 0; i < COUNT(rude); i++) {
                int fd = raw_open(&stage);

                say(&stage, fd, rude[i].frames);
                raw_expect_thrown_out(&stage, fd, rude[i].what);
        }
        stage_clear(&stage);
}
END_TEST

START_TEST(a_hello_s_name_is_a_claim_and_may_be_anything_but_nul)
{
        struct raw_frame hello = raw_hello();
        struct stage stage;
        int fd;

        stage_set(&stage, NULL);
        fd = raw_open(&stage);
        hello.name = "\x1b[2J \xff\n";
        raw_send_frame(&stage, fd, &hello);
        raw_expect_welcome(&stage, fd, "control characters");
        fd = raw_open(&stage);
        hello.name = "a\0b";
        hello.name_size = 3;
        raw_send_frame(&stage, fd, &hello);
        raw_expect_thrown_out(&stage, fd, "a NUL in its name");
        stage_clear(&stage);
}
END_TEST

void add_frame_tests(const TTest **tests, size_t *n)
{
        tests[(*n)++] = who_breaks_a_rule_is_thrown_out_and_told_why;
        tests[(*n)++] = what_is_odd_but_allowed_goes_on;
        tests[(*n)++] = who_does_not_say_hello_is_thrown_out_and_told_why;
        tests[(*n)++] = a_hello_s_name_is_a_claim_and_may_be_anything_but_nul;
}
