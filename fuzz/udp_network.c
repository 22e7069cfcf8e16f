/* SPDX-License-Identifier: MIT */

/* See udp_network.h. */

#include "udp_network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "link/chunk.h"
#include "transport/udp_socket.h"

#define N_SOCKETS 16

struct network network;

/* --- memory and time -------------------------------------------------------------------------- */

static bool fails_now(void)
{
        return network.n_until_fault > 0 && --network.n_until_fault == 0;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
        return fails_now() ? NULL : __real_malloc(size);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
        return fails_now() ? NULL : __real_calloc(n, size);
}

uint64_t __wrap_hark_now_ns(void);
uint64_t __wrap_hark_now_ns(void)
{
        return network.now_ns;
}

/* --- the network ------------------------------------------------------------------------------ */

/* A descriptor that is readable while something waits stands for a socket. */
static struct fake_socket {
        int fd;
        bool is_client, is_listener;
        bool has_failed; /* whoever reads next is told */
        uint16_t port;   /* whom it talks to */
        struct packet *first, **last;
} sockets[N_SOCKETS];

static struct packet *new_packet(const struct packet *head, const uint8_t *bytes)
{
        struct packet *packet = __real_malloc(sizeof(*packet) + head->size);

        *packet = *head;
        memcpy(packet->bytes, bytes, head->size);
        return packet;
}

static struct fake_socket *socket_of(int fd)
{
        for (unsigned i = 0; i < N_SOCKETS; i++)
                if (sockets[i].fd == fd)
                        return &sockets[i];
        return NULL;
}

static void drop_waiting(struct fake_socket *socket)
{
        while (socket->first) {
                struct packet *packet = socket->first;

                socket->first = packet->next;
                free(packet);
        }
        socket->last = &socket->first;
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
        struct fake_socket *socket = socket_of(fd);

        if (socket && fd >= 0) {
                drop_waiting(socket);
                socket->fd = -1;
        }
        return __real_close(fd);
}

static int new_socket(bool is_client, bool is_listener, uint16_t port)
{
        struct fake_socket *socket = socket_of(-1);
        int fd = socket ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;

        if (fd < 0)
                return -EMFILE;
        *socket = (struct fake_socket){
                .fd = fd, .is_client = is_client, .is_listener = is_listener, .port = port};
        socket->last = &socket->first;
        return fd;
}

int __wrap_hark_udp_bind(const struct addrinfo *info, bool is_v6_only);
int __wrap_hark_udp_bind(const struct addrinfo *info, bool is_v6_only)
{
        (void)info;
        (void)is_v6_only;
        return new_socket(false, true, 0);
}

int __wrap_hark_udp_claim(int fd, int *ret_claim);
int __wrap_hark_udp_claim(int fd, int *ret_claim)
{
        (void)fd;
        *ret_claim = -1;
        return 0;
}

int __wrap_hark_udp_split(int fd, const struct hark_udp_path *path);
int __wrap_hark_udp_split(int fd, const struct hark_udp_path *path)
{
        (void)fd;
        return new_socket(false, false, ntohs(path->peer.in.sin_port));
}

int __wrap_hark_udp_connect(const struct addrinfo *info);
int __wrap_hark_udp_connect(const struct addrinfo *info)
{
        (void)info;
        return new_socket(true, false, CLIENT_PORT);
}

/* Who gets what comes from or goes to this port: a connection before the listener. */
static struct fake_socket *receiver_of(const struct packet *packet)
{
        struct fake_socket *found = NULL;

        for (unsigned i = 0; i < N_SOCKETS; i++) {
                struct fake_socket *socket = &sockets[i];

                if (socket->fd < 0 || socket->is_client == packet->to_server)
                        continue;
                if (socket->is_listener ? !found : socket->port == packet->port)
                        found = socket;
        }
        return found;
}

static void arrive(const struct packet *packet)
{
        struct fake_socket *socket = receiver_of(packet);
        struct packet *copy;

        if (!socket)
                return;
        copy = new_packet(packet, packet->bytes);
        copy->next = NULL;
        socket->has_failed |= packet->error != 0;
        *socket->last = copy;
        socket->last = &copy->next;
        FUZZ_CHECK(eventfd_write(socket->fd, 1) == 0);
}

static void put_on_way(struct packet *packet)
{
        if (network.n_on_way == N_ON_WAY)
                free(packet);
        else
                network.on_way[network.n_on_way++] = packet;
}

static struct packet *take_off_way(void)
{
        struct packet *packet = network.n_on_way > 0 ? network.on_way[0] : NULL;

        if (packet)
                memmove(network.on_way, network.on_way + 1,
                        --network.n_on_way * sizeof(*network.on_way));
        return packet;
}

static void tell_stranger(const uint8_t *packet, size_t size)
{
        struct hark_chunk chunk;

        FUZZ_CHECK(hark_chunk_decode(packet, size, &chunk));
        (void)hark_udp_opening_decode(&chunk, packet + HARK_CHUNK_HEADER,
                                      &network.stranger.opening);
        network.stranger.n_heard += size;
        FUZZ_CHECK(network.stranger.has_shown ||
                   network.stranger.n_heard <= network.stranger.n_sent);
}

int __wrap_hark_udp_send(int fd, const struct hark_udp_path *to, const struct iovec *iov,
                         unsigned n_iov);
int __wrap_hark_udp_send(int fd, const struct hark_udp_path *to, const struct iovec *iov,
                         unsigned n_iov)
{
        const struct fake_socket *socket = socket_of(fd);
        struct packet head = {.port = to ? ntohs(to->peer.in.sin_port) : socket->port};
        uint8_t bytes[HARK_UDP_LOOPBACK];

        head.to_server = socket->is_client;
        network.n_deeds++;
        for (unsigned i = 0; i < n_iov; i++) {
                FUZZ_CHECK(head.size + iov[i].iov_len <= sizeof(bytes));
                memcpy(bytes + head.size, iov[i].iov_base, iov[i].iov_len);
                head.size += iov[i].iov_len;
        }
        if (head.port == STRANGER_PORT)
                tell_stranger(bytes, head.size);
        else
                put_on_way(new_packet(&head, bytes));
        return 0;
}

/* The first of this kind that waits. */
static ssize_t take_waiting(struct fake_socket *socket, void *bytes, size_t size, bool is_report,
                            struct packet *ret_head)
{
        struct packet **link = &socket->first, *packet;
        eventfd_t n;

        while (*link && ((*link)->error != 0) != is_report)
                link = &(*link)->next;
        packet = *link;
        if (!packet)
                return -EAGAIN;
        *link = packet->next;
        if (!packet->next)
                socket->last = link;
        if (!socket->first)
                FUZZ_CHECK(eventfd_read(socket->fd, &n) == 0);
        network.n_deeds++;
        *ret_head = *packet;
        size = packet->size < size ? packet->size : size;
        memcpy(bytes, packet->bytes, size);
        free(packet);
        return (ssize_t)size;
}

ssize_t __wrap_hark_udp_receive(int fd, void *bytes, size_t size, struct hark_udp_path *ret_from);
ssize_t __wrap_hark_udp_receive(int fd, void *bytes, size_t size, struct hark_udp_path *ret_from)
{
        struct fake_socket *socket = socket_of(fd);
        struct packet head = {.size = 0};
        ssize_t n = socket->has_failed ? -EINTR : take_waiting(socket, bytes, size, false, &head);

        socket->has_failed = false;
        *ret_from = (struct hark_udp_path){
                .peer.in = {.sin_family = AF_INET, .sin_port = htons(head.port)}};
        return n;
}

ssize_t __wrap_hark_udp_receive_error(int fd, void *bytes, size_t size, int *ret_error);
ssize_t __wrap_hark_udp_receive_error(int fd, void *bytes, size_t size, int *ret_error)
{
        struct packet head;
        ssize_t n = take_waiting(socket_of(fd), bytes, size, true, &head);

        if (n < 0)
                return -EAGAIN;
        *ret_error = head.error;
        return n;
}

void network_deliver(unsigned n)
{
        for (struct packet *packet; n > 0 && (packet = take_off_way()); n--) {
                arrive(packet);
                free(packet);
        }
}

void network_drop(void)
{
        free(take_off_way());
}

void network_double(void)
{
        if (network.n_on_way > 0)
                arrive(network.on_way[0]);
}

void network_delay(void)
{
        if (network.n_on_way > 0)
                put_on_way(take_off_way());
}

void network_write(const struct packet *head, const uint8_t *bytes)
{
        struct packet *packet = new_packet(head, bytes);

        arrive(packet);
        free(packet);
}

void network_begin(void)
{
        network = (struct network){.now_ns = 1ull << 60};
        for (unsigned i = 0; i < N_SOCKETS; i++)
                sockets[i] = (struct fake_socket){.fd = -1};
}

void network_end(void)
{
        while (network.n_on_way > 0)
                network_drop();
        for (unsigned i = 0; i < N_SOCKETS; i++)
                FUZZ_CHECK(sockets[i].fd < 0);
}
