/* SPDX-License-Identifier: MIT */

/*
 * Members of groups as a connection has them: what they are sent under which numbers, what they
 * confirm, and what happens to what they do not.
 */

#include "fixture.h"

#include "client_talk.h"
#include "server_talk.h"

/* --- the publisher's side --------------------------------------------------------------------- */

#define TWO_MEMBERS                           \
        "> subscribe #1 a.* group=\"crew\"\n" \
        "> subscribe #2 a.* group=\"crew\"\n" \
        "< subscribed #1 priority=7\n"        \
        "< subscribed #2 priority=7\n"

START_TEST(each_is_sent_to_one_member_under_its_own_number)
{
        server_talk(TWO_MEMBERS "> subscribe #3 a.x\n"
                                "< subscribed #3 priority=7\n"
                                "= publish a.x size=1\n"
                                "= publish a.y size=2\n"
                                "= publish a.x size=3\n"
                                "< publish #1 to=3 sequence=1 a.x \"a\"\n"
                                "< publish #2 to=1 sequence=1 a.x \"a\"\n"
                                "< publish #3 to=2 sequence=1 a.y \"ab\"\n"
                                "< publish #4 to=3 sequence=2 a.x \"abc\"\n"
                                "< publish #5 to=1 sequence=2 a.x \"abc\"\n"
                                "> ack to=1 sequence=1\n"
                                "> ack to=1 sequence=2\n"
                                "> ack to=2 sequence=1\n"
                                "> unsubscribe #1\n"
                                "> unsubscribe #2\n"
                                "> unsubscribe #3\n");
}
END_TEST

START_TEST(groups_have_nothing_to_do_with_each_other)
{
        server_talk("> subscribe #1 a group=\"one\"\n"
                    "> subscribe #2 a group=\"other\"\n"
                    "< subscribed #1 priority=7\n"
                    "< subscribed #2 priority=7\n"
                    "= publish a size=3 priority=2\n"
                    "< publish #1 to=1 priority=2 sequence=1 a \"abc\"\n"
                    "< publish #2 to=2 priority=2 sequence=1 a \"abc\"\n"
                    "> unsubscribe #2\n"
                    "! unconfirmed: other a 3\n"
                    "> ack to=1 sequence=1\n");
}
END_TEST

START_TEST(what_a_member_leaves_behind_goes_to_another)
{
        server_talk(TWO_MEMBERS "= publish a.x size=1\n"
                                "= publish a.y size=2\n"
                                "= publish a.z size=3\n"
                                "< publish #1 to=1 sequence=1 a.x \"a\"\n"
                                "< publish #2 to=2 sequence=1 a.y \"ab\"\n"
                                "< publish #3 to=1 sequence=2 a.z \"abc\"\n"
                                "> ack to=1 sequence=1\n"
                                "> unsubscribe #1\n"
                                "< publish #4 to=2 sequence=2 repeated a.z \"abc\"\n"
                                "> ack to=2 sequence=2\n"
                                "> end\n"
                                "< closed\n"
                                "! unconfirmed: crew a.y 2\n"
                                "! leave: ECONNRESET\n");
}
END_TEST

START_TEST(what_has_not_left_is_not_marked)
{
        server_talk(TWO_MEMBERS "= room 0\n"
                                "= publish a.x size=1\n"
                                "= publish a.y size=2\n"
                                "> unsubscribe #1\n"
                                "= room 100000\n"
                                "< publish #2 to=2 sequence=1 a.y \"ab\"\n"
                                "< publish #3 to=2 sequence=2 a.x \"a\"\n"
                                "> ack to=2 sequence=2\n"
                                "> ack to=2 sequence=1\n");
}
END_TEST

START_TEST(what_has_begun_to_leave_is_marked)
{
        server_talk(TWO_MEMBERS "= room 100\n"
                                "= publish a.x size=2000\n"
                                ".\n"
                                "> unsubscribe #1\n"
                                "= room 100000\n"
                                "< publish #1 to=1 sequence=1 size=2000 a.x\n"
                                "< publish #2 to=2 sequence=1 size=2000 repeated a.x\n"
                                "> ack to=2 sequence=1\n");
}
END_TEST

START_TEST(once_only_goes_to_the_publisher)
{
        server_talk("> subscribe #1 wishes=2 a group=\"crew\"\n"
                    "> subscribe #2 a group=\"crew\"\n"
                    "< subscribed #1 priority=7\n"
                    "< subscribed #2 priority=7\n"
                    "= publish a size=1\n"
                    "< publish #1 to=1 sequence=1 a \"a\"\n"
                    "> unsubscribe #1\n"
                    "! unconfirmed: crew a 1\n");
}
END_TEST

START_TEST(a_gap_comes_before_what_follows_it)
{
        server_talk("> subscribe #1 bytes=70 a group=\"crew\"\n"
                    "< subscribed #1 priority=7\n"
                    "= publish a size=1\n"
                    "= publish a size=2\n"
                    "< publish #1 to=1 sequence=1 a \"a\"\n"
                    "< publish #2 to=1 sequence=2 a \"ab\"\n"
                    "= publish a size=3\n"
                    "= publish a size=4\n"
                    "= publish a size=5 priority=3\n"
                    "! unconfirmed: crew a 3\n"
                    "> ack to=1 sequence=1\n"
                    "< gap to=1 priority=3 lost=1 first=3 reason=105 a\n"
                    "< publish #3 to=1 priority=3 sequence=4 a \"abcde\"\n"
                    "> ack to=1 sequence=2\n"
                    "< publish #4 to=1 sequence=5 a \"abcd\"\n"
                    "> ack to=1 priority=3 sequence=4\n"
                    "> ack to=1 sequence=5\n");
}
END_TEST

START_TEST(a_full_connection_is_served_when_it_has_room)
{
        struct hark_server_params params = {.limits.queue_size = 4096};
        struct server_talk talk;

        server_talk_begin(&talk, &params, false);
        server_talk_greet(&talk);
        conversation_run(&talk.conversation, "> subscribe #1 a group=\"crew\"\n"
                                             "< subscribed #1 priority=7\n"
                                             "= room 0\n"
                                             "> request #1 echo size=5000\n"
                                             "= publish a size=1\n"
                                             "= room 100000\n"
                                             "< reply #1 size=5000\n"
                                             "< publish #1 to=1 sequence=1 a \"a\"\n"
                                             "> ack to=1 sequence=1\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(what_one_member_has_confirmed_makes_room_for_the_others)
{
        struct hark_server_params params = {.limits.queue_size = 4096};
        struct server_talk talk;

        server_talk_begin(&talk, &params, false);
        server_talk_greet(&talk);
        conversation_run(&talk.conversation, "> subscribe #1 a group=\"crew\"\n"
                                             "> subscribe #2 b group=\"crew\"\n"
                                             "< subscribed #1 priority=7\n"
                                             "< subscribed #2 priority=7\n"
                                             "= publish a\n"
                                             "= publish a\n"
                                             "= publish a\n"
                                             "= publish a\n"
                                             "< publish #1 to=1 sequence=1 a\n"
                                             "< publish #2 to=1 sequence=2 a\n"
                                             "< publish #3 to=1 sequence=3 a\n"
                                             "< publish #4 to=1 sequence=4 a\n"
                                             "= publish b\n"
                                             "> ack to=1 sequence=1\n"
                                             "< publish #5 to=2 sequence=1 b\n"
                                             "> ack to=2 sequence=1\n"
                                             "> ack to=1 sequence=2\n"
                                             "> ack to=1 sequence=3\n"
                                             "> ack to=1 sequence=4\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(what_no_member_takes_is_told_at_once)
{
        struct server_talk talk;

        server_talk_begin(&talk, NULL, false);
        conversation_run(&talk.conversation, "> hello takes=1024 passes=1 tester\n"
                                             "< hello priority=7\n"
                                             "> subscribe #1 a group=\"crew\"\n"
                                             "< subscribed #1 priority=7\n"
                                             "= publish a size=1025\n"
                                             "! unconfirmed: crew a 1025\n"
                                             "= publish a size=1\n"
                                             "< gap to=1 lost=1 first=1 reason=90 a\n"
                                             "< publish #1 to=1 sequence=2 a \"a\"\n"
                                             "> ack to=1 sequence=2\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(members_count_as_subscriptions)
{
        struct hark_server_params params = {.limits.subscriptions = 2};
        struct server_talk talk;

        server_talk_begin(&talk, &params, false);
        server_talk_greet(&talk);
        conversation_run(&talk.conversation, "> subscribe #1 a\n"
                                             "> subscribe #2 a group=\"crew\"\n"
                                             "> subscribe #3 a group=\"crew\"\n"
                                             "< subscribed #1 priority=7\n"
                                             "< subscribed #2 priority=7\n"
                                             "< subscribed #3 status=8 "
                                             "text=\"too many subscriptions\"\n"
                                             "> unsubscribe #2\n"
                                             "> subscribe #3 a group=\"crew\"\n"
                                             "< subscribed #3 priority=7\n"
                                             "> subscribe #3 b\n"
                                             "< goaway status=3 text=\"the id of a subscription "
                                             "that has not ended\"\n"
                                             "< closed\n"
                                             "! leave: EPROTO\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(what_no_group_can_do_is_refused)
{
        server_talk("> subscribe #1 policy=1 a group=\"crew\"\n"
                    "> subscribe #2 wishes=1 a group=\"crew\"\n"
                    "< subscribed #1 status=3 text=\"a group drops the oldest, and retains "
                    "nothing\"\n"
                    "< subscribed #2 status=3 text=\"a group drops the oldest, and retains "
                    "nothing\"\n");
}
END_TEST

START_TEST(an_ack_of_what_was_not_sent_is_a_mistake)
{
        server_talk("> subscribe #1 a group=\"crew\"\n"
                    "< subscribed #1 priority=7\n"
                    "= publish a\n"
                    "< publish #1 to=1 sequence=1 a\n"
                    "> ack to=1 sequence=1\n"
                    "> ack to=9 sequence=1\n"
                    "> ack to=1 sequence=1\n"
                    "< goaway status=3 text=\"an ack of what was not sent\"\n"
                    "< closed\n"
                    "! leave: EPROTO\n");
}
END_TEST

START_TEST(an_ack_from_no_group_is_a_mistake)
{
        server_talk("> subscribe #1 a\n"
                    "< subscribed #1 priority=7\n"
                    "= publish a\n"
                    "< publish #1 to=1 sequence=1 a\n"
                    "> ack to=1 sequence=1\n"
                    "< goaway status=3 text=\"an ack for a subscription that is in no group\"\n"
                    "< closed\n"
                    "! leave: EPROTO\n");
}
END_TEST

START_TEST(a_server_that_goes_is_told_of_all_that_is_left)
{
        server_talk(TWO_MEMBERS "= publish a.x size=1\n"
                                "= publish a.y size=2\n"
                                "< publish #1 to=1 sequence=1 a.x \"a\"\n"
                                "< publish #2 to=2 sequence=1 a.y \"ab\"\n"
                                "= unref\n"
                                "< goaway\n"
                                "< closed\n"
                                "! unconfirmed: crew a.x 1\n"
                                "! unconfirmed: crew a.y 2\n"
                                "! leave: ECANCELED\n");
}
END_TEST

/* --- the subscriber's side -------------------------------------------------------------------- */

START_TEST(what_was_told_is_confirmed)
{
        client_talk("= subscribe 1 a.* group=crew\n"
                    "= subscribe 2 a.* group=crew once messages=5\n"
                    "< subscribe #1 a.* group=\"crew\"\n"
                    "< subscribe #2 messages=5 wishes=2 a.* group=\"crew\"\n"
                    "> subscribed #1\n"
                    "> subscribed #2\n"
                    "> publish #1 to=1 sequence=1 a.x \"x\"\n"
                    "> publish #2 to=1 priority=3 sequence=2 repeated a.y \"y\"\n"
                    "! note 1: a.y 2 \"y\" repeated\n"
                    "! note 1: a.x 1 \"x\"\n"
                    "< ack to=1 priority=3 sequence=2\n"
                    "< ack to=1 sequence=1\n"
                    "> gap to=2 lost=3 first=1 reason=105 a.x\n"
                    "! gap 2: a.x 3 from 1 ENOBUFS\n"
                    "= unref\n"
                    "< goaway\n"
                    "< closed\n"
                    "! end 1: ECANCELED\n"
                    "! end 2: ECANCELED\n");
}
END_TEST

START_TEST(who_is_in_no_group_confirms_nothing)
{
        client_talk("= subscribe 1 a.*\n"
                    "< subscribe #1 a.*\n"
                    "> subscribed #1\n"
                    "> publish #1 to=1 sequence=1 a.x \"x\"\n"
                    "! note 1: a.x 1 \"x\"\n"
                    "= unsubscribe 1\n"
                    "< unsubscribe #1\n"
                    "! end 1: ECANCELED\n"
                    "= unref\n"
                    "< goaway\n"
                    "< closed\n");
}
END_TEST

START_TEST(who_leaves_in_its_callback_has_confirmed_that_one_only)
{
        client_talk("= subscribe 1 a group=crew leaves\n"
                    "< subscribe #1 a group=\"crew\"\n"
                    "> subscribed #1\n"
                    "> publish #1 to=1 sequence=1 a \"x\"\n"
                    "> publish #2 to=1 sequence=2 a \"y\"\n"
                    "! note 1: a 1 \"x\"\n"
                    "! end 1: ECANCELED\n"
                    "< ack to=1 sequence=1\n"
                    "< unsubscribe #1\n"
                    "= unref\n"
                    "< goaway\n"
                    "< closed\n");
}
END_TEST

START_TEST(what_this_end_could_not_keep_is_told_and_confirmed)
{
        struct hark_limits limits = {.message_size = 1024, .received_size = 1024};
        struct client_talk talk;

        client_talk_begin(&talk, &limits);
        conversation_run(&talk.conversation, "< hello priority=7 us\n"
                                             "> hello server\n"
                                             "! state: HARK_CONNECTED 0\n"
                                             "= subscribe 1 a group=crew\n"
                                             "< subscribe #1 a group=\"crew\"\n"
                                             "> subscribed #1\n"
                                             "> publish #1 to=1 sequence=1 a \"1\"\n"
                                             "> publish #2 to=1 sequence=2 a \"2\"\n"
                                             "> publish #3 to=1 sequence=3 a \"3\"\n"
                                             "> publish #4 to=1 sequence=4 a \"4\"\n"
                                             "> publish #5 to=1 sequence=5 a \"5\"\n"
                                             "! note 1: a 1 \"1\"\n"
                                             "! note 1: a 2 \"2\"\n"
                                             "! note 1: a 3 \"3\"\n"
                                             "! note 1: a 4 \"4\"\n"
                                             "! gap 1: a 1 from 5 ENOBUFS\n"
                                             "< ack to=1 sequence=5\n"
                                             "< ack to=1 sequence=1\n"
                                             "< ack to=1 sequence=2\n"
                                             "< ack to=1 sequence=3\n"
                                             "< ack to=1 sequence=4\n");
        conversation_run(&talk.conversation, "= unref\n"
                                             "< goaway\n"
                                             "< closed\n"
                                             "! end 1: ECANCELED\n");
        client_talk_end(&talk);
}
END_TEST

START_TEST(a_group_has_a_name_and_no_other_wishes)
{
        client_talk("= subscribe 1 a group=a..b\n"
                    "! not done: EINVAL\n"
                    "= subscribe 1 a group=*\n"
                    "! not done: EINVAL\n"
                    "= subscribe 1 a once\n"
                    "! not done: EINVAL\n"
                    "= subscribe 1 a group=crew retained\n"
                    "! not done: EINVAL\n"
                    "= subscribe 1 a group=crew policy=1\n"
                    "! not done: EINVAL\n"
                    "= unref\n"
                    "< goaway\n"
                    "< closed\n");
}
END_TEST

FIXTURE_MAIN("member", each_is_sent_to_one_member_under_its_own_number,
             groups_have_nothing_to_do_with_each_other, what_a_member_leaves_behind_goes_to_another,
             what_has_not_left_is_not_marked, what_has_begun_to_leave_is_marked,
             once_only_goes_to_the_publisher, a_gap_comes_before_what_follows_it,
             a_full_connection_is_served_when_it_has_room,
             what_one_member_has_confirmed_makes_room_for_the_others,
             what_no_member_takes_is_told_at_once, members_count_as_subscriptions,
             what_no_group_can_do_is_refused, an_ack_of_what_was_not_sent_is_a_mistake,
             an_ack_from_no_group_is_a_mistake, a_server_that_goes_is_told_of_all_that_is_left,
             what_was_told_is_confirmed, who_is_in_no_group_confirms_nothing,
             who_leaves_in_its_callback_has_confirmed_that_one_only,
             what_this_end_could_not_keep_is_told_and_confirmed,
             a_group_has_a_name_and_no_other_wishes)
