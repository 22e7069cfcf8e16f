/* SPDX-License-Identifier: MIT */

/* See hostile_kit.h. */

#include "hostile_kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PLACEHOLDER "{path}"

const char *hostile_address;

/* --- the stage -------------------------------------------------------------------------------- */

static void answer_echo(hark_request *request, void *userdata)
{
        ((struct stage *)userdata)->n_handled++;
        hark_reply(request, hark_message_payload(hark_request_message(request)));
}

static void keep(hark_request *request, void *userdata)
{
        struct stage *stage = userdata;

        hark_request_unref(stage->kept);
        stage->kept = hark_request_ref(request);
}

static void on_leave(hark_peer *peer, int reason, void *userdata)
{
        struct stage *stage = userdata;

        (void)peer;
        stage->n_left++;
        stage->leave_reason = reason;
}

static void on_state(hark_client *client, int state, int reason, void *userdata)
{
        struct stage *stage = userdata;

        (void)client, (void)reason;
        stage->is_disturbed |= state == HARK_CLOSED;
}

static void on_notification(const struct hark_notification *notification, void *userdata)
{
        struct stage *stage = userdata;

        if (notification->kind == HARK_NOTIFICATION)
                stage->n_notified++;
        else if (notification->reason != -ECANCELED)
                stage->is_disturbed = true;
}

static void on_echo(int result, hark_message *message, void *userdata)
{
        ck_assert_int_eq(result, 0);
        ck_assert_str_eq(hark_message_text(message), "still here?");
        *(bool *)userdata = true;
}

void stage_step(struct stage *stage, int timeout_ms)
{
        ck_assert_int_eq(hark_loop_process(stage->loop, timeout_ms), 0);
}

static void make_server(struct stage *stage, const struct hark_server_params *given)
{
        struct hark_server_params params = {.is_hub = true};
        char address[128];

        if (given)
                params = *given;
        params.on_leave = on_leave;
        params.userdata = stage;
        ck_assert_int_eq(hark_server_new(stage->loop, &params, &stage->server), 0);
        ck_assert_int_eq(hark_server_handle(stage->server, "echo", answer_echo, stage), 0);
        ck_assert_int_eq(hark_server_handle(stage->server, "keep", keep, stage), 0);
        if (strstr(hostile_address, PLACEHOLDER))
                snprintf(address, sizeof(address), "unix:%s", fixture_path("server"));
        else
                snprintf(address, sizeof(address), "%s", hostile_address);
        ck_assert_int_eq(hark_server_listen(stage->server, address), 0);
}

static void make_good_client(struct stage *stage)
{
        struct hark_client_params params = {.on_state = on_state, .userdata = stage};

        ck_assert_int_eq(hark_connect(stage->loop, hark_server_address(stage->server, 0), &params,
                                      &stage->good),
                         0);
        ck_assert_int_eq(hark_subscribe(stage->good, "news", on_notification, stage, NULL, NULL),
                         0);
        while (!hark_server_has_subscribers(stage->server, "news"))
                stage_step(stage, PATIENCE_MS);
}

void stage_set(struct stage *stage, const struct hark_server_params *params)
{
        *stage = (struct stage){.n_left = 0};
        ck_assert_int_eq(hark_loop_new(&stage->loop), 0);
        make_server(stage, params);
        make_good_client(stage);
        stage_check(stage);
        stage->used_before = mallinfo2().uordblks + mallinfo2().hblkhd;
}

void stage_settle(struct stage *stage)
{
        /* What one end writes the other reads in the next step, and answers in the one after. */
        for (int i = 0; i < 4; i++)
                stage_step(stage, 0);
}

void stage_check(struct stage *stage)
{
        unsigned n_notified = stage->n_notified;
        bool is_answered = false;

        ck_assert_int_eq(hark_invoke(stage->good, "echo", hark_text("still here?"), PATIENCE_MS,
                                     on_echo, &is_answered, NULL),
                         0);
        ck_assert_int_eq(hark_server_publish(stage->server, "news", hark_text("nothing new")), 0);
        while (!is_answered || stage->n_notified == n_notified)
                stage_step(stage, PATIENCE_MS);
        ck_assert_msg(!stage->is_disturbed, "a good client was disturbed");
}

size_t stage_memory(const struct stage *stage)
{
        size_t used = mallinfo2().uordblks + mallinfo2().hblkhd;

        return used > stage->used_before ? used - stage->used_before : 0;
}

void stage_clear(struct stage *stage)
{
        stage_check(stage);
        hark_client_unref(stage->good);
        hark_request_unref(stage->kept);
        hark_server_unref(stage->server);
        hark_loop_unref(stage->loop);
}

/* --- raw sockets ------------------------------------------------------------------------------ */

bool raw_is_unix(void)
{
        return strncmp(hostile_address, "unix:", 5) == 0;
}

static int connect_unix(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        ck_assert_uint_lt(strlen(path), sizeof(address.sun_path));
        strcpy(address.sun_path, path);
        ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        return fd;
}

static int connect_tcp(const char *text)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int one = 1;
        /* Thousands of connections must not leave thousands of ports waiting. */
        struct linger linger = {.l_onoff = 1};

        address.sin_port = htons((uint16_t)strtoul(strrchr(text, ':') + 1, NULL, 10));
        ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
        ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
        return fd;
}

int raw_open(const struct stage *stage)
{
        const char *address = hark_server_address(stage->server, 0);
        int fd = raw_is_unix() ? connect_unix(address + strlen("unix:")) : connect_tcp(address);

        ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
        return fd;
}

bool raw_send(struct stage *stage, int fd, const void *bytes, size_t size)
{
        const uint8_t *rest = bytes;
        unsigned n_full = 0;

        while (size > 0) {
                ssize_t n = send(fd, rest, size, MSG_NOSIGNAL);

                if (n < 0 && errno != EAGAIN)
                        return false;
                if (n < 0) {
                        ck_assert_msg(++n_full < 1000, "the server neither reads nor closes");
                        stage_step(stage, 10);
                        continue;
                }
                n_full = 0;
                rest += n;
                size -= (size_t)n;
        }
        return true;
}

/* --- what it says ----------------------------------------------------------------------------- */

static uint32_t load32(const uint8_t *bytes)
{
        return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
               (uint32_t)bytes[3] << 24;
}

/* Extension 2 of a goaway, which has no name and no other. */
static void note_goaway(struct verdict *verdict, const uint8_t *frame)
{
        size_t size = 0;

        verdict->has_goaway = true;
        verdict->goaway_status = load32(frame + 12);
        if (frame[3] & EXTENSIONS)
                size = frame[32 + 6] | (size_t)frame[32 + 7] << 8;
        snprintf(verdict->goaway_text, sizeof(verdict->goaway_text), "%.*s", (int)size,
                 (const char *)frame + 32 + 8);
}

static void note_frame(struct verdict *verdict, const uint8_t *frame)
{
        ck_assert_uint_eq(frame[0], 0xC1);
        ck_assert_uint_eq(frame[1], 1);
        ck_assert_msg(!verdict->has_goaway, "the server says something behind its goaway");
        verdict->has_hello |= frame[2] == HELLO;
        verdict->n_replies += frame[2] == REPLY;
        verdict->n_errors += frame[2] == ERROR;
        verdict->n_pongs += frame[2] == PONG;
        verdict->n_subscribed += frame[2] == SUBSCRIBED;
        verdict->n_published += frame[2] == PUBLISH;
        if (frame[2] == ERROR || frame[2] == SUBSCRIBED)
                verdict->last_status = load32(frame + 12);
        if (frame[2] == GOAWAY)
                note_goaway(verdict, frame);
}

static void take_frames(struct verdict *verdict)
{
        size_t offset = 0;

        while (verdict->n_unread - offset >= 32) {
                const uint8_t *frame = verdict->unread + offset;
                size_t size = 32 + (((size_t)load32(frame + 4) + 7) & ~(size_t)7);

                ck_assert_uint_le(size, sizeof(verdict->unread));
                if (verdict->n_unread - offset < size)
                        break;
                note_frame(verdict, frame);
                offset += size;
        }
        verdict->n_unread -= offset;
        memmove(verdict->unread, verdict->unread + offset, verdict->n_unread);
}

static void read_some(int fd, struct verdict *verdict)
{
        ssize_t n;

        do {
                n = recv(fd, verdict->unread + verdict->n_unread,
                         sizeof(verdict->unread) - verdict->n_unread, 0);
                if (n == 0 || (n < 0 && errno != EAGAIN))
                        verdict->is_closed = true;
                if (n <= 0)
                        return;
                verdict->size += (size_t)n;
                verdict->n_unread += (size_t)n;
                take_frames(verdict);
        } while (n > 0);
}

void raw_hear(struct stage *stage, int fd, struct verdict *verdict)
{
        stage_settle(stage);
        read_some(fd, verdict);
}

void raw_hear_end(struct stage *stage, int fd, struct verdict *verdict)
{
        for (int i = 0; i < 1000 && !verdict->is_closed; i++) {
                stage_step(stage, i < 10 ? 0 : 10);
                read_some(fd, verdict);
        }
        ck_assert_msg(verdict->is_closed, "the server does not close");
}

void raw_expect_thrown_out(struct stage *stage, int fd, const char *what)
{
        struct verdict *verdict = calloc(1, sizeof(*verdict));

        ck_assert_ptr_nonnull(verdict);
        for (int i = 0; i < 1000 && !verdict->is_closed; i++) {
                stage_step(stage, i < 10 ? 0 : 10);
                read_some(fd, verdict);
        }
        ck_assert_msg(verdict->is_closed, "%s: not thrown out", what);
        ck_assert_msg(verdict->has_goaway, "%s: no goaway", what);
        ck_assert_msg(verdict->goaway_status == HARK_INVALID_ARGUMENT, "%s: status %u", what,
                      verdict->goaway_status);
        ck_assert_msg(verdict->goaway_text[0], "%s: no reason", what);
        close(fd);
        free(verdict);
}

void raw_expect_welcome(struct stage *stage, int fd, const char *what)
{
        struct verdict *verdict = calloc(1, sizeof(*verdict));

        ck_assert_ptr_nonnull(verdict);
        raw_send_frame(stage, fd, &(struct raw_frame){.type = PING, .id = 77});
        for (int i = 0; i < 100 && verdict->n_pongs == 0 && !verdict->is_closed; i++)
                raw_hear(stage, fd, verdict);
        ck_assert_msg(!verdict->is_closed && !verdict->has_goaway, "%s: thrown out: %s", what,
                      verdict->goaway_text);
        ck_assert_msg(verdict->n_pongs > 0, "%s: no pong", what);
        close(fd);
        free(verdict);
}

/* --- frames ----------------------------------------------------------------------------------- */

static void store32(uint8_t *bytes, uint32_t value)
{
        for (int i = 0; i < 4; i++)
                bytes[i] = (uint8_t)(value >> (8 * i));
}

static size_t append(uint8_t *bytes, size_t size, const void *more, size_t more_size)
{
        if (more_size > 0)
                memcpy(bytes + size, more, more_size);
        size += more_size;
        while (size % 8 > 0)
                bytes[size++] = 0;
        return size;
}

size_t raw_encode(const struct raw_frame *frame, uint8_t bytes[RAW_FRAME_MAX])
{
        size_t name_size = frame->name_size;
        size_t size = 32, padded;

        if (name_size == 0 && frame->name)
                name_size = strlen(frame->name);
        memset(bytes, 0, 32);
        size = append(bytes, size, frame->name, name_size);
        size = append(bytes, size, frame->extensions, frame->extensions_size);
        padded = append(bytes, size, frame->payload, frame->payload_size);
        bytes[0] = frame->magic > 0 ? frame->magic : 0xC1;
        bytes[1] = frame->version > 0 ? frame->version : 1;
        bytes[2] = frame->type;
        bytes[3] = frame->flags;
        store32(bytes + 4,
                frame->size > 0 ? frame->size : (uint32_t)(size - 32 + frame->payload_size));
        store32(bytes + 8, frame->id);
        store32(bytes + 12, frame->status);
        bytes[21] = frame->priority;
        bytes[22] = frame->n_fds;
        bytes[23] = (uint8_t)name_size;
        store32(bytes + 24, frame->sequence);
        store32(bytes + 28, frame->offset);
        return padded;
}

bool raw_send_frame(struct stage *stage, int fd, const struct raw_frame *frame)
{
        static uint8_t bytes[RAW_FRAME_MAX];

        return raw_send(stage, fd, bytes, raw_encode(frame, bytes));
}

struct raw_frame raw_hello(void)
{
        static const uint8_t payload[56] = {
                [0] = 1,     [2] = 1,            /* version 1 to 1 */
                [18] = 0x10,                     /* message size 2^20 */
                [26] = 0x10,                     /* received size 2^20 */
                [33] = 4,    [37] = 4, [40] = 4, /* 1024 calls, 1024 subscriptions, 4 fds */
        };

        return (struct raw_frame){.type = HELLO,
                                  .priority = 7,
                                  .name = "hostile",
                                  .payload = payload,
                                  .payload_size = sizeof(payload)};
}

int raw_enter(struct stage *stage)
{
        struct raw_frame hello = raw_hello();
        int fd = raw_open(stage);

        ck_assert(raw_send_frame(stage, fd, &hello));
        return fd;
}
