/* SPDX-License-Identifier: MIT */

/* See relay.h. */

#include "relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "somewhere.h"

#define RELAY_CLIENTS 32
#define RELAY_KEPT    16
#define KEPT_MS       3 /* so that what is kept leaves, even if nothing follows */

struct datagram {
        size_t size;
        unsigned n_to_pass; /* that overtake it */
        uint8_t bytes[9000];
};

/* A client, and the socket that stands for it at the server. */
struct passage {
        struct sockaddr_in client;
        int fd;
        struct datagram kept[2][RELAY_KEPT]; /* on the way to the server, to the client */
};

struct network {
        struct relay *relay;
        struct passage passages[RELAY_CLIENTS];
        unsigned n_passages;
};

static bool happens(unsigned of_100)
{
        return somewhere_random(100) < of_100;
}

static void pass(struct network *network, struct passage *passage, bool to_client,
                 const struct datagram *datagram)
{
        if (to_client)
                (void)!sendto(network->relay->fd, datagram->bytes, datagram->size, 0,
                              (const struct sockaddr *)&passage->client, sizeof(passage->client));
        else
                (void)!send(passage->fd, datagram->bytes, datagram->size, 0);
}

/* One more has passed, or nothing has for a while. */
static void release(struct network *network, struct passage *passage, bool to_client, bool all)
{
        for (unsigned i = 0; i < RELAY_KEPT; i++) {
                struct datagram *kept = &passage->kept[to_client][i];

                if (kept->size == 0 || (!all && --kept->n_to_pass > 0))
                        continue;
                pass(network, passage, to_client, kept);
                kept->size = 0;
        }
}

static struct datagram *find_place(struct passage *passage, bool to_client)
{
        for (unsigned i = 0; i < RELAY_KEPT; i++)
                if (passage->kept[to_client][i].size == 0)
                        return &passage->kept[to_client][i];
        return NULL;
}

static void relay_datagram(struct network *network, struct passage *passage, bool to_client,
                           struct datagram *datagram)
{
        const struct relay_params *params = &network->relay->params;
        struct relay_counts *counts = network->relay->counts;
        struct datagram *place = find_place(passage, to_client);

        counts->n_taken++;
        if (happens(params->loss)) {
                counts->n_lost++;
                return;
        }
        if (happens(params->doubling)) {
                counts->n_doubled++;
                pass(network, passage, to_client, datagram);
        }
        if (place && happens(params->delay)) {
                counts->n_delayed++;
                datagram->n_to_pass = 2 + somewhere_random(8);
                *place = *datagram;
                return;
        }
        pass(network, passage, to_client, datagram);
        release(network, passage, to_client, false);
}

static struct passage *passage_of(struct network *network, const struct sockaddr_in *client)
{
        struct sockaddr_in server = {.sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct passage *passage = network->passages;
        const char *port = strrchr(network->relay->params.server, ':') + 1;

        for (; passage < network->passages + network->n_passages; passage++)
                if (passage->client.sin_port == client->sin_port)
                        return passage;
        ck_assert_uint_lt(network->n_passages, RELAY_CLIENTS);
        network->n_passages++;
        passage->client = *client;
        server.sin_port = htons((uint16_t)atoi(port));
        passage->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ck_assert_int_eq(connect(passage->fd, (struct sockaddr *)&server, sizeof(server)), 0);
        return passage;
}

static void take_from_clients(struct network *network)
{
        static struct datagram datagram;
        struct sockaddr_in client;
        socklen_t size = sizeof(client);
        ssize_t n = recvfrom(network->relay->fd, datagram.bytes, sizeof(datagram.bytes),
                             MSG_DONTWAIT, (struct sockaddr *)&client, &size);

        if (n <= 0)
                return;
        datagram.size = (size_t)n;
        relay_datagram(network, passage_of(network, &client), false, &datagram);
}

static void take_from_server(struct network *network, struct passage *passage)
{
        static struct datagram datagram;
        ssize_t n = recv(passage->fd, datagram.bytes, sizeof(datagram.bytes), MSG_DONTWAIT);

        if (n <= 0)
                return;
        datagram.size = (size_t)n;
        relay_datagram(network, passage, true, &datagram);
}

static int run(void *userdata)
{
        static struct network network;
        struct pollfd fds[1 + RELAY_CLIENTS];

        network.relay = userdata;
        for (;;) {
                unsigned n = network.n_passages;
                int n_ready;

                fds[0] = (struct pollfd){.fd = network.relay->fd, .events = POLLIN};
                for (unsigned i = 0; i < n; i++)
                        fds[1 + i] =
                                (struct pollfd){.fd = network.passages[i].fd, .events = POLLIN};
                n_ready = poll(fds, 1 + n, KEPT_MS);
                for (unsigned i = 0; i < 2 * n && n_ready == 0; i++)
                        release(&network, &network.passages[i / 2], i % 2, true);
                if (fds[0].revents)
                        take_from_clients(&network);
                for (unsigned i = 0; i < n; i++)
                        if (fds[1 + i].revents)
                                take_from_server(&network, &network.passages[i]);
        }
        return 0;
}

void relay_start(struct relay *relay, const struct relay_params *params)
{
        struct sockaddr_in name = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(name);

        relay->params = *params;
        relay->counts = mmap(NULL, sizeof(*relay->counts), PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ck_assert_ptr_ne(relay->counts, MAP_FAILED);
        relay->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(bind(relay->fd, (struct sockaddr *)&name, size), 0);
        ck_assert_int_eq(getsockname(relay->fd, (struct sockaddr *)&name, &size), 0);
        snprintf(relay->address, sizeof(relay->address), "udp:127.0.0.1:%u", ntohs(name.sin_port));
        relay->pid = fixture_fork(run, relay);
        close(relay->fd);
}

void relay_stop(struct relay *relay)
{
        ck_assert_int_eq(kill(relay->pid, SIGKILL), 0);
        (void)fixture_wait_exit(relay->pid);
        munmap(relay->counts, sizeof(*relay->counts));
}
