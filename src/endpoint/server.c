/* SPDX-License-Identifier: MIT */

/* See server.h. */

#include "endpoint/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/payload.h"
#include "conn/conn.h"
#include "endpoint/peer.h"
#include "names/name.h"

#define DEFAULT_CONNECTIONS         4096
#define DEFAULT_CONNECTIONS_PER_UID 256
#define DEFAULT_HALF_OPEN           64
#define DEFAULT_RETAINED_TOPICS     1024
#define DEFAULT_RETAINED_SIZE       ((size_t)16 * 1024 * 1024)

static hark_peer *peer_of(struct hark_list *link)
{
        return hark_container_of(link, struct hark_peer, link);
}

/* --- accepting ------------------------------------------------------------------------------- */

static int accept_port(struct hark_accepting *accepting, struct hark_port *port)
{
        hark_server *server = accepting->server;
        struct hark_conn_params params = {
                .is_accepting = true,
                .limits = server->params.limits,
                .open_ms = (int)server->params.limits.hello_ms,
                .ping_ms = server->params.ping_ms,
        };
        struct hark_conn *conn = NULL;
        hark_peer *peer;
        int r = hark_conn_new(server->loop, port, &params, &conn);

        if (r == 0)
                r = hark_peer_new(server, accepting, conn, accepting->listener->address, &peer);
        /* From here on the peer holds it, or nobody does. */
        hark_conn_unref(conn);
        return r;
}

static void on_port(struct hark_listener *listener, struct hark_port *port)
{
        struct hark_accepting *accepting = listener->userdata;
        const struct hark_log *log = hark_loop_log(accepting->server->loop);
        int r;

        /* The other limits are told when it has said hello; this one is against those who do
         * not. */
        if (accepting->n_half_open >= accepting->server->params.half_open) {
                hark_log(log, LOG_WARNING, "%s: refused a connection: limit of half_open reached",
                         listener->address);
                hark_port_close(port);
                return;
        }
        r = accept_port(accepting, port);
        if (r < 0)
                hark_log(log, LOG_WARNING, "%s: refused a connection: %s", listener->address,
                         strerror(-r));
}

static void close_accepting(struct hark_accepting *accepting)
{
        hark_list_for_each (link, &accepting->server->peers)
                if (peer_of(link)->accepting == accepting)
                        peer_of(link)->accepting = NULL;
        hark_list_remove(&accepting->link);
        hark_listener_close(accepting->listener);
        free(accepting);
}

static int listen_at(hark_server *server, const struct hark_address *address)
{
        struct hark_accepting *accepting = calloc(1, sizeof(*accepting));
        int r;

        if (!accepting)
                return -ENOMEM;
        accepting->server = server;
        r = address->transport->listen(server->loop, address, &accepting->listener);
        if (r < 0) {
                free(accepting);
                return r;
        }
        accepting->listener->on_port = on_port;
        accepting->listener->userdata = accepting;
        hark_list_push_back(&server->accepting, &accepting->link);
        return 0;
}

uint32_t hark_accepting_count_uid(const struct hark_accepting *accepting, uid_t uid)
{
        uint32_t n = 0;

        hark_list_for_each (link, &accepting->server->peers) {
                const hark_peer *peer = peer_of(link);

                if (peer->accepting == accepting && peer->credentials.uid == uid)
                        n++;
        }
        return n;
}

/* --- life ------------------------------------------------------------------------------------ */

static int check_params(const struct hark_server_params *params)
{
        for (size_t i = 0; i < sizeof(params->reserved) / sizeof(*params->reserved); i++)
                if (params->reserved[i] != 0)
                        return -EINVAL;
        return params->ping_ms < 0 || params->spin_us < -1 ? -EINVAL : 0;
}

static void fill_defaults(struct hark_server_params *params)
{
        if (params->connections == 0)
                params->connections = DEFAULT_CONNECTIONS;
        if (params->connections_per_uid == 0)
                params->connections_per_uid = DEFAULT_CONNECTIONS_PER_UID;
        if (params->half_open == 0)
                params->half_open = DEFAULT_HALF_OPEN;
}

/* What its topics may keep. */
static void fill_retained_defaults(hark_server *server)
{
        struct hark_server_params *params = &server->params;

        if (params->retained_topics == 0)
                params->retained_topics = DEFAULT_RETAINED_TOPICS;
        if (params->retained_size == 0)
                params->retained_size = DEFAULT_RETAINED_SIZE;
        server->topics.retained.max_values = params->retained_topics;
        server->topics.retained.max_size = params->retained_size;
}

static void on_relief(struct hark_topics *topics)
{
        hark_server *server = hark_container_of(topics, struct hark_server, topics);

        /* Its end relieves everybody. */
        if (server->params.on_relief && server->n_users > 0)
                hark_loop_queue_callback(server->loop, &server->relief_task);
}

static void run_relief(struct hark_task *task)
{
        hark_server *server = hark_container_of(task, struct hark_server, relief_task);

        /* If somebody has fallen behind again meanwhile, the next relief tells. */
        if (server->topics.n_slow == 0)
                server->params.on_relief(server, server->params.userdata);
}

static void free_server(hark_server *server)
{
        hark_loop *loop = server->loop;

        /* Peers whose requests are kept outlive their server. */
        hark_list_for_each (link, &server->peers) {
                peer_of(link)->server = NULL;
                hark_list_remove(link);
        }
        hark_drain_done(server);
        hark_methods_done(&server->methods);
        hark_topics_done(&server->topics);
        hark_rules_done(&server->rules);
        free(server);
        hark_loop_unref(loop);
}

static void run_free(struct hark_task *task)
{
        free_server(hark_container_of(task, struct hark_server, free_task));
}

void hark_server_stop_listening(hark_server *server)
{
        hark_list_for_each (link, &server->accepting)
                close_accepting(hark_container_of(link, struct hark_accepting, link));
}

static void close_server(hark_server *server)
{
        hark_task_cancel(&server->relief_task);
        hark_server_stop_listening(server);
        hark_groups_close(&server->topics.groups);
        hark_retained_clear(&server->topics.retained); /* nobody is there to be told one by one */
        hark_list_for_each (link, &server->peers) {
                peer_of(link)->requests.methods = NULL; /* no handler runs any more */
                hark_peer_close(peer_of(link), -ECANCELED);
        }
        hark_drain_cancel(server);
        /* Behind all that its peers have to be told. */
        hark_loop_queue_end(server->loop, &server->free_task);
        hark_loop_run_callbacks_of(server->loop, server);
}

/* Without memory for one of them, all may be done all the same. */
static int init_tables(hark_server *server)
{
        int methods = hark_methods_init(&server->methods);
        int topics = hark_topics_init(&server->topics, server->loop, server);
        int rules = hark_rules_init(&server->rules);

        return methods < 0 || topics < 0 || rules < 0 ? -ENOMEM : 0;
}

static void tell_unconfirmed(const char *group, const char *topic, hark_message *message,
                             void *userdata)
{
        hark_server *server = userdata;

        server->params.on_unconfirmed(server, group, topic, message, server->params.userdata);
}

static int init_server(hark_server *server, const struct hark_server_params *params)
{
        int r;

        hark_list_init(&server->accepting);
        hark_list_init(&server->peers);
        hark_task_init(&server->relief_task, run_relief, server);
        hark_task_init(&server->free_task, run_free, server);
        hark_drain_init(server);
        if (params)
                server->params = *params;
        fill_defaults(&server->params);
        r = init_tables(server);
        if (r < 0)
                return r;
        fill_retained_defaults(server);
        server->topics.on_relief = on_relief;
        if (server->params.on_unconfirmed)
                server->topics.groups.on_unconfirmed = tell_unconfirmed;
        server->topics.groups.userdata = server;
        return hark_limits_complete(&server->params.limits, &server->params.limits);
}

int hark_server_new(hark_loop *loop, const struct hark_server_params *params,
                    hark_server **ret_server)
{
        hark_server *server;
        int r;

        if (!loop || !ret_server || (params && check_params(params) < 0))
                return -EINVAL;
        server = calloc(1, sizeof(*server));
        if (!server)
                return -ENOMEM;
        server->n_users = 1;
        server->loop = hark_loop_ref(loop);
        r = init_server(server, params);
        if (r == 0)
                hark_loop_set_spin(loop, server->params.spin_us);
        if (r < 0) {
                free_server(server);
                return r;
        }
        *ret_server = server;
        return 0;
}

hark_server *hark_server_ref(hark_server *server)
{
        if (server)
                server->n_users++;
        return server;
}

hark_server *hark_server_unref(hark_server *server)
{
        if (server && --server->n_users == 0)
                close_server(server);
        return NULL;
}

/* --- what it offers -------------------------------------------------------------------------- */

int hark_server_handle(hark_server *server, const char *method, hark_on_request *on_request,
                       void *userdata)
{
        if (!server || !method)
                return -EINVAL;
        return hark_methods_set(&server->methods, method, on_request, userdata);
}

/* Undoes the last that was begun. */
static void unlisten(hark_server *server)
{
        close_accepting(hark_container_of(server->accepting.previous, struct hark_accepting, link));
}

static int listen_at_all(hark_server *server, struct hark_address *address)
{
        const struct hark_transport_ops *transport = address->transport;
        int n = transport->count_sockets ? transport->count_sockets(address) : 1;
        int r = n < 0 ? n : 0;

        for (; r == 0 && address->nth_socket < (unsigned)n; address->nth_socket++)
                r = listen_at(server, address);
        if (r == 0)
                return 0;
        /* Of those before the one that failed. */
        while (n > 0 && address->nth_socket-- > 1)
                unlisten(server);
        return r;
}

int hark_server_listen(hark_server *server, const char *address)
{
        struct hark_address *parsed;
        int r;

        if (!server || !address)
                return -EINVAL;
        if (server->drain.is_on)
                return -ESHUTDOWN;
        r = hark_address_parse(address, &parsed, NULL, 0);
        if (r < 0)
                return r;
        /* Rules that only report keep nobody out. */
        parsed->is_open |= server->rules.speak_of_anyone && !server->params.rules_only_report;
        r = parsed->transport->listen ? listen_at_all(server, parsed) : -EOPNOTSUPP;
        hark_address_free(parsed);
        return r;
}

const char *hark_server_address(const hark_server *server, size_t index)
{
        hark_list_for_each (link, &server->accepting) {
                if (index-- == 0)
                        return hark_container_of(link, struct hark_accepting, link)
                                ->listener->address;
        }
        return NULL;
}

int hark_server_publish(hark_server *server, const char *topic, struct hark_payload payload)
{
        if (!server || !topic || hark_payload_check(&payload) < 0 || payload.status != 0 ||
            hark_name_is_reserved(topic, strlen(topic)))
                return -EINVAL;
        /* The goodbye has ended the count of every subscription. */
        if (server->drain.is_on)
                return 0;
        return hark_topics_publish(&server->topics, topic, &payload, NULL);
}

int hark_server_allow(hark_server *server, const char *rule)
{
        if (!server || !rule)
                return -EINVAL;
        return hark_rules_add(&server->rules, rule);
}

size_t hark_server_n_slow(const hark_server *server)
{
        return server->topics.n_slow;
}

bool hark_server_has_subscribers(const hark_server *server, const char *topic)
{
        return server && topic && !server->drain.is_on &&
               hark_topics_has_subscribers(&server->topics, topic);
}
