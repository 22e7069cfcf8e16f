/* SPDX-License-Identifier: MIT */

/* See trial.h. */

#include "trial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "child.h"

#define CALL_MS     2000 /* for each call */
#define WAIT_MS     4000 /* for each event; the server looks at the machine several times a second */
#define WARM_UP_MS  100
#define TIMED_MS    300
#define N_TIMED     10000 /* at the most */
#define LARGE_SIZE  ((size_t)1 << 20)
#define N_LARGE     5
#define N_WANTED    20 /* notifications, at the least */
#define N_QUESTIONS (sizeof(questions) / sizeof(*questions))

enum seen {
        SEEN_ANSWERS = 1 << 0, /* to all questions asked at once */
        SEEN_LOAD = 1 << 1,
        SEEN_PRESSURE = 1 << 2,
        SEEN_STARTED = 1 << 3, /* these two: of the process that we start */
        SEEN_ENDED = 1 << 4,
        SEEN_ENOUGH = 1 << 5, /* notifications */
        SEEN_UNSUBSCRIBED = 1 << 6
};

static const struct question {
        const char *method, *text;
} questions[] = {
        {"sys.Load", ""},
        {"sys.Memory", ""},
        {"sys.Uptime", ""},
        {"sys.Processes", "sysmon*"},
};

struct trial;

struct asked {
        struct trial *trial;
        const struct question *question;
};

struct trial {
        const struct trial_setting *setting;
        hark_client *client;
        uint64_t subscription;
        struct child idle;
        pid_t idle_pid;
        struct asked asked[N_QUESTIONS];
        unsigned n_asked;
        unsigned seen; /* enum seen */
        struct result *result;
};

static uint64_t now_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void tell_step(const struct trial *trial, const char *text)
{
        if (trial->setting->is_told)
                report_step(text);
}

static void tell_text(const struct trial *trial, const char *label, const char *text)
{
        if (trial->setting->is_told)
                report_text(label, text);
}

/* The first failure is the one to tell of. */
static void fail(struct trial *trial, int failure)
{
        if (trial->result->failure == 0)
                trial->result->failure = failure;
}

/* Runs the loop until all of these were seen. */
static int wait_until_seen(struct trial *trial, unsigned wanted)
{
        uint64_t end_ns = now_ns() + WAIT_MS * UINT64_C(1000000);

        while ((trial->seen & wanted) != wanted && trial->result->failure == 0) {
                uint64_t now = now_ns();

                if (trial->setting->is_interrupted)
                        return -ECANCELED;
                if (now >= end_ns)
                        return -ETIMEDOUT;
                hark_loop_process(trial->setting->loop, (int)((end_ns - now) / 1000000) + 1);
        }
        return trial->result->failure;
}

static void take_answer(struct trial *trial, const char *method, int result, hark_message *reply)
{
        tell_text(trial, method,
                  result == 0 ? hark_message_text(reply) : hark_reason(result, reply));
        trial->result->n_answers += result == 0;
        if (result != 0)
                fail(trial, result);
}

static int call_each(struct trial *trial)
{
        tell_step(trial, "called, one after the other");
        for (size_t i = 0; i < N_QUESTIONS && trial->result->failure == 0; i++) {
                hark_message *reply = NULL;
                int r = hark_call(trial->client, questions[i].method, hark_text(questions[i].text),
                                  CALL_MS, &reply);

                take_answer(trial, questions[i].method, r, reply);
                hark_message_unref(reply);
        }
        return trial->result->failure;
}

static void on_reply(int result, hark_message *reply, void *userdata)
{
        struct asked *asked = userdata;

        take_answer(asked->trial, asked->question->method, result, reply);
        if (--asked->trial->n_asked == 0)
                asked->trial->seen |= SEEN_ANSWERS;
}

static int invoke_all(struct trial *trial)
{
        tell_step(trial, "called, all at once");
        for (size_t i = 0; i < N_QUESTIONS; i++) {
                struct asked *asked = &trial->asked[i];
                int r;

                *asked = (struct asked){trial, &questions[i]};
                r = hark_invoke(trial->client, asked->question->method,
                                hark_text(asked->question->text), CALL_MS, on_reply, asked, NULL);
                if (r != 0)
                        return r;
                trial->n_asked++;
        }
        return wait_until_seen(trial, SEEN_ANSWERS);
}

static int compare_times(const void *a, const void *b)
{
        const uint64_t *left = a, *right = b;

        return (*left > *right) - (*left < *right);
}

/* Sorts them. */
static double percentile_us(uint64_t *times_ns, size_t n, size_t percent)
{
        qsort(times_ns, n, sizeof(*times_ns), compare_times);
        return (double)times_ns[n * percent / 100] / 1000;
}

/* Calls once; the time that it took goes where it is wanted. */
static int time_call(struct trial *trial, uint64_t *ret_ns)
{
        uint64_t start_ns = now_ns();
        int r = hark_call(trial->client, "sys.Uptime", HARK_NOTHING, CALL_MS, NULL);

        if (r == 0)
                *ret_ns = now_ns() - start_ns;
        return r == 0 && trial->setting->is_interrupted ? -ECANCELED : r;
}

/* Until the processors are awake, and the kernel has found out where to run whom. */
static int warm_up(struct trial *trial)
{
        uint64_t end_ns = now_ns() + WARM_UP_MS * UINT64_C(1000000);
        uint64_t ignored_ns;
        int r = 0;

        while (r == 0 && now_ns() < end_ns)
                r = time_call(trial, &ignored_ns);
        return r;
}

static void tell_times(const struct trial *trial, size_t n)
{
        char text[80];

        snprintf(text, sizeof(text), "called %zu times in %d ms, after %d ms to warm up", n,
                 TIMED_MS, WARM_UP_MS);
        tell_step(trial, text);
        snprintf(text, sizeof(text), "p50 %.1f us\np99 %.1f us", trial->result->p50_us,
                 trial->result->p99_us);
        tell_text(trial, "sys.Uptime", text);
}

static int time_calls(struct trial *trial)
{
        uint64_t times_ns[N_TIMED];
        int r = warm_up(trial);
        uint64_t start_ns = now_ns(), took_ns = 0;
        size_t n = 0;

        for (; r == 0 && n < N_TIMED && took_ns < TIMED_MS * UINT64_C(1000000); n++) {
                r = time_call(trial, &times_ns[n]);
                took_ns = now_ns() - start_ns;
        }
        if (r != 0)
                return r;
        trial->result->calls_per_s = (double)n * 1e9 / (double)took_ns;
        trial->result->p50_us = percentile_us(times_ns, n, 50);
        trial->result->p99_us = percentile_us(times_ns, n, 99);
        tell_times(trial, n);
        return 0;
}

/* Bytes that do not repeat as blocks do, so that one that is lost or misplaced shows. */
static void fill(uint8_t *bytes, size_t size)
{
        uint32_t state = 1;

        for (size_t i = 0; i < size; i++) {
                state = state * 1664525 + 1013904223;
                bytes[i] = (uint8_t)(state >> 24);
        }
}

static int echo(struct trial *trial, const uint8_t *bytes, uint64_t *ret_ns)
{
        uint64_t start_ns = now_ns();
        hark_message *reply = NULL;
        int r = hark_call(trial->client, "sys.Echo", hark_bytes(bytes, LARGE_SIZE), CALL_MS,
                          &reply);

        *ret_ns = now_ns() - start_ns;
        if (r == 0 && (hark_message_size(reply) != LARGE_SIZE ||
                       memcmp(hark_message_data(reply), bytes, LARGE_SIZE) != 0))
                r = -EBADMSG;
        hark_message_unref(reply);
        return r;
}

static int call_with_much(struct trial *trial)
{
        uint8_t *bytes = malloc(LARGE_SIZE);
        uint64_t times_ns[N_LARGE];
        int r = bytes ? 0 : -ENOMEM;
        char text[64];

        if (bytes)
                fill(bytes, LARGE_SIZE);
        for (size_t i = 0; r == 0 && i < N_LARGE; i++)
                r = echo(trial, bytes, &times_ns[i]);
        free(bytes);
        if (r != 0)
                return r;
        trial->result->large_ms = percentile_us(times_ns, N_LARGE, 50) / 1000;
        tell_step(trial, "called with 1 MiB, which comes back");
        snprintf(text, sizeof(text), "the same bytes\n%.2f ms", trial->result->large_ms);
        tell_text(trial, "sys.Echo", text);
        return 0;
}

/* Which of the events that we wait for a notification is; 0: none, something else happened. */
static unsigned identify(const struct trial *trial, const struct hark_notification *n)
{
        bool is_idle = strtol(hark_message_text(n->message), NULL, 10) == trial->idle_pid;

        if (strcmp(n->topic, "sys.load") == 0)
                return SEEN_LOAD;
        if (strcmp(n->topic, "sys.memory.pressure") == 0)
                return SEEN_PRESSURE;
        if (is_idle && strcmp(n->topic, "sys.process.started") == 0)
                return SEEN_STARTED;
        if (is_idle && strcmp(n->topic, "sys.process.ended") == 0)
                return SEEN_ENDED;
        return 0;
}

static void take_notification(struct trial *trial, const struct hark_notification *n)
{
        unsigned event = identify(trial, n);

        if (n->sequence != ++trial->result->n_notifications + trial->result->n_lost)
                fail(trial, -EBADMSG); /* one is missing, or comes twice, and nobody has said so */
        if (event & ~trial->seen)      /* the others are counted only: it may be a busy machine */
                tell_text(trial, n->topic, hark_message_text(n->message));
        trial->seen |= event;
        if (trial->result->n_notifications >= N_WANTED)
                trial->seen |= SEEN_ENOUGH;
}

/* Everything was to arrive: a gap is told in numbers, and is a failure. */
static void take_gap(struct trial *trial, const struct hark_notification *n)
{
        trial->result->n_lost += n->n_lost != UINT64_MAX ? n->n_lost : 1;
        fail(trial, n->reason);
}

static void on_notification(const struct hark_notification *n, void *userdata)
{
        struct trial *trial = userdata;

        switch (n->kind) {
        case HARK_NOTIFICATION:
                take_notification(trial, n);
                break;
        case HARK_GAP:
                take_gap(trial, n);
                break;
        case HARK_UNSUBSCRIBED:
                trial->seen |= SEEN_UNSUBSCRIBED;
                if (n->reason != -ECANCELED)
                        fail(trial, n->reason);
                break;
        }
}

/* sys.load tells that the server watches processes from now on, see topics.h. */
static int follow_events(struct trial *trial)
{
        int r = hark_subscribe(trial->client, "sys.>", on_notification, trial, NULL,
                               &trial->subscription);

        tell_step(trial, "subscribed to sys.>, while a process starts and ends");
        if (r == 0)
                r = wait_until_seen(trial, SEEN_LOAD | SEEN_PRESSURE);
        if (r == 0)
                r = child_start_idle(&trial->idle);
        trial->idle_pid = trial->idle.pid;
        if (r == 0)
                r = wait_until_seen(trial, SEEN_STARTED);
        child_end_idle(&trial->idle);
        if (r == 0)
                r = wait_until_seen(trial, SEEN_ENDED | SEEN_ENOUGH);
        if (r == 0)
                r = hark_unsubscribe(trial->client, trial->subscription);
        return r == 0 ? wait_until_seen(trial, SEEN_UNSUBSCRIBED) : r;
}

void trial_run(const struct trial_setting *setting, const char *address, struct result *result)
{
        struct trial trial = {.setting = setting, .result = result};
        int r = hark_connect(setting->loop, address, NULL, &trial.client);

        result->n_questions = 2 * N_QUESTIONS;
        if (setting->is_told)
                report_heading(address);
        if (r == 0)
                r = call_each(&trial);
        if (r == 0)
                r = invoke_all(&trial);
        if (r == 0)
                r = time_calls(&trial);
        if (r == 0)
                r = call_with_much(&trial);
        if (r == 0)
                r = follow_events(&trial);
        hark_client_unref(trial.client);
        fail(&trial, r);
}
