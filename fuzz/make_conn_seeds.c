/* SPDX-License-Identifier: MIT */

/*
 * make_conn_seeds DIRECTORY: writes what fuzz_conn starts from, one file each: what the other end
 * of a connection says, from hello to goodbye, in frames as frame_text.h has them. To be run again
 * when the wire changes; what a fuzzer found is kept beside it under other names.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/unit/frame_text.h"

#define SEED_SIZE_MAX (1 << 20)
#define MAX_LINES     12

/* As fuzz_conn.c has them. */
enum option {
        CLIENT = 1 << 0,
        BOTH = 1 << 1,
        GREETED = 1 << 2,
        DEAF = 1 << 3,
        STRICT = 1 << 4,
        HOOKED = 1 << 5,
        RESET = 1 << 6,
        LEAVING = 1 << 7
};

struct seed {
        const char *name;
        unsigned char options, cut;
        const char *lines[MAX_LINES];
};

static const struct seed seeds[] = {
        {"server-call", 0, 0, {"hello tester", "request #1 echo \"hello\"", "goaway"}},
        {"server-bytewise", 0, 1, {"hello tester", "request #1 us=9000000 echo \"hello\""}},
        {"server-calls",
         GREETED,
         0,
         {"request #1 echo \"hello\"", "request #2 priority=7 echo", "request #3 nothing",
          "request #4 one-way nothing", "request #5 one-way echo", "request #6 fail \"why\"",
          "request #7 large", "reply #1"}},
        {"server-chains",
         GREETED,
         0,
         {"request #1 waits echo", "request #2 waits chain=\"7 12!a 13-b\" trace=\"t\" echo",
          "request #3 chain=\"1 2!c\" keep.a", "request #4 one-way waits echo"}},
        {"server-kept",
         GREETED,
         0,
         {"request #1 keep.a", "request #2 keep.b", "cancel #1", "request #3 keep.c",
          "cancel #2 status=4", "cancel #2", "request #1 keep.d", "goaway"}},
        {"server-kept-reset",
         GREETED | RESET,
         40,
         {"request #1 keep.a", "request #2 us=9000000 keep.b", "request #3 one-way keep.c"}},
        {"server-fragments",
         GREETED,
         0,
         {"request #1 more total=20 echo \"0123456789\"", "ping #2 priority=1",
          "request #3 more priority=2 total=8 echo \"0123\"",
          "request #1 continued more at=10 \"01234\"",
          "request #3 continued priority=2 at=4 \"4567\"", "request #1 continued at=15 \"56789\""}},
        {"server-cancelled-fragments",
         GREETED,
         33,
         {"request #1 more total=20 echo \"0123456789\"", "cancel #1", "request #2 echo \"x\"",
          "publish #3 more priority=1 total=4 a.topic \"01\"",
          "publish #3 continued priority=1 at=2 \"23\""}},
        {"server-topics",
         GREETED,
         0,
         {"subscribe #1 a.*", "subscribe #2 messages=1 bytes=10 >", "publish #3 a.topic \"x\"",
          "request #4 back \"payload\"", "unsubscribe #1", "publish #5 priority=3 b",
          "unsubscribe #2", "subscribe #2 c.>"}},
        {"server-deaf",
         GREETED | DEAF,
         0,
         {"subscribe #1 messages=1 >", "publish #2 a \"1\"", "publish #3 b \"2\"",
          "publish #4 a \"3\"", "publish #5 priority=2 a \"4\"", "request #6 large",
          "request #7 large", "ping #8"}},
        {"server-groups",
         GREETED | HOOKED,
         0,
         {"subscribe #1 a.* group=\"g\"", "subscribe #2 > group=\"g\"",
          "subscribe #3 wishes=2 > group=\"h\"", "request #1 back \"payload\"",
          "ack to=1 sequence=1", "ack to=2 sequence=1", "unsubscribe #1", "publish #5 priority=3 b",
          "unsubscribe #3", "ack to=2 sequence=2"}},
        {"server-groups-deaf",
         GREETED | DEAF,
         0,
         {"subscribe #1 bytes=10 a.* group=\"g\"", "subscribe #2 a.* group=\"g\"",
          "request #1 back size=3000", "request #2 back size=3000", "unsubscribe #2",
          "subscribe #4 policy=1 a group=\"g\""}},
        {"server-groups-late-ack",
         GREETED,
         0,
         {"subscribe #1 a.* group=\"g\"", "request #1 back \"x\"", "ack to=9 sequence=1",
          "ack to=1 sequence=3", "ack to=1 sequence=3"}},
        {"server-strict",
         GREETED | STRICT,
         0,
         {"request #1 keep.a size=1900", "request #2 keep.b size=1900",
          "request #3 keep.c size=1900", "request #4 echo size=2100", "subscribe #5 a",
          "subscribe #6 b", "subscribe #7 c", "publish #8 a size=2100"}},
        {"server-strict-deaf",
         GREETED | STRICT | DEAF | HOOKED,
         0,
         {"subscribe #5 >", "request #1 back size=900", "publish #8 a size=1000",
          "publish #9 a size=1000", "publish #10 a size=1000", "request #2 echo size=1500",
          "request #3 large"}},
        {"server-hooked",
         HOOKED,
         0,
         {"hello tester", "publish #1 a.topic", "publish #2 b.topic", "subscribe #3 >",
          "publish #4 a.topic \"x\""}},
        {"server-retains",
         GREETED,
         0,
         {"publish #1 retain a.topic \"x\"", "subscribe #2 wishes=1 >", "withdrawn #3 a.topic",
          "publish #4 retain live b \"y\"", "subscribe #5 wishes=1 policy=2 b"}},
        {"client-retained",
         CLIENT | GREETED,
         0,
         {"publish #1 to=1 retained a.b \"x\"", "subscribed #1 priority=7 sequence=1",
          "publish #2 to=1 sequence=1 kept a.b \"y\"", "withdrawn #3 to=1 sequence=2 a.b"}},
        {"server-refused", HOOKED, 0, {"hello refused", "request #1 keep.a", "subscribe #2 >"}},
        {"server-asks",
         GREETED | BOTH,
         0,
         {"reply #1 \"yes\"", "error #2 status=12 from-library text=\"no\"",
          "subscribed #1 priority=7", "subscribed #2 status=7 text=\"not you\"",
          "publish #1 to=1 sequence=1 a.x \"x\"", "gap to=1 lost=2 first=2 reason=105 a.x",
          "error #4 status=12 from-library one.way", "error #1 status=12 from-library a.topic"}},
        {"server-leaving",
         GREETED | LEAVING,
         40,
         {"request #1 keep.a", "request #2 echo", "request #3 keep.b", "ping #4",
          "request #5 out"}},
        {"server-out", GREETED, 0, {"request #1 keep.a", "request #2 out", "request #3 echo"}},
        {"server-items",
         GREETED,
         0,
         {"request #1 observes feeds keep.a", "item #1 feed \"one\"", "item #1 feed \"two\"",
          "credit #1 status=2512", "item #1 feed end", "request #2 observes echo",
          "request #3 feeds priority=2 keep.b", "item #3 feed priority=2 more total=8 \"0123\"",
          "item #3 feed continued priority=2 at=4 \"4567\"", "cancel #3 priority=2",
          "item #3 feed priority=2 \"late\"", "credit #3 priority=2 status=99"}},
        {"server-items-beyond",
         GREETED | STRICT,
         0,
         {"request #1 feeds keep.a", "item #1 feed \"thirteen here\"", "item #1 feed size=1700",
          "item #1 feed size=1700", "item #1 feed size=1700"}},
        {"server-items-none",
         GREETED | RESET,
         0,
         {"request #1 keep.a", "item #7 feed \"of nothing\"", "request #2 observes keep.b",
          "credit #2 status=4294967295"}},
        {"client-items",
         CLIENT | GREETED,
         0,
         {"item #5 \"one\"", "credit #5 feed status=2512", "item #5 \"two\"",
          "credit #5 feed status=2512", "reply #5 \"end\"", "item #5 \"late\""}},
        {"client-items-beyond",
         CLIENT | GREETED | STRICT,
         0,
         {"item #5 size=1900", "item #5 size=1900", "ping #1", "item #5 size=1900",
          "item #5 size=1900", "item #5 size=1900"}},
        {"client-items-reset",
         CLIENT | GREETED | RESET,
         30,
         {"item #5 \"one\"", "item #5 more total=8 \"0123\"", "item #5 continued at=4 \"4567\""}},
        {"client-answered",
         CLIENT,
         0,
         {"hello server", "subscribed #1 priority=7", "subscribed #2 priority=7",
          "reply #1 \"one\"", "reply #2 priority=3 \"two\"",
          "error #3 status=1234 priority=1 text=\"three\"", "publish #1 to=1 sequence=1 a.b \"x\"",
          "gap to=2 lost=3 first=1 reason=105 >", "publish #2 to=2 sequence=4 b", "goaway #5"}},
        {"client-member",
         CLIENT,
         0,
         {"hello server", "subscribed #3 priority=7", "publish #1 to=3 sequence=1 a.b \"x\"",
          "publish #2 to=3 priority=2 sequence=2 repeated a.c",
          "gap to=3 lost=3 first=3 reason=105 a.>", "publish #3 to=3 sequence=6 a.b"}},
        {"client-bytewise",
         CLIENT,
         1,
         {"hello server", "subscribed #1", "publish #1 to=1 sequence=1 a.b \"x\"", "reply #1"}},
        {"client-refused", CLIENT, 0, {"goaway status=7 text=\"not you\""}},
        {"client-small-server",
         CLIENT | RESET,
         0,
         {"hello takes=1024 keeps=2048 calls=1 subscriptions=1 passes=1 server",
          "error #3 status=8 from-library", "reply #1"}},
        {"client-fragments",
         CLIENT | GREETED | STRICT,
         0,
         {"reply #1 more total=10 \"01234\"", "publish #1 to=2 more priority=1 total=4 a \"01\"",
          "reply #1 continued at=5 \"56789\"", "publish #1 priority=1 continued at=2 \"23\"",
          "reply #2 priority=3 size=1999"}},
        {"client-goodbye",
         CLIENT | GREETED,
         0,
         {"subscribed #1", "goaway #2 status=14 text=\"closing\"", "reply #1", "reply #2"}},
        {"client-reset", CLIENT | GREETED | RESET, 0, {"subscribed #1", "reply #1", "ping #1"}},
        {"client-serves",
         CLIENT | BOTH,
         0,
         {"hello server", "request #1 echo \"x\"", "request #2 keep.a", "subscribe #3 >",
          "request #4 back \"y\"", "reply #1", "reply #4", "publish #5 a.topic", "cancel #2"}},
        {"client-serves-hooked",
         CLIENT | BOTH | HOOKED | DEAF,
         25,
         {"hello server", "request #1 echo \"x\"", "request #2 one-way keep.a", "publish #5 b"}},
        {"client-asked",
         CLIENT | GREETED,
         0,
         {"request #1 echo", "request #2 one-way echo", "subscribe #3 a", "publish #4 a",
          "request #5 one-way more total=8 echo \"0123\"", "request #5 continued at=4 \"4567\""}},
};

static int write_seed(const char *directory, const struct seed *seed, const uint8_t *bytes,
                      size_t size)
{
        char path[4096];
        FILE *file;
        int r = 0;

        snprintf(path, sizeof(path), "%s/%s", directory, seed->name);
        file = fopen(path, "we");
        if (!file || fwrite(bytes, 1, size, file) != size)
                r = -1;
        if (file && fclose(file) != 0)
                r = -1;
        if (r < 0)
                perror(path);
        return r;
}

static int make_seed(const char *directory, const struct seed *seed)
{
        static uint8_t bytes[SEED_SIZE_MAX];
        size_t size = 3;

        bytes[0] = seed->options;
        bytes[1] = seed->cut;
        bytes[2] = 0;
        for (unsigned i = 0; i < MAX_LINES && seed->lines[i]; i++) {
                size_t n = frame_from_text(seed->lines[i], bytes + size, sizeof(bytes) - size);

                if (n == 0) {
                        fprintf(stderr, "%s: malformed: %s\n", seed->name, seed->lines[i]);
                        return -1;
                }
                size += n;
        }
        return write_seed(directory, seed, bytes, size);
}

int main(int argc, char **argv)
{
        int r = 0;

        if (argc != 2) {
                fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
                return 2;
        }
        for (size_t i = 0; r == 0 && i < sizeof(seeds) / sizeof(*seeds); i++)
                r = make_seed(argv[1], &seeds[i]);
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
