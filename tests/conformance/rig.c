/* SPDX-License-Identifier: MIT */

/* See rig.h. */

#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM  "/proc/self/exe"
#define OWN_NAME "service"

enum way {
        WAY_LISTEN,
        WAY_PIPES,
        WAY_EXEC
};

static enum way way_of(const char *address)
{
        if (strcmp(address, "pipe:") == 0)
                return WAY_PIPES;
        return strcmp(address, "exec:") == 0 ? WAY_EXEC : WAY_LISTEN;
}

bool rig_can_be_here(const char *address)
{
        return way_of(address) != WAY_EXEC;
}

/* --- addresses -------------------------------------------------------------------------------- */

/* {path} and {name} become the test's own. */
static void fill_in(char *ret_address, size_t size)
{
        const char *text = setting.address, *brace = strchr(text, '{');
        const char *own = "", *rest = "";
        int before = brace ? (int)(brace - text) : (int)strlen(text);

        if (brace && strncmp(brace, "{path}", 6) == 0)
                own = fixture_path(OWN_NAME);
        else if (brace && strncmp(brace, "{name}", 6) == 0)
                own = fixture_name(OWN_NAME);
        if (brace)
                rest = brace + 6;
        snprintf(ret_address, size, "%.*s%s%s", before, text, own, rest);
}

const char *rig_why_not(const char *address)
{
        hark_loop *loop = NULL;
        hark_server *server = NULL;
        int r;

        if (way_of(address) != WAY_LISTEN || strchr(address, '{'))
                return NULL;
        kit_assert_good(hark_loop_new(&loop));
        kit_assert_good(hark_server_new(loop, NULL, &server));
        r = hark_server_listen(server, address);
        hark_server_unref(server);
        hark_loop_unref(loop);
        return r == -EADDRNOTAVAIL || r == -EAFNOSUPPORT ? hark_reason(r, NULL) : NULL;
}

/* Each byte as two digits: a word of an address, whatever is in it. */
static void write_hex(char *text, const void *bytes, size_t size)
{
        for (size_t i = 0; i < size; i++)
                sprintf(text + 2 * i, "%02x", ((const uint8_t *)bytes)[i]);
}

static void read_hex(const char *text, void *ret_bytes, size_t size)
{
        for (size_t i = 0; i < size; i++) {
                unsigned byte = 0;

                kit_assert(sscanf(text + 2 * i, "%2x", &byte) == 1);
                ((uint8_t *)ret_bytes)[i] = (uint8_t)byte;
        }
}

/* Where the next client finds the service. */
static void next_address(struct rig *rig, char *ret_address, size_t size)
{
        char wishes[2 * sizeof(rig->wishes) + 1];
        const int *fds;

        switch (way_of(setting.address)) {
        case WAY_LISTEN:
                snprintf(ret_address, size, "%s", rig->address);
                break;
        case WAY_PIPES:
                kit_assert(rig->n_pipes_used < RIG_CLIENTS);
                fds = rig->pipes[rig->n_pipes_used++].clients;
                snprintf(ret_address, size, "pipe:%d,%d", fds[0], fds[1]);
                break;
        case WAY_EXEC:
                write_hex(wishes, &rig->wishes, sizeof(rig->wishes));
                snprintf(ret_address, size, "exec:%s serve %d %s stdio:", PROGRAM,
                         setting.is_foreign, wishes);
                break;
        }
}

/* --- pipes ------------------------------------------------------------------------------------ */

static void make_pipes(struct rig *rig)
{
        for (size_t i = 0; i < RIG_CLIENTS; i++) {
                struct pipes *pipes = &rig->pipes[i];
                int there[2], back[2];

                kit_assert(pipe2(there, O_CLOEXEC) == 0);
                kit_assert(pipe2(back, O_CLOEXEC) == 0);
                *pipes = (struct pipes){{back[0], there[1]}, {there[0], back[1]}};
        }
}

/* Whoever holds an end keeps the other side from seeing its end. */
static void close_services_pipes(struct rig *rig)
{
        for (size_t i = 0; i < RIG_CLIENTS; i++) {
                close(rig->pipes[i].services[0]);
                close(rig->pipes[i].services[1]);
        }
}

static void close_clients_ends(const struct pipes *pipes)
{
        close(pipes->clients[0]);
        close(pipes->clients[1]);
}

static void close_clients_pipes(struct rig *rig)
{
        for (; rig->n_pipes_used < RIG_CLIENTS; rig->n_pipes_used++)
                close_clients_ends(&rig->pipes[rig->n_pipes_used]);
}

/* --- the service's side ----------------------------------------------------------------------- */

static void listen_at(hark_server *server, const char *address)
{
        int r = hark_server_listen(server, address);

        kit_assert_msg(r == 0, "listen at %s: %s", address, hark_reason(r, NULL));
}

static void listen_at_pipes(struct rig *rig, hark_server *server)
{
        for (size_t i = 0; i < RIG_CLIENTS; i++) {
                const int *fds = rig->pipes[i].services;
                char address[64];

                snprintf(address, sizeof(address), "pipe:%d,%d", fds[0], fds[1]);
                listen_at(server, address);
        }
}

void rig_listen(struct rig *rig, hark_server *server)
{
        if (way_of(setting.address) == WAY_PIPES) {
                listen_at_pipes(rig, server);
                return;
        }
        listen_at(server, rig->address);
        snprintf(rig->address, sizeof(rig->address), "%s", hark_server_address(server, 0));
}

struct apart {
        struct rig *rig;
        int ready_fd; /* where the real address is told */
};

static int serve_apart(void *userdata)
{
        struct apart *apart = userdata;
        struct rig *rig = apart->rig;
        hark_loop *loop = NULL;
        struct service *service;

        if (way_of(setting.address) == WAY_PIPES)
                close_clients_pipes(rig);
        kit_assert_good(hark_loop_new(&loop));
        service = service_new(loop, &rig->wishes);
        rig_listen(rig, service_server(service));
        kit_assert(write(apart->ready_fd, rig->address, sizeof(rig->address)) ==
                   sizeof(rig->address));
        close(apart->ready_fd);
        service_run(service, false);
        service_free(service);
        hark_loop_unref(loop);
        return 0;
}

static void fork_service(struct rig *rig)
{
        int fds[2];
        struct apart apart = {.rig = rig};

        kit_assert(pipe2(fds, O_CLOEXEC) == 0);
        apart.ready_fd = fds[1];
        rig->pid = fixture_fork(serve_apart, &apart);
        rig->is_forked = true;
        close(fds[1]);
        kit_assert(read(fds[0], rig->address, sizeof(rig->address)) == sizeof(rig->address));
        close(fds[0]);
        if (way_of(setting.address) == WAY_PIPES)
                close_services_pipes(rig);
}

void rig_prepare(struct rig *rig)
{
        *rig = (struct rig){.n_clients = 0};
        kit_assert_good(hark_loop_new(&rig->loop));
        if (way_of(setting.address) == WAY_PIPES)
                make_pipes(rig);
        if (way_of(setting.address) == WAY_LISTEN)
                fill_in(rig->address, sizeof(rig->address));
}

static void serve(struct rig *rig, const struct wishes *wishes, bool is_here)
{
        rig_prepare(rig);
        if (wishes)
                rig->wishes = *wishes;
        if (way_of(setting.address) == WAY_EXEC)
                return;
        if (is_here) {
                rig->service = service_new(rig->loop, &rig->wishes);
                rig_listen(rig, service_server(rig->service));
        } else {
                fork_service(rig);
        }
}

void rig_serve(struct rig *rig, const struct wishes *wishes)
{
        serve(rig, wishes, setting.is_here);
}

void rig_serve_apart(struct rig *rig, const struct wishes *wishes)
{
        serve(rig, wishes, false);
}

void rig_serve_again(struct rig *rig)
{
        fork_service(rig);
}

void rig_go_away(struct rig *rig)
{
        if (!rig->service) {
                rig_kill(rig);
                return;
        }
        rig->service = service_free(rig->service);
        kit_until(rig->loop, hark_client_state(rig->client) != HARK_CONNECTED);
}

bool rig_can_come_back(void)
{
        return way_of(setting.address) != WAY_PIPES;
}

void rig_come_back(struct rig *rig)
{
        if (way_of(setting.address) == WAY_EXEC)
                return;
        if (!setting.is_here) {
                fork_service(rig);
                return;
        }
        rig->service = service_new(rig->loop, &rig->wishes);
        rig_listen(rig, service_server(rig->service));
}

int rig_become_service(const char *wishes_text, const char *address)
{
        hark_loop *loop = NULL;
        struct service *service;
        struct wishes wishes;

        read_hex(wishes_text, &wishes, sizeof(wishes));
        kit_assert_good(hark_loop_new(&loop));
        service = service_new(loop, &wishes);
        listen_at(service_server(service), address);
        service_run(service, true);
        service_free(service);
        hark_loop_unref(loop);
        return EXIT_SUCCESS;
}

/* --- the clients' side ------------------------------------------------------------------------ */

const struct hark_client_params rig_one_shot = {.is_one_shot = true};

/* Where the kernel shows no death, a client has to ask. */
#define PING_MS 2000

static struct hark_client_params with_pings(const struct hark_client_params *params)
{
        struct hark_client_params asking = params ? *params : (struct hark_client_params){0};

        if (asking.ping_ms == 0 && !rig_client_can(HARK_CAN_SEE_DEATH))
                asking.ping_ms = PING_MS;
        return asking;
}

int rig_begin_connect(struct rig *rig, hark_loop *loop, const struct hark_client_params *params,
                      hark_client **ret_client)
{
        struct hark_client_params asking = with_pings(params);
        char address[1024];
        int r;

        next_address(rig, address, sizeof(address));
        r = hark_connect(loop, address, &asking, ret_client);
        /* What it did not take is still ours. */
        if (r == -EINVAL && way_of(setting.address) == WAY_PIPES)
                close_clients_ends(&rig->pipes[rig->n_pipes_used - 1]);
        return r;
}

void rig_leave_next(struct rig *rig)
{
        if (way_of(setting.address) == WAY_PIPES)
                close_clients_ends(&rig->pipes[rig->n_pipes_used++]);
}

hark_client *rig_connect(struct rig *rig, const struct hark_client_params *params)
{
        hark_client *client = NULL;

        kit_assert(rig->n_clients < RIG_CLIENTS);
        kit_assert_good(rig_begin_connect(rig, rig->loop, params, &client));
        rig->clients[rig->n_clients++] = client;
        kit_until(rig->loop, hark_client_state(client) != HARK_CONNECTING);
        kit_assert(hark_client_state(client) == HARK_CONNECTED);
        return client;
}

struct joining {
        struct rig *rig;
        const char *name;
        int ready_fd; /* closed when it has connected */
};

/* Connected it is when the hello is answered, which the server's accepting comes before. */
static int join(void *userdata)
{
        struct joining *joining = userdata;
        struct hark_client_params params = {.name = joining->name};
        hark_client *client = NULL;
        hark_loop *loop = NULL;
        struct service *service;

        kit_assert_good(hark_loop_new(&loop));
        service = service_new(loop, &joining->rig->wishes);
        params.serves = service_server(service);
        kit_assert_good(rig_begin_connect(joining->rig, loop, &params, &client));
        if (way_of(setting.address) == WAY_PIPES)
                close_clients_pipes(joining->rig);
        kit_until(loop, hark_client_state(client) != HARK_CONNECTING);
        close(joining->ready_fd);
        service_run(service, false);
        hark_client_unref(client);
        service_free(service);
        hark_loop_unref(loop);
        return 0;
}

void rig_join(struct rig *rig, const char *name)
{
        int fds[2];
        char byte;
        struct joining joining = {.rig = rig, .name = name};

        kit_assert(rig->n_clients == 0);
        kit_assert(pipe2(fds, O_CLOEXEC) == 0);
        joining.ready_fd = fds[1];
        rig->joined = fixture_fork(join, &joining);
        close(fds[1]);
        kit_assert(read(fds[0], &byte, 1) == 0);
        close(fds[0]);
        if (way_of(setting.address) == WAY_PIPES)
                close_clients_ends(&rig->pipes[rig->n_pipes_used++]);
}

hark_client *rig_connect_sleeper(struct rig *rig, hark_loop *loop)
{
        uint64_t end_ms = kit_now_ms() + KIT_PATIENCE_MS;
        hark_client *client = NULL;

        kit_assert_good(rig_begin_connect(rig, loop, NULL, &client));
        while (hark_client_state(client) != HARK_CONNECTED) {
                kit_assert(kit_now_ms() < end_ms);
                kit_settle(loop);
                kit_settle(rig->loop);
        }
        return client;
}

void rig_drop(struct rig *rig, hark_client *client)
{
        for (size_t i = 0; i < rig->n_clients; i++) {
                if (rig->clients[i] != client)
                        continue;
                rig->clients[i] = NULL;
                hark_client_unref(client);
        }
}

void rig_start(struct rig *rig, const struct wishes *wishes)
{
        serve(rig, wishes, setting.is_here);
        rig->client = rig_connect(rig, NULL);
}

void rig_start_apart(struct rig *rig, const struct wishes *wishes,
                     const struct hark_client_params *params)
{
        serve(rig, wishes, false);
        rig->client = rig_connect(rig, params);
        if (!rig->is_forked)
                rig->pid = (pid_t)strtol(rig_ask(rig, "pid", "%s", ""), NULL, 10);
}

/* --- the other process ------------------------------------------------------------------------ */

static bool is_stopped(pid_t pid)
{
        char path[64], state = '?';
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        file = fopen(path, "re");
        kit_assert(file);
        kit_assert(fscanf(file, "%*d (%*[^)]) %c", &state) == 1);
        fclose(file);
        return state == 'T';
}

void rig_freeze(const struct rig *rig)
{
        kit_assert(rig->pid > 0);
        kit_assert(kill(rig->pid, SIGSTOP) == 0);
        while (!is_stopped(rig->pid))
                sched_yield();
}

void rig_thaw(const struct rig *rig)
{
        kit_assert(kill(rig->pid, SIGCONT) == 0);
}

void rig_mourn(struct rig *rig)
{
        rig->is_killed = true;
        if (rig->is_forked)
                kit_assert(fixture_wait_exit(rig->pid) == 128 + SIGKILL);
        rig->is_forked = false;
}

void rig_kill(struct rig *rig)
{
        kit_assert(rig->pid > 0);
        kit_assert(kill(rig->pid, SIGKILL) == 0);
        rig_mourn(rig);
}

static void end_service(struct rig *rig)
{
        if (rig->joined) {
                kit_assert(kill(rig->joined, SIGTERM) == 0);
                kit_assert(fixture_wait_exit(rig->joined) == 0);
        }
        rig->service = service_free(rig->service);
        if (rig->is_forked) {
                kit_assert(kill(rig->pid, SIGTERM) == 0);
                kit_assert(fixture_wait_exit(rig->pid) == 0);
        }
}

/* What a killed service left behind, the next one that starts at its address clears away. */
static void clear_away(struct rig *rig)
{
        hark_server *server = NULL;

        kit_assert_good(hark_server_new(rig->loop, NULL, &server));
        kit_assert_good(hark_server_listen(server, rig->address));
        hark_server_unref(server);
}

void rig_end(struct rig *rig)
{
        for (size_t i = 0; i < rig->n_clients; i++)
                hark_client_unref(rig->clients[i]);
        end_service(rig);
        if (rig->is_killed && way_of(setting.address) == WAY_LISTEN)
                clear_away(rig);
        if (way_of(setting.address) == WAY_PIPES)
                close_clients_pipes(rig);
        hark_loop_unref(rig->loop);
}
