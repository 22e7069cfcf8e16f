/* SPDX-License-Identifier: MIT */
/*
 * The floor: blocking system calls between two processes, over the same kind of facility as hark's
 * transport (channel.h), and nothing else. The other process obeys orders that come the same way:
 *
 *         order, then count messages, each echoed as it is complete
 *         order, then count messages back
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "channel.h"

#define BUFFER_SIZE (BENCH_MAX_SIZE + CHANNEL_SLACK)
#define PATIENCE_S  20 /* for what takes a fraction of a second */

struct floor {
        struct channel channel;
        pid_t pid;
        char *buffer;
};

/* An order, with the room that reading it may take. */
union ordered {
        struct bench_order order;
        char room[sizeof(struct bench_order) + CHANNEL_SLACK];
};

static int obey(struct channel *channel, const struct bench_order *order, char *buffer)
{
        int r = 0;

        channel_expect(channel, order->size);
        for (uint32_t i = 0; i < order->count && r == 0; i++) {
                if (order->work == WORK_CALLS)
                        r = channel_read(channel, buffer, order->size);
                if (r == 0)
                        r = channel_write(channel, buffer, order->size);
        }
        return r;
}

/* The other process, until it is ended. */
static _Noreturn void run_far(struct channel *channel, int cpu, char *buffer)
{
        union ordered ordered;
        int r;

        signal(SIGINT, SIG_IGN); /* the near one ends it */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        r = bench_pin(cpu);
        while (r == 0) {
                r = channel_read(channel, &ordered, sizeof(ordered.order));
                if (r == 0)
                        r = obey(channel, &ordered.order, buffer);
        }
        _exit(1);
}

/* Takes the far end. */
static int start_far(struct floor *floor, struct channel *far, int cpu)
{
        floor->pid = fork();
        if (floor->pid == 0) {
                channel_close(&floor->channel);
                run_far(far, cpu, floor->buffer);
        }
        channel_close(far);
        return floor->pid < 0 ? -errno : 0;
}

bool floor_is_known(const char *scheme)
{
        return facility_find(scheme) != NULL;
}

int floor_start(const char *scheme, int cpu, struct floor **ret_floor)
{
        const struct facility *facility = facility_find(scheme);
        struct floor *floor;
        struct channel far;
        int r;

        if (!facility)
                return -EPROTONOSUPPORT;
        floor = calloc(1, sizeof(*floor));
        if (!floor)
                return -ENOMEM;
        floor->buffer = calloc(1, BUFFER_SIZE);
        r = floor->buffer ? channel_open(facility, &floor->channel, &far) : -ENOMEM;
        if (r != 0) {
                free(floor->buffer);
                free(floor);
                return r;
        }
        r = start_far(floor, &far, cpu);
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
                r = channel_write(&floor->channel, floor->buffer, size);
                if (r == 0)
                        r = channel_read(&floor->channel, floor->buffer, size);
        }
        return r;
}

/* However many messages a system call brings. */
static int receive(struct floor *floor, uint64_t size)
{
        while (size > 0) {
                size_t most = size < BENCH_MAX_SIZE ? (size_t)size : BENCH_MAX_SIZE;
                ssize_t n = channel_take(&floor->channel, floor->buffer, most);

                if (n < 0)
                        return (int)n;
                size -= (uint64_t)n;
        }
        return 0;
}

int floor_work(struct floor *floor, enum work work, size_t size, uint32_t n)
{
        struct bench_order order = {work, (uint32_t)size, n};
        int r;

        channel_set_patience(PATIENCE_S);
        channel_expect(&floor->channel, size);
        r = channel_write(&floor->channel, &order, sizeof(order));
        if (r == 0 && work == WORK_CALLS)
                r = ping_pong(floor, size, n);
        else if (r == 0)
                r = receive(floor, (uint64_t)size * n);
        channel_set_patience(0);
        return r;
}

/* Not every facility shows the far process that the near end is closed. */
void floor_stop(struct floor *floor)
{
        if (!floor)
                return;
        channel_close(&floor->channel);
        if (floor->pid > 0) {
                kill(floor->pid, SIGKILL);
                while (waitpid(floor->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
        free(floor->buffer);
        free(floor);
}
