/* SPDX-License-Identifier: MIT */

/* Groups: each notification goes to one member, and to another if that one does not live to confirm
 * it. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record.h"
#include "tests.h"

#define WINDOW   16 /* what one member has to confirm at the most */
#define JOBS_MAX 2000

static const struct hark_subscribe_params plain = {.group = NULL};
static const struct hark_subscribe_params once = {.is_once_only = true};

/* A member of the group "crew", and what all of them in this process have been told. */
struct crew {
        unsigned n, n_repeated;
        unsigned seen[JOBS_MAX + 1]; /* by number, as the service publishes them */
};

struct member {
        struct record record;
        struct crew *crew;
        hark_client *client;
        uint64_t id;
        bool leaves; /* in its first callback */
};

static void on_job(const struct hark_notification *notification, void *userdata)
{
        struct member *member = userdata;

        record_notification(notification, &member->record);
        if (notification->kind != HARK_NOTIFICATION)
                return;
        member->crew->n++;
        member->crew->n_repeated += notification->is_repeated;
        member->crew->seen[atoi(hark_message_text(notification->message))]++;
        if (member->leaves)
                kit_assert_good(hark_unsubscribe(member->client, member->id));
}

static void join_as(struct member *member, struct crew *crew, hark_client *client,
                    const char *filter, struct hark_subscribe_params params)
{
        params.group = "crew";
        member->crew = crew;
        member->client = client;
        kit_assert_good(hark_subscribe(client, filter, on_job, member, &params, &member->id));
}

static void join(struct member *member, struct crew *crew, hark_client *client)
{
        join_as(member, crew, client, "jobs.>", plain);
}

static void check_each_came(const struct crew *crew, unsigned n, unsigned times)
{
        for (unsigned i = 1; i <= n; i++)
                ck_assert_msg(crew->seen[i] == times, "%u came %u times", i, crew->seen[i]);
}

/* --- who gets what ---------------------------------------------------------------------------- */

START_TEST(each_goes_to_one_member_in_turns)
{
        struct member members[4] = {0};
        struct crew crew = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        for (size_t i = 0; i < COUNT(members); i++)
                join(&members[i], &crew, rig.client);
        rig_ask(&rig, "publish", "jobs.a 12");
        kit_until(rig.loop, crew.n == 12);
        check_each_came(&crew, 12, 1);
        for (size_t i = 0; i < COUNT(members); i++)
                ck_assert_uint_eq(members[i].record.n_delivered, 3);
        ck_assert_uint_eq(crew.n_repeated, 0);
        rig_end(&rig);
}
END_TEST

START_TEST(members_of_several_clients_share)
{
        struct member members[4] = {0};
        struct crew crew = {0};
        struct record all = {0};
        struct rig rig;

        rig_need_several_clients();
        rig_start(&rig, NULL);
        for (size_t i = 0; i < COUNT(members); i++) {
                hark_client *client = i == 0 ? rig.client : rig_connect(&rig, NULL);

                join(&members[i], &crew, client);
                kit_assert_good(hark_client_flush(client, KIT_PATIENCE_MS));
        }
        record_subscribe(&all, rig.client, "jobs.a");
        rig_ask(&rig, "publish", "jobs.a 1000");
        kit_until(rig.loop, crew.n == 1000 && all.n_delivered == 1000);
        check_each_came(&crew, 1000, 1);
        for (size_t i = 0; i < COUNT(members); i++)
                ck_assert_uint_ge(members[i].record.n_delivered, WINDOW);
        ck_assert_uint_eq(rig_count(&rig, "unconfirmed"), 0);
        rig_end(&rig);
}
END_TEST

START_TEST(each_goes_to_a_member_that_it_matches)
{
        struct member print = {0}, any = {0};
        struct crew prints = {0}, anys = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        join_as(&print, &prints, rig.client, "jobs.print", plain);
        join(&any, &anys, rig.client);
        rig_ask(&rig, "publish", "jobs.scan 100");
        rig_ask(&rig, "publish", "jobs.print 100");
        rig_ask(&rig, "publish", "other 100");
        kit_until(rig.loop, prints.n + anys.n == 200);
        for (unsigned i = 1; i <= 100; i++)
                ck_assert_uint_eq(prints.seen[i] + anys.seen[i], 2);
        ck_assert_uint_ge(prints.n, WINDOW);
        rig_end(&rig);
}
END_TEST

/* --- a member that does nothing --------------------------------------------------------------- */

/* A client on a loop of its own, which nobody runs once its member stands. */
struct sleeper {
        struct member member;
        struct crew crew;
        hark_loop *loop;
        hark_client *client;
};

static void wait_for_subscribers(struct rig *rig, const char *topic)
{
        while (strcmp(rig_ask(rig, "has_subscribers", "%s", topic), "1") != 0)
                ;
}

static void start_sleeper(struct sleeper *sleeper, struct rig *rig,
                          struct hark_subscribe_params params)
{
        *sleeper = (struct sleeper){.loop = NULL};
        kit_assert_good(hark_loop_new(&sleeper->loop));
        sleeper->client = rig_connect_sleeper(rig, sleeper->loop);
        join_as(&sleeper->member, &sleeper->crew, sleeper->client, "jobs.>", params);
        kit_settle(sleeper->loop);
        wait_for_subscribers(rig, "jobs.a");
}

static void end_sleeper(struct sleeper *sleeper)
{
        hark_client_unref(sleeper->client);
        hark_loop_unref(sleeper->loop);
}

/* Runs it until it has so many; what the kernel had no room for, the service still has. */
static void wake_sleeper(struct sleeper *sleeper, struct rig *rig, unsigned n)
{
        uint64_t end_ms = kit_now_ms() + KIT_PATIENCE_MS;

        while (sleeper->crew.n < n) {
                kit_assert(kit_now_ms() < end_ms);
                kit_settle(sleeper->loop);
                kit_settle(rig->loop);
        }
}

/* A sleeper that holds 16 of 50, and a member that has had the others. */
static void share_with_sleeper(struct sleeper *sleeper, struct member *member, struct crew *crew,
                               struct rig *rig, struct hark_subscribe_params params)
{
        start_sleeper(sleeper, rig, params);
        join(member, crew, rig->client);
        rig_ask(rig, "publish", "jobs.a 50");
        kit_until(rig->loop, crew->n == 50 - WINDOW);
        rig_ask(rig, "echo", "x");
        ck_assert_uint_eq(crew->n, 50 - WINDOW);
}

START_TEST(a_member_that_does_nothing_has_sixteen_and_holds_nobody_up)
{
        struct sleeper sleeper;
        struct member member = {0};
        struct crew crew = {0};
        struct rig rig;

        rig_need_several_clients();
        rig_start(&rig, NULL);
        share_with_sleeper(&sleeper, &member, &crew, &rig, plain);
        wake_sleeper(&sleeper, &rig, WINDOW);
        for (unsigned i = 1; i <= 50; i++)
                ck_assert_uint_eq(crew.seen[i] + sleeper.crew.seen[i], 1);
        ck_assert_uint_eq(crew.n_repeated + sleeper.crew.n_repeated, 0);
        end_sleeper(&sleeper);
        rig_end(&rig);
}
END_TEST

START_TEST(what_waits_for_nobody_is_bounded_and_told)
{
        struct hark_subscribe_params params = {.max_messages = 20};
        struct sleeper sleeper;
        struct rig rig;

        rig_need_several_clients();
        rig_start(&rig, NULL);
        start_sleeper(&sleeper, &rig, params);
        rig_ask(&rig, "publish", "jobs.a 100");
        ck_assert_int_eq(rig_count(&rig, "unconfirmed"), 100 - WINDOW - 20);
        wake_sleeper(&sleeper, &rig, WINDOW + 20);
        ck_assert_uint_eq(sleeper.member.record.n_gaps, 1);
        ck_assert_uint_eq(sleeper.member.record.n_lost, 100 - WINDOW - 20);
        ck_assert_int_eq(sleeper.member.record.entries[WINDOW].reason, -ENOBUFS);
        end_sleeper(&sleeper);
        rig_end(&rig);
}
END_TEST

/* --- the end of a member ---------------------------------------------------------------------- */

/* Marked is what has left for the other member, who may have seen it; how much that is, is what the
 * kernel had room for. */
static void check_repeated(const struct crew *crew)
{
        ck_assert_uint_gt(crew->n_repeated, 0);
        ck_assert_uint_le(crew->n_repeated, WINDOW);
}

START_TEST(what_one_leaves_behind_goes_to_others_marked)
{
        struct sleeper sleeper;
        struct member member = {0};
        struct crew crew = {0};
        struct rig rig;

        rig_need_several_clients();
        rig_start(&rig, NULL);
        share_with_sleeper(&sleeper, &member, &crew, &rig, plain);
        end_sleeper(&sleeper);
        kit_until(rig.loop, crew.n == 50);
        check_each_came(&crew, 50, 1);
        check_repeated(&crew);
        ck_assert_int_eq(rig_count(&rig, "unconfirmed"), 0);
        rig_end(&rig);
}
END_TEST

START_TEST(what_one_has_dealt_with_goes_to_no_other)
{
        struct member first = {.leaves = true}, second = {0};
        struct crew firsts = {0}, seconds = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        join(&first, &firsts, rig.client);
        join(&second, &seconds, rig.client);
        rig_ask(&rig, "publish", "jobs.a 50");
        kit_until(rig.loop, firsts.n == 1 && seconds.n == 49);
        kit_until(rig.loop, first.record.is_over);
        kit_assert_result(first.record.reason, -ECANCELED);
        for (unsigned i = 1; i <= 50; i++)
                ck_assert_uint_eq(firsts.seen[i] + seconds.seen[i], 1);
        ck_assert_uint_ge(seconds.n_repeated, 1);
        rig_end(&rig);
}
END_TEST

START_TEST(the_last_one_leaves_all_to_the_publisher)
{
        struct sleeper sleeper;
        char expected[1024] = "";
        struct rig rig;

        rig_need_several_clients();
        rig_start(&rig, NULL);
        start_sleeper(&sleeper, &rig, plain);
        rig_ask(&rig, "publish", "jobs.a 20");
        end_sleeper(&sleeper);
        while (rig_count(&rig, "unconfirmed") < 20)
                ;
        for (int i = 1, n = 0; i <= 20; i++)
                n += sprintf(expected + n, "crew jobs.a %d;", i);
        ck_assert_str_eq(rig_ask(&rig, "log", "%s", ""), expected);
        rig_end(&rig);
}
END_TEST

/* Each is a member's, or the publisher's again; what has not left for a member that ends goes to
 * another even if it shall be seen once only. */
static void wait_for_all(struct rig *rig, const struct crew *crew)
{
        uint64_t end_ms = kit_now_ms() + KIT_PATIENCE_MS;

        while (crew->n + (unsigned)rig_count(rig, "unconfirmed") < 50) {
                kit_assert(kit_now_ms() < end_ms);
                kit_settle(rig->loop);
        }
}

START_TEST(once_only_leaves_it_to_the_publisher)
{
        unsigned n_left;
        struct sleeper sleeper;
        struct member member = {0};
        struct crew crew = {0};
        struct rig rig;

        rig_need_several_clients();
        rig_start(&rig, NULL);
        share_with_sleeper(&sleeper, &member, &crew, &rig, once);
        end_sleeper(&sleeper);
        wait_for_all(&rig, &crew);
        rig_ask(&rig, "publish", "jobs.b 10");
        n_left = (unsigned)rig_count(&rig, "unconfirmed");
        kit_until(rig.loop, crew.n == 50 - n_left + 10);
        ck_assert_uint_gt(n_left, 0);
        ck_assert_uint_le(n_left, WINDOW);
        ck_assert_uint_eq(crew.n_repeated, 0);
        rig_end(&rig);
}
END_TEST

/* --- killed ----------------------------------------------------------------------------------- */

struct doomed {
        struct rig *rig;
        struct hark_subscribe_params params;
};

static void hang(const struct hark_notification *notification, void *userdata)
{
        (void)notification, (void)userdata;
        for (;;)
                pause();
}

/* A member in a process of its own that never comes back from its first callback. */
static int be_doomed(void *userdata)
{
        struct doomed *doomed = userdata;
        hark_client *client = NULL;
        hark_loop *loop = NULL;

        doomed->params.group = "crew";
        kit_assert_good(hark_loop_new(&loop));
        kit_assert_good(rig_begin_connect(doomed->rig, loop, NULL, &client));
        kit_assert_good(hark_subscribe(client, "jobs.>", hang, NULL, &doomed->params, NULL));
        return hark_loop_run(loop);
}

/* A member is given 16 of 50, and killed; another has had the others. */
static void kill_a_member(struct member *member, struct crew *crew, struct rig *rig,
                          struct hark_subscribe_params params)
{
        struct doomed doomed = {rig, params};
        pid_t pid = fixture_fork(be_doomed, &doomed);

        rig_leave_next(rig);
        wait_for_subscribers(rig, "jobs.a");
        join(member, crew, rig->client);
        rig_ask(rig, "publish", "jobs.a 50");
        kit_until(rig->loop, crew->n == 50 - WINDOW);
        kit_assert(kill(pid, SIGKILL) == 0);
        kit_assert(fixture_wait_exit(pid) == 128 + SIGKILL);
}

START_TEST(what_a_killed_member_had_goes_to_others_marked)
{
        struct member member = {0};
        struct crew crew = {0};
        struct rig rig;

        rig_need_several_clients();
        rig_need(HARK_CAN_SEE_DEATH);
        rig_start(&rig, NULL);
        kill_a_member(&member, &crew, &rig, plain);
        kit_until(rig.loop, crew.n == 50);
        check_each_came(&crew, 50, 1);
        check_repeated(&crew);
        rig_end(&rig);
}
END_TEST

START_TEST(what_a_killed_member_wanted_once_only_goes_to_the_publisher)
{
        struct member member = {0};
        struct crew crew = {0};
        struct rig rig;

        rig_need_several_clients();
        rig_need(HARK_CAN_SEE_DEATH);
        rig_start(&rig, NULL);
        kill_a_member(&member, &crew, &rig, once);
        wait_for_all(&rig, &crew);
        ck_assert_int_gt(rig_count(&rig, "unconfirmed"), 0);
        ck_assert_uint_ge(crew.n, 50 - WINDOW);
        ck_assert_uint_eq(crew.n_repeated, 0);
        rig_end(&rig);
}
END_TEST

/* --- a server that comes back ----------------------------------------------------------------- */

struct traveller {
        unsigned n_jobs, n_gaps;
        uint64_t last_sequence;
};

static void on_traveller(const struct hark_notification *notification, void *userdata)
{
        struct traveller *traveller = userdata;

        if (notification->kind == HARK_GAP)
                traveller->n_gaps++;
        if (notification->kind != HARK_NOTIFICATION)
                return;
        traveller->n_jobs++;
        traveller->last_sequence = notification->sequence;
}

START_TEST(a_member_is_one_again_when_the_server_is_back)
{
        struct hark_subscribe_params params = {.group = "crew"};
        struct traveller travellers[2] = {{0}, {0}};
        struct rig rig;

        if (!rig_can_come_back())
                fixture_skip("nobody can come here again");
        rig_start(&rig, NULL);
        if (!rig.service && !rig.is_forked)
                rig.pid = (pid_t)strtol(rig_ask(&rig, "pid", "%s", ""), NULL, 10);
        for (size_t i = 0; i < 2; i++)
                kit_assert_good(hark_subscribe(rig.client, "jobs.>", on_traveller, &travellers[i],
                                               &params, NULL));
        rig_ask(&rig, "publish", "jobs.a 20");
        kit_until(rig.loop, travellers[0].n_jobs == 10 && travellers[1].n_jobs == 10);
        rig_go_away(&rig);
        kit_until(rig.loop, hark_client_state(rig.client) != HARK_CONNECTED);
        rig_come_back(&rig);
        kit_until(rig.loop, hark_client_state(rig.client) == HARK_CONNECTED);
        wait_for_subscribers(&rig, "jobs.a");
        rig_ask(&rig, "publish", "jobs.a 40");
        kit_until(rig.loop, travellers[0].n_jobs + travellers[1].n_jobs == 60);
        for (size_t i = 0; i < 2; i++) {
                ck_assert_uint_eq(travellers[i].n_gaps, 1);
                ck_assert_uint_eq(travellers[i].last_sequence, travellers[i].n_jobs - 10);
                ck_assert_uint_ge(travellers[i].n_jobs, 10 + WINDOW);
        }
        rig_end(&rig);
}
END_TEST

/* --- files ------------------------------------------------------------------------------------ */

struct reader {
        char text[64];
        bool is_repeated;
};

static void read_file(const struct hark_notification *notification, void *userdata)
{
        struct reader *reader = userdata;
        ssize_t n;
        int fd;

        if (notification->kind != HARK_NOTIFICATION)
                return;
        reader->is_repeated = notification->is_repeated;
        fd = hark_message_take_fd(notification->message, 0);
        kit_assert(fd >= 0);
        n = pread(fd, reader->text, sizeof(reader->text) - 1, 0);
        kit_assert(n >= 0);
        close(fd);
}

START_TEST(files_go_to_the_next_member_too)
{
        struct hark_subscribe_params params = {.group = "crew"};
        struct reader reader = {.is_repeated = false};
        struct sleeper sleeper;
        struct rig rig;

        rig_need_several_clients();
        rig_need(HARK_CAN_PASS_FDS);
        rig_start(&rig, NULL);
        start_sleeper(&sleeper, &rig, plain);
        kit_assert_good(hark_subscribe(rig.client, "jobs.>", read_file, &reader, &params, NULL));
        kit_assert_good(hark_client_flush(rig.client, KIT_PATIENCE_MS));
        rig_ask(&rig, "publish_fd", "jobs.a contents");
        ck_assert_str_eq(reader.text, "");
        end_sleeper(&sleeper);
        kit_until(rig.loop, reader.text[0] != '\0');
        ck_assert_str_eq(reader.text, "contents");
        ck_assert(reader.is_repeated);
        rig_end(&rig);
}
END_TEST

/* --- wishes ----------------------------------------------------------------------------------- */

START_TEST(a_group_has_a_name)
{
        static const char *const names[] = {"", "a..b", "a.*", ">", "two words"};
        struct hark_subscribe_params nowhere = {.is_once_only = true};
        struct record record = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        for (size_t i = 0; i < COUNT(names); i++) {
                struct hark_subscribe_params params = {.group = names[i]};

                kit_assert_result(hark_subscribe(rig.client, "a", record_notification, &record,
                                                 &params, NULL),
                                  -EINVAL);
        }
        kit_assert_result(
                hark_subscribe(rig.client, "a", record_notification, &record, &nowhere, NULL),
                -EINVAL);
        rig_end(&rig);
        ck_assert_uint_eq(record.n_entries, 0);
}
END_TEST

CHAPTER(test_groups, each_goes_to_one_member_in_turns, members_of_several_clients_share,
        each_goes_to_a_member_that_it_matches,
        a_member_that_does_nothing_has_sixteen_and_holds_nobody_up,
        what_waits_for_nobody_is_bounded_and_told, what_one_leaves_behind_goes_to_others_marked,
        what_one_has_dealt_with_goes_to_no_other, the_last_one_leaves_all_to_the_publisher,
        once_only_leaves_it_to_the_publisher, what_a_killed_member_had_goes_to_others_marked,
        what_a_killed_member_wanted_once_only_goes_to_the_publisher,
        a_member_is_one_again_when_the_server_is_back, files_go_to_the_next_member_too,
        a_group_has_a_name)
