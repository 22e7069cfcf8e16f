/* SPDX-License-Identifier: MIT */
/*
 * hark sub: prints notifications, one line each, until it has enough, is interrupted, or the
 * connection ends.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "client.h"
#include "failure.h"
#include "text.h"
#include "verb.h"

struct sub_options {
        int wait_ms;
        int count, policy;
        const char *group;
        bool is_once_only, wants_retained, is_json, is_verbose;
};

/* In the order of enum hark_policy. */
static const char *const policies[] = {"oldest", "newest", "latest", "disconnect", NULL};

static const struct option_spec sub_options[] = {
        OPTION_WAIT(struct sub_options),
        {
                .name = "count",
                .value = "N",
                .help = "end after so many notifications; 0: never",
                .kind = OPTION_NUMBER,
                .offset = offsetof(struct sub_options, count),
                .max = 1000000000,
        },
        {
                .name = "policy",
                .value = "oldest|newest|latest|disconnect",
                .help = "what to lose when this is too slow",
                .kind = OPTION_CHOICE,
                .offset = offsetof(struct sub_options, policy),
                .choices = policies,
        },
        {
                .name = "group",
                .value = "NAME",
                .help = "share: each goes to one of those that name this group",
                .kind = OPTION_TEXT,
                .offset = offsetof(struct sub_options, group),
        },
        {
                .name = "once",
                .help = "with --group: what this one may have had goes to no other",
                .kind = OPTION_FLAG,
                .offset = offsetof(struct sub_options, is_once_only),
        },
        {
                .name = "retained",
                .help = "first print the values that topics keep",
                .kind = OPTION_FLAG,
                .offset = offsetof(struct sub_options, wants_retained),
        },
        OPTION_JSON(struct sub_options, "print each notification, and each gap, as a JSON object"),
        {
                .name = "verbose",
                .help = "say on standard error when the subscriptions stand",
                .kind = OPTION_FLAG,
                .offset = offsetof(struct sub_options, is_verbose),
        },
        {0},
};

struct sub {
        const struct sub_options *options;
        const char *address;
        hark_client *client;
        hark_loop *loop;
        uint64_t *ids; /* of the subscriptions */
        size_t n_ids;
        int n_printed;
        int status; /* an exit status */
        bool is_over;
};

/* What comes after this is not taken: of a group, another member gets it. */
static void finish(struct sub *sub, int status)
{
        for (size_t i = 0; i < sub->n_ids; i++)
                (void)hark_unsubscribe(sub->client, sub->ids[i]);
        sub->is_over = true;
        sub->status = status;
        hark_loop_stop(sub->loop);
}

static void print_notification(const struct hark_notification *notification)
{
        hark_message *message = notification->message;

        print_escaped(stdout, hark_message_data(message), hark_message_size(message));
        putchar('\n');
}

static void print_json_notification(const struct hark_notification *notification)
{
        fputs("{\"kind\":\"notification\",\"topic\":", stdout);
        print_json_text(stdout, notification->topic);
        printf(",\"sequence\":%" PRIu64 ",", notification->sequence);
        if (notification->is_repeated)
                fputs("\"repeated\":true,", stdout);
        if (notification->is_retained)
                fputs("\"retained\":true,", stdout);
        print_json_message(stdout, notification->message);
        puts("}");
}

static void take_notification(struct sub *sub, const struct hark_notification *notification)
{
        if (sub->options->is_json) {
                print_json_notification(notification);
        } else {
                printf("%s\t", notification->topic);
                print_notification(notification);
        }
        if (fflush(stdout) != 0)
                finish(sub, EXIT_REFUSED);
        else if (++sub->n_printed == sub->options->count)
                finish(sub, EXIT_GOOD);
}

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

static void print_json_gap(const struct hark_notification *gap)
{
        fputs("{\"kind\":\"gap\",\"topic\":", stdout);
        print_json_text(stdout, gap->topic);
        printf(",\"sequence\":%" PRIu64 ",\"lost\":", gap->sequence);
        if (gap->n_lost == UINT64_MAX)
                fputs("null", stdout);
        else
                printf("%" PRIu64, gap->n_lost);
        fputs(",\"reason\":", stdout);
        print_json_text(stdout, words_for_gap(gap));
        puts("}");
}

static void take_gap(struct sub *sub, const struct hark_notification *gap)
{
        if (sub->options->is_json) {
                print_json_gap(gap);
                if (fflush(stdout) != 0)
                        finish(sub, EXIT_REFUSED);
        } else if (gap->n_lost == UINT64_MAX) {
                complain("lost an unknown number of %s: %s", gap->topic, words_for_gap(gap));
        } else {
                complain("lost %" PRIu64 " of %s: %s", gap->n_lost, gap->topic, words_for_gap(gap));
        }
}

static void take_withdrawal(struct sub *sub, const struct hark_notification *notification)
{
        if (!sub->options->is_json) {
                complain("%s has no value any more", notification->topic);
                return;
        }
        fputs("{\"kind\":\"withdrawn\",\"topic\":", stdout);
        print_json_text(stdout, notification->topic);
        printf(",\"sequence\":%" PRIu64 "}\n", notification->sequence);
        if (fflush(stdout) != 0)
                finish(sub, EXIT_REFUSED);
}

static void take_current(struct sub *sub, const struct hark_notification *notification)
{
        if (!sub->options->is_json) {
                if (sub->options->is_verbose)
                        complain("these were all values of %s", notification->topic);
                return;
        }
        fputs("{\"kind\":\"current\",\"topic\":", stdout);
        print_json_text(stdout, notification->topic);
        puts("}");
        if (fflush(stdout) != 0)
                finish(sub, EXIT_REFUSED);
}

static void on_notification(const struct hark_notification *notification, void *userdata)
{
        struct sub *sub = userdata;

        if (sub->is_over)
                return;
        if (notification->kind == HARK_NOTIFICATION)
                take_notification(sub, notification);
        else if (notification->kind == HARK_GAP)
                take_gap(sub, notification);
        else if (notification->kind == HARK_WITHDRAWN)
                take_withdrawal(sub, notification);
        else if (notification->kind == HARK_CURRENT)
                take_current(sub, notification);
        else if (notification->kind == HARK_UNSUBSCRIBED)
                finish(sub, complain_of_result(notification->topic, sub->address,
                                               notification->reason, notification->message));
}

static void on_signal(int signo, void *userdata)
{
        (void)signo;
        finish(userdata, EXIT_GOOD);
}

static int subscribe_all(struct sub *sub, char **filters)
{
        struct hark_subscribe_params params = {
                .group = sub->options->group,
                .wants_retained = sub->options->wants_retained,
                .is_once_only = sub->options->is_once_only,
                .policy = (uint8_t)sub->options->policy,
        };

        for (size_t i = 0; filters[i]; i++) {
                int r = hark_subscribe(sub->client, filters[i], on_notification, sub, &params,
                                       &sub->ids[i]);

                if (r == -EINVAL && params.group) {
                        complain("'%s' in group '%s': one of them is no name", filters[i],
                                 params.group);
                        return EXIT_USAGE;
                }
                if (r != 0)
                        return complain_of_result(filters[i], sub->address, r, NULL);
                sub->n_ids++;
        }
        return EXIT_GOOD;
}

/* Once the server has read all that was sent, nothing that is published is missed any more. */
static void announce(const struct sub *sub, char **filters)
{
        if (hark_client_flush(sub->client, TIMEOUT_DEFAULT_MS) != 0)
                return; /* the end of the subscriptions tells why */
        for (size_t i = 0; filters[i]; i++)
                complain("subscribed to %s at %s", filters[i], sub->address);
}

static int listen_until_over(struct sub *sub, char **filters)
{
        int r = subscribe_all(sub, filters);

        if (r != EXIT_GOOD)
                return r;
        r = hark_loop_add_signal(sub->loop, SIGINT, on_signal, sub, NULL);
        if (r == 0)
                r = hark_loop_add_signal(sub->loop, SIGTERM, on_signal, sub, NULL);
        if (r != 0) {
                complain("cannot take signals: %s", hark_reason(r, NULL));
                return EXIT_REFUSED;
        }
        if (sub->options->is_verbose)
                announce(sub, filters);
        hark_loop_run(sub->loop);
        /* What was printed is confirmed, so that no other member prints it again. */
        if (sub->options->group)
                (void)hark_client_flush(sub->client, TIMEOUT_DEFAULT_MS);
        return sub->status;
}

static uint64_t *new_ids(char **filters)
{
        size_t n = 0;

        while (filters[n])
                n++;
        return calloc(n, sizeof(uint64_t));
}

static int run_sub(const void *options, char **operands)
{
        struct sub sub = {.options = options, .address = operands[0], .status = EXIT_GOOD};
        struct hark_client_params params = {.wait_ms = sub.options->wait_ms, .is_one_shot = true};
        int r;

        if (sub.options->is_once_only && !sub.options->group) {
                complain("sub: --once is for members of a --group");
                return EXIT_USAGE;
        }
        if (sub.options->group && sub.options->policy != HARK_DROP_OLDEST) {
                complain("sub: a --group has no --policy but oldest");
                return EXIT_USAGE;
        }
        r = client_connect(sub.address, &params, &sub.client);
        if (r != EXIT_GOOD)
                return r;
        sub.loop = hark_client_loop(sub.client);
        sub.ids = new_ids(operands + 1);
        r = sub.ids ? listen_until_over(&sub, operands + 1) : (complain("no memory"), EXIT_REFUSED);
        sub.is_over = true;
        sub.n_ids = 0;
        hark_client_unref(sub.client);
        free(sub.ids);
        return r;
}

const struct verb verb_sub = {
        .name = "sub",
        .operands = "ADDRESS FILTER...",
        .summary = "Subscribe, and print notifications",
        .details = "In a FILTER * is one token of a topic, > at the end one or more. Each "
                   "notification\n"
                   "is printed as its topic, a tab, and its payload on one line: a backslash, "
                   "control\n"
                   "characters and bytes that are no UTF-8 as \\\\ \\t \\n \\r or \\xHH. What was "
                   "lost is\n"
                   "said on standard error. Members of a --group share what comes; a name is "
                   "letters,\n"
                   "digits, - and _, with dots between. Ends with 0 on SIGINT and SIGTERM, with 5 "
                   "when the\n"
                   "connection is lost. Connecting takes at most 5 seconds.\n",
        .example = "  hark sub unix:/tmp/hub 'room.*.temperature' --count 10\n",
        .min_operands = 2,
        .max_operands = 4096,
        .options = sub_options,
        .options_size = sizeof(struct sub_options),
        .run = run_sub,
};
