/* SPDX-License-Identifier: MIT */

/* What a client does with a name that the resolver, which is played here, does not know. */

#include "fixture.h"

#include <errno.h>
#include <hark/hark.h>
#include <netdb.h>
#include <stdio.h>

#include "loop_kit.h"

static unsigned n_asked;

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_addresses)
{
        (void)name;
        (void)service;
        (void)hints;
        (void)ret_addresses;
        n_asked++;
        return EAI_AGAIN;
}

static void count_state(hark_client *client, int state, int reason, void *userdata)
{
        (void)client;
        (void)reason;
        *(unsigned *)userdata += state == HARK_CONNECTED;
}

START_TEST(who_has_no_address_is_not_waited_for)
{
        struct hark_client_params params = {.wait_ms = HARK_FOREVER};
        hark_loop *loop = kit_new_loop();
        hark_client *client = NULL;

        n_asked = 0;
        ck_assert_int_eq(hark_connect(loop, "tcp:nowhere:1", &params, &client), -EHOSTUNREACH);
        ck_assert_uint_eq(n_asked, 1);
        hark_loop_unref(loop);
}
END_TEST

/* The loop does not stand still for the resolver whenever it tries. */
START_TEST(the_resolver_is_asked_once_and_not_at_each_attempt)
{
        unsigned n_connected = 0;
        char address[256];
        const char *alternatives[] = {address, NULL};
        struct hark_client_params params = {
                .on_state = count_state,
                .userdata = &n_connected,
                .alternatives = alternatives,
                .wait_ms = HARK_FOREVER,
        };
        hark_loop *loop = kit_new_loop();
        hark_server *server = NULL;
        hark_client *client = NULL;

        n_asked = 0;
        snprintf(address, sizeof(address), "unix:%s", fixture_path("place"));
        ck_assert_int_eq(hark_connect(loop, "tcp:nowhere:1", &params, &client), 0);
        for (unsigned i = 1; i <= 2; i++) {
                ck_assert_int_eq(hark_server_new(loop, NULL, &server), 0);
                ck_assert_int_eq(hark_server_listen(server, address), 0);
                kit_process_until(loop, &n_connected, i);
                server = hark_server_unref(server);
        }
        ck_assert_uint_eq(n_asked, 1);
        hark_client_unref(client);
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("resolve", who_has_no_address_is_not_waited_for,
             the_resolver_is_asked_once_and_not_at_each_attempt)
