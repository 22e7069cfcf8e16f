/* SPDX-License-Identifier: MIT */

#include "fixture.h"
#include "frame_examples.h"

#include <errno.h>

static void assert_hello(const struct hark_hello *hello, const char *wanted_why)
{
        uint8_t bytes[HARK_HELLO_SIZE];
        struct hark_hello decoded;
        const char *why = "nothing wrong";
        int r;

        hark_hello_encode(hello, bytes);
        r = hark_hello_decode((struct hark_span){bytes, sizeof(bytes)}, &decoded, &why);
        ck_assert_int_eq(r, wanted_why ? -EPROTO : 0);
        ck_assert_str_eq(why, wanted_why ? wanted_why : "nothing wrong");
}

START_TEST(a_hello_comes_back_as_it_was)
{
        uint8_t bytes[HARK_HELLO_SIZE + 8] = {0};
        struct hark_hello hello = example_hello, decoded;
        const char *why;

        hello.features = 0x80000001;
        hark_hello_encode(&hello, bytes);
        /* A later version may append. */
        ck_assert_int_eq(
                hark_hello_decode((struct hark_span){bytes, sizeof(bytes)}, &decoded, &why), 0);
        ck_assert_mem_eq(&decoded, &hello, sizeof(hello));
        hello.message_size = hello.received_size = hello.window_size = UINT64_MAX;
        hark_hello_encode(&hello, bytes);
        ck_assert_int_eq(
                hark_hello_decode((struct hark_span){bytes, sizeof(bytes)}, &decoded, &why), 0);
        ck_assert_uint_eq(decoded.message_size, HARK_FRAME_MAX);
        ck_assert_uint_eq(decoded.received_size, UINT64_MAX);
        ck_assert_uint_eq(decoded.window_size, HARK_FRAME_MAX);
        ck_assert_int_eq(
                hark_hello_decode((struct hark_span){bytes, HARK_HELLO_SIZE - 1}, &decoded, &why),
                -EPROTO);
        ck_assert_str_eq(why, "a hello of less than 56 bytes");
}
END_TEST

START_TEST(a_hello_must_leave_something_in_common)
{
        struct hark_hello hello = example_hello;

        hello.version_min = 0;
        hello.version_max = 9;
        assert_hello(&hello, NULL);
        hello.version_min = 2;
        assert_hello(&hello, "a hello without a version of the wire that is spoken here");
        hello.version_min = hello.version_max = 0;
        assert_hello(&hello, "a hello without a version of the wire that is spoken here");
        hello = example_hello;
        hello.message_size = hello.received_size = HARK_MESSAGE_SIZE_MIN;
        hello.calls_in_flight = hello.subscriptions = hello.fds_per_message = 0;
        assert_hello(&hello, NULL);
        hello.message_size--;
        assert_hello(&hello, "a hello that takes no message of 1 KiB");
        hello.message_size += 2;
        assert_hello(&hello, "a hello that takes less than one message");
}
END_TEST

FIXTURE_MAIN("hello", a_hello_comes_back_as_it_was, a_hello_must_leave_something_in_common)
