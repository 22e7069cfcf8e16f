/* SPDX-License-Identifier: MIT */

/* See conn_talk.h. */

#include "conn_talk.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frame_text.h"

/* --- the roles -------------------------------------------------------------------------------- */

static void on_hello(struct hark_conn *conn, void *userdata)
{
        struct talk *talk = userdata;

        conversation_tell(&talk->conversation, "hello from %s", conn->peer_name);
}

static void on_open(struct hark_conn *conn, void *userdata)
{
        struct talk *talk = userdata;

        (void)conn;
        conversation_tell(&talk->conversation, "open");
}

static void on_message(struct hark_conn *conn, struct hark_received *received, void *userdata)
{
        struct talk *talk = userdata;
        const struct hark_header *header = received->header;

        (void)conn;
        conversation_tell(&talk->conversation, "%s #%u %.*s%s", hark_frame_type_name(header->type),
                          header->id, (int)received->name.size, (const char *)received->name.bytes,
                          received->message ? "" : "without its bytes");
        hark_message_unref(received->message);
        talk->charge.size += received->charge.size;
        talk->charge.n_fds += received->charge.n_fds;
}

static void on_room(struct hark_conn *conn, void *userdata)
{
        struct talk *talk = userdata;

        (void)conn;
        conversation_tell(&talk->conversation, "room");
}

static void on_goaway(struct hark_conn *conn, uint32_t last_id, void *userdata)
{
        struct talk *talk = userdata;

        (void)conn;
        conversation_tell(&talk->conversation, "goaway after #%u", last_id);
}

static void on_pong(struct hark_conn *conn, uint32_t id, void *userdata)
{
        struct talk *talk = userdata;

        (void)conn;
        conversation_tell(&talk->conversation, "pong #%u", id);
}

static void on_unfit(struct hark_conn *conn, const struct hark_outgoing *outgoing, int error,
                     void *userdata)
{
        struct talk *talk = userdata;

        (void)conn;
        conversation_tell(&talk->conversation, "unfit #%u %s", outgoing->header.id,
                          conversation_result(error));
}

static void on_closed(struct hark_conn *conn, int reason, void *userdata)
{
        struct talk *talk = userdata;

        (void)conn;
        conversation_tell(&talk->conversation, "closed %s", conversation_result(reason));
        talk->conn = hark_conn_unref(talk->conn);
}

static const struct hark_role_ops role_ops = {
        .on_hello = on_hello,
        .on_open = on_open,
        .on_message = on_message,
        .on_room = on_room,
        .on_goaway = on_goaway,
        .on_pong = on_pong,
        .on_unfit = on_unfit,
        .on_closed = on_closed,
};

/* --- what the test does ----------------------------------------------------------------------- */

/* The message that the line's frame is, as hark_conn_send() takes it. */
static void send_line(struct talk *talk, const char *line, bool is_control)
{
        static uint8_t bytes[1 << 20];
        struct hark_payload payload = {.size = 0};
        struct hark_send send = {.payload = &payload, .deadline_ns = HARK_NEVER};
        struct hark_header header;
        struct hark_frame frame;
        const char *why;
        int r;

        ck_assert_msg(frame_from_text(line, bytes, sizeof(bytes)) > 0, "malformed: %s", line);
        ck_assert_int_eq(hark_header_decode(bytes, &header, &why), 0);
        ck_assert_int_eq(hark_frame_split(&header, bytes + 32, header.size, &frame, &why), 0);
        payload.data = frame.payload.bytes;
        payload.size = frame.payload.size;
        payload.n_fds = header.n_fds;
        payload.fds = (const int[]){0, 0, 0, 0};
        send.type = header.type;
        send.id = header.id;
        send.priority = header.priority;
        send.name = (const char *)frame.name.bytes;
        send.name_size = frame.name.size;
        r = is_control ? hark_conn_send_control(talk->conn, &send)
                       : hark_conn_send(talk->conn, &send, NULL);
        if (r < 0)
                conversation_tell(&talk->conversation, "not sent: %s", conversation_result(r));
}

static void refuse(struct talk *talk, const char *words)
{
        char *text;
        long status = strtol(words, &text, 10);

        hark_conn_refuse(talk->conn, (int)status, *text ? text + 1 : NULL);
}

static void ping(struct talk *talk)
{
        uint32_t id;

        ck_assert_int_eq(hark_conn_ping(talk->conn, &id), 0);
}

static void release(struct talk *talk)
{
        hark_conn_release(talk->conn, talk->charge);
        talk->charge = (struct hark_charge){.size = 0};
}

static void unref(struct talk *talk)
{
        talk->conn = hark_conn_unref(talk->conn);
}

static void close_conn(struct talk *talk)
{
        hark_conn_close(talk->conn, -ECANCELED);
}

static void admit(struct talk *talk)
{
        hark_conn_admit(talk->conn);
}

static void leave(struct talk *talk)
{
        hark_conn_leave(talk->conn);
}

static void depart(struct talk *talk)
{
        talk->conversation.memory.is_on_its_way = true;
}

static void arrive(struct talk *talk)
{
        memory_port_arrive(&talk->conversation.memory);
}

struct verb {
        const char *word;
        void (*act)(struct talk *talk);
};

static const struct verb verbs[] = {
        {"admit", admit}, {"leave", leave},     {"close", close_conn}, {"unref", unref},
        {"ping", ping},   {"release", release}, {"depart", depart},    {"arrive", arrive},
};

static void act(struct conversation *conversation, const char *words)
{
        struct talk *talk = hark_container_of(conversation, struct talk, conversation);

        for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
                if (strcmp(words, verbs[i].word) == 0) {
                        verbs[i].act(talk);
                        return;
                }
        }
        if (strncmp(words, "refuse ", 7) == 0)
                refuse(talk, words + 7);
        else if (strncmp(words, "send ", 5) == 0)
                send_line(talk, words + 5, false);
        else if (strncmp(words, "control ", 8) == 0)
                send_line(talk, words + 8, true);
        else if (strncmp(words, "room ", 5) == 0)
                memory_port_set_room(&conversation->memory, strtoull(words + 5, NULL, 10));
        else
                ck_abort_msg("malformed: = %s", words);
}

/* --- talks ------------------------------------------------------------------------------------ */

struct hark_conn_params talk_params(enum talk_end end)
{
        struct hark_conn_params params = {
                .is_accepting = end == TALK_ACCEPTING, .name = "us", .open_ms = HARK_FOREVER};
        struct hark_limits zeros = {.message_size = 0};

        ck_assert_int_eq(hark_limits_complete(&zeros, &params.limits), 0);
        return params;
}

void talk_begin(struct talk *talk, const struct hark_conn_params *params)
{
        *talk = (struct talk){.conn = NULL};
        conversation_init(&talk->conversation, act, talk);
        ck_assert_int_eq(hark_conn_new(talk->conversation.loop, talk->conversation.memory.port,
                                       params, &talk->conn),
                         0);
        if (params->is_accepting)
                talk->conn->answerer = (struct hark_role){&role_ops, talk};
        else
                talk->conn->asker = (struct hark_role){&role_ops, talk};
}

void talk_end(struct talk *talk)
{
        hark_conn_unref(talk->conn);
        conversation_done(&talk->conversation);
}

void talk_greet(struct talk *talk)
{
        conversation_run(&talk->conversation, talk->conn->is_accepting ? "> hello tester\n"
                                                                         "! hello from tester\n"
                                                                         "= admit\n"
                                                                         "< hello priority=7 us\n"
                                                                         "! open\n"
                                                                       : "< hello priority=7 us\n"
                                                                         "> hello server\n"
                                                                         "! open\n");
}

static void run_talk(enum talk_end end, bool is_greeted, const char *script)
{
        struct hark_conn_params params = talk_params(end);
        struct talk talk;

        talk_begin(&talk, &params);
        if (is_greeted)
                talk_greet(&talk);
        conversation_run(&talk.conversation, script);
        talk_end(&talk);
}

void talk_accepting(const char *script)
{
        run_talk(TALK_ACCEPTING, false, script);
}

void talk_connecting(const char *script)
{
        run_talk(TALK_CONNECTING, false, script);
}

void talk_as_server(const char *script)
{
        run_talk(TALK_ACCEPTING, true, script);
}

void talk_as_client(const char *script)
{
        run_talk(TALK_CONNECTING, true, script);
}
