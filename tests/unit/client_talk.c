/* SPDX-License-Identifier: MIT */

/* See client_talk.h. */

#include "client_talk.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint/client.h"
#include "frame_text.h"
#include "loop_kit.h"

/* What a call or a subscription is told belongs to one of these. */
struct numbered {
        struct client_talk *talk;
        unsigned number;
        bool leaves; /* unsubscribes in its callback */
        bool stops;  /* stops the flow in its callback */
};

static struct numbered *new_numbered(struct client_talk *talk, unsigned number)
{
        struct numbered *numbered = malloc(sizeof(*numbered));

        ck_assert_ptr_nonnull(numbered);
        *numbered = (struct numbered){.talk = talk, .number = number};
        return numbered;
}

static void free_numbered(struct numbered *numbered)
{
        numbered->talk->n_ended++;
        free(numbered);
}

/* --- what is told ----------------------------------------------------------------------------- */

static const char *describe(int result, const hark_message *message)
{
        static char text[300];

        if (result == 0)
                snprintf(text, sizeof(text), "0 \"%s\"", hark_message_text(message));
        else if (result < 0)
                snprintf(text, sizeof(text), "%s", conversation_result(result));
        else
                snprintf(text, sizeof(text), "%d %s", result, hark_reason(result, message));
        return text;
}

static void tell_progress(struct conversation *conversation, unsigned number,
                          const hark_message *message)
{
        if (!message)
                conversation_tell(conversation, "room %u", number);
        else if (hark_message_size(message) > 40)
                conversation_tell(conversation, "more %u: %zu", number, hark_message_size(message));
        else
                conversation_tell(conversation, "more %u: \"%s\"", number,
                                  hark_message_text(message));
}

static void on_reply(int result, hark_message *message, void *userdata)
{
        struct numbered *numbered = userdata;
        struct conversation *conversation = &numbered->talk->conversation;

        if (result == HARK_MORE || result == HARK_ROOM) {
                tell_progress(conversation, numbered->number, message);
                if (numbered->stops)
                        hark_pause(numbered->talk->client, numbered->talk->calls[numbered->number],
                                   true);
                return;
        }
        conversation_tell(conversation, "answer %u: %s", numbered->number,
                          describe(result, message));
        free_numbered(numbered);
}

static void on_notification(const struct hark_notification *notification, void *userdata)
{
        struct numbered *numbered = userdata;
        struct conversation *conversation = &numbered->talk->conversation;
        unsigned number = numbered->number;

        switch ((enum hark_notification_kind)notification->kind) {
        case HARK_NOTIFICATION:
                conversation_tell(conversation, "note %u: %s %llu \"%s\"%s", number,
                                  notification->topic, (unsigned long long)notification->sequence,
                                  hark_message_text(notification->message),
                                  notification->is_retained   ? " retained"
                                  : notification->is_repeated ? " repeated"
                                                              : "");
                if (numbered->leaves)
                        hark_unsubscribe(numbered->talk->client,
                                         numbered->talk->subscriptions[number]);
                break;
        case HARK_GAP:
                conversation_tell(conversation, "gap %u: %s %lld from %llu %s", number,
                                  notification->topic, (long long)notification->n_lost,
                                  (unsigned long long)notification->sequence,
                                  conversation_result(notification->reason));
                break;
        case HARK_WITHDRAWN:
                conversation_tell(conversation, "withdrawn %u: %s %llu", number,
                                  notification->topic, (unsigned long long)notification->sequence);
                break;
        case HARK_CURRENT:
                conversation_tell(conversation, "current %u: %s", number, notification->topic);
                break;
        case HARK_UNSUBSCRIBED:
                conversation_tell(conversation, "end %u: %s", number,
                                  describe(notification->reason, notification->message));
                free_numbered(numbered);
                break;
        }
}

static void on_state(hark_client *client, int state, int reason, void *userdata)
{
        struct client_talk *talk = userdata;

        (void)client;
        conversation_tell(&talk->conversation, "state: %s %s",
                          state == HARK_CONNECTED ? "HARK_CONNECTED" : "HARK_CLOSED",
                          conversation_result(reason));
}

static void on_room(hark_client *client, void *userdata)
{
        struct client_talk *talk = userdata;

        (void)client;
        conversation_tell(&talk->conversation, "room");
}

static void on_refused(hark_client *client, const char *name, int status,
                       const hark_message *message, void *userdata)
{
        struct client_talk *talk = userdata;

        (void)client;
        conversation_tell(&talk->conversation, "refused: %s %s", name, describe(status, message));
}

/* --- what the client does --------------------------------------------------------------------- */

/* The number behind "key=", or what it is if there is none. */
static unsigned long find_number(const char *words, const char *key, unsigned long otherwise)
{
        const char *found = strstr(words, key);

        return found ? strtoul(found + strlen(key), NULL, 10) : otherwise;
}

struct command {
        char verb[16], name[HARK_NAME_MAX + 1];
        unsigned number;
        struct hark_payload payload;
        const char *words;
};

typedef int ask(hark_client *client, const char *method, struct hark_payload payload,
                int timeout_ms, hark_on_reply *on_reply, void *userdata, uint64_t *ret_id);

static int do_ask(struct client_talk *talk, const struct command *command, ask *verb)
{
        int timeout_ms = (int)find_number(command->words, "timeout=", HARK_FOREVER);
        struct numbered *numbered = new_numbered(talk, command->number);
        struct hark_payload payload = command->payload;
        int r;

        payload.has_feed = strstr(command->words, " feeds") != NULL;
        numbered->stops = strstr(command->words, " stops") != NULL;
        r = verb(talk->client, command->name, payload, timeout_ms, on_reply, numbered,
                 &talk->calls[command->number]);

        if (r == 0)
                talk->n_begun++;
        else
                free(numbered);
        return r;
}

static int do_call(struct client_talk *talk, const struct command *command)
{
        return do_ask(talk, command, hark_invoke);
}

static int do_observe(struct client_talk *talk, const struct command *command)
{
        return do_ask(talk, command, hark_observe);
}

static int do_feed(struct client_talk *talk, const struct command *command)
{
        return hark_feed(talk->client, talk->calls[command->number], command->payload);
}

static int do_feed_end(struct client_talk *talk, const struct command *command)
{
        return hark_feed_end(talk->client, talk->calls[command->number]);
}

static int do_pause(struct client_talk *talk, const struct command *command)
{
        return hark_pause(talk->client, talk->calls[command->number], true);
}

static int do_resume(struct client_talk *talk, const struct command *command)
{
        return hark_pause(talk->client, talk->calls[command->number], false);
}

static int do_subscribe(struct client_talk *talk, const struct command *command)
{
        struct hark_subscribe_params params = {
                .policy = (uint8_t)find_number(command->words, "policy=", 0),
                .max_messages = (uint32_t)find_number(command->words, "messages=", 0),
                .max_size = find_number(command->words, "bytes=", 0),
        };
        bool has_params = params.max_messages > 0 || params.max_size > 0;
        struct numbered *numbered = new_numbered(talk, command->number);
        char group[32];
        int r;

        if (strstr(command->words, "group=") &&
            sscanf(strstr(command->words, "group="), "group=%31s", group) == 1)
                params.group = group;
        params.is_once_only = strstr(command->words, "once");
        params.wants_retained = strstr(command->words, "retained");
        numbered->leaves = strstr(command->words, "leaves");
        has_params = has_params || params.wants_retained || params.group || params.is_once_only;
        r = hark_subscribe(talk->client, command->name, on_notification, numbered,
                           has_params ? &params : NULL, &talk->subscriptions[command->number]);

        if (r == 0)
                talk->n_begun++;
        else
                free(numbered);
        return r;
}

static int do_cancel(struct client_talk *talk, const struct command *command)
{
        return hark_cancel(talk->client, talk->calls[command->number]);
}

static int do_unsubscribe(struct client_talk *talk, const struct command *command)
{
        return hark_unsubscribe(talk->client, talk->subscriptions[command->number]);
}

static int do_send(struct client_talk *talk, const struct command *command)
{
        return hark_send(talk->client, command->name, command->payload);
}

static int do_publish(struct client_talk *talk, const struct command *command)
{
        struct hark_payload payload = command->payload;

        payload.retain = (uint8_t)find_number(command->words, "retain=", 0);
        return hark_publish(talk->client, command->name, payload);
}

static int do_unref(struct client_talk *talk, const struct command *command)
{
        (void)command;
        talk->client = hark_client_unref(talk->client);
        return 0;
}

static int do_room(struct client_talk *talk, const struct command *command)
{
        memory_port_set_room(&talk->conversation.memory, command->number);
        return 0;
}

struct verb {
        const char *word;
        bool has_number;
        int (*act)(struct client_talk *talk, const struct command *command);
};

static const struct verb verbs[] = {
        {"call", true, do_call},           {"cancel", true, do_cancel},
        {"subscribe", true, do_subscribe}, {"unsubscribe", true, do_unsubscribe},
        {"observe", true, do_observe},     {"feed", true, do_feed},
        {"feed-end", true, do_feed_end},   {"pause", true, do_pause},
        {"resume", true, do_resume},       {"send", false, do_send},
        {"publish", false, do_publish},    {"unref", false, do_unref},
        {"room", true, do_room},
};

static void run_verb(struct client_talk *talk, const struct verb *verb, struct command *command)
{
        static uint8_t bytes[1 << 20];
        int r;

        if (verb->has_number)
                sscanf(command->words, "%*s %u %255s", &command->number, command->name);
        else
                sscanf(command->words, "%*s %255s", command->name);
        command->payload.data = bytes;
        command->payload.size = find_number(command->words, "size=", 0);
        command->payload.priority = (uint8_t)find_number(command->words, "priority=", 0);
        for (size_t i = 0; i < command->payload.size; i++)
                bytes[i] = frame_text_byte(i);
        r = verb->act(talk, command);
        if (r != 0)
                conversation_tell(&talk->conversation, "not done: %s", conversation_result(r));
}

static void act(struct conversation *conversation, const char *words)
{
        struct client_talk *talk =
                hark_container_of(conversation, struct client_talk, conversation);
        struct command command = {.words = words};

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

void client_talk_begin(struct client_talk *talk, const struct hark_limits *limits)
{
        struct hark_conn_params params = {.name = "us", .open_ms = HARK_FOREVER};
        struct hark_limits zeros = {.message_size = 0};

        *talk = (struct client_talk){.client = NULL};
        conversation_init(&talk->conversation, act, talk);
        ck_assert_int_eq(hark_limits_complete(limits ? limits : &zeros, &params.limits), 0);
        ck_assert_int_eq(hark_conn_new(talk->conversation.loop, talk->conversation.memory.port,
                                       &params, &talk->conn),
                         0);
        ck_assert_int_eq(
                hark_client_new_for_peer(talk->conversation.loop, talk->conn, NULL, &talk->client),
                0);
        /* As if hark_connect() had made it. */
        talk->client->state = talk->client->told_state = HARK_CONNECTING;
        talk->client->params.on_state = on_state;
        talk->client->params.on_room = on_room;
        talk->client->params.on_refused = on_refused;
        talk->client->params.userdata = talk;
}

void client_talk_end(struct client_talk *talk)
{
        hark_client_unref(talk->client);
        hark_conn_unref(talk->conn);
        ck_assert_uint_eq(talk->n_begun, talk->n_ended);
        conversation_done(&talk->conversation);
}

void client_talk_connecting(const char *script)
{
        struct client_talk talk;

        client_talk_begin(&talk, NULL);
        conversation_run(&talk.conversation, script);
        client_talk_end(&talk);
}

void client_talk(const char *script)
{
        struct client_talk talk;

        client_talk_begin(&talk, NULL);
        conversation_run(&talk.conversation, "< hello priority=7 us\n"
                                             "> hello server\n"
                                             "! state: HARK_CONNECTED 0\n");
        conversation_run(&talk.conversation, script);
        client_talk_end(&talk);
}
