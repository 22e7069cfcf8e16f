/* SPDX-License-Identifier: MIT */

/*
 * Both ends of a connection over UDP, client and server, in a network and a time of the fuzzer's
 * own, who also writes datagrams of his own, reads late, lets memory fail, and closes. Holds them
 * to:
 *
 *         what is received is what was sent, in order and each once, as long as nobody has written
 *         on the connection who knows its number, and nothing has failed
 *         who has not shown that he is where he says is sent no more than he has sent
 *         what is held for the other side is bounded; the windows add up
 *         the loop comes to rest, so nothing spins
 *         in the end (address sanitiser) nothing is left
 *
 * An input is any number of: u8 enum act, u8 its argument, and what else it takes.
 */

#include "udp_network.h"

#include <errno.h>
#include <poll.h>

#include "transport/udp_port.h"
#include "wire/header.h"

enum act {
        ACT_DELIVER, /* the oldest datagram on its way; argument: so many more behind it */
        ACT_DROP,    /* the oldest */
        ACT_DOUBLE,  /* the oldest arrives, and is still on its way */
        ACT_DELAY,   /* it is the latest now */
        ACT_WRITE,   /* argument: bytes, from a stranger to the listener */
        ACT_OPEN,    /* a chunk of the stranger's, see open_by_hand() */
        ACT_FORGE,   /* a chunk with the connection's number, see forge() */
        ACT_SEND,    /* a frame; argument: from whom, how much */
        ACT_READ,    /* whether who reads; argument: bit 0 the server, bit 1 the client */
        ACT_WAIT,    /* argument: its square in ms, up to 65 s */
        ACT_WANT,    /* argument: who asks whether all has arrived, or wants to write */
        ACT_REPORT,  /* of a datagram that did not arrive: error, quoted number */
        ACT_CLOSE,   /* argument: bit 0 the client, else the server; bit 1 the listener */
        ACT_FAIL,    /* argument: the allocation that fails, from 1 */
        N_ACTS
};

#define N_TURNS_MAX 300 /* until the loop rests */
#define HELD_MAX    ((size_t)64 * 1024 + 64 * HARK_UDP_LOOPBACK + HARK_UDP_FRAME)

/* --- the two ends ----------------------------------------------------------------------------- */

struct end {
        struct hark_port *port;
        uint32_t n_sent, n_received;
        bool is_reading;
        uint8_t frame[HARK_UDP_FRAME]; /* that is being sent */
        size_t size, n_gone;
};

static struct scene {
        hark_loop *loop;
        struct hark_listener *listener;
        struct end server, client;
        bool is_untouched; /* nobody has written on the connection, and nothing has failed */
} scene;

static struct udp_port *inside(const struct end *end)
{
        return hark_container_of(end->port, struct udp_port, base.port);
}

static struct end *other(struct end *end)
{
        return end == &scene.server ? &scene.client : &scene.server;
}

static void set_wanted(struct end *end, unsigned more)
{
        unsigned events = (end->is_reading ? HARK_PORT_READABLE : 0) | more;

        if (end->port)
                end->port->transport->want(end->port, events);
}

static void close_end(struct end *end)
{
        end->port = hark_port_close(end->port);
}

/* Goes on with the frame. */
static void push(struct end *end)
{
        struct hark_out_frame frame = {.n_iov = 1, .size = end->size - end->n_gone};
        ssize_t n;

        if (!end->port || frame.size == 0)
                return;
        frame.iov[0] = (struct iovec){end->frame + end->n_gone, frame.size};
        n = end->port->transport->send(end->port, &frame, 1);
        if (n > 0)
                end->n_gone += (size_t)n;
        else if (n != -EAGAIN)
                close_end(end);
        if (end->n_gone < end->size)
                set_wanted(end, HARK_PORT_WRITABLE);
}

static void check_frame(struct end *end, const uint8_t *frame, ssize_t n)
{
        struct hark_header header;
        const char *why;

        FUZZ_CHECK(n >= HARK_HEADER_SIZE && n % 8 == 0 && n <= (ssize_t)HARK_UDP_FRAME);
        if (!scene.is_untouched)
                return;
        FUZZ_CHECK(hark_header_decode(frame, &header, &why) == 0);
        FUZZ_CHECK(header.id == ++end->n_received);
        FUZZ_CHECK(end->n_received <= other(end)->n_sent);
}

static void read_all(struct end *end)
{
        uint8_t frame[HARK_UDP_FRAME];
        struct iovec iov = {frame, sizeof(frame)};
        struct hark_in_fds none = {.n_fds = 0};
        ssize_t n;

        while ((n = end->port->transport->receive(end->port, &iov, 1, &none)) > 0)
                check_frame(end, frame, n);
        if (n != -EAGAIN)
                close_end(end);
}

static void on_event(struct hark_port *port, unsigned events)
{
        struct end *end = port->userdata;

        network.n_deeds++;
        if (events & HARK_PORT_WRITABLE) {
                set_wanted(end, 0);
                push(end);
        }
        if (!end->port)
                return;
        if (events & HARK_PORT_BROKEN)
                close_end(end);
        else if (events & HARK_PORT_READABLE)
                read_all(end);
}

static void start(struct end *end, struct hark_port *port)
{
        end->port = port;
        end->is_reading = true;
        if (hark_port_start(port, on_event, end) < 0)
                close_end(end);
}

/* The latest of the client's; those of others are turned away. */
static void on_port(struct hark_listener *listener, struct hark_port *port)
{
        (void)listener;
        if (scene.server.port) {
                scene.is_untouched = false;
                hark_port_close(port);
                return;
        }
        start(&scene.server, port);
}

/* --- acts ------------------------------------------------------------------------------------- */

struct input {
        const uint8_t *bytes;
        size_t size;
};

static uint8_t take_byte(struct input *input)
{
        if (input->size == 0)
                return 0;
        input->size--;
        return *input->bytes++;
}

static void send_as_stranger(const uint8_t *bytes, size_t size)
{
        struct packet head = {.port = STRANGER_PORT, .to_server = true, .size = size};

        network.stranger.n_sent += size;
        network_write(&head, bytes);
}

static void write_anything(struct input *input, uint8_t argument)
{
        size_t n = argument < input->size ? argument : input->size;

        send_as_stranger(input->bytes, n);
        input->bytes += n;
        input->size -= n;
}

/* Argument: bit 0 with what he has been told, bits 1 to 7 how large, in 8 bytes; then the kind. */
static void open_by_hand(struct input *input, uint8_t argument)
{
        uint8_t bytes[HARK_CHUNK_HEADER + HARK_UDP_OPENING + 127 * 8];
        size_t size = HARK_CHUNK_HEADER + HARK_UDP_OPENING + (size_t)(argument >> 1) * 8;
        struct hark_udp_opening opening = {.nonce = 1};

        if (argument & 1)
                opening = network.stranger.opening;
        network.stranger.has_shown |= opening.cookie != 0;
        hark_udp_opening_encode(&opening, take_byte(input), 0, bytes, size);
        send_as_stranger(bytes, size);
}

/* Of the connection of an end, or one that it does not know; numbers are relative to its own. */
static void forge(struct input *input, uint8_t argument)
{
        struct end *end = argument & 1 ? &scene.server : &scene.client;
        struct packet head = {.port = CLIENT_PORT, .to_server = argument & 1};
        struct hark_chunk chunk = {.kind = argument >> 1 & 15};
        uint8_t bytes[HARK_CHUNK_HEADER + 255 + 64];

        if (!end->port)
                return;
        chunk.flags = take_byte(input);
        chunk.connection = inside(end)->connection ^ (chunk.flags & 4);
        chunk.sequence = inside(end)->in.next + (uint32_t)(int8_t)take_byte(input);
        chunk.acknowledged = inside(end)->out.first + (uint32_t)(int8_t)take_byte(input);
        chunk.size = take_byte(input);
        memset(bytes, argument & 0x80 ? 0xFF : 0, sizeof(bytes));
        for (unsigned i = 0; i < chunk.size && i < 8; i++)
                bytes[HARK_CHUNK_HEADER + i] = take_byte(input);
        hark_chunk_encode(&chunk, bytes);
        head.size = HARK_CHUNK_HEADER + (size_t)chunk.size;
        if (chunk.connection == inside(end)->connection)
                scene.is_untouched = false;
        network_write(&head, bytes);
}

static void report(struct input *input, uint8_t argument)
{
        static const int errors[] = {ECONNREFUSED, EMSGSIZE, EHOSTUNREACH, EPROTO};
        struct end *end = argument & 1 ? &scene.server : &scene.client;
        struct packet head = {.port = CLIENT_PORT, .to_server = argument & 1};
        struct hark_chunk chunk = {.kind = take_byte(input)};
        uint8_t bytes[HARK_CHUNK_HEADER];

        if (!end->port)
                return;
        head.error = errors[argument >> 1 & 3];
        head.size = sizeof(bytes);
        chunk.connection = inside(end)->connection ^ (argument >> 3 & 1);
        hark_chunk_encode(&chunk, bytes);
        network_write(&head, bytes);
}

static void send_frame(struct end *end, size_t size)
{
        struct hark_header header = {.type = HARK_FRAME_PONG,
                                     .id = end->n_sent + 1,
                                     .size = (uint32_t)(size - HARK_HEADER_SIZE)};

        if (!end->port || !end->port->is_open || end->n_gone < end->size)
                return;
        hark_header_encode(&header, end->frame);
        end->size = size;
        end->n_gone = 0;
        end->n_sent++;
        push(end);
}

static void ask(struct end *end)
{
        if (end->port && end->port->is_open)
                (void)end->port->transport->has_arrived(end->port);
}

static void close_some(uint8_t argument)
{
        if (argument & 2)
                scene.listener = hark_listener_close(scene.listener);
        else
                close_end(argument & 1 ? &scene.client : &scene.server);
}

static void read_or_not(struct end *end, bool is_reading)
{
        end->is_reading = is_reading;
        set_wanted(end, 0);
}

static void act(struct input *input)
{
        enum act what = take_byte(input) % N_ACTS;
        uint8_t argument = take_byte(input);

        switch (what) {
        case ACT_DELIVER:
                network_deliver(1 + (unsigned)argument);
                break;
        case ACT_DROP:
                network_drop();
                break;
        case ACT_DOUBLE:
                network_double();
                break;
        case ACT_DELAY:
                network_delay();
                break;
        case ACT_WRITE:
                write_anything(input, argument);
                break;
        case ACT_OPEN:
                open_by_hand(input, argument);
                break;
        case ACT_FORGE:
                forge(input, argument);
                break;
        case ACT_SEND:
                send_frame(argument & 1 ? &scene.server : &scene.client,
                           HARK_HEADER_SIZE + (size_t)(argument >> 1) * 160);
                break;
        case ACT_READ:
                read_or_not(&scene.server, argument & 1);
                read_or_not(&scene.client, argument & 2);
                break;
        case ACT_WAIT:
                network.now_ns += argument * argument * 1000000ull;
                break;
        case ACT_WANT:
                ask(argument & 1 ? &scene.server : &scene.client);
                break;
        case ACT_REPORT:
                report(input, argument);
                break;
        case ACT_CLOSE:
                close_some(argument);
                break;
        case ACT_FAIL:
                network.n_until_fault = argument;
                scene.is_untouched = false;
                break;
        case N_ACTS:
                break;
        }
}

/* --- what must be so -------------------------------------------------------------------------- */

static void check_end(const struct end *end)
{
        const struct hark_send_window *out;
        unsigned n = 0;

        if (!end->port)
                return;
        out = &inside(end)->out;
        for (unsigned i = 0; i < HARK_WINDOW; i++)
                n += out->chunks[i].packet != NULL;
        FUZZ_CHECK(n == out->n_flying + out->n_lost);
        FUZZ_CHECK(out->next - out->first <= HARK_WINDOW);
        FUZZ_CHECK(out->congestion >= 1 && out->congestion <= HARK_WINDOW);
        FUZZ_CHECK(inside(end)->base.inbox.size <= HELD_MAX);
}

static void rest(void)
{
        struct pollfd loop = {.fd = hark_loop_fd(scene.loop), .events = POLLIN};
        unsigned n_before;

        for (unsigned i = 0; i == 0 || network.n_deeds != n_before || poll(&loop, 1, 0) > 0; i++) {
                FUZZ_CHECK(i < N_TURNS_MAX);
                n_before = network.n_deeds;
                FUZZ_CHECK(hark_loop_process(scene.loop, 0) == 0);
        }
        check_end(&scene.server);
        check_end(&scene.client);
}

static void begin(void)
{
        static const char text[] = "udp:127.0.0.1:5";
        struct hark_address *address;
        struct hark_port *port;

        scene = (struct scene){.is_untouched = true};
        network_begin();
        FUZZ_CHECK(hark_loop_new(&scene.loop) == 0);
        FUZZ_CHECK(hark_address_parse(text, &address, NULL, 0) == 0);
        FUZZ_CHECK(hark_transport_udp.listen(scene.loop, address, &scene.listener) == 0);
        scene.listener->on_port = on_port;
        FUZZ_CHECK(hark_transport_udp.connect(scene.loop, address, &port) == 0);
        hark_address_free(address);
        start(&scene.client, port);
}

static void end_all(void)
{
        network.n_until_fault = 0;
        close_end(&scene.client);
        close_end(&scene.server);
        hark_listener_close(scene.listener);
        hark_loop_unref(scene.loop);
        network_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input input = {data, size};

        begin();
        rest();
        while (input.size > 0) {
                act(&input);
                rest();
        }
        end_all();
        return 0;
}
