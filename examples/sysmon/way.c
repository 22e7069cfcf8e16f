/* SPDX-License-Identifier: MIT */

/* See way.h. */

#include "way.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define START_MS  5000
#define END_MS    2000
#define PERIOD_MS "20" /* how often the server looks at the machine */

struct way {
        const char *scheme;
        /* Starts the server, if there is one to start, and writes the address. */
        int (*open)(const struct way *way, const struct place *place, const char *program,
                    struct reach *reach);
        int (*try)(void);
};

/* --- what the machine has --------------------------------------------------------------------- */

static int try_socket(int family, int type)
{
        int fd = socket(family, type | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -errno;
        close(fd);
        return 0;
}

static int try_stream(void)
{
        return try_socket(AF_UNIX, SOCK_STREAM);
}

static int try_packets(void)
{
        return try_socket(AF_UNIX, SOCK_SEQPACKET);
}

static int try_datagrams(void)
{
        return try_socket(AF_UNIX, SOCK_DGRAM);
}

/* A machine may have IP, and no address to use it at. */
static int try_loopback(int type)
{
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
        int r = 0;

        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                r = -errno;
        if (fd >= 0)
                close(fd);
        return r;
}

static int try_tcp(void)
{
        return try_loopback(SOCK_STREAM);
}

static int try_udp(void)
{
        return try_loopback(SOCK_DGRAM);
}

static int try_queue(void)
{
        char name[64];
        mqd_t queue;

        snprintf(name, sizeof(name), "/hark-demo-%d.try", (int)getpid());
        queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, NULL);
        if (queue == (mqd_t)-1)
                return errno == EMFILE ? -EDQUOT : -errno; /* it means ulimit -q, not descriptors */
        mq_close(queue);
        mq_unlink(name);
        return 0;
}

static int try_nothing(void)
{
        return 0;
}

/* --- servers ---------------------------------------------------------------------------------- */

/* Starts the program at an address, and reads where it really serves. */
static int serve(const char *program, const char *address, const int *inherited,
                 struct reach *reach)
{
        char name[] = "sysmon", every[] = "--every", period[] = PERIOD_MS;
        char given[WAY_ADDRESS_SIZE];
        char *const argv[] = {name, every, period, given, NULL};
        int r;

        snprintf(given, sizeof(given), "%s", address);
        r = child_start(program, argv, inherited, &reach->server);
        if (r == 0)
                r = child_read_line(&reach->server, START_MS, reach->address,
                                    sizeof(reach->address));
        return r;
}

static int open_at_path(const struct way *way, const struct place *place, const char *program,
                        struct reach *reach)
{
        char address[WAY_ADDRESS_SIZE];

        snprintf(address, sizeof(address), "%s:%s/sysmon", way->scheme, place->directory);
        return serve(program, address, NULL, reach);
}

static int open_at_name(const struct way *way, const struct place *place, const char *program,
                        struct reach *reach)
{
        char address[WAY_ADDRESS_SIZE];

        snprintf(address, sizeof(address), "%s:/%s", way->scheme, place->name);
        return serve(program, address, NULL, reach);
}

static int open_at_port(const struct way *way, const struct place *place, const char *program,
                        struct reach *reach)
{
        char address[WAY_ADDRESS_SIZE];

        (void)place;
        snprintf(address, sizeof(address), "%s:127.0.0.1:0", way->scheme);
        return serve(program, address, NULL, reach);
}

static int make_pipes(int ret_near[2], int ret_far[2])
{
        int there[2], back[2];

        if (pipe2(there, O_CLOEXEC) < 0)
                return -errno;
        if (pipe2(back, O_CLOEXEC) < 0) {
                int r = -errno;

                close(there[0]);
                close(there[1]);
                return r;
        }
        ret_near[0] = back[0];
        ret_near[1] = there[1];
        ret_far[0] = there[0];
        ret_far[1] = back[1];
        return 0;
}

/* The ends at this side belong to the client that connects to them. */
static int open_on_pipes(const struct way *way, const struct place *place, const char *program,
                         struct reach *reach)
{
        char address[WAY_ADDRESS_SIZE];
        int near[2] = {-1, -1}, far[2] = {-1, -1};
        int r = make_pipes(near, far);

        (void)place;
        if (r != 0)
                return r;
        snprintf(address, sizeof(address), "%s:%d,%d", way->scheme, far[0], far[1]);
        r = serve(program, address, far, reach);
        close(far[0]);
        close(far[1]);
        snprintf(reach->address, sizeof(reach->address), "%s:%d,%d", way->scheme, near[0], near[1]);
        if (r != 0) {
                close(near[0]);
                close(near[1]);
        }
        return r;
}

/* In an address, %XX stands for what would otherwise mean something. */
static int open_by_client(const struct way *way, const struct place *place, const char *program,
                          struct reach *reach)
{
        char *address = reach->address;
        size_t size = sizeof(reach->address);
        int n = snprintf(address, size, "%s:", way->scheme);

        (void)place;
        for (const char *c = program; *c && n >= 0 && (size_t)n < size; c++)
                n += snprintf(address + n, size - (size_t)n, strchr(" %?", *c) ? "%%%02X" : "%c",
                              *c);
        if ((size_t)n < size)
                n += snprintf(address + n, size - (size_t)n, " --every " PERIOD_MS " stdio:");
        return (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* --- the table -------------------------------------------------------------------------------- */

static const struct way ways[] = {
        {"unix", open_at_path, try_stream},     {"seqpacket", open_at_path, try_packets},
        {"dgram", open_at_path, try_datagrams}, {"tcp", open_at_port, try_tcp},
        {"udp", open_at_port, try_udp},         {"pipe", open_on_pipes, try_nothing},
        {"fifo", open_at_path, try_nothing},    {"mq", open_at_name, try_queue},
        {"exec", open_by_client, try_stream},
};

const struct way *way_find(const char *scheme)
{
        for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
                if (strcmp(ways[i].scheme, scheme) == 0)
                        return &ways[i];
        return NULL;
}

int way_probe(const struct way *way)
{
        return way->try();
}

int way_open(const struct way *way, const struct place *place, const char *program,
             struct reach *ret_reach)
{
        *ret_reach = (struct reach){.address = ""};
        return way->open(way, place, program, ret_reach);
}

int way_close(struct reach *reach)
{
        return child_end(&reach->server, END_MS);
}
