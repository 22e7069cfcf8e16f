/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <hark/transport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport/address.h"
#include "transport/transport.h"

#define PATH_107                                                       \
        "/23456789012345678901234567890123456789012345678901234567890" \
        "12345678901234567890123456789012345678901234567"

static struct hark_address *parse(const char *text)
{
        struct hark_address *address = NULL;
        char why[128] = "untouched";

        ck_assert_msg(hark_address_parse(text, &address, why, sizeof(why)) == 0, "%s: %s", text,
                      why);
        ck_assert_str_eq(why, "untouched");
        ck_assert_str_eq(address->text, text);
        return address;
}

struct bad_case {
        const char *text;
        int result;
        const char *why;
};

#define SCHEMES "unix, seqpacket, dgram, tcp, udp, pipe, fifo, mq, exec, stdio, inherit"

static const struct bad_case bad_cases[] = {
        {"", -EINVAL, "scheme: there is no ':'; expected one of " SCHEMES " and a ':'"},
        {"/run/x", -EINVAL, "scheme: there is no ':'; expected one of " SCHEMES " and a ':'"},
        {"unx:/x", -EPROTONOSUPPORT, "scheme: 'unx' is unknown; expected one of " SCHEMES},
        {"UNIX:/x", -EPROTONOSUPPORT, "scheme: 'UNIX' is unknown; expected one of " SCHEMES},
        {" unix:/x", -EPROTONOSUPPORT, "scheme: ' unix' is unknown; expected one of " SCHEMES},
        {":", -EPROTONOSUPPORT, "scheme: '' is unknown; expected one of " SCHEMES},
        {"\x1b[2J:", -EPROTONOSUPPORT, "scheme: '?[2J' is unknown; expected one of " SCHEMES},

        {"unix:/a%", -EINVAL, "escape: '%' is not a % and two hexadecimal digits"},
        {"unix:/a%2", -EINVAL, "escape: '%2' is not a % and two hexadecimal digits"},
        {"unix:/a%2gb", -EINVAL, "escape: '%2g' is not a % and two hexadecimal digits"},
        {"unix:/a%00b", -EINVAL, "escape: %00 is in no path, name or argument"},
        {"exec:a %00", -EINVAL, "escape: %00 is in no path, name or argument"},
        {"unix:/a b", -EINVAL, "address: has a space; write it as %20"},
        {"tcp:a b:1", -EINVAL, "address: has a space; write it as %20"},
        {"unix:/a\nb", -EINVAL, "address: has a control character; write it as %0A"},
        {"exec:a\tb", -EINVAL, "address: has a control character; write it as %09"},
        {"unix:/a\x7f", -EINVAL, "address: has a control character; write it as %7F"},

        {"unix:", -EINVAL, "path: is empty; expected unix:/PATH or unix:@NAME"},
        {"unix:?uid=0", -EINVAL, "path: is empty; expected unix:/PATH or unix:@NAME"},
        {"unix:/run/", -EINVAL, "path: '/run/' ends in '/'; expected that of a socket"},
        {"unix:@", -EINVAL, "name: is empty; expected unix:@NAME"},
        {"unix:" PATH_107 "7", -EINVAL, "path: has 108 bytes; expected at most 107"},
        {"unix:@" PATH_107 "7", -EINVAL, "name: has 108 bytes; expected at most 107"},

        {"unix:/x?", -EINVAL, "option: '' is unknown to unix:; expected uid, mode"},
        {"unix:/x?opne", -EINVAL, "option: 'opne' is unknown to unix:; expected uid, mode"},
        {"unix:/x?open", -EINVAL, "option: 'open' is unknown to unix:; expected uid, mode"},
        {"unix:/x?UID=1", -EINVAL, "option: 'UID' is unknown to unix:; expected uid, mode"},
        {"unix:/x?uid=1&", -EINVAL, "option: '' is unknown to unix:; expected uid, mode"},
        {"unix:/x?uid=1?mode=7", -EINVAL, "uid: '1?mode=7' is not a number from 0 to 4294967294"},
        {"unix:/x?uid=1&uid=2", -EINVAL, "option: 'uid' is given twice"},
        {"unix:/x?uid", -EINVAL, "uid: is empty; expected a user, a number, or any"},
        {"unix:/x?uid=", -EINVAL, "uid: is empty; expected a user, a number, or any"},
        {"unix:/x?uid=-1", -ENOENT, "uid: there is no user '-1'"},
        {"unix:/x?uid=4294967295", -EINVAL,
         "uid: '4294967295' is not a number from 0 to 4294967294"},
        {"unix:/x?uid=no-such-user", -ENOENT, "uid: there is no user 'no-such-user'"},
        {"unix:/x?mode", -EINVAL, "mode: '' is not an octal number from 0 to 0777"},
        {"unix:/x?mode=", -EINVAL, "mode: '' is not an octal number from 0 to 0777"},
        {"unix:/x?mode=0668", -EINVAL, "mode: '0668' is not an octal number from 0 to 0777"},
        {"unix:/x?mode=01000", -EINVAL, "mode: '01000' is not an octal number from 0 to 0777"},
        {"unix:@x?mode=0600", -EINVAL, "mode: an abstract name has no permissions; see uid"},

        {"tcp:", -EINVAL, "port: is missing; expected tcp:HOST:PORT"},
        {"tcp:localhost", -EINVAL, "port: is missing; expected tcp:HOST:PORT"},
        {"tcp:[::1]", -EINVAL, "port: is missing; expected tcp:HOST:PORT"},
        {"tcp:[::1]80", -EINVAL, "port: is missing; expected tcp:HOST:PORT"},
        {"tcp::80", -EINVAL, "host: is empty; expected a name, an address or *"},
        {"tcp:[]:80", -EINVAL, "host: is empty; expected a name, an address or *"},
        {"tcp:::1:80", -EINVAL, "host: '::1' has colons; expected [IPv6 address]:PORT"},
        {"tcp:[::g]:80", -EINVAL, "host: '::g' is not an IPv6 address"},
        {"tcp:[::1%25]:80", -EINVAL, "host: '::1%' is not an IPv6 address"},
        {"tcp:[127.0.0.1]:80", -EINVAL, "host: '127.0.0.1' is not an IPv6 address"},
        {"tcp:[::1:80", -EINVAL, "host: '[::1' has colons; expected [IPv6 address]:PORT"},
        {"tcp:127.1:80", -EINVAL, "host: '127.1' is not an IPv4 address"},
        {"tcp:256.0.0.1:80", -EINVAL, "host: '256.0.0.1' is not an IPv4 address"},
        {"tcp:a/b:80", -EINVAL, "host: 'a/b' is not a name of a host"},
        {"tcp:a%20b:80", -EINVAL, "host: 'a b' is not a name of a host"},
        {"tcp:**:80", -EINVAL, "host: '**' is not a name of a host"},
        {"tcp:localhost:", -EINVAL, "port: '' is not a number from 0 to 65535"},
        {"tcp:localhost:http", -EINVAL, "port: 'http' is not a number from 0 to 65535"},
        {"tcp:localhost:70000", -EINVAL, "port: '70000' is not a number from 0 to 65535"},
        {"tcp:localhost:-1", -EINVAL, "port: '-1' is not a number from 0 to 65535"},
        {"tcp:localhost:99999999999999999999999", -EINVAL,
         "port: '99999999999999999999999' is not a number from 0 to 65535"},
        {"tcp:*:80?open=yes", -EINVAL, "open: takes no value, but has 'yes'"},
        {"tcp:*:80?uid=0", -EINVAL, "option: 'uid' is unknown to tcp:; expected open"},
        {"udp:localhost", -EINVAL, "port: is missing; expected udp:HOST:PORT"},
        {"udp:*:80?keep", -EINVAL, "option: 'keep' is unknown to udp:; expected open, interface"},

        {"pipe:", -EINVAL, "write fd: is missing; expected pipe:READ_FD,WRITE_FD"},
        {"pipe:3", -EINVAL, "write fd: is missing; expected pipe:READ_FD,WRITE_FD"},
        {"pipe:,4", -EINVAL, "read fd: '' is not a descriptor from 3 up; 0 and 1 are stdio:"},
        {"pipe:0,1", -EINVAL, "read fd: '0' is not a descriptor from 3 up; 0 and 1 are stdio:"},
        {"pipe:3,", -EINVAL, "write fd: '' is not a descriptor from 3 up; 0 and 1 are stdio:"},
        {"pipe:3,4,5", -EINVAL,
         "write fd: '4,5' is not a descriptor from 3 up; 0 and 1 are stdio:"},
        {"pipe:3,2147483648", -EINVAL,
         "write fd: '2147483648' is not a descriptor from 3 up; 0 and 1 are stdio:"},
        {"pipe:3,4?open", -EINVAL,
         "option: 'open' is unknown to pipe:; expected none (a '?' is written %3F)"},

        {"exec:", -EINVAL, "program: is empty; expected exec:PROGRAM ARGUMENT..."},
        {"exec:  ", -EINVAL, "program: is empty; expected exec:PROGRAM ARGUMENT..."},
        {"exec:a b?c", -EINVAL,
         "option: 'c' is unknown to exec:; expected none (a '?' is written %3F)"},

        {"stdio:x", -EINVAL, "stdio: 'x' is too much; expected stdio: alone"},
        {"stdio", -EINVAL, "scheme: there is no ':'; expected one of " SCHEMES " and a ':'"},
};

START_TEST(says_which_part_is_wrong_and_what_was_expected)
{
        for (size_t i = 0; i < sizeof(bad_cases) / sizeof(*bad_cases); i++) {
                const struct bad_case *c = &bad_cases[i];
                struct hark_address *address = NULL;
                char why[128] = "";

                ck_assert_msg(hark_address_parse(c->text, &address, why, sizeof(why)) == c->result,
                              "\"%s\": %s", c->text, why);
                ck_assert_msg(strcmp(why, c->why) == 0, "\"%s\": %s", c->text, why);
                ck_assert_ptr_null(address);
                ck_assert_int_eq(hark_address_check(c->text, why, sizeof(why)), c->result);
                ck_assert_str_eq(why, c->why);
        }
}
END_TEST

START_TEST(a_long_part_is_quoted_in_part_so_that_what_was_expected_is_seen)
{
        char text[1000] = "tcp:localhost:", why[128];

        memset(text + strlen(text), '7', 900);
        ck_assert_int_eq(hark_address_check(text, why, sizeof(why)), -EINVAL);
        ck_assert_str_eq(why, "port: '7777777777777777777777777777777777777777' is not a number "
                              "from 0 to 65535");
}
END_TEST

START_TEST(why_may_be_small_or_missing)
{
        char why[8] = "before";

        ck_assert_int_eq(hark_address_check("tcp:x:y", NULL, 100), -EINVAL);
        ck_assert_int_eq(hark_address_check("tcp:x:y", why, 0), -EINVAL);
        ck_assert_str_eq(why, "before");
        ck_assert_int_eq(hark_address_check("tcp:x:y", why, sizeof(why)), -EINVAL);
        ck_assert_str_eq(why, "port: '");
        ck_assert_int_eq(hark_address_check(NULL, why, sizeof(why)), -EINVAL);
        ck_assert_str_eq(why, "address");
}
END_TEST

START_TEST(a_good_address_leaves_why_alone)
{
        char why[8] = "before";

        ck_assert_int_eq(hark_address_check("stdio:", why, sizeof(why)), 0);
        ck_assert_str_eq(why, "before");
}
END_TEST

static void check_path(const char *text, const char *path, bool is_abstract)
{
        struct hark_address *address = parse(text);

        ck_assert_str_eq(address->path, path);
        ck_assert_uint_eq(address->path_size, strlen(path));
        ck_assert(address->is_abstract == is_abstract);
        hark_address_free(address);
}

START_TEST(a_path_is_decoded_and_a_name_has_an_at)
{
        check_path("unix:/run/clock.sock", "/run/clock.sock", false);
        check_path("unix:clock.sock", "clock.sock", false);
        check_path("unix:@clock", "clock", true);
        check_path("unix:@/run/x/", "/run/x/", true);
        check_path("unix:%40clock", "@clock", false);
        check_path("unix:@%40clock", "@clock", true);
        check_path("unix:/a%20b%3Fc%25%0a", "/a b?c%\n", false);
        check_path("unix:/caf\xc3\xa9&=#", "/caf\xc3\xa9&=#", false);
        check_path("unix:" PATH_107, PATH_107, false);
        check_path("unix:@" PATH_107, PATH_107, true);
}
END_TEST

START_TEST(who_may_be_there_and_with_which_permissions_is_an_option)
{
        struct hark_address *address = parse("unix:/x");

        ck_assert_int_eq(address->uid_rule, HARK_UID_DEFAULT);
        ck_assert(!address->has_mode);
        hark_address_free(address);
        address = parse("unix:/x?mode=0660&uid=1234");
        ck_assert_int_eq(address->uid_rule, HARK_UID_ONE);
        ck_assert_uint_eq(address->uid, 1234);
        ck_assert(address->has_mode);
        ck_assert_uint_eq(address->mode, 0660);
        hark_address_free(address);
        address = parse("unix:@x?uid=any");
        ck_assert_int_eq(address->uid_rule, HARK_UID_ANY);
        hark_address_free(address);
        address = parse("unix:@x?uid=root");
        ck_assert_int_eq(address->uid_rule, HARK_UID_ONE);
        ck_assert_uint_eq(address->uid, 0);
        hark_address_free(address);
        address = parse("unix:@x?uid=4294967294");
        ck_assert_uint_eq(address->uid, 4294967294);
        hark_address_free(address);
}
END_TEST

static void check_host(const char *text, const char *host, unsigned port, bool is_open)
{
        struct hark_address *address = parse(text);

        ck_assert_str_eq(address->host, host);
        ck_assert_uint_eq(address->port, port);
        ck_assert(address->is_open == is_open);
        hark_address_free(address);
}

START_TEST(a_host_is_a_name_or_an_address_or_all_of_them)
{
        check_host("tcp:localhost:0", "localhost", 0, false);
        check_host("tcp:a-b.example_1:65535", "a-b.example_1", 65535, false);
        check_host("tcp:127.0.0.1:80", "127.0.0.1", 80, false);
        check_host("tcp:[::1]:80", "::1", 80, false);
        check_host("tcp:[::ffff:127.0.0.1]:80", "::ffff:127.0.0.1", 80, false);
        check_host("tcp:[fe80::1%25eth0]:80", "fe80::1%eth0", 80, false);
        check_host("tcp:*:80?open", "*", 80, true);
        check_host("tcp:localhost:00080", "localhost", 80, false);
        check_host("udp:[::1]:80?open", "::1", 80, true);
}
END_TEST

START_TEST(a_pipe_is_two_descriptors)
{
        struct hark_address *address = parse("pipe:3,4");

        ck_assert_int_eq(address->read_fd, 3);
        ck_assert_int_eq(address->write_fd, 4);
        hark_address_free(address);
        address = parse("pipe:2147483647,2147483647");
        ck_assert_int_eq(address->read_fd, 2147483647);
        hark_address_free(address);
}
END_TEST

START_TEST(a_program_and_its_arguments_are_split_before_they_are_decoded)
{
        static const char *const expected[] = {"my prog", "a", "%", "b\nc", "?"};
        struct hark_address *address = parse("exec: my%20prog  a %25 b%0ac %3F ");

        for (size_t i = 0; i < 5; i++)
                ck_assert_str_eq(address->argv[i], expected[i]);
        ck_assert_ptr_null(address->argv[5]);
        hark_address_free(address);
        address = parse("exec:cat");
        ck_assert_str_eq(address->argv[0], "cat");
        ck_assert_ptr_null(address->argv[1]);
        hark_address_free(address);
}
END_TEST

START_TEST(the_bare_text_has_no_options)
{
        struct hark_address *address = parse("unix:/a%3Fb?uid=any&mode=0600");
        char *text = hark_address_bare_text(address);

        ck_assert_str_eq(text, "unix:/a%3Fb");
        free(text);
        hark_address_free(address);
        ck_assert_ptr_null(hark_address_free(NULL));
}
END_TEST

START_TEST(numbers_are_digits_up_to_a_maximum)
{
        uint64_t number = 42;

        ck_assert(!hark_parse_number("", 0, 10, 9, &number));
        ck_assert(!hark_parse_number("8", 1, 8, 9, &number));
        ck_assert(!hark_parse_number("10", 2, 10, 9, &number));
        ck_assert(!hark_parse_number("+1", 2, 10, 9, &number));
        ck_assert(!hark_parse_number("18446744073709551616", 20, 10, UINT64_MAX, &number));
        ck_assert_uint_eq(number, 42);
        ck_assert(hark_parse_number("18446744073709551615", 20, 10, UINT64_MAX, &number));
        ck_assert_uint_eq(number, UINT64_MAX);
        ck_assert(hark_parse_number("9x", 1, 10, 9, &number));
        ck_assert_uint_eq(number, 9);
}
END_TEST

START_TEST(the_table_of_transports_is_complete_and_ends)
{
        static const char *const schemes[] = {"unix", "seqpacket", "dgram",  "tcp",
                                              "udp",  "pipe",      "fifo",   "mq",
                                              "exec", "stdio",     "inherit"};
        size_t n = sizeof(schemes) / sizeof(*schemes);

        for (size_t i = 0; i < n; i++) {
                const struct hark_transport *transport = hark_transport_get(i);

                ck_assert_str_eq(transport->scheme, schemes[i]);
                ck_assert_ptr_eq(transport, &hark_transport_ops_get(i)->public);
                ck_assert_int_eq(strncmp(transport->syntax, schemes[i], strlen(schemes[i])), 0);
                ck_assert_uint_gt(strlen(transport->peer_death), 0);
                ck_assert_uint_gt(strlen(transport->credentials), 0);
        }
        ck_assert_ptr_null(hark_transport_get(n));
        ck_assert_ptr_null(hark_transport_get(SIZE_MAX));
}
END_TEST

FIXTURE_MAIN("address", says_which_part_is_wrong_and_what_was_expected,
             a_long_part_is_quoted_in_part_so_that_what_was_expected_is_seen,
             why_may_be_small_or_missing, a_good_address_leaves_why_alone,
             a_path_is_decoded_and_a_name_has_an_at,
             who_may_be_there_and_with_which_permissions_is_an_option,
             a_host_is_a_name_or_an_address_or_all_of_them, a_pipe_is_two_descriptors,
             a_program_and_its_arguments_are_split_before_they_are_decoded,
             the_bare_text_has_no_options, numbers_are_digits_up_to_a_maximum,
             the_table_of_transports_is_complete_and_ends)
