/* SPDX-License-Identifier: MIT */
#include "told.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "failure.h"
#include "text.h"

static const char *words_for_gap(const struct hark_notification *gap)
{
        switch (gap->reason) {
        case -ENOBUFS:
                return "subscriber too slow";
        case -ECONNRESET:
                return "connection lost";
        default:
                return hark_reason(gap->reason, NULL);
        }
}

static void print_notification(const struct hark_notification *told)
{
        printf("%s\t", told->topic);
        print_escaped(stdout, hark_message_data(told->message), hark_message_size(told->message));
        putchar('\n');
}

static void complain_of_gap(const struct hark_notification *gap)
{
        if (gap->n_lost == UINT64_MAX)
                complain("lost an unknown number of %s: %s", gap->topic, words_for_gap(gap));
        else
                complain("lost %" PRIu64 " of %s: %s", gap->n_lost, gap->topic, words_for_gap(gap));
}

void print_told(const struct hark_notification *told, bool is_verbose)
{
        if (told->kind == HARK_NOTIFICATION)
                print_notification(told);
        else if (told->kind == HARK_GAP)
                complain_of_gap(told);
        else if (told->kind == HARK_WITHDRAWN)
                complain("%s has no value any more", told->topic);
        else if (told->kind == HARK_CURRENT && is_verbose)
                complain("these were all values of %s", told->topic);
}

static void begin_object(const char *kind, const struct hark_notification *told)
{
        printf("{\"kind\":\"%s\",\"topic\":", kind);
        print_json_text(stdout, told->topic);
}

static void print_json_notification(const struct hark_notification *told)
{
        begin_object("notification", told);
        printf(",\"sequence\":%" PRIu64 ",", told->sequence);
        if (told->is_repeated)
                fputs("\"repeated\":true,", stdout);
        if (told->is_retained)
                fputs("\"retained\":true,", stdout);
        print_json_message(stdout, told->message);
        puts("}");
}

static void print_json_gap(const struct hark_notification *gap)
{
        begin_object("gap", gap);
        printf(",\"sequence\":%" PRIu64 ",\"lost\":", gap->sequence);
        if (gap->n_lost == UINT64_MAX)
                fputs("null", stdout);
        else
                printf("%" PRIu64, gap->n_lost);
        fputs(",\"reason\":", stdout);
        print_json_text(stdout, words_for_gap(gap));
        puts("}");
}

void print_json_told(const struct hark_notification *told)
{
        if (told->kind == HARK_NOTIFICATION) {
                print_json_notification(told);
        } else if (told->kind == HARK_GAP) {
                print_json_gap(told);
        } else if (told->kind == HARK_WITHDRAWN) {
                begin_object("withdrawn", told);
                printf(",\"sequence\":%" PRIu64 "}\n", told->sequence);
        } else if (told->kind == HARK_CURRENT) {
                begin_object("current", told);
                puts("}");
        }
}
