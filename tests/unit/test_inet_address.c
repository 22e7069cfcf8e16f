/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "transport/inet_address.h"
#include "transport/transport.h"

static union hark_inet_name name_of(const char *host)
{
        struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *info;
        union hark_inet_name name = {0};

        ck_assert_int_eq(getaddrinfo(host, "1", &hints, &info), 0);
        memcpy(&name, info->ai_addr, info->ai_addrlen);
        freeaddrinfo(info);
        return name;
}

START_TEST(loopback_is_known_in_all_its_forms)
{
        static const struct {
                const char *host;
                bool is_loopback;
        } cases[] = {{"127.0.0.1", true},
                     {"127.255.255.254", true},
                     {"128.0.0.1", false},
                     {"0.0.0.0", false},
                     {"10.0.0.127", false},
                     {"::1", true},
                     {"::", false},
                     {"::2", false},
                     {"fe80::1", false},
                     {"::ffff:127.0.0.2", true},
                     {"::ffff:10.0.0.1", false}};

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                union hark_inet_name name = name_of(cases[i].host);

                ck_assert_msg(hark_inet_is_loopback(&name) == cases[i].is_loopback, "%s",
                              cases[i].host);
        }
}
END_TEST

START_TEST(a_zone_is_printed_as_an_address_has_it)
{
        union hark_inet_name name = {.in6 = {.sin6_family = AF_INET6,
                                             .sin6_port = htons(80),
                                             .sin6_scope_id = 7,
                                             .sin6_addr = IN6ADDR_LOOPBACK_INIT}};
        char text[64];

        hark_inet_print(&name, text, sizeof(text));
        ck_assert_str_eq(text, "[::1%257]:80");
}
END_TEST

START_TEST(what_reaches_beyond_this_machine_has_to_be_open)
{
        struct hark_address closed = {.is_open = false}, open = {.is_open = true};
        union hark_inet_name here = name_of("127.0.0.1"), beyond = name_of("192.0.2.1");

        ck_assert_int_eq(hark_inet_check_exposure(&closed, &here), 0);
        ck_assert_int_eq(hark_inet_check_exposure(&closed, &beyond), -EPERM);
        ck_assert_int_eq(hark_inet_check_exposure(&open, &beyond), 0);
}
END_TEST

START_TEST(a_missing_port_is_told_in_the_words_of_the_scheme)
{
        static const struct hark_transport_ops other = {.public = {.scheme = "other"}};
        struct hark_address address = {.transport = &other};
        char why[128] = "";

        ck_assert_int_eq(hark_inet_parse(&address, "host", 4, why, sizeof(why)), -EINVAL);
        ck_assert_str_eq(why, "port: is missing; expected other:HOST:PORT");
}
END_TEST

FIXTURE_MAIN("inet_address", loopback_is_known_in_all_its_forms,
             a_zone_is_printed_as_an_address_has_it,
             what_reaches_beyond_this_machine_has_to_be_open,
             a_missing_port_is_told_in_the_words_of_the_scheme)
