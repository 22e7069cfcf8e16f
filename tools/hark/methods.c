/* SPDX-License-Identifier: MIT */
/*
 * A job is one request and the command that answers it:
 *
 *         waiting -----> running -----> answered, freed
 *            |              |  nobody waits for the answer any more
 *            v              v
 *          freed        killed -------> freed when the command has ended
 *
 * A request that expects no reply is not watched: who sends one may leave at once, and its command
 * runs all the same.
 */
#include "methods.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/wait.h>

#include "child.h"
#include "environment.h"
#include "failure.h"

#define MAX_WAITING 4096
#define MAX_OUTPUT  ((size_t)16 << 20) /* what a client takes by default */

struct method {
        struct methods *owner;
        char *name; /* may be a filter */
        const char *command;
        bool is_stream;
        SLIST_ENTRY(method) link;
};

struct job {
        struct methods *owner;
        const struct method *method;
        hark_request *request;
        struct child *child; /* NULL: waiting */
        bool is_cancelled;
        TAILQ_ENTRY(job) link;
};

TAILQ_HEAD(job_queue, job);

struct methods {
        hark_loop *loop;
        int max_running, n_running, n_waiting;
        struct job_queue waiting, running;
        SLIST_HEAD(, method) list;
};

static void free_job(struct job *job)
{
        hark_request_unref(job->request);
        free(job);
}

static void describe_failure(int wait_status, char *text, size_t size)
{
        if (WIFSIGNALED(wait_status))
                snprintf(text, size, "the command was killed by signal %d (%s)",
                         WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
        else
                snprintf(text, size, "the command exited with status %d", WEXITSTATUS(wait_status));
}

/* As the shell numbers it: what it exited with, or 128 and the signal. */
static int failure_status(int wait_status)
{
        if (WIFSIGNALED(wait_status))
                return HARK_APPLICATION + 128 + WTERMSIG(wait_status);
        return HARK_APPLICATION + WEXITSTATUS(wait_status);
}

/* Nobody but whoever runs this server can hear of a failure where no reply is expected. */
static void fail(struct job *job, int status, const char *text)
{
        if (hark_request_is_one_way(job->request))
                complain("%s for %s: %s", hark_request_method(job->request),
                         hark_peer_name(hark_request_peer(job->request)), text);
        else
                hark_fail(job->request, status, text);
}

static void answer_failure(struct job *job, const struct child_end *end)
{
        char text[96];

        describe_failure(end->wait_status, text, sizeof(text));
        fail(job, failure_status(end->wait_status), end->errors[0] ? end->errors : text);
}

static void answer(struct job *job, const struct child_end *end)
{
        if (end->error == -EMSGSIZE && job->method->is_stream)
                fail(job, HARK_REPLY_TOO_LARGE, "the command put out a line that is too long");
        else if (end->error == -EOPNOTSUPP)
                fail(job, -EOPNOTSUPP, hark_reason(HARK_NEEDS_OBSERVE, NULL));
        else if (end->error == -EMSGSIZE)
                fail(job, HARK_REPLY_TOO_LARGE, "the command put out more than 16 MiB");
        else if (end->error != 0)
                fail(job, HARK_RESOURCE_EXHAUSTED, "no memory for what the command put out");
        else if (end->wait_status != 0)
                answer_failure(job, end);
        else
                /* If it cannot be given, letting go of the request says why. */
                hark_reply(job->request, hark_bytes(end->output, end->output_size));
}

static void start_waiting(struct methods *methods);

static void on_end(const struct child_end *end, void *userdata)
{
        struct job *job = userdata;
        struct methods *methods = job->owner;

        TAILQ_REMOVE(&methods->running, job, link);
        methods->n_running--;
        if (!job->is_cancelled)
                answer(job, end);
        free_job(job);
        start_waiting(methods);
}

/* Whoever expects no answer expects no items. */
static int on_line(const char *line, size_t size, void *userdata)
{
        struct job *job = userdata;
        int r = hark_push(job->request, hark_bytes(line, size));

        return r == -EOPNOTSUPP && hark_request_is_one_way(job->request) ? 0 : r;
}

static void on_room(hark_request *request, void *userdata)
{
        struct job *job = userdata;

        (void)request;
        if (job->child)
                child_resume(job->child);
}

static int start_command(struct job *job)
{
        hark_message *message = hark_request_message(job->request);
        struct child_params params = {
                .command = job->method->command,
                .input = hark_message_data(message),
                .input_size = hark_message_size(message),
                .max_output = MAX_OUTPUT,
                .on_line = job->method->is_stream ? on_line : NULL,
                .on_end = on_end,
                .userdata = job,
        };
        char **environment = NULL;
        int r = environment_new(job->request, &environment);

        params.environment = environment;
        if (r == 0)
                r = child_start(job->owner->loop, &params, &job->child);
        environment_free(environment);
        return r;
}

static void start_job(struct methods *methods, struct job *job)
{
        char text[128];
        int r = start_command(job);

        if (r == 0) {
                TAILQ_INSERT_TAIL(&methods->running, job, link);
                methods->n_running++;
                return;
        }
        snprintf(text, sizeof(text), "the command cannot be started: %s", strerror(-r));
        fail(job, HARK_RESOURCE_EXHAUSTED, text);
        free_job(job);
}

static void start_waiting(struct methods *methods)
{
        struct job *job;

        while (methods->n_running < methods->max_running &&
               (job = TAILQ_FIRST(&methods->waiting))) {
                TAILQ_REMOVE(&methods->waiting, job, link);
                methods->n_waiting--;
                start_job(methods, job);
        }
}

static void cancel_job(struct job *job)
{
        if (job->child) {
                job->is_cancelled = true;
                child_kill(job->child);
                return;
        }
        TAILQ_REMOVE(&job->owner->waiting, job, link);
        job->owner->n_waiting--;
        free_job(job);
}

static void on_cancel(hark_request *request, int reason, void *userdata)
{
        (void)request;
        (void)reason;
        cancel_job(userdata);
}

static int watch_request(struct job *job)
{
        struct hark_request_events events = {.on_cancel = on_cancel};

        if (job->method->is_stream)
                events.on_room = on_room;
        if (hark_request_is_one_way(job->request))
                return 0;
        return hark_request_watch(job->request, &events, job);
}

static void on_request(hark_request *request, void *userdata)
{
        const struct method *method = userdata;
        struct methods *methods = method->owner;
        struct job *job;

        if (methods->n_waiting >= MAX_WAITING) {
                hark_fail(request, HARK_RESOURCE_EXHAUSTED, "too many requests wait already");
                return;
        }
        job = calloc(1, sizeof(*job));
        if (!job) {
                hark_fail(request, -ENOMEM, NULL);
                return;
        }
        job->owner = methods;
        job->method = method;
        job->request = hark_request_ref(request);
        if (watch_request(job) != 0) {
                free_job(job);
                return;
        }
        TAILQ_INSERT_TAIL(&methods->waiting, job, link);
        methods->n_waiting++;
        start_waiting(methods);
}

int methods_new(hark_loop *loop, int max_running, struct methods **ret_methods)
{
        struct methods *methods = calloc(1, sizeof(*methods));

        if (!methods)
                return -ENOMEM;
        methods->loop = hark_loop_ref(loop);
        methods->max_running = max_running;
        TAILQ_INIT(&methods->waiting);
        TAILQ_INIT(&methods->running);
        SLIST_INIT(&methods->list);
        *ret_methods = methods;
        return 0;
}

int methods_offer(struct methods *methods, hark_server *server, const char *name, size_t name_size,
                  const char *command, bool is_stream)
{
        struct method *method = calloc(1, sizeof(*method));

        if (!method)
                return -ENOMEM;
        method->owner = methods;
        method->command = command;
        method->is_stream = is_stream;
        SLIST_INSERT_HEAD(&methods->list, method, link);
        method->name = strndup(name, name_size);
        if (!method->name)
                return -ENOMEM;
        return hark_server_handle(server, method->name, on_request, method);
}

static void free_methods_list(struct methods *methods)
{
        struct method *method;

        while ((method = SLIST_FIRST(&methods->list))) {
                SLIST_REMOVE_HEAD(&methods->list, link);
                free(method->name);
                free(method);
        }
}

void methods_free(struct methods *methods)
{
        struct job *job;

        if (!methods)
                return;
        while ((job = TAILQ_FIRST(&methods->waiting)))
                cancel_job(job);
        TAILQ_FOREACH(job, &methods->running, link)
        cancel_job(job);
        while (methods->n_running > 0)
                hark_loop_process(methods->loop, HARK_FOREVER);
        free_methods_list(methods);
        hark_loop_unref(methods->loop);
        free(methods);
}
