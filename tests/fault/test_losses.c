/* SPDX-License-Identifier: MIT */

/* What is published when memory runs out: it is lost, and told all the same. */

#include "fixture.h"

#include "client_talk.h"
#include "faults.h"
#include "frame_text.h"
#include "loop/loop.h"
#include "server_talk.h"

#define MAX_BLOCKS 2000

/* The blocks that a loop has ready, so that the next one that it needs comes from malloc(3). */
struct stock {
        struct hark_pool *pool;
        void *blocks[MAX_BLOCKS];
        unsigned n;
};

static void take_stock(struct stock *stock, hark_loop *loop)
{
        void *block;

        stock->pool = hark_loop_block_pool(loop);
        for (stock->n = 0; stock->n < MAX_BLOCKS; stock->n++) {
                faults_arm(FAULT_MEMORY, 0);
                block = hark_pool_take(stock->pool);
                faults_disarm();
                if (!block)
                        return;
                stock->blocks[stock->n] = block;
        }
        ck_abort_msg("more blocks than that");
}

static void give_stock_back(struct stock *stock)
{
        for (unsigned i = 0; i < stock->n; i++)
                hark_pool_put(stock->pool, stock->blocks[i]);
}

/* Publishes once, with the next allocation failing, or all from then on. */
static void publish_with_fault(struct server_talk *talk, void (*arm)(enum fault fault, unsigned n))
{
        struct stock stock;

        take_stock(&stock, talk->conversation.loop);
        arm(FAULT_MEMORY, 0);
        (void)hark_server_publish(talk->server, "a", HARK_NOTHING);
        ck_assert_uint_gt(faults_disarm(), 0);
        give_stock_back(&stock);
}

static void begin(struct server_talk *talk)
{
        server_talk_begin(talk, NULL, false);
        server_talk_greet(talk);
        conversation_run(&talk->conversation, "> subscribe #1 messages=1 a\n"
                                              "< subscribed #1 priority=7\n");
}

START_TEST(what_there_was_no_memory_for_is_lost_and_told)
{
        struct server_talk talk;

        begin(&talk);
        publish_with_fault(&talk, faults_arm);
        conversation_run(&talk.conversation, "< gap to=1 lost=1 first=1 reason=12 a\n"
                                             "= publish a\n"
                                             "< publish #2 to=1 sequence=2 a\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(a_gap_without_memory_is_told_before_the_next_notification)
{
        struct server_talk talk;

        begin(&talk);
        publish_with_fault(&talk, faults_arm_from);
        publish_with_fault(&talk, faults_arm_from);
        conversation_run(&talk.conversation, "= publish a\n"
                                             "< gap to=1 lost=2 first=1 reason=12 a\n"
                                             "< publish #2 to=1 sequence=3 a\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(a_gap_that_is_queued_tells_what_there_was_no_memory_to_tell)
{
        struct server_talk talk;

        begin(&talk);
        conversation_run(&talk.conversation, "= room 0\n"
                                             "= publish a\n"
                                             "= publish a\n"
                                             ".\n");
        publish_with_fault(&talk, faults_arm_from);
        conversation_run(&talk.conversation, "= room 100000\n"
                                             "< gap to=1 lost=2 first=1 reason=105 a\n"
                                             "< publish #3 to=1 sequence=3 a\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(what_a_group_had_no_memory_for_is_told_to_the_next_member_that_gets_one)
{
        struct server_talk talk;

        server_talk_begin(&talk, NULL, false);
        server_talk_greet(&talk);
        conversation_run(&talk.conversation, "> subscribe #1 a group=\"crew\"\n"
                                             "< subscribed #1 priority=7\n");
        publish_with_fault(&talk, faults_arm_from);
        publish_with_fault(&talk, faults_arm_from);
        conversation_run(&talk.conversation, "= publish a\n"
                                             "< gap to=1 lost=2 first=1 reason=12 a\n"
                                             "< publish #1 to=1 sequence=3 a\n"
                                             "> ack to=1 sequence=3\n");
        server_talk_end(&talk);
}
END_TEST

/* Nor has who receives it: neither for the notification nor for a gap. */
START_TEST(what_a_subscriber_had_no_memory_for_is_told_with_the_next)
{
        uint8_t bytes[8192];
        size_t size = frame_from_text("publish #8 to=1 sequence=1 a \"x\"", bytes, sizeof(bytes));
        struct client_talk talk;
        struct stock stock;

        client_talk_begin(&talk, NULL);
        conversation_run(&talk.conversation, "< hello priority=7 us\n"
                                             "> hello server\n"
                                             "! state: HARK_CONNECTED 0\n"
                                             "= subscribe 1 >\n"
                                             "< subscribe #1 >\n"
                                             "> subscribed #1 priority=7\n");
        take_stock(&stock, talk.conversation.loop);
        memory_port_put(&talk.conversation.memory, bytes, size);
        faults_arm_from(FAULT_MEMORY, 0);
        (void)hark_loop_process(talk.conversation.loop, 0);
        ck_assert_uint_gt(faults_disarm(), 0);
        give_stock_back(&stock);
        conversation_run(&talk.conversation, "> publish #9 to=1 sequence=2 a \"y\"\n"
                                             "! gap 1: > 1 from 1 ENOBUFS\n"
                                             "! note 1: a 2 \"y\"\n"
                                             "= unref\n"
                                             "< goaway\n"
                                             "< closed\n"
                                             "! end 1: ECANCELED\n");
        client_talk_end(&talk);
}
END_TEST

FIXTURE_MAIN("losses", what_a_subscriber_had_no_memory_for_is_told_with_the_next,
             what_a_group_had_no_memory_for_is_told_to_the_next_member_that_gets_one,
             what_there_was_no_memory_for_is_lost_and_told,
             a_gap_without_memory_is_told_before_the_next_notification,
             a_gap_that_is_queued_tells_what_there_was_no_memory_to_tell)
