/* SPDX-License-Identifier: MIT */

/*
 * Many clients at once, each with many calls one after the other, of random sizes.
 *
 *         crowd ADDRESS
 *
 * Both ends check what they get, byte for byte. Sizes are as likely between 1 and 10 bytes as
 * between 100 KiB and 1 MiB, so that each kind of frame occurs; some payloads are empty.
 * HARK_CROWD_CLIENTS and HARK_CROWD_CALLS say how many: 20 and 50, if they do not. Where that takes
 * more than half a minute, CK_TIMEOUT_MULTIPLIER=10 lets it.
 */

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "somewhere.h"

#define SIZE_MAX_LOG2 20 /* 1 MiB */
#define PATTERN_SIZE  (((size_t)1 << SIZE_MAX_LOG2) + 4096)

/* Bytes that look random. What is sent begins in it at a place that its size tells. */
static uint8_t pattern[PATTERN_SIZE];

static void make_pattern(void)
{
        uint32_t state = 1;

        for (size_t i = 0; i < PATTERN_SIZE; i++) {
                state = state * 1103515245 + 12345;
                pattern[i] = (uint8_t)(state >> 16);
        }
}

static const uint8_t *bytes_of(size_t size)
{
        return pattern + size % 4096;
}

static bool is_good(const hark_message *message)
{
        struct hark_payload payload = hark_message_payload(message);

        return payload.size == 0 || memcmp(payload.data, bytes_of(payload.size), payload.size) == 0;
}

static size_t random_size(void)
{
        unsigned log2_size = somewhere_random(SIZE_MAX_LOG2 + 1);
        size_t least = ((size_t)1 << log2_size) / 2;

        return log2_size == 0 ? 0 : least + somewhere_random((unsigned)least + 1);
}

/* --- the server ------------------------------------------------------------------------------- */

static void check(hark_request *request, void *userdata)
{
        const hark_message *message = hark_request_message(request);

        (void)userdata;
        if (is_good(message))
                hark_reply(request, hark_message_payload(message));
        else
                hark_fail(request, 1000, "it is not what was sent");
}

static int serve(void *userdata)
{
        const int *ready = userdata;
        hark_loop *loop = NULL;
        hark_server *server = NULL;
        uint64_t id;

        ck_assert_int_eq(hark_loop_new(&loop), 0);
        ck_assert_int_eq(hark_server_new(loop, NULL, &server), 0);
        ck_assert_int_eq(hark_server_handle(server, "check", check, NULL), 0);
        ck_assert_int_eq(hark_loop_add_signal(loop, SIGTERM, somewhere_on_signal, loop, &id), 0);
        somewhere_listen(server);
        somewhere_say_ready(*ready);
        ck_assert_int_eq(hark_loop_run(loop), 0);
        hark_server_unref(server);
        hark_loop_unref(loop);
        return 0;
}

/* --- the clients ------------------------------------------------------------------------------ */

struct crowd {
        hark_loop *loop;
        unsigned n_clients, n_calls; /* for each */
        unsigned n_done;             /* clients */
        uint64_t n_bytes;
};

struct guest {
        struct crowd *crowd;
        hark_client *client;
        unsigned n_answered;
        size_t size;
};

static void ask(struct guest *guest);

static void on_reply(int result, hark_message *reply, void *userdata)
{
        struct guest *guest = userdata;

        ck_assert_msg(result == 0, "call %u of %zu bytes: %s", guest->n_answered, guest->size,
                      hark_reason(result, reply));
        ck_assert_uint_eq(hark_message_payload(reply).size, guest->size);
        ck_assert(is_good(reply));
        guest->crowd->n_bytes += guest->size;
        if (++guest->n_answered < guest->crowd->n_calls)
                ask(guest);
        else
                guest->crowd->n_done++;
}

static void ask(struct guest *guest)
{
        struct hark_payload payload = {.data = NULL};
        int r;

        guest->size = random_size();
        payload.data = bytes_of(guest->size);
        payload.size = guest->size;
        r = hark_invoke(guest->client, "check", payload, HARK_FOREVER, on_reply, guest, NULL);
        ck_assert_msg(r == 0, "%s", hark_reason(r, NULL));
}

static void run_crowd(struct crowd *crowd, struct guest *guests)
{
        uint64_t began_ns = hark_now_ns();
        double seconds;

        for (unsigned i = 0; i < crowd->n_clients; i++)
                ask(&guests[i]);
        while (crowd->n_done < crowd->n_clients)
                ck_assert_int_eq(hark_loop_process(crowd->loop, PATIENCE_MS), 0);
        seconds = (double)(hark_now_ns() - began_ns) / 1e9;
        printf("# %u clients, %u calls each: %.1f s, %.0f calls/s, %.0f MB/s each way\n",
               crowd->n_clients, crowd->n_calls, seconds,
               crowd->n_clients * (double)crowd->n_calls / seconds,
               (double)crowd->n_bytes / 1e6 / seconds);
}

/* More than a server lets be half-way at once: they try again. */
static void connect_guests(struct crowd *crowd, struct guest *guests)
{
        struct hark_client_params params = {
                .wait_ms = HARK_FOREVER, .retry_min_ms = 1, .retry_max_ms = 20};

        for (unsigned i = 0; i < crowd->n_clients; i++) {
                guests[i].crowd = crowd;
                ck_assert_int_eq(hark_connect(crowd->loop, somewhere(), &params, &guests[i].client),
                                 0);
        }
        for (unsigned i = 0; i < crowd->n_clients; i++)
                run_until(crowd->loop, hark_client_state(guests[i].client) == HARK_CONNECTED);
}

START_TEST(each_of_a_crowd_gets_its_own_answers)
{
        struct crowd crowd = {.n_clients = somewhere_number("HARK_CROWD_CLIENTS", 20),
                              .n_calls = somewhere_number("HARK_CROWD_CALLS", 50)};
        struct guest *guests = calloc(crowd.n_clients, sizeof(*guests));
        pid_t pid;

        make_pattern();
        pid = somewhere_start(serve);
        ck_assert_int_eq(hark_loop_new(&crowd.loop), 0);
        connect_guests(&crowd, guests);
        run_crowd(&crowd, guests);
        for (unsigned i = 0; i < crowd.n_clients; i++)
                hark_client_unref(guests[i].client);
        free(guests);
        hark_loop_unref(crowd.loop);
        ck_assert_int_eq(kill(pid, SIGTERM), 0);
        ck_assert_int_eq(fixture_wait_exit(pid), 0);
}
END_TEST

int main(int argc, char **argv)
{
        const TTest *const tests[] = {each_of_a_crowd_gets_its_own_answers};

        if (argc != 2) {
                fprintf(stderr, "usage: %s ADDRESS\n", argv[0]);
                return 2;
        }
        given_address = argv[1];
        return fixture_run(given_address, tests, sizeof(tests) / sizeof(*tests));
}
