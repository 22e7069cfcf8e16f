/* SPDX-License-Identifier: MIT */

/* What the service does with whoever calls. See service.h. */

#include "service_internal.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"

/* Whether it names a process that lives. */
static bool is_alive(int pidfd)
{
        struct pollfd look = {.fd = pidfd, .events = POLLIN};

        return pidfd >= 0 && poll(&look, 1, 0) == 0;
}

static void answer_who(hark_request *request, void *userdata)
{
        const struct hark_credentials *who = hark_peer_credentials(hark_request_peer(request));

        (void)userdata;
        service_say(request, "%ld %ld %d %d %d %s", who->uid == (uid_t)-1 ? -1 : (long)who->uid,
                    who->gid == (gid_t)-1 ? -1 : (long)who->gid, who->pid, is_alive(who->pidfd),
                    who->claimed_pid, who->claimed_name);
}

static void answer_name(hark_request *request, void *userdata)
{
        (void)userdata;
        hark_reply(request, hark_text(hark_peer_name(hark_request_peer(request))));
}

static void answer_pid(hark_request *request, void *userdata)
{
        (void)userdata;
        service_say(request, "%d", getpid());
}

static void die(hark_request *request, void *userdata)
{
        (void)request, (void)userdata;
        raise(SIGKILL);
}

/* The answer is sent before the goodbye. */
static void answer_and_disconnect(hark_request *request, void *userdata)
{
        hark_reply(request, hark_text("goodbye"));
        service_set(userdata, "disconnect", hark_peer_disconnect(hark_request_peer(request)));
        service_set(userdata, "use_after_disconnect",
                    hark_send(hark_peer_client(hark_request_peer(request)), "note", HARK_NOTHING));
}

/* --- asking back ------------------------------------------------------------------------------ */

static hark_client *client_of(hark_request *request)
{
        hark_client *client = hark_peer_client(hark_request_peer(request));

        kit_assert(client);
        return client;
}

static void pass_on(int result, hark_message *message, void *userdata)
{
        hark_request *request = userdata;

        if (result >= 0)
                hark_reply(request, hark_message_payload(message));
        else
                hark_fail(request, result, hark_reason(result, NULL));
        hark_request_unref(request);
}

static void ask_back(hark_request *request, void *userdata)
{
        char method[256], text[256] = "";

        (void)userdata;
        kit_assert(sscanf(service_text(request), "%255s %255[^\n]", method, text) >= 1);
        kit_assert_good(hark_invoke(client_of(request), method, hark_text(text), KIT_PATIENCE_MS,
                                    pass_on, hark_request_ref(request), NULL));
}

static void count_meanwhile(void *userdata)
{
        service_add(userdata, "meanwhile", 1);
}

/* A timer is due at once, and must not call back before this handler has returned. */
static void wait_for_caller(hark_request *request, void *userdata)
{
        struct service *service = userdata;
        char method[256], text[256] = "";
        hark_message *reply = NULL;
        int timeout_ms, r;

        kit_assert(sscanf(service_text(request), "%d %255s %255[^\n]", &timeout_ms, method, text) >=
                   2);
        kit_assert_good(hark_loop_add_timer(service->loop, 0, 0, count_meanwhile, service, NULL));
        service_set(service, "meanwhile", 0);
        r = hark_call(client_of(request), method, hark_text(text), timeout_ms, &reply);
        service_say(request, "%d %ld %s", r, service_get(service, "meanwhile"),
                    hark_message_text(reply));
        hark_message_unref(reply);
}

static void note_notification(const struct hark_notification *notification, void *userdata)
{
        char text[64];

        snprintf(text, sizeof(text), "%d %s %s", notification->kind, notification->topic,
                 hark_message_text(notification->message));
        service_note(userdata, text);
}

static void follow(hark_request *request, void *userdata)
{
        kit_assert_good(hark_subscribe(client_of(request), service_text(request), note_notification,
                                       userdata, NULL, NULL));
        hark_reply(request, HARK_NOTHING);
}

const struct service_method service_peers[] = {
        {"who", answer_who},
        {"name", answer_name},
        {"pid", answer_pid},
        {"die", die},
        {"disconnect", answer_and_disconnect},
        {"ask", ask_back},
        {"wait", wait_for_caller},
        {"follow", follow},
        {NULL, NULL},
};
