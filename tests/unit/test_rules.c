/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "endpoint/rules.h"
#include "endpoint/server.h"
#include "server_talk.h"

#define STRANGER 65432 /* a user of no meaning */
#define NOBODY   ((uid_t)-1)

/* --- the grammar ------------------------------------------------------------------------------ */

static const char *const good_rules[] = {
        "call clock.Now anyone",
        "call,subscribe clock.> uid=1000 gid=5 self",
        "all > uid=root",
        "publish *.log gid=root",
        "  subscribe   a.*.>   self  ",
        "call,call a self self",
        "all,call a uid=0",
        "publish a uid=4294967294 gid=4294967294",
};

struct bad_rule {
        const char *text;
        int result;
        const char *why;
};

static const struct bad_rule bad_rules[] = {
        {"", -EINVAL, "rule: is empty; expected VERBS FILTER WHO..., such as call clock.> self"},
        {"   ", -EINVAL, "rule: is empty; expected VERBS FILTER WHO..., such as call clock.> self"},
        {"cal a self", -EINVAL, "verbs: 'cal' is none of call, subscribe, publish, all"},
        {"Call a self", -EINVAL, "verbs: 'Call' is none of call, subscribe, publish, all"},
        {"call,ask a self", -EINVAL, "verbs: 'ask' is none of call, subscribe, publish, all"},
        {"call, a self", -EINVAL, "verbs: '' is none of call, subscribe, publish, all"},
        {",call a self", -EINVAL, "verbs: '' is none of call, subscribe, publish, all"},
        {"call,,all a self", -EINVAL, "verbs: '' is none of call, subscribe, publish, all"},
        {"call\ta self", -EINVAL, "verbs: 'call?a' is none of call, subscribe, publish, all"},
        {"call", -EINVAL, "filter: is missing; expected a name or a filter, such as clock.>"},
        {"call a..b self", -EINVAL, "filter: 'a..b' is neither a name nor a filter"},
        {"call >.a self", -EINVAL, "filter: '>.a' is neither a name nor a filter"},
        {"call a", -EINVAL, "who: is missing; expected uid=, gid=, self or anyone"},
        {"call a root", -EINVAL, "who: 'root' is none of uid=, gid=, self, anyone"},
        {"call a self anyone!", -EINVAL, "who: 'anyone!' is none of uid=, gid=, self, anyone"},
        {"call a self\n", -EINVAL, "who: 'self?' is none of uid=, gid=, self, anyone"},
        {"call a uid", -EINVAL, "who: 'uid' is none of uid=, gid=, self, anyone"},
        {"call a uid=", -EINVAL, "uid: is empty; expected a name or a number"},
        {"call a gid=", -EINVAL, "gid: is empty; expected a name or a number"},
        {"call a uid=4294967295", -EINVAL,
         "uid: '4294967295' is not a number from 0 to 4294967294"},
        {"call a gid=4294967295", -EINVAL,
         "gid: '4294967295' is not a number from 0 to 4294967294"},
        {"call a uid=18446744073709551616", -EINVAL,
         "uid: '18446744073709551616' is not a number from 0 to 4294967294"},
        {"call a uid=0x0", -EINVAL, "uid: '0x0' is not a number from 0 to 4294967294"},
        {"call a uid=-1", -ENOENT, "uid: there is no user '-1'"},
        {"call a uid=no-such-user", -ENOENT, "uid: there is no user 'no-such-user'"},
        {"call a gid=no-such-group", -ENOENT, "gid: there is no group 'no-such-group'"},
        {NULL, -EINVAL, "rule: there is none"},
};

START_TEST(a_rule_is_checked_and_what_is_wrong_is_named)
{
        for (size_t i = 0; i < sizeof(good_rules) / sizeof(*good_rules); i++) {
                char why[128] = "untouched";

                ck_assert_msg(hark_rule_check(good_rules[i], why, sizeof(why)) == 0, "%s: %s",
                              good_rules[i], why);
                ck_assert_str_eq(why, "untouched");
        }
        for (size_t i = 0; i < sizeof(bad_rules) / sizeof(*bad_rules); i++) {
                const struct bad_rule *rule = &bad_rules[i];
                char why[128] = "";

                ck_assert_int_eq(hark_rule_check(rule->text, why, sizeof(why)), rule->result);
                ck_assert_str_eq(why, rule->why);
                ck_assert_int_eq(hark_rule_check(rule->text, NULL, 128), rule->result);
        }
}
END_TEST

START_TEST(a_reason_is_cut_to_the_room_there_is)
{
        char why[128], rule[2000];

        memset(rule, 'x', sizeof(rule));
        memcpy(rule, "call a uid=", 11);
        rule[sizeof(rule) - 1] = '\0';
        memset(why, '!', sizeof(why));
        ck_assert_int_eq(hark_rule_check(rule, why, sizeof(why)), -ENOENT);
        ck_assert_str_eq(why, "uid: there is no user 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'");
        memset(why, '!', sizeof(why));
        ck_assert_int_eq(hark_rule_check("call", why, 8), -EINVAL);
        ck_assert_str_eq(why, "filter:");
        ck_assert_int_eq(why[8], '!');
        ck_assert_int_eq(hark_rule_check("call", why, 0), -EINVAL);
        ck_assert_str_eq(why, "filter:");
}
END_TEST

/* --- judging ---------------------------------------------------------------------------------- */

struct judgement_case {
        struct hark_subject subject;
        enum hark_verb verb;
        const char *name;
        const char *refusal; /* NULL: allowed */
};

static void judge_all(const char *const *texts, const struct judgement_case *cases, size_t n_cases)
{
        struct hark_rules rules;

        ck_assert_int_eq(hark_rules_init(&rules), 0);
        for (; *texts; texts++)
                ck_assert_int_eq(hark_rules_add(&rules, *texts), 0);
        for (size_t i = 0; i < n_cases; i++) {
                const struct judgement_case *c = &cases[i];
                struct hark_wish wish = {&c->subject, c->verb, c->name, strlen(c->name)};
                const struct hark_rule *nearest = NULL;
                char text[HARK_RULES_TEXT_SIZE] = "";

                if (!hark_rules_allow(&rules, &wish, &nearest))
                        hark_rules_explain(&wish, nearest, text);
                ck_assert_str_eq(text, c->refusal ? c->refusal : "");
        }
        hark_rules_done(&rules);
}

#define JUDGE(rules, cases) judge_all(rules, cases, sizeof(cases) / sizeof(*(cases)))

START_TEST(without_a_rule_all_is_allowed_and_from_the_first_one_on_nothing_else)
{
        static const char *const none[] = {NULL};
        static const char *const one[] = {"call a uid=0", NULL};
        static const struct judgement_case open_cases[] = {
                {{NOBODY, NOBODY, NULL, 0}, HARK_VERB_CALL, "x", NULL},
                {{NOBODY, NOBODY, NULL, 0}, HARK_VERB_PUBLISH, "x", NULL},
        };
        static const struct judgement_case closed_cases[] = {
                {{0, 0, NULL, 0}, HARK_VERB_CALL, "a", NULL},
                {{0, 0, NULL, 0}, HARK_VERB_CALL, "b", "no rule allows uid 0 to call b"},
                {{0, 0, NULL, 0}, HARK_VERB_PUBLISH, "a", "no rule allows uid 0 to publish a"},
                {{0, 0, NULL, 0},
                 HARK_VERB_SUBSCRIBE,
                 "a",
                 "no one rule allows uid 0 to subscribe to a"},
                {{NOBODY, 0, NULL, 0},
                 HARK_VERB_CALL,
                 "b",
                 "no rule allows an unknown user to call b"},
        };

        JUDGE(none, open_cases);
        JUDGE(one, closed_cases);
}
END_TEST

START_TEST(a_refusal_names_the_nearest_rule)
{
        static const char *const rules[] = {"call > uid=0", "call clock.* uid=1 gid=2",
                                            "subscribe clock.Set uid=9", "call clock.Set uid=3",
                                            NULL};
        static const struct judgement_case cases[] = {
                {{1000, 1000, NULL, 0},
                 HARK_VERB_CALL,
                 "clock.Set",
                 "rule \"call clock.Set uid=3\" does not allow uid 1000 to call clock.Set"},
                {{1000, 1000, NULL, 0},
                 HARK_VERB_CALL,
                 "clock.Now",
                 "rule \"call clock.* uid=1 gid=2\" does not allow uid 1000 to call clock.Now"},
                {{1000, 1000, NULL, 0},
                 HARK_VERB_CALL,
                 "x",
                 "rule \"call > uid=0\" does not allow uid 1000 to call x"},
                /* Less specific ones allow as well. */
                {{1, 1000, NULL, 0}, HARK_VERB_CALL, "clock.Set", NULL},
                {{0, 1000, NULL, 0}, HARK_VERB_CALL, "clock.Set", NULL},
        };

        JUDGE(rules, cases);
}
END_TEST

START_TEST(a_subscription_needs_one_rule_that_covers_its_filter)
{
        static const char *const rules[] = {"subscribe a.b uid=1", "subscribe a.* uid=1 uid=2",
                                            "subscribe c.> uid=1", "call > uid=1", NULL};
        static const struct judgement_case cases[] = {
                {{1, 1, NULL, 0}, HARK_VERB_SUBSCRIBE, "a.b", NULL},
                {{1, 1, NULL, 0}, HARK_VERB_SUBSCRIBE, "a.*", NULL},
                {{1, 1, NULL, 0}, HARK_VERB_SUBSCRIBE, "c.>", NULL},
                {{1, 1, NULL, 0}, HARK_VERB_SUBSCRIBE, "c.*.d.>", NULL},
                {{1, 1, NULL, 0},
                 HARK_VERB_SUBSCRIBE,
                 "a.>",
                 "no one rule allows uid 1 to subscribe to a.>"},
                {{1, 1, NULL, 0},
                 HARK_VERB_SUBSCRIBE,
                 "*.b",
                 "no one rule allows uid 1 to subscribe to *.b"},
                {{1, 1, NULL, 0},
                 HARK_VERB_SUBSCRIBE,
                 ">",
                 "no one rule allows uid 1 to subscribe to >"},
                {{3, 3, NULL, 0},
                 HARK_VERB_SUBSCRIBE,
                 "a.*",
                 "rule \"subscribe a.* uid=1 uid=2\" does not allow uid 3 to subscribe to a.*"},
        };

        JUDGE(rules, cases);
}
END_TEST

START_TEST(who_is_unknown_is_only_anyone)
{
        static const char *const closed[] = {"all > uid=0 gid=0 uid=4294967294 gid=4294967294 self",
                                             NULL};
        static const char *const open[] = {"call > uid=0", "call a anyone", NULL};
        static const struct judgement_case closed_cases[] = {
                {{NOBODY, NOBODY, NULL, 0},
                 HARK_VERB_CALL,
                 "a",
                 "rule \"all > uid=0 gid=0 uid=4294967294 gid=4294967294 self\" does not allow "
                 "an unknown user to call a"},
        };
        static const struct judgement_case open_cases[] = {
                {{NOBODY, NOBODY, NULL, 0}, HARK_VERB_CALL, "a", NULL},
                {{1000, NOBODY, NULL, 0}, HARK_VERB_CALL, "a", NULL},
        };

        JUDGE(closed, closed_cases);
        JUDGE(open, open_cases);
}
END_TEST

START_TEST(a_group_is_the_peer_s_own_or_one_of_those_it_is_in)
{
        static const gid_t groups[] = {7, 8, 9};
        static const char *const rules[] = {"call a gid=5 gid=9", NULL};
        static const struct judgement_case cases[] = {
                {{1, 5, NULL, 0}, HARK_VERB_CALL, "a", NULL},
                {{1, 6, groups, 3}, HARK_VERB_CALL, "a", NULL},
                {{1, 6, groups, 2},
                 HARK_VERB_CALL,
                 "a",
                 "rule \"call a gid=5 gid=9\" does not allow uid 1 to call a"},
        };

        JUDGE(rules, cases);
}
END_TEST

START_TEST(self_is_the_user_of_this_process)
{
        static const char *const rules[] = {"call a self", NULL};
        char refusal[100];
        struct judgement_case cases[] = {
                {{geteuid(), NOBODY, NULL, 0}, HARK_VERB_CALL, "a", NULL},
                {{geteuid() + 1, NOBODY, NULL, 0}, HARK_VERB_CALL, "a", refusal},
        };

        (void)snprintf(refusal, sizeof(refusal),
                       "rule \"call a self\" does not allow uid %u to call a", geteuid() + 1);
        JUDGE(rules, cases);
}
END_TEST

START_TEST(a_long_rule_is_quoted_in_part)
{
        static const char *const rules[] = {
                "call a uid=1000000001 uid=1000000002 uid=1000000003 uid=1000000004 uid=1000000005 "
                "uid=1000000006 uid=1000000007 uid=1000000008",
                NULL};
        static const struct judgement_case cases[] = {
                {{1, 1, NULL, 0},
                 HARK_VERB_CALL,
                 "a",
                 "rule \"call a uid=1000000001 uid=1000000002 uid=1000000003 uid=1000000004 "
                 "uid=1000000005 uid=1000000006 uid\" does not allow uid 1 to call a"},
        };

        JUDGE(rules, cases);
}
END_TEST

static void note_request(hark_request *request, void *userdata)
{
        struct server_talk *talk = userdata;

        conversation_tell(&talk->conversation, "noted: %s", hark_request_method(request));
        hark_reply(request, HARK_NOTHING);
}

/* --- one peer --------------------------------------------------------------------------------- */

static void begin(struct server_talk *talk, const struct hark_server_params *params,
                  const char *const *rules, uid_t uid)
{
        server_talk_begin(talk, params, false);
        for (; *rules; rules++)
                ck_assert_int_eq(hark_server_allow(talk->server, *rules), 0);
        talk->peer->credentials.uid = uid;
        server_talk_greet(talk);
}

static void talk_as(uid_t uid, const char *const *rules, const struct hark_server_params *params,
                    const char *script)
{
        struct server_talk talk;

        begin(&talk, params, rules, uid);
        conversation_run(&talk.conversation, script);
        server_talk_end(&talk);
}

static const char *const keepers[] = {"call,subscribe,publish keep.> uid=65432", "all > uid=0",
                                      NULL};

START_TEST(what_a_rule_allows_is_done)
{
        struct hark_server_params hub = {.is_hub = true};

        talk_as(STRANGER, keepers, &hub,
                "> request #1 keep.a \"x\"\n"
                "> request #2 one-way keep.b \"x\"\n"
                "> subscribe #3 keep.*\n"
                "> publish #4 keep.c \"now\"\n"
                "< subscribed #3 priority=7\n"
                "! keep 1: keep.a 1\n"
                "! keep 2: keep.b 1 one-way\n"
                "< publish #1 to=3 sequence=1 keep.c \"now\"\n");
}
END_TEST

#define REFUSED(verb, name) \
        "text=\"rule \"all > uid=0\" does not allow uid 65432 to " verb " " name "\"\n"

START_TEST(what_no_rule_allows_is_refused_before_its_turn)
{
        struct hark_server_params hub = {.is_hub = true};

        talk_as(STRANGER, keepers, &hub,
                "> request #1 priority=3 echo \"x\"\n"
                "> request #2 one-way echo \"x\"\n"
                "> subscribe #3 echo\n"
                "> publish #4 echo \"now\"\n"
                "< error #1 status=7 priority=3 from-library " REFUSED(
                        "call",
                        "echo") "< error #2 status=7 from-library echo " REFUSED("call",
                                                                                 "echo") "< "
                                                                                         "subscribe"
                                                                                         "d #3 "
                                                                                         "status="
                                                                                         "7"
                                                                                         " " REFUSED("subscribe to", "echo") "< error #4 status=7 from-library echo " REFUSED(
                                                                                                 "p"
                                                                                                 "u"
                                                                                                 "b"
                                                                                                 "l"
                                                                                                 "i"
                                                                                                 "s"
                                                                                                 "h",
                                                                                                 "e"
                                                                                                 "c"
                                                                                                 "h"
                                                                                                 "o"));
        talk_as(STRANGER, keepers, NULL,
                "> subscribe #3 >\n"
                "< subscribed #3 status=7 " REFUSED("subscribe to", ">"));
}
END_TEST

START_TEST(a_method_that_is_not_there_is_refused_as_one_that_is)
{
        talk_as(STRANGER, keepers, NULL,
                "> request #1 no.such \"x\"\n"
                "< error #1 status=7 from-library " REFUSED("call", "no.such"));
        talk_as(STRANGER, keepers, NULL,
                "> request #1 keep \"x\"\n"
                "< error #1 status=7 from-library " REFUSED("call", "keep"));
}
END_TEST

START_TEST(a_rule_to_publish_makes_no_hub)
{
        talk_as(STRANGER, keepers, NULL,
                "> publish #4 keep.c \"now\"\n"
                "< error #4 status=12 from-library keep.c "
                "text=\"this server accepts no publications\"\n");
}
END_TEST

START_TEST(what_is_refused_counts_against_no_limit)
{
        struct hark_server_params params = {
                .limits = {.message_size = 1024, .received_size = 2048, .calls_in_flight = 1}};
        struct server_talk talk;

        begin(&talk, &params, keepers, STRANGER);
        for (int i = 0; i < 10; i++)
                conversation_run(
                        &talk.conversation,
                        "> request #1 echo size=1000\n"
                        "> publish #2 echo size=1000\n"
                        "< error #1 status=7 from-library " REFUSED(
                                "call",
                                "echo") "< error #2 status=7 from-library echo " REFUSED("publish",
                                                                                         "echo"));
        conversation_run(&talk.conversation, "> request #1 keep.a size=1000\n"
                                             "! keep 1: keep.a 1000\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(a_number_that_is_in_use_breaks_the_protocol_whatever_it_is_used_for)
{
        talk_as(STRANGER, keepers, NULL,
                "> request #1 keep.a \"x\"\n"
                "! keep 1: keep.a 1\n"
                "> request #1 echo\n"
                "< goaway #1 status=3 text=\"the id of a request that is not answered yet\"\n"
                "< closed\n"
                "! cancel 1: ECONNRESET\n"
                "! leave: EPROTO\n");
        talk_as(STRANGER, keepers, NULL,
                "> subscribe #1 keep.a\n"
                "< subscribed #1 priority=7\n"
                "> subscribe #1 echo\n"
                "< goaway status=3 text=\"the id of a subscription that has not ended\"\n"
                "< closed\n"
                "! leave: EPROTO\n");
}
END_TEST

START_TEST(a_member_of_a_group_is_a_subscriber)
{
        talk_as(STRANGER, keepers, NULL,
                "> subscribe #1 echo group=\"workers\"\n"
                "< subscribed #1 status=7 " REFUSED(
                        "subscribe to", "echo") "> subscribe #2 keep.a group=\"workers\"\n"
                                                "< subscribed #2 priority=7\n"
                                                "> subscribe #2 echo\n"
                                                "< goaway status=3 text=\"the id of a subscription "
                                                "that has not ended\"\n"
                                                "< closed\n"
                                                "! leave: EPROTO\n");
}
END_TEST

START_TEST(names_of_the_library_are_nobody_else_s)
{
        static const char *const rules[] = {"all > anyone", NULL};
        struct hark_server_params hub = {.is_hub = true};
        struct server_talk talk;

        begin(&talk, &hub, rules, STRANGER);
        ck_assert_int_eq(hark_server_handle(talk.server, "hark.a", note_request, &talk), -EINVAL);
        ck_assert_int_eq(hark_server_handle(talk.server, "hark.>", note_request, &talk), -EINVAL);
        ck_assert_int_eq(hark_server_handle(talk.server, ">", note_request, &talk), 0);
        ck_assert_int_eq(hark_server_publish(talk.server, "hark.a", HARK_NOTHING), -EINVAL);
        conversation_run(&talk.conversation,
                         "> request #1 hark.a\n"
                         "> request #2 hark\n"
                         "> request #3 harks.a\n"
                         "> subscribe #4 >\n"
                         "> publish #5 hark.a\n"
                         "> publish #6 hark\n"
                         "< subscribed #4 priority=7\n"
                         "< error #5 status=3 from-library hark.a "
                         "text=\"names that begin with hark. are the library's own\"\n"
                         "< error #1 status=12 from-library text=\"no such method\"\n"
                         "! noted: hark\n"
                         "! noted: harks.a\n"
                         "< reply #2\n"
                         "< reply #3\n"
                         "< publish #1 to=4 sequence=1 hark\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(what_belongs_to_a_refused_request_is_passed_over)
{
        talk_as(STRANGER, keepers, NULL,
                "> request #1 feeds observes echo\n"
                "> item #1 feed \"x\"\n"
                "> item #1 feed end\n"
                "> credit #1 status=1000\n"
                "> cancel #1\n"
                "< error #1 status=7 from-library " REFUSED("call", "echo") "> request #2 keep.a\n"
                                                                            "! keep 1: keep.a 0\n");
}
END_TEST

START_TEST(a_rule_holds_from_when_it_is_made)
{
        static const char *const none[] = {NULL};
        struct server_talk talk;

        begin(&talk, NULL, none, STRANGER);
        conversation_run(&talk.conversation, "> subscribe #1 echo\n"
                                             "< subscribed #1 priority=7\n"
                                             "> request #2 echo \"a\"\n"
                                             "< reply #2 \"a\"\n");
        ck_assert_int_eq(hark_server_allow(talk.server, "call > uid=65431"), 0);
        conversation_run(&talk.conversation,
                         "> request #3 echo \"a\"\n"
                         "< error #3 status=7 from-library text=\"rule \"call > uid=65431\" "
                         "does not allow uid 65432 to call echo\"\n"
                         "= publish echo\n"
                         "< publish #1 to=1 sequence=1 echo\n");
        ck_assert_int_eq(hark_server_allow(talk.server, "call > uid=65432"), 0);
        conversation_run(&talk.conversation, "> request #4 echo \"a\"\n"
                                             "< reply #4 \"a\"\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(a_wrong_rule_changes_nothing)
{
        static const char *const none[] = {NULL};
        struct server_talk talk;

        begin(&talk, NULL, none, STRANGER);
        ck_assert_int_eq(hark_server_allow(talk.server, "call echo"), -EINVAL);
        ck_assert_int_eq(hark_server_allow(talk.server, "call echo uid=no-such-user"), -ENOENT);
        ck_assert_int_eq(hark_server_allow(talk.server, NULL), -EINVAL);
        ck_assert_int_eq(hark_server_allow(NULL, "all > anyone"), -EINVAL);
        conversation_run(&talk.conversation, "> request #2 echo \"a\"\n"
                                             "< reply #2 \"a\"\n");
        server_talk_end(&talk);
}
END_TEST

/* Asked before it is admitted, it is answered only after that. */
START_TEST(a_refusal_does_not_overtake_the_hello)
{
        struct server_talk talk;

        server_talk_begin(&talk, NULL, true);
        ck_assert_int_eq(hark_server_allow(talk.server, "call > uid=0"), 0);
        conversation_run(&talk.conversation,
                         "> hello tester\n"
                         "> request #1 echo\n"
                         "! accept: tester\n"
                         "< hello priority=7\n"
                         "< error #1 status=7 from-library text=\"rule \"call > uid=0\" does not "
                         "allow an unknown user to call echo\"\n");
        server_talk_end(&talk);
}
END_TEST

/* --- only reporting --------------------------------------------------------------------------- */

struct log {
        unsigned n_lines;
        char last[512];
};

static void note_log(int level, const char *text, void *userdata)
{
        struct log *log = userdata;

        if (level > LOG_WARNING)
                return;
        log->n_lines++;
        (void)snprintf(log->last, sizeof(log->last), "%s", text);
}

START_TEST(where_rules_only_report_what_they_refuse_is_logged_once_and_passes)
{
        struct hark_server_params params = {.rules_only_report = true};
        struct server_talk talk;
        struct log log = {0};

        begin(&talk, &params, keepers, STRANGER);
        ck_assert_int_eq(hark_loop_set_log(talk.conversation.loop, note_log, &log), 0);
        for (int i = 0; i < 3; i++)
                conversation_run(&talk.conversation, "> request #2 echo \"a\"\n"
                                                     "< reply #2 \"a\"\n");
        ck_assert_uint_eq(log.n_lines, 1);
        ck_assert_str_eq(log.last,
                         "would be refused: rule \"all > uid=0\" does not allow uid 65432 to call "
                         "echo (tester uid 65432 at memory:)");
        conversation_run(&talk.conversation, "> subscribe #3 echo\n"
                                             "< subscribed #3 priority=7\n");
        ck_assert_uint_eq(log.n_lines, 2);
        ck_assert_ptr_nonnull(strstr(log.last, "to subscribe to echo"));
        conversation_run(&talk.conversation, "> request #4 keep.a\n"
                                             "! keep 1: keep.a 0\n");
        ck_assert_uint_eq(log.n_lines, 2);
        server_talk_end(&talk);
}
END_TEST

START_TEST(no_peer_makes_reports_without_end)
{
        struct hark_server_params params = {.rules_only_report = true};
        struct server_talk talk;
        struct log log = {0};

        begin(&talk, &params, keepers, STRANGER);
        ck_assert_int_eq(hark_loop_set_log(talk.conversation.loop, note_log, &log), 0);
        for (int i = 0; i < 1000; i++) {
                char script[200];

                (void)snprintf(script, sizeof(script),
                               "> request #1 one-way keep%d\n"
                               "< error #1 status=12 from-library keep%d text=\"no such method\"\n",
                               i, i);
                conversation_run(&talk.conversation, script);
        }
        ck_assert_uint_eq(log.n_lines, 65);
        ck_assert_str_eq(log.last, "no more is reported of what would be refused to tester uid "
                                   "65432 at memory:");
        server_talk_end(&talk);
}
END_TEST

/* --- the network ------------------------------------------------------------------------------ */

static int listen_beyond(const char *rule, bool only_reports)
{
        struct hark_server_params params = {.rules_only_report = only_reports};
        hark_loop *loop = NULL;
        hark_server *server = NULL;
        struct log log = {0};
        int r;

        ck_assert_int_eq(hark_loop_new(&loop), 0);
        ck_assert_int_eq(hark_loop_set_log(loop, note_log, &log), 0);
        ck_assert_int_eq(hark_server_new(loop, &params, &server), 0);
        if (rule)
                ck_assert_int_eq(hark_server_allow(server, rule), 0);
        r = hark_server_listen(server, "tcp:0.0.0.0:0");
        if (r == -EPERM)
                ck_assert_str_eq(log.last, "tcp:0.0.0.0:0 reaches beyond this machine; if that is "
                                           "meant, add ?open, or first a rule that says what "
                                           "anyone may do");
        hark_server_unref(server);
        hark_loop_unref(loop);
        return r;
}

START_TEST(the_network_is_open_only_by_a_rule_for_those_who_are_unknown)
{
        ck_assert_int_eq(listen_beyond(NULL, false), -EPERM);
        ck_assert_int_eq(listen_beyond("all > uid=0 gid=0 self", false), -EPERM);
        ck_assert_int_eq(listen_beyond("subscribe news.> uid=0 anyone", false), 0);
}
END_TEST

START_TEST(rules_that_only_report_open_no_network)
{
        ck_assert_int_eq(listen_beyond("subscribe news.> anyone", true), -EPERM);
}
END_TEST

FIXTURE_MAIN("rules", a_rule_is_checked_and_what_is_wrong_is_named,
             a_reason_is_cut_to_the_room_there_is,
             without_a_rule_all_is_allowed_and_from_the_first_one_on_nothing_else,
             a_refusal_names_the_nearest_rule, a_subscription_needs_one_rule_that_covers_its_filter,
             who_is_unknown_is_only_anyone, a_group_is_the_peer_s_own_or_one_of_those_it_is_in,
             self_is_the_user_of_this_process, a_long_rule_is_quoted_in_part,
             what_a_rule_allows_is_done, what_no_rule_allows_is_refused_before_its_turn,
             a_method_that_is_not_there_is_refused_as_one_that_is, a_rule_to_publish_makes_no_hub,
             what_is_refused_counts_against_no_limit,
             a_number_that_is_in_use_breaks_the_protocol_whatever_it_is_used_for,
             names_of_the_library_are_nobody_else_s, a_member_of_a_group_is_a_subscriber,
             what_belongs_to_a_refused_request_is_passed_over, a_rule_holds_from_when_it_is_made,
             a_wrong_rule_changes_nothing, a_refusal_does_not_overtake_the_hello,
             where_rules_only_report_what_they_refuse_is_logged_once_and_passes,
             no_peer_makes_reports_without_end,
             the_network_is_open_only_by_a_rule_for_those_who_are_unknown,
             rules_that_only_report_open_no_network)
