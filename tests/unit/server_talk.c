/* SPDX-License-Identifier: MIT */

/* See server_talk.h. */

#include "server_talk.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint/server.h"
#include "frame_text.h"

/* --- what is told ----------------------------------------------------------------------------- */

static int on_accept(hark_peer *peer, void *userdata)
{
        struct server_talk *talk = userdata;

        conversation_tell(&talk->conversation, "accept: %s",
                          hark_peer_credentials(peer)->claimed_name);
        return talk->accept_status;
}

static void on_leave(hark_peer *peer, int reason, void *userdata)
{
        struct server_talk *talk = userdata;

        (void)peer;
        talk->peer = NULL;
        conversation_tell(&talk->conversation, "leave: %s", conversation_result(reason));
}

static int on_publication(hark_peer *peer, const char *topic, hark_message *message, void *userdata)
{
        struct server_talk *talk = userdata;

        (void)peer;
        conversation_tell(&talk->conversation, "publication: %s %zu", topic,
                          hark_message_size(message));
        return talk->publication_status;
}

static void on_unconfirmed(hark_server *server, const char *group, const char *topic,
                           hark_message *message, void *userdata)
{
        struct server_talk *talk = userdata;

        (void)server;
        conversation_tell(&talk->conversation, "unconfirmed: %s %s %zu", group, topic,
                          hark_message_size(message));
}

static void on_drop(hark_peer *peer, const char *topic, uint64_t n_lost, void *userdata)
{
        struct server_talk *talk = userdata;

        ck_assert_ptr_eq(peer, talk->peer);
        conversation_tell(&talk->conversation, "drop: %s %llu", topic, (unsigned long long)n_lost);
        if (strcmp(topic, talk->disconnects_at) == 0)
                hark_peer_disconnect(peer);
}

static void on_relief(hark_server *server, void *userdata)
{
        struct server_talk *talk = userdata;

        ck_assert_ptr_eq(server, talk->server);
        conversation_tell(&talk->conversation, "relief");
}

static unsigned number_of(const struct server_talk *talk, const hark_request *request)
{
        for (unsigned i = 1; i <= talk->n_kept; i++)
                if (talk->kept[i] == request)
                        return i;
        return 0;
}

static void on_cancel(hark_request *request, int reason, void *userdata)
{
        struct server_talk *talk = userdata;

        conversation_tell(&talk->conversation, "cancel %u: %s", number_of(talk, request),
                          conversation_result(reason));
}

static void on_room(hark_request *request, void *userdata)
{
        struct server_talk *talk = userdata;

        conversation_tell(&talk->conversation, "room %u", number_of(talk, request));
}

static void on_item(hark_request *request, hark_message *item, void *userdata)
{
        struct server_talk *talk = userdata;
        unsigned number = number_of(talk, request);

        if (!item)
                conversation_tell(&talk->conversation, "item %u: end", number);
        else if (hark_message_size(item) > 40)
                conversation_tell(&talk->conversation, "item %u: %zu", number,
                                  hark_message_size(item));
        else
                conversation_tell(&talk->conversation, "item %u: \"%s\"", number,
                                  hark_message_text(item));
}

/* --- methods ---------------------------------------------------------------------------------- */

static void on_echo(hark_request *request, void *userdata)
{
        struct server_talk *talk = userdata;
        int r = hark_reply(request, hark_message_payload(hark_request_message(request)));

        if (r < 0)
                conversation_tell(&talk->conversation, "not done: %s", conversation_result(r));
}

static void on_forget(hark_request *request, void *userdata)
{
        (void)request;
        (void)userdata;
}

static void on_keep(hark_request *request, void *userdata)
{
        struct hark_request_events events = {.on_cancel = on_cancel};
        struct server_talk *talk = userdata;
        unsigned number = ++talk->n_kept;
        int r;

        if (strstr(hark_request_method(request), ".room"))
                events.on_room = on_room;
        if (strstr(hark_request_method(request), ".items"))
                events.on_item = on_item;

        talk->kept[number] = hark_request_ref(request);
        r = hark_request_watch(request, &events, talk);
        if (r != 0)
                conversation_tell(&talk->conversation, "not done: %s", conversation_result(r));
        conversation_tell(&talk->conversation, "keep %u: %s %zu%s%s", number,
                          hark_request_method(request),
                          hark_message_size(hark_request_message(request)),
                          hark_request_is_one_way(request) ? " one-way" : "",
                          hark_request_time_left_ms(request) < HARK_FOREVER ? " timed" : "");
}

/* --- what the server does --------------------------------------------------------------------- */

struct command {
        char verb[16];
        const char *words; /* behind the verb */
        unsigned number;
        struct hark_payload payload;
};

static unsigned long find_number(const char *words, const char *key)
{
        const char *found = strstr(words, key);

        return found ? strtoul(found + strlen(key), NULL, 10) : 0;
}

static int do_reply(struct server_talk *talk, const struct command *command)
{
        return hark_reply(talk->kept[command->number], command->payload);
}

static int do_fail(struct server_talk *talk, const struct command *command)
{
        char text[100] = "";
        int status = 0;

        sscanf(command->words, "%*u %d %99[^\n]", &status, text);
        return hark_fail(talk->kept[command->number], status, text);
}

static int do_let_go(struct server_talk *talk, const struct command *command)
{
        talk->kept[command->number] = hark_request_unref(talk->kept[command->number]);
        return 0;
}

static int do_push(struct server_talk *talk, const struct command *command)
{
        return hark_push(talk->kept[command->number], command->payload);
}

static int do_watch(struct server_talk *talk, const struct command *command)
{
        struct hark_request_events events = {.on_cancel = on_cancel, .on_item = on_item};

        return hark_request_watch(talk->kept[command->number], &events, talk);
}

static int do_pause(struct server_talk *talk, const struct command *command)
{
        return hark_request_pause(talk->kept[command->number], true);
}

static int do_resume(struct server_talk *talk, const struct command *command)
{
        return hark_request_pause(talk->kept[command->number], false);
}

static int do_publish(struct server_talk *talk, const struct command *command)
{
        struct hark_payload payload = command->payload;
        char topic[HARK_NAME_MAX + 1];

        sscanf(command->words, "%255s", topic);
        payload.retain = (uint8_t)find_number(command->words, "retain=");
        return hark_server_publish(talk->server, topic, payload);
}

static int do_disconnect(struct server_talk *talk, const struct command *command)
{
        (void)command;
        return hark_peer_disconnect(talk->peer);
}

static void on_drained(int result, void *userdata)
{
        struct server_talk *talk = userdata;

        conversation_tell(&talk->conversation, "drained: %s", conversation_result(result));
}

static int do_drain(struct server_talk *talk, const struct command *command)
{
        return hark_server_drain(talk->server, (int)command->number, on_drained, talk);
}

static int do_unref(struct server_talk *talk, const struct command *command)
{
        (void)command;
        talk->server = hark_server_unref(talk->server);
        return 0;
}

static int do_room(struct server_talk *talk, const struct command *command)
{
        memory_port_set_room(&talk->conversation.memory, command->number);
        return 0;
}

static int do_n_slow(struct server_talk *talk, const struct command *command)
{
        (void)command;
        conversation_tell(&talk->conversation, "slow: %zu", hark_server_n_slow(talk->server));
        return 0;
}

struct verb {
        const char *word;
        int (*act)(struct server_talk *talk, const struct command *command);
};

static const struct verb verbs[] = {
        {"reply", do_reply},           {"fail", do_fail},     {"let-go", do_let_go},
        {"publish", do_publish},       {"unref", do_unref},   {"room", do_room},
        {"disconnect", do_disconnect}, {"n-slow", do_n_slow}, {"push", do_push},
        {"pause", do_pause},           {"resume", do_resume}, {"watch", do_watch},
        {"drain", do_drain},
};

static void run_verb(struct server_talk *talk, const struct verb *verb, struct command *command)
{
        static const int fds[64];
        static uint8_t bytes[1 << 20];
        int r;

        command->number = (unsigned)strtoul(command->words, NULL, 10);
        command->payload.data = bytes;
        command->payload.size = find_number(command->words, "size=");
        command->payload.priority = (uint8_t)find_number(command->words, "priority=");
        command->payload.n_fds = find_number(command->words, "fds=");
        command->payload.fds = fds;
        for (size_t i = 0; i < command->payload.size; i++)
                bytes[i] = frame_text_byte(i);
        r = verb->act(talk, command);
        if (r != 0)
                conversation_tell(&talk->conversation, "not done: %s", conversation_result(r));
}

static void act(struct conversation *conversation, const char *words)
{
        struct server_talk *talk =
                hark_container_of(conversation, struct server_talk, conversation);
        struct command command = {.words = words + strcspn(words, " ")};

        sscanf(words, "%15s", command.verb);
        for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
                if (strcmp(command.verb, verbs[i].word) == 0) {
                        run_verb(talk, &verbs[i], &command);
                        return;
                }
        }
        ck_abort_msg("malformed: = %s", words);
}

/* --- talks ------------------------------------------------------------------------------------ */

static void accept_port(struct server_talk *talk)
{
        struct hark_conn_params params = {.is_accepting = true, .open_ms = HARK_FOREVER};
        struct hark_conn *conn;

        params.limits = talk->server->params.limits;
        ck_assert_int_eq(hark_conn_new(talk->conversation.loop, talk->conversation.memory.port,
                                       &params, &conn),
                         0);
        ck_assert_int_eq(hark_peer_new(talk->server, NULL, conn, "memory:", &talk->peer), 0);
        hark_conn_unref(conn);
}

void server_talk_begin(struct server_talk *talk, const struct hark_server_params *given,
                       bool has_hooks)
{
        struct hark_server_params params = {.userdata = NULL};

        *talk = (struct server_talk){.disconnects_at = ""};
        conversation_init(&talk->conversation, act, talk);
        if (given)
                params = *given;
        params.userdata = talk;
        params.on_leave = on_leave;
        params.on_accept = has_hooks ? on_accept : NULL;
        params.on_publication = has_hooks ? on_publication : NULL;
        if (!params.on_unconfirmed)
                params.on_unconfirmed = on_unconfirmed;
        params.on_drop = has_hooks ? on_drop : NULL;
        params.on_relief = has_hooks ? on_relief : NULL;
        ck_assert_int_eq(hark_server_new(talk->conversation.loop, &params, &talk->server), 0);
        ck_assert_int_eq(hark_server_handle(talk->server, "echo", on_echo, talk), 0);
        ck_assert_int_eq(hark_server_handle(talk->server, "forget", on_forget, talk), 0);
        ck_assert_int_eq(hark_server_handle(talk->server, "keep.>", on_keep, talk), 0);
        accept_port(talk);
}

void server_talk_greet(struct server_talk *talk)
{
        conversation_run(&talk->conversation, "> hello tester\n"
                                              "< hello priority=7\n");
}

void server_talk_end(struct server_talk *talk)
{
        hark_server_unref(talk->server);
        for (unsigned i = 1; i <= talk->n_kept; i++)
                hark_request_unref(talk->kept[i]);
        conversation_done(&talk->conversation);
}

void server_talk(const char *script)
{
        struct server_talk talk;

        server_talk_begin(&talk, NULL, false);
        server_talk_greet(&talk);
        conversation_run(&talk.conversation, script);
        server_talk_end(&talk);
}
