/* SPDX-License-Identifier: MIT */

/* Rules, held to users and groups that the kernel vouches for: other ones than this process is. */

#include "fixture.h"

#include <errno.h>
#include <grp.h>
#include <hark/hark.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STRANGER    65432 /* a user of no meaning */
#define GROUP       65433 /* his group */
#define OTHER_GROUP 65434
#define PATIENCE_MS 10000

struct visit {
        gid_t groups[4097]; /* besides his own */
        size_t n_groups;
        int result;
        const char *text; /* of the answer, or the refusal */
        char address[200];
};

static void become_stranger(const struct visit *visit)
{
        ck_assert_int_eq(setgroups(visit->n_groups, visit->groups), 0);
        ck_assert_int_eq(setresgid(GROUP, GROUP, GROUP), 0);
        ck_assert_int_eq(setresuid(STRANGER, STRANGER, STRANGER), 0);
}

static int call_as_stranger(void *userdata)
{
        const struct visit *visit = userdata;
        hark_client *client = NULL;
        hark_message *reply = NULL;
        int r;

        become_stranger(visit);
        ck_assert_int_eq(hark_connect(NULL, visit->address, NULL, &client), 0);
        r = hark_call(client, "lamp.On", hark_text("light"), PATIENCE_MS, &reply);
        ck_assert_int_eq(r, visit->result);
        ck_assert_str_eq(r == 0 ? hark_message_text(reply) : hark_reason(r, reply), visit->text);
        hark_message_unref(reply);
        hark_client_unref(client);
        return 0;
}

static void on_lamp(hark_request *request, void *userdata)
{
        (void)userdata;
        hark_reply(request, hark_message_payload(hark_request_message(request)));
}

static void on_leave(hark_peer *peer, int reason, void *userdata)
{
        (void)peer;
        (void)reason;
        *(bool *)userdata = true;
}

static void receive_visit(const char *rule, struct visit visit)
{
        bool has_left = false;
        struct hark_server_params params = {.on_leave = on_leave, .userdata = &has_left};
        hark_loop *loop = NULL;
        hark_server *server = NULL;
        pid_t pid;

        if (geteuid() != 0)
                fixture_skip("only root can become another user");
        ck_assert_int_eq(chmod(fixture_dir(), 0777), 0);
        (void)snprintf(visit.address, sizeof(visit.address), "unix:%s?uid=any", fixture_path("s"));
        ck_assert_int_eq(hark_loop_new(&loop), 0);
        ck_assert_int_eq(hark_server_new(loop, &params, &server), 0);
        ck_assert_int_eq(hark_server_handle(server, "lamp.On", on_lamp, NULL), 0);
        ck_assert_int_eq(hark_server_allow(server, rule), 0);
        ck_assert_int_eq(hark_server_listen(server, visit.address), 0);
        ck_assert_int_eq(chmod(fixture_path("s"), 0777), 0);
        pid = fixture_fork(call_as_stranger, &visit);
        while (!has_left)
                ck_assert_int_eq(hark_loop_process(loop, PATIENCE_MS), 0);
        ck_assert_int_eq(fixture_wait_exit(pid), 0);
        hark_server_unref(server);
        hark_loop_unref(loop);
}

#define GOOD .result = 0, .text = "light"
#define REFUSED(rule)                     \
        .result = HARK_PERMISSION_DENIED, \
        .text = "rule \"" rule "\" does not allow uid 65432 to call lamp.On"

START_TEST(a_user_is_who_the_kernel_says)
{
        receive_visit("call lamp.* uid=65432", (struct visit){GOOD});
        receive_visit("call lamp.* uid=65433", (struct visit){REFUSED("call lamp.* uid=65433")});
        receive_visit("all > uid=root self", (struct visit){REFUSED("all > uid=root self")});
        receive_visit("all > anyone", (struct visit){GOOD});
}
END_TEST

START_TEST(a_group_is_the_user_s_own)
{
        receive_visit("call > gid=65433", (struct visit){GOOD});
        receive_visit("call > gid=65434", (struct visit){REFUSED("call > gid=65434")});
        receive_visit("call > gid=root", (struct visit){REFUSED("call > gid=root")});
}
END_TEST

START_TEST(a_group_is_one_of_those_that_the_user_is_in_besides)
{
        struct visit member = {.groups = {7, OTHER_GROUP}, .n_groups = 2, GOOD};
        struct visit other = {.groups = {7, OTHER_GROUP}, .n_groups = 2, REFUSED("call > gid=8")};

        receive_visit("call > gid=65434", member);
        receive_visit("call > gid=8", other);
}
END_TEST

/* As many as the server keeps, or one more. */
static void receive_visit_of_many(const char *rule, size_t n_groups, int result, const char *text)
{
        struct visit visit = {.n_groups = n_groups, .result = result, .text = text};

        for (size_t i = 0; i < n_groups; i++)
                visit.groups[i] = (gid_t)(OTHER_GROUP + i);
        receive_visit(rule, visit);
}

START_TEST(who_is_in_more_groups_than_are_listed_is_only_in_his_own)
{
        receive_visit_of_many("call > gid=65434", 4096, 0, "light");
        receive_visit_of_many("call > gid=65434", 4097, HARK_PERMISSION_DENIED,
                              "rule \"call > gid=65434\" does not allow uid 65432 to call "
                              "lamp.On");
        receive_visit_of_many("call > gid=65433", 4097, 0, "light");
}
END_TEST

FIXTURE_MAIN("rule_users", a_user_is_who_the_kernel_says, a_group_is_the_user_s_own,
             a_group_is_one_of_those_that_the_user_is_in_besides,
             who_is_in_more_groups_than_are_listed_is_only_in_his_own)
