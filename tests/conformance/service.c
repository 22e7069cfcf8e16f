/* SPDX-License-Identifier: MIT */

/* The service's life, its hooks, and what it remembers. See service.h. */

#include "service_internal.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"

/* --- what it remembers ------------------------------------------------------------------------ */

static struct counter *find_counter(struct service *service, const char *name)
{
        for (size_t i = 0; i < service->n_counters; i++)
                if (strcmp(service->counters[i].name, name) == 0)
                        return &service->counters[i];
        return NULL;
}

static struct counter *need_counter(struct service *service, const char *name)
{
        struct counter *counter = find_counter(service, name);

        if (counter)
                return counter;
        kit_assert(service->n_counters < SERVICE_COUNTERS);
        counter = &service->counters[service->n_counters++];
        *counter = (struct counter){.name = name};
        return counter;
}

void service_set(struct service *service, const char *name, long value)
{
        need_counter(service, name)->value = value;
}

void service_add(struct service *service, const char *name, long more)
{
        need_counter(service, name)->value += more;
}

long service_get(const struct service *service, const char *name)
{
        for (size_t i = 0; i < service->n_counters; i++)
                if (strcmp(service->counters[i].name, name) == 0)
                        return service->counters[i].value;
        return 0;
}

void service_note(struct service *service, const char *text)
{
        size_t left = sizeof(service->log) - service->log_size;
        int n = snprintf(service->log + service->log_size, left, "%s;", text);

        kit_assert((size_t)n < left);
        service->log_size += (size_t)n;
}

const char *service_text(const hark_request *request)
{
        return hark_message_text(hark_request_message(request));
}

void service_say(hark_request *request, const char *format, ...)
{
        char text[512];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        hark_reply(request, hark_text(text));
}

static void answer_count(hark_request *request, void *userdata)
{
        service_say(request, "%ld", service_get(userdata, service_text(request)));
}

static void answer_log(hark_request *request, void *userdata)
{
        struct service *service = userdata;

        hark_reply(request, hark_bytes(service->log, service->log_size));
        service->log_size = 0;
}

static void answer_note(hark_request *request, void *userdata)
{
        service_note(userdata, service_text(request));
        service_add(userdata, "notes", 1);
        hark_reply(request, HARK_NOTHING);
}

static void stop(struct service *service)
{
        service->is_over = true;
        hark_loop_stop(service->loop);
}

/* --- hooks ------------------------------------------------------------------------------------ */

/* Those who find no place cannot be asked by name. */
static void replace_peer(struct service *service, hark_peer *old, hark_peer *now)
{
        for (size_t i = 0; i < SERVICE_PEERS; i++) {
                if (service->peers[i] == old) {
                        service->peers[i] = now;
                        return;
                }
        }
}

static int on_accept(hark_peer *peer, void *userdata)
{
        struct service *service = userdata;

        service_add(service, "asked_to_accept", 1);
        if (strcmp(hark_peer_credentials(peer)->claimed_name, "friend") != 0 &&
            service->wishes.accept_status != 0) {
                if (service->ends_with_peers && service->n_peers == 0)
                        stop(service);
                return service->wishes.accept_status;
        }
        service->n_peers++;
        hark_peer_set_userdata(peer, service);
        replace_peer(service, NULL, peer);
        return 0;
}

/* Where only one can come its end is told in any case: only who was let in counts. */
static void on_leave(hark_peer *peer, int reason, void *userdata)
{
        struct service *service = userdata;

        if (!hark_peer_userdata(peer))
                return;
        replace_peer(service, peer, NULL);
        service_add(service, "left", 1);
        service_set(service, "leave_reason", reason);
        if (--service->n_peers == 0 && service->ends_with_peers)
                stop(service);
}

static int on_publication(hark_peer *peer, const char *topic, hark_message *message, void *userdata)
{
        struct service *service = userdata;

        (void)peer, (void)topic;
        service_note(service, hark_message_text(message));
        return service->wishes.publication_status;
}

static void on_unconfirmed(hark_server *server, const char *group, const char *topic,
                           hark_message *message, void *userdata)
{
        char text[64];

        (void)server;
        snprintf(text, sizeof(text), "%s %s %s", group, topic, hark_message_text(message));
        service_note(userdata, text);
        service_add(userdata, "unconfirmed", 1);
}

static void on_drop(hark_peer *peer, const char *topic, uint64_t n_lost, void *userdata)
{
        struct service *service = userdata;
        char text[600];

        service_add(service, "dropped", (long)n_lost);
        snprintf(text, sizeof(text), "%s lost %llu of %s",
                 hark_peer_credentials(peer)->claimed_name, (unsigned long long)n_lost, topic);
        if (service->wishes.notes_drops)
                service_note(service, text);
}

static void on_relief(hark_server *server, void *userdata)
{
        (void)server;
        service_add(userdata, "relieved", 1);
}

/* --- life ------------------------------------------------------------------------------------- */

static const struct service_method own_methods[] = {
        {"count", answer_count},
        {"log", answer_log},
        {"note", answer_note},
        {NULL, NULL},
};

static void offer(struct service *service, const struct service_method *methods)
{
        for (; methods->name; methods++)
                kit_assert_good(hark_server_handle(service->server, methods->name,
                                                   methods->on_request, service));
}

static void add_rules(hark_server *server, const char *rules)
{
        while (*rules) {
                size_t size = strcspn(rules, ";");
                char rule[160];

                snprintf(rule, sizeof(rule), "%.*s", (int)size, rules);
                kit_assert_good(hark_server_allow(server, rule));
                rules += size + 1;
        }
}

static void make_server(struct service *service)
{
        const struct wishes *wishes = &service->wishes;
        struct hark_server_params params = {
                .on_accept = on_accept,
                .on_leave = on_leave,
                .on_unconfirmed = on_unconfirmed,
                .on_drop = on_drop,
                .on_relief = on_relief,
                .userdata = service,
                .is_hub = wishes->is_hub,
                .rules_only_report = wishes->rules_only_report,
                .ping_ms = wishes->ping_ms,
                .limits = wishes->limits,
                .retained_topics = wishes->retained_topics,
                .connections = wishes->connections,
                .connections_per_uid = wishes->connections_per_uid,
        };

        if (wishes->notes_publications || wishes->publication_status != 0)
                params.on_publication = on_publication;
        kit_assert_good(hark_server_new(service->loop, &params, &service->server));
        add_rules(service->server, wishes->rules);
}

struct service *service_new(hark_loop *loop, const struct wishes *wishes)
{
        struct service *service = calloc(1, sizeof(*service));

        kit_assert(service);
        service->loop = hark_loop_ref(loop);
        service->wishes = *wishes;
        make_server(service);
        offer(service, own_methods);
        offer(service, service_calls);
        offer(service, service_keeping);
        offer(service, service_peers);
        offer(service, service_topics);
        offer(service, service_retained);
        offer(service, service_fds);
        offer(service, service_hops);
        offer(service, service_streams);
        return service;
}

hark_server *service_server(const struct service *service)
{
        return service->server;
}

struct service *service_free(struct service *service)
{
        hark_loop *loop;

        if (!service)
                return NULL;
        loop = service->loop;
        service_drop_kept(service);
        hark_server_unref(service->server);
        free(service);
        hark_loop_unref(loop);
        return NULL;
}

static void on_term(int signo, void *userdata)
{
        struct service *service = userdata;

        (void)signo;
        stop(service);
}

void service_run(struct service *service, bool ends_with_peers)
{
        service->ends_with_peers = ends_with_peers;
        kit_assert_good(hark_loop_add_signal(service->loop, SIGTERM, on_term, service, NULL));
        if (!setting.is_foreign)
                kit_assert_good(hark_loop_run(service->loop));
        while (!service->is_over)
                kit_step(service->loop, kit_now_ms() + KIT_PATIENCE_MS);
}
