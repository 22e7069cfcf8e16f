/* SPDX-License-Identifier: MIT */
#ifndef CONN_ROLES_H
#define CONN_ROLES_H

/*
 * The two roles of fuzz_conn's end of a connection: what it asks, what it answers, and the books
 * that are kept of it.
 */

#include <errno.h>
#include <stdbool.h>

#include "../tests/unit/memory_port.h"
#include "conn/conn.h"
#include "fuzz.h"
#include "sent_frames.h"

#define MAX_KEPT 64

struct trial {
        uint8_t options; /* enum option of fuzz_conn.c */
        hark_loop *loop;
        struct memory_port memory;
        struct hark_conn *conn;
        hark_server *server;
        hark_client *client;
        struct sent_frames sent;
        unsigned n_begun, n_ended;
        unsigned n_in, n_out; /* peers */
        hark_request *kept[MAX_KEPT];
        bool is_told[MAX_KEPT]; /* that it has ended */
        unsigned n_kept;
        uint64_t call, subscription, stream;
};

/* --- the asking side -------------------------------------------------------------------------- */

/* As many items as the other end takes, and their end if that is soon. */
static inline void feed(struct trial *trial, hark_client *client)
{
        static const uint8_t bytes[1000];

        for (int i = 0; client && i < 10; i++)
                if (hark_feed(client, trial->stream, hark_bytes(bytes, sizeof(bytes))) != 0)
                        return;
        (void)hark_feed_end(client, trial->stream);
}

static void on_reply(int result, hark_message *message, void *userdata)
{
        struct trial *trial = userdata;

        FUZZ_CHECK(result >= 0 || message == NULL);
        FUZZ_CHECK(strlen(hark_reason(result, message)) > 0);
        FUZZ_CHECK((result == HARK_MORE) <= (message != NULL));
        if (result == HARK_ROOM)
                feed(trial, trial->client);
        else if (result != HARK_MORE)
                trial->n_ended++;
}

static void on_notification(const struct hark_notification *notification, void *userdata)
{
        struct trial *trial = userdata;

        FUZZ_CHECK(notification->topic != NULL);
        FUZZ_CHECK(notification->kind != HARK_GAP || notification->n_lost > 0);
        if (notification->kind == HARK_NOTIFICATION)
                FUZZ_CHECK(hark_message_text(notification->message) != NULL);
        if (notification->kind == HARK_UNSUBSCRIBED)
                trial->n_ended++;
}

static inline void invoke(struct trial *trial, hark_client *client, size_t size, uint8_t priority)
{
        static const uint8_t bytes[100000];
        struct hark_payload payload = hark_bytes(bytes, size);

        payload.priority = priority;
        if (hark_invoke(client, "a.method", payload, HARK_FOREVER, on_reply, trial, &trial->call) ==
            0)
                trial->n_begun++;
}

static inline void observe(struct trial *trial, hark_client *client)
{
        struct hark_payload payload = HARK_NOTHING;

        payload.has_feed = true;
        if (hark_observe(client, "a.stream", payload, HARK_FOREVER, on_reply, trial,
                         &trial->stream) == 0)
                trial->n_begun++;
        feed(trial, client);
}

static void subscribe(struct trial *trial, hark_client *client, const char *filter,
                      bool wants_retained)
{
        struct hark_subscribe_params params = {.wants_retained = wants_retained};

        if (hark_subscribe(client, filter, on_notification, trial, wants_retained ? &params : NULL,
                           &trial->subscription) == 0)
                trial->n_begun++;
}

static void join(struct trial *trial, hark_client *client, const char *filter)
{
        struct hark_subscribe_params params = {.group = "g"};

        if (hark_subscribe(client, filter, on_notification, trial, &params, NULL) == 0)
                trial->n_begun++;
}

/* Ids count from 1, so that an input can hit them. */
static inline void ask_all(struct trial *trial, hark_client *client)
{
        subscribe(trial, client, "a.*", true);
        subscribe(trial, client, ">", false);
        join(trial, client, "a.>");
        invoke(trial, client, 10, 0);
        invoke(trial, client, 0, 3);
        invoke(trial, client, 100000, 1);
        (void)hark_send(client, "one.way", hark_text("hello"));
        (void)hark_publish(client, "a.topic", HARK_NOTHING);
        observe(trial, client);
}

static inline void on_refused(hark_client *client, const char *name, int status,
                              const hark_message *message, void *userdata)
{
        (void)client;
        (void)userdata;
        FUZZ_CHECK(strlen(name) > 0);
        FUZZ_CHECK(strlen(hark_reason(status, message)) > 0);
}

/* --- the answering side ----------------------------------------------------------------------- */

static void on_cancel(hark_request *request, int reason, void *userdata)
{
        struct trial *trial = userdata;

        FUZZ_CHECK(reason < 0);
        for (unsigned i = 0; i < trial->n_kept; i++) {
                if (trial->kept[i] != request)
                        continue;
                FUZZ_CHECK(!trial->is_told[i]);
                trial->is_told[i] = true;
        }
}

/* Never more than fits: until it is held up, or says what is wrong. */
static void on_room(hark_request *request, void *userdata)
{
        static const uint8_t bytes[1000];

        (void)userdata;
        for (int i = 0; i < 20; i++)
                if (hark_push(request, hark_bytes(bytes, sizeof(bytes))) != 0)
                        return;
}

static void on_item(hark_request *request, hark_message *item, void *userdata)
{
        (void)userdata;
        FUZZ_CHECK(!item || hark_message_text(item) != NULL);
        if (hark_message_size(item) == 13)
                (void)hark_request_pause(request, true);
}

static inline void on_keep(hark_request *request, void *userdata)
{
        static const struct hark_request_events events = {
                .on_cancel = on_cancel, .on_room = on_room, .on_item = on_item};
        struct trial *trial = userdata;
        int r;

        if (trial->n_kept == MAX_KEPT)
                return; /* the library answers */
        r = hark_request_watch(request, &events, trial);
        FUZZ_CHECK(r == 0 || r == -ENOMEM);
        if (r < 0)
                return;
        trial->kept[trial->n_kept++] = hark_request_ref(request);
}

static inline void on_echo(hark_request *request, void *userdata)
{
        (void)userdata;
        (void)hark_reply(request, hark_message_payload(hark_request_message(request)));
}

static inline void on_fail(hark_request *request, void *userdata)
{
        (void)userdata;
        (void)hark_fail(request, 1234, hark_message_text(hark_request_message(request)));
}

static inline void on_large(hark_request *request, void *userdata)
{
        static const uint8_t bytes[70000];

        (void)userdata;
        (void)hark_reply(request, hark_bytes(bytes, sizeof(bytes)));
}

/* What was asked is published, and asked back. */
static inline void on_back(hark_request *request, void *userdata)
{
        struct trial *trial = userdata;
        struct hark_payload payload = hark_message_payload(hark_request_message(request));
        hark_client *client = hark_peer_client(hark_request_peer(request));

        for (int i = 0; i < 3; i++)
                (void)hark_server_publish(trial->server, "a.topic", payload);
        if (client && trial->n_begun < 1000)
                ask_all(trial, client);
}

static inline void on_show_out(hark_request *request, void *userdata)
{
        (void)userdata;
        (void)hark_peer_disconnect(hark_request_peer(request));
}

static inline int on_accept(hark_peer *peer, void *userdata)
{
        struct trial *trial = userdata;
        const char *name = hark_peer_credentials(peer)->claimed_name;

        if (strcmp(name, "refused") == 0)
                return HARK_PERMISSION_DENIED;
        FUZZ_CHECK(strlen(hark_peer_name(peer)) > 0);
        trial->n_in++;
        return 0;
}

static inline void on_leave(hark_peer *peer, int reason, void *userdata)
{
        struct trial *trial = userdata;

        (void)peer;
        FUZZ_CHECK(reason <= 0);
        trial->n_out++;
}

static inline void on_unconfirmed(hark_server *server, const char *group, const char *topic,
                                  hark_message *message, void *userdata)
{
        (void)server;
        (void)userdata;
        FUZZ_CHECK(strlen(group) > 0 && strlen(topic) > 0);
        FUZZ_CHECK(hark_message_text(message) != NULL);
}

static inline int on_publication(hark_peer *peer, const char *topic, hark_message *message,
                                 void *userdata)
{
        (void)peer;
        (void)message;
        (void)userdata;
        return topic[0] == 'a' ? 0 : HARK_PERMISSION_DENIED;
}

/* Some of what is kept is answered now, whether it has ended or not. */
static inline void answer_some(struct trial *trial)
{
        for (unsigned i = 0; i < trial->n_kept; i += 3) {
                if (!trial->kept[i])
                        continue;
                (void)hark_reply(trial->kept[i], hark_text("later"));
                trial->kept[i] = hark_request_unref(trial->kept[i]);
        }
}

static inline void let_go_of_all(struct trial *trial)
{
        for (unsigned i = 0; i < trial->n_kept; i++)
                hark_request_unref(trial->kept[i]);
}

#endif
