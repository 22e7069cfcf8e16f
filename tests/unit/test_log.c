/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

struct heard {
        unsigned n;
        int level;
        char text[1024];
};

static void on_log(int level, const char *text, void *userdata)
{
        struct heard *heard = userdata;

        heard->n++;
        heard->level = level;
        (void)snprintf(heard->text, sizeof(heard->text), "%s", text);
}

START_TEST(tells_whoever_listens)
{
        struct heard heard = {0};
        struct hark_log log = {.on_log = on_log, .userdata = &heard};

        hark_log(&log, LOG_WARNING, "%s of %d", "three", 4);
        ck_assert_uint_eq(heard.n, 1);
        ck_assert_int_eq(heard.level, LOG_WARNING);
        ck_assert_str_eq(heard.text, "three of 4");
}
END_TEST

START_TEST(is_silent_when_nobody_listens)
{
        struct hark_log log = {0};

        hark_log(&log, LOG_ERR, "nothing");
}
END_TEST

START_TEST(cuts_long_lines)
{
        struct heard heard = {0};
        struct hark_log log = {.on_log = on_log, .userdata = &heard};

        hark_log(&log, LOG_ERR, "%1000d", 7);
        ck_assert_uint_eq(strlen(heard.text), 511);
}
END_TEST

START_TEST(replaces_control_characters)
{
        struct heard heard = {0};
        struct hark_log log = {.on_log = on_log, .userdata = &heard};

        hark_log(&log, LOG_ERR, "a\nb\x1b[31mc\x7f");
        ck_assert_str_eq(heard.text, "a?b?[31mc?");
}
END_TEST

struct text_case {
        const char *before, *after;
};

static const struct text_case text_cases[] = {
        {"", ""},
        {"plain ~ text", "plain ~ text"},
        {"tab\tcr\rbell\a", "tab?cr?bell?"},
        {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x99\x82", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x99\x82"},
        {"c1 \xc2\x9b"
         "31m",
         "c1 ??31m"},
        {"nbsp \xc2\xa0.", "nbsp \xc2\xa0."},
        {"cut \xc2", "cut \xc2"},
};

START_TEST(makes_any_text_fit_to_print)
{
        for (size_t i = 0; i < sizeof(text_cases) / sizeof(*text_cases); i++) {
                char text[64];

                (void)snprintf(text, sizeof(text), "%s", text_cases[i].before);
                hark_text_sanitise(text, strlen(text));
                ck_assert_str_eq(text, text_cases[i].after);
        }
}
END_TEST

START_TEST(replaces_a_nul_inside)
{
        char text[] = "a\0b";

        hark_text_sanitise(text, 3);
        ck_assert_str_eq(text, "a?b");
}
END_TEST

FIXTURE_MAIN("log", tells_whoever_listens, is_silent_when_nobody_listens, cuts_long_lines,
             replaces_control_characters, makes_any_text_fit_to_print, replaces_a_nul_inside)
