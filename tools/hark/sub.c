/* SPDX-License-Identifier: MIT */
/*
 * hark sub: prints notifications, one line each, until it has enough, is interrupted, or has no
 * server any more.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "client.h"
#include "failure.h"
#include "told.h"
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
        OPTION_WAIT_IN_WORDS(struct sub_options,
                             "wait so long for a server, at first and whenever it has gone"),
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
        char **filters; /* NULL-terminated */
        uint64_t *ids;  /* of the subscriptions to them */
        size_t n_ids;
        uint64_t patience; /* while is_away: the timer that gives up */
        int n_printed;
        int status; /* an exit status */
        bool is_away, is_over;
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

/* A subscription whose server has gone says nothing of what was carried out. */
static int complain_of_end(const struct sub *sub, const struct hark_notification *end)
{
        bool is_goodbye = end->reason == HARK_UNAVAILABLE;

        if (!is_goodbye && end->reason != -ECONNRESET)
                return complain_of_result(end->topic, sub->address, end->reason, end->message);
        complain("%s at %s: %s (with --wait it goes on with the next server)", end->topic,
                 sub->address, is_goodbye ? "the server said goodbye" : "the connection was lost");
        return EXIT_LOST;
}

static void on_notification(const struct hark_notification *told, void *userdata)
{
        struct sub *sub = userdata;

        if (sub->is_over)
                return;
        if (told->kind == HARK_UNSUBSCRIBED) {
                finish(sub, complain_of_end(sub, told));
                return;
        }
        if (sub->options->is_json)
                print_json_told(told);
        else
                print_told(told, sub->options->is_verbose);
        if (fflush(stdout) != 0)
                finish(sub, EXIT_REFUSED);
        else if (told->kind == HARK_NOTIFICATION && ++sub->n_printed == sub->options->count)
                finish(sub, EXIT_GOOD);
}

/* Once the server has read all that was sent, nothing that is published is missed any more. */
static void announce(const struct sub *sub)
{
        if (hark_client_flush(sub->client, TIMEOUT_DEFAULT_MS) != 0)
                return; /* what the client is told next says why */
        for (size_t i = 0; i < sub->n_ids; i++)
                complain("subscribed to %s at %s", sub->filters[i], sub->address);
}

static void on_patience_over(void *userdata)
{
        struct sub *sub = userdata;

        complain("%s: the server has gone, and none has come for %d ms (a longer --wait may help)",
                 sub->address, sub->options->wait_ms);
        finish(sub, EXIT_LOST);
}

/* Only with --wait is there another connection. What a waiting call held back may be out of
 * date. */
static void on_state(hark_client *client, int state, int reason, void *userdata)
{
        struct sub *sub = userdata;

        (void)reason;
        if (sub->is_over || state != hark_client_state(client))
                return;
        if (state == HARK_RETRYING && !sub->is_away) {
                sub->is_away = true;
                if (hark_loop_add_timer(sub->loop, sub->options->wait_ms, 0, on_patience_over, sub,
                                        &sub->patience) != 0)
                        on_patience_over(sub);
        } else if (state == HARK_CONNECTED && sub->is_away) {
                sub->is_away = false;
                (void)hark_loop_remove(sub->loop, sub->patience);
                if (sub->options->is_verbose)
                        announce(sub);
        }
}

static void on_signal(int signo, void *userdata)
{
        (void)signo;
        finish(userdata, EXIT_GOOD);
}

static int subscribe_all(struct sub *sub)
{
        struct hark_subscribe_params params = {
                .group = sub->options->group,
                .wants_retained = sub->options->wants_retained,
                .is_once_only = sub->options->is_once_only,
                .policy = (uint8_t)sub->options->policy,
        };

        for (size_t i = 0; sub->filters[i]; i++) {
                const char *filter = sub->filters[i];
                int r = hark_subscribe(sub->client, filter, on_notification, sub, &params,
                                       &sub->ids[i]);

                if (r == -EINVAL && params.group) {
                        complain("'%s' in group '%s': one of them is no name", filter,
                                 params.group);
                        return EXIT_USAGE;
                }
                if (r != 0)
                        return complain_of_result(filter, sub->address, r, NULL);
                sub->n_ids++;
        }
        return EXIT_GOOD;
}

static int listen_until_over(struct sub *sub)
{
        int r = subscribe_all(sub);

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
                announce(sub);
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

/* Says which wishes do not go together. */
static bool contradicts(const struct sub_options *options)
{
        if (options->is_once_only && !options->group)
                complain("sub: --once is for members of a --group");
        else if (options->group && options->policy != HARK_DROP_OLDEST)
                complain("sub: a --group has no --policy but oldest");
        else if (options->group && options->wants_retained)
                complain("sub: a --group has no --retained values");
        else
                return false;
        return true;
}

static int run_sub(const void *options, char **operands)
{
        struct sub sub = {
                .options = options,
                .address = operands[0],
                .filters = operands + 1,
                .status = EXIT_GOOD,
        };
        struct hark_client_params params = {
                .on_state = on_state,
                .userdata = &sub,
                .wait_ms = sub.options->wait_ms,
                .is_one_shot = sub.options->wait_ms == 0,
        };
        int r;

        if (contradicts(sub.options))
                return EXIT_USAGE;
        r = client_connect(sub.address, &params, &sub.client);
        if (r != EXIT_GOOD)
                return r;
        sub.loop = hark_client_loop(sub.client);
        sub.ids = new_ids(sub.filters);
        r = sub.ids ? listen_until_over(&sub) : (complain("no memory"), EXIT_REFUSED);
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
                   "digits, - and _, with dots between. Ends with 0 on SIGINT, SIGTERM and after "
                   "--count,\n"
                   "with 5 when the server has gone. An attempt to connect takes at most 5 "
                   "seconds.\n",
        .example = "  hark sub unix:/tmp/hub 'room.*.temperature' --count 10\n",
        .min_operands = 2,
        .max_operands = 4096,
        .options = sub_options,
        .options_size = sizeof(struct sub_options),
        .run = run_sub,
};
