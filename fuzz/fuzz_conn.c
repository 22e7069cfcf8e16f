/* SPDX-License-Identifier: MIT */

/*
 * A whole end of a connection, server or client, whose other end is the fuzzer: the bytes come in
 * over a port in memory, cut as the input says, while the end does all that it can. Holds it to:
 *
 *         every call, subscription and kept request that began has one end, and every peer that came in
 *         leaves once
 *         what it sends is a stream of valid frames
 *         what it holds for the other end stays within its limits
 *         the loop comes to rest, so nothing spins
 *         in the end the connection is closed, and (address sanitiser) nothing is left
 *
 * whatever comes, and also when memory runs out for a moment.
 *
 * An input is three bytes and the stream:
 *
 *         options   enum option
 *         cut       bytes that come at once; 0: all
 *         fault     which allocation fails, from 1, once the end stands; 0: none
 */

#include "fuzz.h"

#include <errno.h>
#include <poll.h>

#include "base/bytes.h"
#include "conn_roles.h"
#include "endpoint/client.h"
#include "endpoint/peer.h"
#include "endpoint/server.h"

enum option {
        OPTION_CLIENT = 1 << 0,  /* the end connects and asks; else it accepts and answers */
        OPTION_BOTH = 1 << 1,    /* and the other as well */
        OPTION_GREETED = 1 << 2, /* the other end's hello is put in front */
        OPTION_DEAF = 1 << 3,    /* the other end reads nothing behind the hello */
        OPTION_STRICT = 1 << 4,  /* small limits */
        OPTION_HOOKED = 1 << 5,  /* on_accept and on_publication decide */
        OPTION_RESET = 1 << 6,   /* it ends with a reset, else in good order */
        OPTION_LEAVING = 1 << 7  /* half-way our end says goodbye, or is let go of */
};

/* What the library may queue in its own name beyond the queue's limit, and one message above it. */
#define QUEUE_SLACK ((size_t)3 * 1024 * 1024)

/* --- memory ----------------------------------------------------------------------------------- */

static unsigned n_until_fault; /* 0: none comes */

static bool fails_now(void)
{
        return n_until_fault > 0 && --n_until_fault == 0;
}

/* The program is linked with --wrap for these two. */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
        return fails_now() ? NULL : __real_malloc(size);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
        return fails_now() ? NULL : __real_calloc(n, size);
}

/* --- what is watched -------------------------------------------------------------------------- */

static void check_sent(struct trial *trial)
{
        const struct memory_bytes *outgoing = &trial->memory.outgoing;
        unsigned n = n_until_fault;

        n_until_fault = 0;
        sent_frames_check(&trial->sent, outgoing->bytes, outgoing->size);
        n_until_fault = n;
        memory_port_take(&trial->memory, outgoing->size);
}

static void check_limits(const struct trial *trial)
{
        const struct hark_conn *conn = trial->conn;

        FUZZ_CHECK(conn->received.size <= conn->limits.received_size);
        FUZZ_CHECK(conn->writer.queued_size <= 2 * conn->limits.queue_size + QUEUE_SLACK);
        FUZZ_CHECK(conn->reader.carry_size <= HARK_PREFIX_MAX);
}

static bool has_something_to_do(const hark_loop *loop)
{
        struct pollfd look = {.fd = hark_loop_fd(loop), .events = POLLIN};

        return poll(&look, 1, 0) > 0;
}

static void come_to_rest(struct trial *trial)
{
        for (unsigned i = 0; has_something_to_do(trial->loop); i++) {
                FUZZ_CHECK(i < 1000);
                FUZZ_CHECK(hark_loop_process(trial->loop, 0) == 0);
        }
        check_sent(trial);
        check_limits(trial);
}

/* --- a trial ---------------------------------------------------------------------------------- */

static void make_server(struct trial *trial)
{
        struct hark_server_params params = {
                .on_leave = on_leave, .userdata = trial, .is_hub = true};

        if (trial->options & OPTION_HOOKED) {
                params.on_accept = on_accept;
                params.on_publication = on_publication;
                params.on_unconfirmed = on_unconfirmed;
        }
        if (trial->options & OPTION_STRICT)
                params.limits = trial->conn->limits;
        FUZZ_CHECK(hark_server_new(trial->loop, &params, &trial->server) == 0);
        hark_server_handle(trial->server, "echo", on_echo, trial);
        hark_server_handle(trial->server, "keep.>", on_keep, trial);
        hark_server_handle(trial->server, "fail", on_fail, trial);
        hark_server_handle(trial->server, "large", on_large, trial);
        hark_server_handle(trial->server, "back", on_back, trial);
        hark_server_handle(trial->server, "out", on_show_out, trial);
}

static void make_conn(struct trial *trial)
{
        struct hark_limits strict = {.message_size = 2000,
                                     .received_size = 5000,
                                     .queue_size = 4096,
                                     .calls_in_flight = 3,
                                     .subscriptions = 2,
                                     .window_size = 4096};
        struct hark_limits zeros = {.message_size = 0};
        struct hark_conn_params params = {.is_accepting = !(trial->options & OPTION_CLIENT),
                                          .open_ms = HARK_FOREVER};

        FUZZ_CHECK(hark_limits_complete(trial->options & OPTION_STRICT ? &strict : &zeros,
                                        &params.limits) == 0);
        memory_port_init(&trial->memory, trial->loop);
        FUZZ_CHECK(hark_conn_new(trial->loop, trial->memory.port, &params, &trial->conn) == 0);
}

static void take_roles(struct trial *trial)
{
        bool is_client = trial->options & OPTION_CLIENT;
        hark_peer *peer;

        if (!is_client || trial->options & OPTION_BOTH) {
                make_server(trial);
                FUZZ_CHECK(hark_peer_new(trial->server, NULL, trial->conn, "memory:", &peer) == 0);
                if (!is_client && trial->options & OPTION_BOTH)
                        ask_all(trial, hark_peer_client(peer));
        }
        if (!is_client)
                return;
        FUZZ_CHECK(hark_client_new_for_peer(trial->loop, trial->conn, NULL, &trial->client) == 0);
        trial->client->params.on_refused = on_refused;
        ask_all(trial, trial->client);
}

static void begin(struct trial *trial)
{
        FUZZ_CHECK(hark_loop_new(&trial->loop) == 0);
        sent_frames_init(&trial->sent);
        make_conn(trial);
        take_roles(trial);
        if (trial->options & OPTION_DEAF)
                trial->memory.room = 200;
}

static void put_hello(struct trial *trial)
{
        uint8_t bytes[HARK_HEADER_SIZE + HARK_HELLO_SIZE];
        struct hark_header header = {.type = HARK_FRAME_HELLO, .size = HARK_HELLO_SIZE};
        struct hark_hello hello = {.version_min = 1,
                                   .version_max = 1,
                                   .message_size = 1 << 20,
                                   .received_size = 2 << 20,
                                   .calls_in_flight = 100,
                                   .subscriptions = 100,
                                   .window_size = 4096};

        hark_header_encode(&header, bytes);
        hark_hello_encode(&hello, bytes + HARK_HEADER_SIZE);
        memory_port_put(&trial->memory, bytes, sizeof(bytes));
        come_to_rest(trial);
}

static void leave(struct trial *trial)
{
        if (trial->options & OPTION_CLIENT)
                trial->client = hark_client_unref(trial->client);
        else if (trial->options & OPTION_BOTH)
                trial->server = hark_server_unref(trial->server);
        else
                hark_conn_leave(trial->conn);
}

/* What our end does of its own accord, half-way. */
static void interfere(struct trial *trial)
{
        answer_some(trial);
        if (trial->client) {
                (void)hark_cancel(trial->client, trial->call);
                (void)hark_pause(trial->client, trial->stream, true);
                (void)hark_unsubscribe(trial->client, trial->subscription);
                invoke(trial, trial->client, 1000, 0);
        }
        if (trial->options & OPTION_LEAVING)
                leave(trial);
        come_to_rest(trial);
}

static void put_stream(struct trial *trial, const uint8_t *bytes, size_t size, size_t cut)
{
        size_t half = size / 2;

        if (cut == 0 || cut > size)
                cut = size;
        for (size_t at = 0; at < size && !trial->memory.is_closed; at += cut) {
                size_t n = cut < size - at ? cut : size - at;

                memory_port_put(&trial->memory, bytes + at, n);
                come_to_rest(trial);
                if (at <= half && at + n > half)
                        interfere(trial);
        }
}

static void end(struct trial *trial)
{
        if (!trial->memory.is_closed)
                memory_port_end(&trial->memory, trial->options & OPTION_RESET ? -ECONNRESET : 0);
        come_to_rest(trial);
        FUZZ_CHECK(trial->conn->state == HARK_CONN_CLOSED);
        FUZZ_CHECK(trial->memory.is_closed);
        hark_client_unref(trial->client);
        hark_server_unref(trial->server);
        let_go_of_all(trial);
        hark_conn_unref(trial->conn);
        FUZZ_CHECK(trial->n_begun == trial->n_ended);
        FUZZ_CHECK(!(trial->options & OPTION_HOOKED) || trial->n_in == trial->n_out);
        FUZZ_CHECK(trial->n_out <= 1);
        sent_frames_done(&trial->sent);
        memory_port_done(&trial->memory);
        hark_loop_unref(trial->loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct trial trial = {.n_begun = 0};

        if (size < 3)
                return 0;
        trial.options = data[0];
        begin(&trial);
        n_until_fault = data[2];
        if (trial.options & OPTION_GREETED)
                put_hello(&trial);
        put_stream(&trial, data + 3, size - 3, data[1]);
        n_until_fault = 0;
        end(&trial);
        return 0;
}
