/* SPDX-License-Identifier: MIT */

/* See methods.h. */

#include "methods.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "procfs.h"

#define N_METHODS (sizeof(methods) / sizeof(*methods))

/* Writes the answer to a question; 0 or a negative errno. */
typedef int write_answer(FILE *out, const char *question);

static int write_load(FILE *out, const char *question)
{
        struct procfs_load load;
        int r = procfs_load(&load);

        (void)question;
        if (r != 0)
                return r;
        fprintf(out, "load_1min  %.2f\nload_5min  %.2f\nload_15min %.2f\n", load.average[0],
                load.average[1], load.average[2]);
        fprintf(out, "running    %u\nthreads    %u\n", load.n_running, load.n_threads);
        return 0;
}

static int write_memory(FILE *out, const char *question)
{
        struct procfs_memory memory;
        int r = procfs_memory(&memory);

        (void)question;
        if (r != 0)
                return r;
        fprintf(out, "total_kib      %" PRIu64 "\navailable_kib  %" PRIu64 "\n", memory.total_kib,
                memory.available_kib);
        fprintf(out, "free_kib       %" PRIu64 "\nswap_total_kib %" PRIu64 "\n", memory.free_kib,
                memory.swap_total_kib);
        fprintf(out, "swap_free_kib  %" PRIu64 "\n", memory.swap_free_kib);
        return 0;
}

static int write_uptime(FILE *out, const char *question)
{
        struct procfs_uptime uptime;
        int r = procfs_uptime(&uptime);

        (void)question;
        if (r != 0)
                return r;
        fprintf(out, "up_s   %.2f\nidle_s %.2f\n", uptime.up_s, uptime.idle_s);
        return 0;
}

static bool is_wanted(const char *name, const char *filter)
{
        if (strpbrk(filter, "*?["))
                return fnmatch(filter, name, 0) == 0;
        return strstr(name, filter) != NULL; /* an empty filter lies in every name */
}

static int write_processes(FILE *out, const char *question)
{
        struct procfs_process *processes;
        size_t n;
        int r = procfs_processes(&processes, &n);

        if (r != 0)
                return r;
        fprintf(out, "%7s %10s %9s  %s\n", "pid", "rss_kib", "cpu_s", "name");
        for (const struct procfs_process *p = processes; p < processes + n; p++)
                if (is_wanted(p->name, question))
                        fprintf(out, "%7d %10" PRIu64 " %9.2f  %s\n", (int)p->pid, p->rss_kib,
                                p->cpu_s, p->name);
        free(processes);
        return 0;
}

static const struct method {
        const char *name;
        write_answer *write;
} methods[] = {
        {"sys.Load", write_load},
        {"sys.Memory", write_memory},
        {"sys.Uptime", write_uptime},
        {"sys.Processes", write_processes},
};

/* The text that write makes of the question, to free(). */
static int make_answer(write_answer *write, const char *question, char **ret_answer)
{
        char *answer = NULL;
        size_t size;
        FILE *out = open_memstream(&answer, &size);
        int r;

        if (!out)
                return -errno;
        r = write(out, question);
        if (fclose(out) != 0 && r == 0)
                r = -ENOMEM; /* all that can go wrong with memory is that there is none */
        if (r != 0) {
                free(answer);
                return r;
        }
        *ret_answer = answer;
        return 0;
}

static write_answer *find_writer(const char *name)
{
        for (size_t i = 0; i < N_METHODS; i++)
                if (strcmp(methods[i].name, name) == 0)
                        return methods[i].write;
        return NULL;
}

static void on_request(hark_request *request, void *userdata)
{
        const hark_message *message = hark_request_message(request);
        const char *question = hark_message_text(message);
        char *answer = NULL;
        int r;

        (void)userdata;
        if (hark_message_size(message) > 0 && *question == '\0') {
                hark_fail(request, HARK_INVALID_ARGUMENT, "a filter is a text, without NUL");
                return;
        }
        r = make_answer(find_writer(hark_request_method(request)), question, &answer);
        if (r != 0) {
                hark_failf(request, r, "reading /proc: %s", strerror(-r));
                return;
        }
        hark_reply(request, hark_text(answer));
        free(answer);
}

static void on_echo(hark_request *request, void *userdata)
{
        (void)userdata;
        hark_reply(request, hark_message_payload(hark_request_message(request)));
}

int methods_offer(hark_server *server)
{
        int r = hark_server_handle(server, "sys.Echo", on_echo, NULL);

        for (size_t i = 0; r == 0 && i < N_METHODS; i++)
                r = hark_server_handle(server, methods[i].name, on_request, NULL);
        return r;
}
