/* SPDX-License-Identifier: MIT */

/*
 * A server that is killed, or says goodbye, 200 times under load, and two clients that go on: one
 * that is told of each loss, and one that waits and asks again.
 *
 *         this process                           generation 0, 1, 2, ... of the server
 *         plain    calls, streams, sends  ---->  counts what reaches a handler, and each end there,
 *         patient  idempotent, outbox            in memory that outlives it; publishes as it handles
 *
 * At the end the two counts are laid side by side. Every call has exactly one end here. What
 * reached a handler has exactly one end there, unless its process was killed. What was told as
 * never sent reached none; what may not be repeated reached one at the most. And of each
 * subscription, from where it stood to its gap of unknown size, no number is missing.
 */

#include "fixture.h"

#include <errno.h>
#include <hark/hark.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define N_RESTARTS   200
#define N_QUESTIONS  100000
#define N_ITEMS      3
#define N_KEPT       6
#define PATIENCE_MS  20000
#define GOODBYE_EACH 8 /* this generation says goodbye, the others are killed */

enum kind {
        CALL = 1,
        STREAM,
        IDEMPOTENT,
        SEND
};

static const char *const methods[] = {"", "later", "stream", "now", "note"};

/* Of one question, at the server's side. */
struct handled {
        uint8_t n_begun, n_ended;
};

struct generation {
        uint32_t n_begun, n_ended, n_published;
};

/* What outlives the servers. */
struct page {
        uint32_t current;
        struct handled handled[N_QUESTIONS];
        struct generation generations[N_RESTARTS + 1];
};

/* --- the server ------------------------------------------------------------------------------- */

struct service {
        struct page *page;
        hark_loop *loop;
        hark_server *server;
        struct kept {
                hark_request *request;
                uint32_t number;
                struct service *service;
        } kept[N_KEPT];
        unsigned next_kept;
};

static struct generation *own_generation(struct service *service)
{
        return &service->page->generations[service->page->current];
}

static uint32_t number_of(hark_request *request)
{
        uint32_t number = N_QUESTIONS;
        const hark_message *message = hark_request_message(request);

        if (hark_message_size(message) == sizeof(number))
                memcpy(&number, hark_message_data(message), sizeof(number));
        ck_assert_uint_lt(number, N_QUESTIONS);
        return number;
}

static void publish(struct service *service)
{
        uint32_t tick[2] = {service->page->current, ++own_generation(service)->n_published};

        ck_assert_int_eq(
                hark_server_publish(service->server, "tick", hark_bytes(tick, sizeof(tick))), 0);
}

static uint32_t note_begin(struct service *service, hark_request *request)
{
        uint32_t number = number_of(request);

        service->page->handled[number].n_begun++;
        own_generation(service)->n_begun++;
        publish(service);
        return number;
}

static void note_end(struct service *service, uint32_t number)
{
        service->page->handled[number].n_ended++;
        own_generation(service)->n_ended++;
}

static void handle_now(hark_request *request, void *userdata)
{
        struct service *service = userdata;
        uint32_t number = note_begin(service, request);

        ck_assert_int_eq(hark_reply(request, HARK_NOTHING), 0);
        note_end(service, number);
}

static void handle_stream(hark_request *request, void *userdata)
{
        struct service *service = userdata;
        uint32_t number = note_begin(service, request);

        for (int i = 0; i < N_ITEMS; i++)
                ck_assert_int_eq(hark_push(request, HARK_NOTHING), 0);
        ck_assert_int_eq(hark_reply(request, HARK_NOTHING), 0);
        note_end(service, number);
}

static void forget(struct kept *kept)
{
        note_end(kept->service, kept->number);
        kept->request = hark_request_unref(kept->request);
}

static void on_cancel(hark_request *request, int reason, void *userdata)
{
        (void)request;
        (void)reason;
        forget(userdata);
}

/* Each one answers the one that came N_KEPT before it. */
static void handle_later(hark_request *request, void *userdata)
{
        static const struct hark_request_events events = {.on_cancel = on_cancel};
        struct service *service = userdata;
        struct kept *kept = &service->kept[service->next_kept++ % N_KEPT];
        uint32_t number = note_begin(service, request);

        if (kept->request) {
                ck_assert_int_eq(hark_reply(kept->request, HARK_NOTHING), 0);
                forget(kept);
        }
        *kept = (struct kept){hark_request_ref(request), number, service};
        ck_assert_int_eq(hark_request_watch(request, &events, kept), 0);
}

static void handle_note(hark_request *request, void *userdata)
{
        struct service *service = userdata;

        note_end(service, note_begin(service, request));
}

static void on_term(int signo, void *userdata)
{
        (void)signo;
        hark_loop_stop(userdata);
}

static const char *address(void)
{
        static char text[256];

        snprintf(text, sizeof(text), "unix:%s", fixture_path("server"));
        return text;
}

static int serve(void *userdata)
{
        struct service service = {.page = userdata};
        struct generation *own = own_generation(&service);

        ck_assert_int_eq(hark_loop_new(&service.loop), 0);
        ck_assert_int_eq(hark_loop_add_signal(service.loop, SIGTERM, on_term, service.loop, NULL),
                         0);
        ck_assert_int_eq(hark_server_new(service.loop, NULL, &service.server), 0);
        ck_assert_int_eq(hark_server_handle(service.server, "now", handle_now, &service), 0);
        ck_assert_int_eq(hark_server_handle(service.server, "later", handle_later, &service), 0);
        ck_assert_int_eq(hark_server_handle(service.server, "stream", handle_stream, &service), 0);
        ck_assert_int_eq(hark_server_handle(service.server, "note", handle_note, &service), 0);
        ck_assert_int_eq(hark_server_listen(service.server, address()), 0);
        ck_assert_int_eq(hark_loop_run(service.loop), 0);
        hark_server_unref(service.server);
        hark_loop_unref(service.loop);
        ck_assert_uint_eq(own->n_begun, own->n_ended);
        return 0;
}

/* --- the clients ------------------------------------------------------------------------------ */

struct question {
        enum kind kind;
        unsigned n_ends, n_items;
        int result;
        struct run *run;
};

/* What a subscription is told, checked as it comes. */
struct span {
        struct run *run;
        bool is_begun, is_over;
        uint32_t generation, first_tick; /* those of number 1 */
        uint64_t next;
        unsigned n_spans;
        uint64_t n_delivered, n_lost;
};

struct run {
        struct page *page;
        hark_loop *loop;
        hark_client *plain, *patient;
        struct span spans[2];
        struct question questions[N_QUESTIONS];
        uint32_t n_asked, n_refused, n_ended;
        unsigned n_ended_here; /* of this generation */
        uint64_t n_dropped, n_unknown;
        pid_t pid;
};

static void on_reply(int result, hark_message *message, void *userdata)
{
        struct question *question = userdata;

        (void)message;
        ck_assert_uint_eq(question->n_ends, 0);
        if (result == HARK_MORE) {
                question->n_items++;
                return;
        }
        question->n_ends++;
        question->result = result;
        question->run->n_ended++;
        question->run->n_ended_here++;
}

static int put(hark_client *client, struct question *question, struct hark_payload payload)
{
        const char *method = methods[question->kind];

        switch (question->kind) {
        case STREAM:
                return hark_observe(client, method, payload, PATIENCE_MS, on_reply, question, NULL);
        case SEND:
                return hark_send(client, method, payload);
        case CALL:
        case IDEMPOTENT:
                break;
        }
        payload.is_idempotent = question->kind == IDEMPOTENT;
        return hark_invoke(client, method, payload, PATIENCE_MS, on_reply, question, NULL);
}

/* A place is taken only by what has begun. */
static void ask(struct run *run, hark_client *client, enum kind kind)
{
        uint32_t number = run->n_asked;
        struct question *question = &run->questions[number];

        ck_assert_uint_lt(number, N_QUESTIONS);
        *question = (struct question){.kind = kind, .run = run};
        if (put(client, question, hark_bytes(&number, sizeof(number))) != 0) {
                ck_assert_uint_eq(run->page->handled[number].n_begun, 0);
                run->n_refused++;
                return;
        }
        run->n_asked++;
        if (kind == SEND)
                run->n_ended++;
}

static void ask_all_kinds(struct run *run)
{
        ask(run, run->plain, CALL);
        ask(run, run->plain, STREAM);
        ask(run, run->plain, SEND);
        ask(run, run->patient, CALL);
        ask(run, run->patient, IDEMPOTENT);
        ask(run, run->patient, STREAM);
        ask(run, run->patient, SEND);
}

static void begin_span(struct span *span, const uint32_t tick[2])
{
        span->is_begun = true;
        span->generation = tick[0];
        span->first_tick = tick[1];
        span->next = 1;
        span->n_spans++;
}

static void take_tick(struct span *span, const struct hark_notification *notification)
{
        uint32_t tick[2];

        ck_assert_uint_eq(hark_message_size(notification->message), sizeof(tick));
        memcpy(tick, hark_message_data(notification->message), sizeof(tick));
        if (!span->is_begun)
                begin_span(span, tick);
        ck_assert_uint_eq(tick[0], span->generation);
        ck_assert_uint_eq(notification->sequence, span->next);
        ck_assert_uint_eq(tick[1], span->first_tick + span->next - 1);
        span->next++;
        span->n_delivered++;
}

/* After a goodbye nothing may be missing: all that was published is accounted for. */
static void end_span(struct span *span, const struct hark_notification *gap)
{
        const struct generation *generation = &span->run->page->generations[span->generation];

        ck_assert_uint_eq(gap->sequence, span->is_begun ? span->next : 1);
        if (span->is_begun && gap->reason == HARK_UNAVAILABLE)
                ck_assert_uint_eq(span->first_tick + span->next - 2, generation->n_published);
        span->is_begun = false;
}

static void on_notification(const struct hark_notification *notification, void *userdata)
{
        struct span *span = userdata;

        ck_assert(!span->is_over);
        if (notification->kind == HARK_UNSUBSCRIBED) {
                span->is_over = true;
        } else if (notification->kind == HARK_NOTIFICATION) {
                take_tick(span, notification);
        } else if (notification->n_lost == UINT64_MAX) {
                end_span(span, notification);
        } else {
                ck_assert_uint_eq(notification->sequence, span->next);
                span->next += notification->n_lost;
                span->n_lost += notification->n_lost;
        }
}

static void on_lost(hark_client *client, uint64_t n_dropped, uint64_t n_unknown, void *userdata)
{
        struct run *run = userdata;

        (void)client;
        run->n_dropped += n_dropped;
        run->n_unknown += n_unknown;
}

/* --- the run ---------------------------------------------------------------------------------- */

static void step_until_ended(struct run *run, unsigned n)
{
        while (run->n_ended_here < n)
                ck_assert_int_eq(hark_loop_process(run->loop, PATIENCE_MS), 0);
}

static hark_client *connect_one(struct run *run, struct span *span,
                                const struct hark_client_params *wishes)
{
        struct hark_client_params params = *wishes;
        hark_client *client = NULL;

        params.on_lost = on_lost;
        params.userdata = run;
        params.retry_min_ms = 1;
        ck_assert_int_eq(hark_connect(run->loop, address(), &params, &client), 0);
        *span = (struct span){.run = run};
        ck_assert_int_eq(hark_subscribe(client, "tick", on_notification, span, NULL, NULL), 0);
        return client;
}

static void start_server(struct run *run, uint32_t generation)
{
        run->page->current = generation;
        run->pid = fixture_fork(serve, run->page);
}

static bool says_goodbye(uint32_t generation)
{
        return generation == N_RESTARTS || generation % GOODBYE_EACH == 0;
}

static void stop_server(struct run *run, uint32_t generation)
{
        bool is_goodbye = says_goodbye(generation);

        ck_assert_int_eq(kill(run->pid, is_goodbye ? SIGTERM : SIGKILL), 0);
        ck_assert_int_eq(fixture_wait_exit(run->pid), is_goodbye ? 0 : 128 + SIGKILL);
}

static void step_until_away(struct run *run, const hark_client *client)
{
        while (hark_client_state(client) == HARK_CONNECTED)
                ck_assert_int_eq(hark_loop_process(run->loop, PATIENCE_MS), 0);
}

static void step_until_connected(struct run *run, const hark_client *client)
{
        while (hark_client_state(client) != HARK_CONNECTED)
                ck_assert_int_eq(hark_loop_process(run->loop, PATIENCE_MS), 0);
}

/* The moment of the end is another one each time: from right after asking to when half is
 * answered. */
static void live_through(struct run *run, uint32_t generation)
{
        run->n_ended_here = 0;
        ask_all_kinds(run); /* into the void: they do not know yet */
        step_until_away(run, run->plain);
        step_until_away(run, run->patient);
        ask_all_kinds(run); /* refused, or waiting */
        start_server(run, generation);
        step_until_connected(run, run->plain);
        step_until_connected(run, run->patient);
        for (int i = 0; i < 12; i++)
                ask_all_kinds(run);
        step_until_ended(run, generation % 20);
        for (int i = 0; i < 4; i++)
                ask_all_kinds(run);
        stop_server(run, generation);
}

static void check_question(const struct run *run, uint32_t number)
{
        const struct question *question = &run->questions[number];
        const struct handled *handled = &run->page->handled[number];

        ck_assert_uint_le(handled->n_ended, handled->n_begun);
        if (question->kind != IDEMPOTENT)
                ck_assert_uint_le(handled->n_begun, 1);
        if (question->kind == SEND)
                return;
        ck_assert_msg(question->n_ends == 1, "%u has %u ends", number, question->n_ends);
        if (question->result == 0) {
                ck_assert_uint_ge(handled->n_ended, 1);
                ck_assert_uint_eq(question->n_items, question->kind == STREAM ? N_ITEMS : 0);
        }
        if (question->result == -ENOTCONN)
                ck_assert_uint_eq(handled->n_begun, 0);
}

/* What was not handled of the sends is told. */
static void check_sends(const struct run *run)
{
        uint64_t n_missing = 0;

        for (uint32_t i = 0; i < run->n_asked; i++)
                if (run->questions[i].kind == SEND && run->page->handled[i].n_begun == 0)
                        n_missing++;
        ck_assert_uint_le(n_missing, run->n_dropped + run->n_unknown);
}

static unsigned count_results(const struct run *run, int result)
{
        unsigned n = 0;

        for (uint32_t i = 0; i < run->n_asked; i++)
                n += run->questions[i].kind != SEND && run->questions[i].result == result;
        return n;
}

/* It would be no test if nothing of this had happened. */
static void check_that_it_was_hard(const struct run *run)
{
        ck_assert_uint_gt(count_results(run, 0), N_RESTARTS);
        ck_assert_uint_gt(count_results(run, -ECONNRESET), N_RESTARTS);
        ck_assert_uint_gt(run->n_refused, N_RESTARTS / 2);
        for (size_t i = 0; i < 2; i++) {
                ck_assert_uint_gt(run->spans[i].n_spans, N_RESTARTS / 10);
                ck_assert(run->spans[i].is_over);
        }
}

static void end_run(struct run *run)
{
        hark_client_unref(run->plain);
        hark_client_unref(run->patient);
        ck_assert_uint_eq(run->n_ended, run->n_asked);
        for (uint32_t i = 0; i < run->n_asked; i++)
                check_question(run, i);
        check_sends(run);
        check_that_it_was_hard(run);
        hark_loop_unref(run->loop);
}

START_TEST(two_hundred_restarts_leave_no_end_untold_and_no_number_missing)
{
        static struct run run;
        struct hark_client_params plain = {.outbox_size = 0};
        struct hark_client_params patient = {.wait_ms = HARK_FOREVER, .outbox_size = 1 << 20};

        run.page = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ck_assert_ptr_ne(run.page, MAP_FAILED);
        ck_assert_int_eq(hark_loop_new(&run.loop), 0);
        start_server(&run, 0);
        run.patient = connect_one(&run, &run.spans[1], &patient);
        step_until_connected(&run, run.patient);
        run.plain = connect_one(&run, &run.spans[0], &plain);
        step_until_connected(&run, run.plain);
        stop_server(&run, 0);
        for (uint32_t i = 1; i <= N_RESTARTS; i++)
                live_through(&run, i);
        end_run(&run);
        munmap(run.page, sizeof(struct page));
}
END_TEST

FIXTURE_MAIN("restarts", two_hundred_restarts_leave_no_end_untold_and_no_number_missing)
