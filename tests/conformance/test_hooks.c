/* SPDX-License-Identifier: MIT */

/* What only the server's own program sees: hooks, peers, kept requests, and its end. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record.h"
#include "tests.h"

/* A server of the test's own on the rig's loop, and what it was told. */
struct house {
        struct rig rig;
        hark_server *server;
        hark_peer *peer; /* the last that came */
        int accept_status;
        unsigned n_accepted, n_left, n_handled, n_cancelled;
        int reason;
        void *left_userdata;
        hark_request *kept;
};

static int on_accept(hark_peer *peer, void *userdata)
{
        struct house *house = userdata;

        house->n_accepted++;
        house->peer = peer;
        hark_peer_set_userdata(peer, &house->n_accepted);
        return house->accept_status;
}

static void on_leave(hark_peer *peer, int reason, void *userdata)
{
        struct house *house = userdata;

        /* Of the spare pipes of a server nobody ever says a word, and their end is told, too. */
        if (hark_peer_credentials(peer)->claimed_name[0] == '\0')
                return;
        house->n_left++;
        house->reason = reason;
        house->left_userdata = hark_peer_userdata(peer);
        ck_assert_ptr_nonnull(hark_peer_name(peer));
        kit_assert_result(hark_peer_disconnect(peer), -ENOTCONN);
}

static void on_cancel(hark_request *request, int reason, void *userdata)
{
        struct house *house = userdata;

        house->n_cancelled++;
        house->reason = reason;
        kit_assert_result(hark_reply(request, HARK_NOTHING), reason);
}

static void keep(hark_request *request, void *userdata)
{
        struct hark_request_events events = {.on_cancel = on_cancel};
        struct house *house = userdata;

        house->n_handled++;
        house->kept = hark_request_ref(request);
        kit_assert_good(hark_request_watch(request, &events, house));
}

static void count(hark_request *request, void *userdata)
{
        ((struct house *)userdata)->n_handled++;
        hark_reply(request, HARK_NOTHING);
}

static void build(struct house *house, int (*accept)(hark_peer *, void *))
{
        struct hark_server_params params = {
                .on_accept = accept, .on_leave = on_leave, .userdata = house};

        *house = (struct house){.n_left = 0};
        rig_prepare(&house->rig);
        kit_assert_good(hark_server_new(house->rig.loop, &params, &house->server));
        kit_assert_good(hark_server_handle(house->server, "keep", keep, house));
        kit_assert_good(hark_server_handle(house->server, "count", count, house));
        rig_listen(&house->rig, house->server);
}

static void build_and_enter(struct house *house)
{
        build(house, on_accept);
        house->rig.client = rig_connect(&house->rig, NULL);
}

static void tear_down(struct house *house)
{
        hark_request_unref(house->kept);
        hark_server_unref(house->server);
        rig_end(&house->rig);
}

/* --- peers ------------------------------------------------------------------------------------ */

START_TEST(a_peer_keeps_what_its_server_gives_it)
{
        struct house house;

        build_and_enter(&house);
        ck_assert_ptr_eq(hark_peer_userdata(house.peer), &house.n_accepted);
        rig_drop(&house.rig, house.rig.client);
        kit_until(house.rig.loop, house.n_left == 1);
        ck_assert_ptr_eq(house.left_userdata, &house.n_accepted);
        ck_assert_int_eq(house.reason, 0);
        tear_down(&house);
        ck_assert_uint_eq(house.n_left, 1);
}
END_TEST

START_TEST(a_kept_request_keeps_its_peer)
{
        struct ending ending = {0};
        struct house house;
        hark_peer *peer;

        build_and_enter(&house);
        rig_invoke(&house.rig, "keep", "", &ending);
        kit_until(house.rig.loop, house.kept);
        rig_drop(&house.rig, house.rig.client);
        kit_until(house.rig.loop, house.n_left == 1);
        ck_assert_uint_eq(house.n_cancelled, 1);
        peer = hark_request_peer(house.kept);
        ck_assert_ptr_eq(peer, house.peer);
        ck_assert_ptr_nonnull(hark_peer_name(peer));
        ck_assert_str_eq(hark_request_method(house.kept), "keep");
        ck_assert_int_eq(hark_peer_credentials(peer)->claimed_pid, getpid());
        ck_assert_ptr_null(hark_peer_client(peer));
        kit_assert_result(hark_peer_disconnect(peer), -ENOTCONN);
        tear_down(&house);
}
END_TEST

static int publish_and_refuse(hark_peer *peer, void *userdata)
{
        struct house *house = userdata;

        (void)peer;
        kit_assert_good(hark_server_publish(house->server, "secret", hark_text("secret")));
        return HARK_PERMISSION_DENIED;
}

struct end_of_state {
        bool is_over;
        int reason;
};

static void on_state(hark_client *client, int state, int reason, void *userdata)
{
        struct end_of_state *end = userdata;

        (void)client;
        end->is_over = state == HARK_CLOSED;
        end->reason = reason;
}

START_TEST(what_is_published_before_a_refusal_does_not_reach_the_refused)
{
        struct end_of_state end = {false, 0};
        struct hark_client_params params = {.on_state = on_state, .userdata = &end};
        struct record record = {0};
        hark_client *client = NULL;
        struct house house;

        build(&house, publish_and_refuse);
        kit_assert_good(rig_begin_connect(&house.rig, house.rig.loop, &params, &client));
        record_subscribe(&record, client, "secret");
        kit_until(house.rig.loop, end.is_over);
        kit_assert_result(end.reason, -EACCES);
        ck_assert_uint_eq(record.n_entries, 1);
        kit_assert_result(record.reason, -ENOTCONN);
        ck_assert_uint_eq(house.n_left, 0);
        hark_client_unref(client);
        tear_down(&house);
}
END_TEST

/* --- methods ---------------------------------------------------------------------------------- */

START_TEST(a_method_can_be_taken_back)
{
        struct ending first = {0}, second = {0};
        struct house house;

        build_and_enter(&house);
        rig_invoke(&house.rig, "count", "", &first);
        rig_expect_end(&house.rig, &first, 0);
        kit_assert_good(hark_server_handle(house.server, "count", NULL, NULL));
        rig_invoke(&house.rig, "count", "", &second);
        rig_expect_end(&house.rig, &second, HARK_UNIMPLEMENTED);
        kit_assert_result(hark_server_handle(house.server, "count", NULL, NULL), -ENOENT);
        kit_assert_result(hark_server_handle(house.server, "a..b", count, &house), -EINVAL);
        tear_down(&house);
}
END_TEST

static void call_same_loop(hark_request *request, void *userdata)
{
        struct house *house = userdata;
        int r = hark_call(house->rig.client, "count", HARK_NOTHING, HARK_FOREVER, NULL);

        ck_assert_uint_eq(house->n_handled, 0);
        hark_fail(request, r, hark_reason(r, NULL));
}

/* Nobody's handlers run while one waits: not even the one that it waits for. */
START_TEST(a_call_to_a_server_of_the_same_loop_is_a_circle)
{
        struct ending waiting = {0}, held_back = {0};
        struct house house;

        build_and_enter(&house);
        kit_assert_good(hark_server_handle(house.server, "same_loop", call_same_loop, &house));
        rig_invoke(&house.rig, "same_loop", "", &waiting);
        rig_invoke(&house.rig, "count", "", &held_back);
        rig_expect_end(&house.rig, &waiting, HARK_CIRCLE);
        rig_expect_end(&house.rig, &held_back, 0);
        ck_assert_uint_eq(house.n_handled,
                          1); /* the call that would have waited for itself never began */
        tear_down(&house);
}
END_TEST

/* By a client on another loop of the same thread; the two were run by turns until it was
 * connected. */
START_TEST(a_call_to_a_server_of_the_same_thread_is_a_circle)
{
        hark_message *reply = NULL;
        hark_loop *loop = NULL;
        hark_client *sleeper;
        struct house house;

        build_and_enter(&house);
        kit_assert_good(hark_loop_new(&loop));
        sleeper = rig_connect_sleeper(&house.rig, loop);
        kit_assert_result(hark_call(sleeper, "count", HARK_NOTHING, HARK_FOREVER, &reply),
                          HARK_CIRCLE);
        ck_assert_str_eq(hark_reason(HARK_CIRCLE, reply),
                         "the call would wait for itself: conformance -> conformance");
        hark_message_unref(reply);
        hark_client_unref(sleeper);
        hark_loop_unref(loop);
        tear_down(&house);
}
END_TEST

START_TEST(what_is_published_must_have_a_name)
{
        struct hark_payload failure = {.status = 5};
        struct house house;

        build_and_enter(&house);
        kit_assert_result(hark_server_publish(house.server, "a.*", HARK_NOTHING), -EINVAL);
        kit_assert_result(hark_server_publish(house.server, "", HARK_NOTHING), -EINVAL);
        kit_assert_result(hark_server_publish(house.server, "a", failure), -EINVAL);
        kit_assert_good(hark_server_publish(house.server, "a", HARK_NOTHING));
        ck_assert(!hark_server_has_subscribers(house.server, "a"));
        ck_assert_ptr_nonnull(hark_server_address(house.server, 0));
        ck_assert_ptr_null(hark_server_address(house.server, RIG_CLIENTS));
        tear_down(&house);
}
END_TEST

/* --- the end of a server ---------------------------------------------------------------------- */

START_TEST(letting_go_of_a_server_tells_all_before_it_returns)
{
        struct ending kept = {0}, queued = {0};
        struct record record = {0};
        struct house house;

        build(&house, on_accept);
        house.rig.client = rig_connect(&house.rig, &rig_one_shot);
        rig_invoke(&house.rig, "keep", "", &kept);
        record_subscribe(&record, house.rig.client, "a");
        kit_until(house.rig.loop, house.kept);
        rig_connect(&house.rig, NULL);
        house.server = hark_server_unref(house.server);
        ck_assert_uint_eq(house.n_left, 2);
        ck_assert_uint_eq(house.n_cancelled, 1);
        kit_assert_result(hark_reply(house.kept, HARK_NOTHING), -ECANCELED);
        rig_expect_end(&house.rig, &kept, -ECONNRESET);
        kit_until(house.rig.loop, record.is_over);
        ck_assert_int_eq(record.reason, HARK_UNAVAILABLE);
        ck_assert_int_eq(hark_client_state(house.rig.client), HARK_CLOSED);
        kit_assert_result(hark_invoke(house.rig.client, "count", HARK_NOTHING, 1000, rig_note_end,
                                      &queued, NULL),
                          -ENOTCONN);
        tear_down(&house);
}
END_TEST

static void let_go_of_server(hark_request *request, void *userdata)
{
        struct house *house = userdata;

        kit_assert_good(hark_reply(request, hark_text("last words")));
        house->server = hark_server_unref(house->server);
        ck_assert_uint_eq(house->n_left, 0); /* inside a callback: right after it */
}

START_TEST(a_server_s_last_answer_arrives_and_no_handler_runs_after_it)
{
        struct ending last = {0}, behind = {0};
        struct house house;

        build_and_enter(&house);
        kit_assert_good(hark_server_handle(house.server, "end", let_go_of_server, &house));
        rig_invoke(&house.rig, "end", "", &last);
        rig_invoke(&house.rig, "count", "", &behind);
        kit_assert_good(hark_send(house.rig.client, "count", HARK_NOTHING));
        rig_expect_end(&house.rig, &last, 0);
        ck_assert_str_eq(last.text, "last words");
        kit_until(house.rig.loop, behind.n == 1);
        ck_assert_int_lt(behind.result, 0);
        ck_assert_uint_eq(house.n_handled, 0);
        ck_assert_uint_eq(house.n_left, 1);
        tear_down(&house);
}
END_TEST

CHAPTER(test_hooks, a_peer_keeps_what_its_server_gives_it, a_kept_request_keeps_its_peer,
        what_is_published_before_a_refusal_does_not_reach_the_refused, a_method_can_be_taken_back,
        a_call_to_a_server_of_the_same_loop_is_a_circle,
        a_call_to_a_server_of_the_same_thread_is_a_circle, what_is_published_must_have_a_name,
        letting_go_of_a_server_tells_all_before_it_returns,
        a_server_s_last_answer_arrives_and_no_handler_runs_after_it)
