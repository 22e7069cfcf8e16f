/* SPDX-License-Identifier: MIT */

/* Who the other side is: what the kernel vouches for is true, what it does not say is unknown. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests.h"

struct identity {
        long uid, gid;
        int pid, has_pidfd, claimed_pid;
        char claimed_name[64];
};

static void parse_identity(const char *text, struct identity *ret_identity)
{
        ret_identity->claimed_name[0] = '\0';
        ck_assert_int_ge(sscanf(text, "%ld %ld %d %d %d %63s", &ret_identity->uid,
                                &ret_identity->gid, &ret_identity->pid, &ret_identity->has_pidfd,
                                &ret_identity->claimed_pid, ret_identity->claimed_name),
                         5);
}

static void check_verified(const struct identity *identity, pid_t pid)
{
        ck_assert_int_eq(identity->uid, (long)getuid());
        ck_assert_int_eq(identity->gid, (long)getgid());
        ck_assert_int_eq(identity->pid, pid);
        ck_assert_int_eq(identity->has_pidfd, 1);
}

static void check_unknown(const struct identity *identity)
{
        ck_assert_int_eq(identity->uid, -1);
        ck_assert_int_eq(identity->gid, -1);
        ck_assert_int_eq(identity->pid, 0);
        ck_assert_int_eq(identity->has_pidfd, 0);
}

START_TEST(a_server_knows_its_client_as_far_as_the_kernel_does)
{
        struct hark_client_params params = {.name = "conformance-client"};
        struct identity client;
        struct rig rig;

        rig_serve(&rig, NULL);
        rig.client = rig_connect(&rig, &params);
        parse_identity(rig_ask(&rig, "who", "%s", ""), &client);
        if (rig_service_can(HARK_CAN_IDENTIFY))
                check_verified(&client, getpid());
        else
                check_unknown(&client);
        ck_assert_str_eq(client.claimed_name, "conformance-client");
        ck_assert_int_eq(client.claimed_pid, getpid());
        rig_end(&rig);
}
END_TEST

START_TEST(a_client_s_name_is_its_program_s_unless_it_says_another)
{
        struct identity client;
        struct rig rig;

        rig_start(&rig, NULL);
        parse_identity(rig_ask(&rig, "who", "%s", ""), &client);
        ck_assert_str_eq(client.claimed_name, program_invocation_short_name);
        rig_end(&rig);
}
END_TEST

START_TEST(a_claimed_name_is_fit_to_print)
{
        struct hark_client_params params = {.name = "bad\x1b[31m\n\x7fname"};
        const char *text;
        struct rig rig;

        rig_serve(&rig, NULL);
        rig.client = rig_connect(&rig, &params);
        text = rig_ask(&rig, "who", "%s", "");
        for (size_t i = 0; text[i]; i++)
                ck_assert_msg((unsigned char)text[i] >= ' ' && text[i] != 0x7f, "%s", text);
        ck_assert_ptr_nonnull(strstr(text, "name"));
        text = rig_ask(&rig, "name", "%s", "");
        for (size_t i = 0; text[i]; i++)
                ck_assert_msg((unsigned char)text[i] >= ' ' && text[i] != 0x7f, "%s", text);
        rig_end(&rig);
}
END_TEST

START_TEST(a_peer_is_described_in_a_line)
{
        struct hark_client_params params = {.name = "describe-me"};
        const char *text;
        char pid[32];
        struct rig rig;

        rig_serve(&rig, NULL);
        rig.client = rig_connect(&rig, &params);
        text = rig_ask(&rig, "name", "%s", "");
        ck_assert_ptr_nonnull(strstr(text, "describe-me"));
        snprintf(pid, sizeof(pid), "[%d]", getpid());
        if (rig_service_can(HARK_CAN_IDENTIFY))
                ck_assert_ptr_nonnull(strstr(text, pid));
        else
                ck_assert_ptr_null(strstr(text, "uid"));
        rig_end(&rig);
}
END_TEST

/* The other way round: a client that serves sees the server as a peer of its own. */

static void look_at_server(hark_request *request, void *userdata)
{
        const struct hark_credentials *who = hark_peer_credentials(hark_request_peer(request));
        struct pollfd look = {.fd = who->pidfd, .events = POLLIN};
        struct identity *server = userdata;

        *server = (struct identity){
                .uid = who->uid == (uid_t)-1 ? -1 : (long)who->uid,
                .gid = who->gid == (gid_t)-1 ? -1 : (long)who->gid,
                .pid = who->pid,
                .has_pidfd = who->pidfd >= 0 && poll(&look, 1, 0) == 0,
                .claimed_pid = who->claimed_pid,
        };
        hark_reply(request, HARK_NOTHING);
}

START_TEST(a_client_knows_its_server_as_far_as_the_kernel_does)
{
        struct hark_client_params params = {.name = "both"};
        struct identity server = {0};
        struct ending ending = {0};
        hark_server *serves = NULL;
        struct rig rig;
        pid_t pid;

        rig_serve(&rig, NULL);
        kit_assert_good(hark_server_new(rig.loop, NULL, &serves));
        kit_assert_good(hark_server_handle(serves, "look", look_at_server, &server));
        params.serves = serves;
        rig.client = rig_connect(&rig, &params);
        pid = (pid_t)strtol(rig_ask(&rig, "pid", "%s", ""), NULL, 10);
        rig_invoke(&rig, "ask", "look", &ending);
        rig_expect_end(&rig, &ending, 0);
        if (rig_client_can(HARK_CAN_IDENTIFY))
                check_verified(&server, pid);
        else
                check_unknown(&server);
        ck_assert_int_eq(server.claimed_pid, pid);
        rig_end(&rig);
        hark_server_unref(serves);
}
END_TEST

CHAPTER(test_identity, a_server_knows_its_client_as_far_as_the_kernel_does,
        a_client_s_name_is_its_program_s_unless_it_says_another, a_claimed_name_is_fit_to_print,
        a_peer_is_described_in_a_line, a_client_knows_its_server_as_far_as_the_kernel_does)
