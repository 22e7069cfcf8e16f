/* SPDX-License-Identifier: MIT */

/* See topics.h. */

#include "topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "procfs.h"

#define LOAD     "sys.load"
#define PRESSURE "sys.memory.pressure"
#define STARTED  "sys.process.started"
#define ENDED    "sys.process.ended"

static void publish_load(hark_server *server)
{
        struct procfs_load load;
        char text[64];

        if (!hark_server_has_subscribers(server, LOAD) || procfs_load(&load) != 0)
                return;
        snprintf(text, sizeof(text), "%.2f %.2f %.2f", load.average[0], load.average[1],
                 load.average[2]);
        hark_server_publish(server, LOAD, hark_text(text));
}

static void publish_pressure(hark_server *server)
{
        struct procfs_pressure pressure;
        char text[96];

        if (!hark_server_has_subscribers(server, PRESSURE) || procfs_pressure(&pressure) != 0)
                return;
        if (strcmp(pressure.source, PROCFS_PRESSURE) == 0)
                snprintf(text, sizeof(text), "some %.2f full %.2f source %s", pressure.some_percent,
                         pressure.full_percent, pressure.source);
        else
                snprintf(text, sizeof(text), "available %.2f source %s", pressure.available_percent,
                         pressure.source);
        hark_server_publish(server, PRESSURE, hark_text(text));
}

static void publish_process(hark_server *server, const char *topic,
                            const struct procfs_process *process)
{
        char text[PROCFS_NAME_SIZE + 16];

        snprintf(text, sizeof(text), "%d %s", (int)process->pid, process->name);
        hark_server_publish(server, topic, hark_text(text));
}

/* By pid, then by age: a pid that was given to another process is another process. */
static int compare(const struct procfs_process *a, const struct procfs_process *b)
{
        if (a->pid != b->pid)
                return a->pid < b->pid ? -1 : 1;
        return (a->start_ticks > b->start_ticks) - (a->start_ticks < b->start_ticks);
}

/* Walks both lists, which are sorted, side by side. */
static void publish_differences(const struct topics *topics, const struct procfs_process *now,
                                size_t n_now)
{
        const struct procfs_process *before = topics->processes;
        const struct procfs_process *before_end = before + topics->n_processes;
        const struct procfs_process *now_end = now + n_now;

        while (before < before_end || now < now_end) {
                int order = before == before_end ? 1 : now == now_end ? -1 : compare(before, now);

                if (order < 0)
                        publish_process(topics->server, ENDED, before);
                if (order > 0)
                        publish_process(topics->server, STARTED, now);
                before += order <= 0;
                now += order >= 0;
        }
}

static void forget_processes(struct topics *topics)
{
        free(topics->processes);
        topics->processes = NULL;
        topics->n_processes = 0;
        topics->has_looked = false;
}

static void publish_processes(struct topics *topics)
{
        struct procfs_process *now;
        size_t n_now;

        if (!hark_server_has_subscribers(topics->server, STARTED) &&
            !hark_server_has_subscribers(topics->server, ENDED)) {
                forget_processes(topics);
                return;
        }
        if (procfs_processes(&now, &n_now) != 0)
                return;
        if (topics->has_looked)
                publish_differences(topics, now, n_now);
        free(topics->processes);
        topics->processes = now;
        topics->n_processes = n_now;
        topics->has_looked = true;
}

static void on_period(void *userdata)
{
        struct topics *topics = userdata;

        publish_processes(topics);
        publish_load(topics->server);
        publish_pressure(topics->server);
}

int topics_init(struct topics *topics, hark_loop *loop, hark_server *server, int period_ms)
{
        *topics = (struct topics){.server = server};
        return hark_loop_add_timer(loop, period_ms, period_ms, on_period, topics, NULL);
}

void topics_done(struct topics *topics)
{
        forget_processes(topics);
}
