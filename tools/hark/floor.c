/* SPDX-License-Identifier: MIT */
/*
 * The floor: blocking read(2) and write(2) between two processes, over the same kind of facility as
 * hark's transport, and nothing else. The other process obeys orders that come the same way:
 *
 *         order, then count messages, each echoed as it is complete
 *         order, then count messages back
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

/* A way there and a way back, from one process' point of view; of a socket, both the same. */
struct ends {
        int read_fd, write_fd;
};

struct floor {
        struct ends ends;
        pid_t pid;
        char *buffer;
};

struct facility {
        const char *scheme;
        int (*open)(struct ends *near, struct ends *far);
};

static int write_all(int fd, const void *data, size_t size)
{
        for (size_t done = 0; done < size;) {
                ssize_t n = write(fd, (const char *)data + done, size - done);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        done += (size_t)n;
        }
        return 0;
}

/* Returns 0, -errno; -ECONNRESET: the end. */
static int read_all(int fd, void *data, size_t size)
{
        for (size_t done = 0; done < size;) {
                ssize_t n = read(fd, (char *)data + done, size - done);

                if (n == 0)
                        return -ECONNRESET;
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        done += (size_t)n;
        }
        return 0;
}

static int open_socketpair(struct ends *near, struct ends *far)
{
        int fds[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;
        *near = (struct ends){fds[0], fds[0]};
        *far = (struct ends){fds[1], fds[1]};
        return 0;
}

static int open_pipes(struct ends *near, struct ends *far)
{
        int there[2], back[2];

        if (pipe2(there, O_CLOEXEC) < 0)
                return -errno;
        if (pipe2(back, O_CLOEXEC) < 0) {
                close(there[0]);
                close(there[1]);
                return -errno;
        }
        *near = (struct ends){back[0], there[1]};
        *far = (struct ends){there[0], back[1]};
        return 0;
}

static int listen_on_loopback(struct sockaddr_in *ret_address)
{
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -errno;
        if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 1) < 0 ||
            getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
                close(fd);
                return -errno;
        }
        *ret_address = address;
        return fd;
}

static int connect_loopback(int listener, const struct sockaddr_in *address, int *ret_near,
                            int *ret_far)
{
        int near = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int far = -1, on = 1;

        if (near >= 0 && connect(near, (const struct sockaddr *)address, sizeof(*address)) == 0)
                far = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (far < 0) {
                int error = errno;

                if (near >= 0)
                        close(near);
                return -error;
        }
        setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        *ret_near = near;
        *ret_far = far;
        return 0;
}

static int open_tcp(struct ends *near, struct ends *far)
{
        struct sockaddr_in address;
        int listener = listen_on_loopback(&address);
        int near_fd = -1, far_fd = -1, r;

        if (listener < 0)
                return listener;
        r = connect_loopback(listener, &address, &near_fd, &far_fd);
        close(listener);
        if (r != 0)
                return r;
        *near = (struct ends){near_fd, near_fd};
        *far = (struct ends){far_fd, far_fd};
        return 0;
}

static const struct facility facilities[] = {
        {"unix", open_socketpair},
        {"tcp", open_tcp},
        {"pipe", open_pipes},
        {"exec", open_socketpair},
};

static const struct facility *find_facility(const char *scheme)
{
        for (size_t i = 0; i < sizeof(facilities) / sizeof(*facilities); i++)
                if (strcmp(facilities[i].scheme, scheme) == 0)
                        return &facilities[i];
        return NULL;
}

static void close_ends(struct ends ends)
{
        close(ends.read_fd);
        if (ends.write_fd != ends.read_fd)
                close(ends.write_fd);
}

static int obey(struct ends ends, const struct bench_order *order, char *buffer)
{
        int r = 0;

        for (uint32_t i = 0; i < order->count && r == 0; i++) {
                if (order->work == WORK_CALLS)
                        r = read_all(ends.read_fd, buffer, order->size);
                if (r == 0)
                        r = write_all(ends.write_fd, buffer, order->size);
        }
        return r;
}

/* The other process, until its orders end. */
static _Noreturn void run_far(struct ends ends, int cpu, char *buffer)
{
        struct bench_order order;
        int r;

        signal(SIGINT, SIG_IGN); /* the near one ends it */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        r = bench_pin(cpu);
        if (r == 0)
                r = read_all(ends.read_fd, &order, sizeof(order));
        while (r == 0) {
                r = obey(ends, &order, buffer);
                if (r == 0)
                        r = read_all(ends.read_fd, &order, sizeof(order));
        }
        _exit(r == -ECONNRESET ? 0 : 1);
}

/* Takes the ends. */
static int start_far(struct floor *floor, struct ends far, int cpu)
{
        floor->pid = fork();
        if (floor->pid == 0) {
                close_ends(floor->ends);
                run_far(far, cpu, floor->buffer);
        }
        close_ends(far);
        return floor->pid < 0 ? -errno : 0;
}

int floor_start(const char *scheme, int cpu, struct floor **ret_floor)
{
        const struct facility *facility = find_facility(scheme);
        struct floor *floor;
        struct ends far;
        int r;

        if (!facility)
                return -EPROTONOSUPPORT;
        floor = calloc(1, sizeof(*floor));
        if (!floor)
                return -ENOMEM;
        floor->buffer = calloc(1, BENCH_MAX_SIZE);
        r = floor->buffer ? facility->open(&floor->ends, &far) : -ENOMEM;
        if (r != 0) {
                free(floor->buffer);
                free(floor);
                return r;
        }
        r = start_far(floor, far, cpu);
        if (r == 0)
                *ret_floor = floor;
        else
                floor_stop(floor);
        return r;
}

static int ping_pong(struct floor *floor, size_t size, uint32_t n)
{
        int r = 0;

        for (uint32_t i = 0; i < n && r == 0; i++) {
                r = write_all(floor->ends.write_fd, floor->buffer, size);
                if (r == 0)
                        r = read_all(floor->ends.read_fd, floor->buffer, size);
        }
        return r;
}

/* However many messages a read brings. */
static int receive(struct floor *floor, uint64_t size)
{
        while (size > 0) {
                size_t most = size < BENCH_MAX_SIZE ? (size_t)size : BENCH_MAX_SIZE;
                ssize_t n = read(floor->ends.read_fd, floor->buffer, most);

                if (n == 0)
                        return -ECONNRESET;
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        size -= (uint64_t)n;
        }
        return 0;
}

int floor_work(struct floor *floor, enum work work, size_t size, uint32_t n)
{
        struct bench_order order = {work, (uint32_t)size, n};
        int r = write_all(floor->ends.write_fd, &order, sizeof(order));

        if (r != 0)
                return r;
        return work == WORK_CALLS ? ping_pong(floor, size, n) : receive(floor, (uint64_t)size * n);
}

void floor_stop(struct floor *floor)
{
        if (!floor)
                return;
        close_ends(floor->ends);
        if (floor->pid > 0)
                while (waitpid(floor->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        free(floor->buffer);
        free(floor);
}
