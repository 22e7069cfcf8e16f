/* SPDX-License-Identifier: MIT */
/*
 * hark serve: shell commands as methods, an echo, a hub, at any number of addresses.
 *
 * It ends on SIGINT and SIGTERM, politely the first time, and when all its addresses were
 * conversations with one peer, stdio: and pipe:, and each has left, or has not said hello in time:
 * of such a one the library tells nothing.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "failure.h"
#include "methods.h"
#include "verb.h"

struct serve_options {
        struct option_texts methods, streams, rules;
        int jobs, drain_ms;
        bool has_echo, is_hub, only_reports, is_verbose;
};

static const struct option_spec serve_options[] = {
        {
                .name = "method",
                .value = "NAME=COMMAND",
                .help = "offer a shell command as method NAME; any number of times",
                .kind = OPTION_TEXTS,
                .offset = offsetof(struct serve_options, methods),
        },
        {
                .name = "stream",
                .value = "NAME=COMMAND",
                .help = "the same, with an item of the answer for each line that it puts out",
                .kind = OPTION_TEXTS,
                .offset = offsetof(struct serve_options, streams),
        },
        {
                .name = "echo",
                .help = "offer a method echo that replies with what it was sent",
                .kind = OPTION_FLAG,
                .offset = offsetof(struct serve_options, has_echo),
        },
        {
                .name = "hub",
                .help = "pass on to subscribers what clients publish",
                .kind = OPTION_FLAG,
                .offset = offsetof(struct serve_options, is_hub),
        },
        {
                .name = "allow",
                .value = "RULE",
                .help = "say who may do what; any number of times: then the rest is refused",
                .kind = OPTION_TEXTS,
                .offset = offsetof(struct serve_options, rules),
        },
        {
                .name = "report-only",
                .help = "print what the rules would refuse, and let it pass",
                .kind = OPTION_FLAG,
                .offset = offsetof(struct serve_options, only_reports),
        },
        {
                .name = "jobs",
                .value = "N",
                .help = "commands that run at once; more requests wait",
                .kind = OPTION_NUMBER,
                .offset = offsetof(struct serve_options, jobs),
                .fallback = 64,
                .min = 1,
                .max = 4096,
        },
        {
                .name = "drain",
                .value = "MS",
                .help = "at the end, how long to wait for what is under way",
                .kind = OPTION_NUMBER,
                .offset = offsetof(struct serve_options, drain_ms),
                .fallback = 5000,
                .min = 0,
                .max = 86400000,
        },
        {
                .name = "verbose",
                .help = "print the library's log on standard error",
                .kind = OPTION_FLAG,
                .offset = offsetof(struct serve_options, is_verbose),
        },
        {0},
};

struct serve {
        const struct serve_options *options;
        char **addresses;
        hark_loop *loop;
        hark_server *server;
        struct methods *methods;
        size_t n_addresses, n_conversations; /* the latter: stdio: and pipe: */
        size_t n_admitted, n_left;           /* peers, ever */
        bool is_ending;
        int status; /* an exit status */
};

static bool has_scheme(const char *address, const char *scheme)
{
        size_t size = strlen(scheme);

        return strncmp(address, scheme, size) == 0 && address[size] == ':';
}

/* Whether an address is one conversation, with whoever holds the other end. */
static bool is_conversation(const char *address)
{
        return has_scheme(address, "stdio") || has_scheme(address, "pipe");
}

static void tell_manager(const char *state)
{
        int r = hark_supervisor_notify(state);

        if (r != 0)
                complain("serve: cannot tell the service manager %s: %s", state,
                         hark_reason(r, NULL));
}

static void on_drained(int result, void *userdata)
{
        struct serve *serve = userdata;

        if (result == -ETIMEDOUT)
                complain("serve: what was not done after %d ms is cut off",
                         serve->options->drain_ms);
        hark_loop_stop(serve->loop);
}

/* The second one ends it at once. */
static void on_signal(int signo, void *userdata)
{
        struct serve *serve = userdata;

        (void)signo;
        if (serve->is_ending) {
                hark_loop_stop(serve->loop);
                return;
        }
        serve->is_ending = true;
        tell_manager("STOPPING=1");
        hark_server_drain(serve->server, serve->options->drain_ms, on_drained, serve);
}

static bool is_only_conversations(const struct serve *serve)
{
        return serve->n_conversations == serve->n_addresses;
}

static int on_accept(hark_peer *peer, void *userdata)
{
        struct serve *serve = userdata;

        (void)peer;
        serve->n_admitted++;
        return 0;
}

static void on_leave(hark_peer *peer, int reason, void *userdata)
{
        struct serve *serve = userdata;

        (void)peer;
        (void)reason;
        serve->n_left++;
        if (serve->is_ending || !is_only_conversations(serve) || serve->n_left < serve->n_addresses)
                return;
        if (serve->n_admitted == 0) {
                complain("serve: nobody at the other end has spoken hark");
                serve->status = EXIT_UNREACHED;
        }
        hark_loop_stop(serve->loop);
}

static void on_echo(hark_request *request, void *userdata)
{
        (void)userdata;
        hark_reply(request, hark_message_payload(hark_request_message(request)));
}

static int offer_method(struct serve *serve, const char *text, bool is_stream)
{
        const char *option = is_stream ? "--stream" : "--method";
        const char *equals = strchr(text, '=');
        int r;

        if (!equals || equals == text || equals[1] == '\0') {
                complain("serve: %s takes NAME=COMMAND, not '%s'", option, text);
                return EXIT_USAGE;
        }
        r = methods_offer(serve->methods, serve->server, text, (size_t)(equals - text), equals + 1,
                          is_stream);
        if (r == 0)
                return EXIT_GOOD;
        complain("serve: %s '%s': %s", option, text,
                 r == -EINVAL ? "the name must be tokens of A-Z a-z 0-9 _ - joined by dots, "
                                "not beginning with hark.; it may be a filter with * and >"
                              : hark_reason(r, NULL));
        return r == -EINVAL ? EXIT_USAGE : EXIT_REFUSED;
}

static int offer_all(struct serve *serve)
{
        int r = EXIT_GOOD;

        if (serve->options->has_echo && hark_server_handle(serve->server, "echo", on_echo, NULL)) {
                complain("out of memory");
                return EXIT_REFUSED;
        }
        for (size_t i = 0; i < serve->options->methods.n_items && r == EXIT_GOOD; i++)
                r = offer_method(serve, serve->options->methods.items[i], false);
        for (size_t i = 0; i < serve->options->streams.n_items && r == EXIT_GOOD; i++)
                r = offer_method(serve, serve->options->streams.items[i], true);
        return r;
}

static int add_rule(hark_server *server, const char *rule)
{
        int r = hark_server_allow(server, rule);
        char why[256];

        if (r == 0)
                return EXIT_GOOD;
        snprintf(why, sizeof(why), "%s", hark_reason(r, NULL));
        hark_rule_check(rule, why, sizeof(why));
        complain("serve: --allow '%s': %s", rule, why);
        return r == -EINVAL || r == -ENOENT ? EXIT_USAGE : EXIT_REFUSED;
}

static int add_rules(const struct serve *serve)
{
        const struct option_texts *rules = &serve->options->rules;
        int r = EXIT_GOOD;

        for (size_t i = 0; i < rules->n_items && r == EXIT_GOOD; i++)
                r = add_rule(serve->server, rules->items[i]);
        return r;
}

static int listen_at_all(struct serve *serve)
{
        for (char **address = serve->addresses; *address; address++) {
                int r = check_address(*address);

                if (r != EXIT_GOOD)
                        return r;
                r = hark_server_listen(serve->server, *address);
                if (r != 0)
                        return complain_of_listen(*address, r);
        }
        return EXIT_GOOD;
}

/* One line each, flushed, for whoever waits for it or for the port. Where a conversation has taken
 * standard output, it is no place to print to. */
static void announce(const struct serve *serve)
{
        FILE *file = serve->n_conversations > 0 ? stderr : stdout;
        const char *address;

        for (size_t i = 0; (address = hark_server_address(serve->server, i)); i++)
                if (!is_conversation(address))
                        fprintf(file, "listening on %s\n", address);
        fflush(file);
}

static int take_signals(struct serve *serve)
{
        int r;

        /* A command may end without reading all its input. */
        signal(SIGPIPE, SIG_IGN);
        r = hark_loop_add_signal(serve->loop, SIGINT, on_signal, serve, NULL);
        if (r == 0)
                r = hark_loop_add_signal(serve->loop, SIGTERM, on_signal, serve, NULL);
        return r;
}

static int prepare(struct serve *serve)
{
        struct hark_server_params params = {
                .is_hub = serve->options->is_hub,
                .rules_only_report = serve->options->only_reports,
                .on_accept = on_accept,
                .on_leave = on_leave,
                .userdata = serve,
        };
        int r = hark_loop_new(&serve->loop);

        if (r == 0 && serve->options->is_verbose)
                show_log(serve->loop);
        else if (r == 0 && serve->options->only_reports)
                show_warnings(serve->loop);
        if (r == 0)
                r = take_signals(serve);
        if (r == 0)
                r = hark_server_new(serve->loop, &params, &serve->server);
        if (r == 0)
                r = methods_new(serve->loop, serve->options->jobs, &serve->methods);
        if (r == 0)
                return EXIT_GOOD;
        complain("cannot start: %s", hark_reason(r, NULL));
        return EXIT_REFUSED;
}

static void count_addresses(struct serve *serve)
{
        for (char **address = serve->addresses; *address; address++) {
                serve->n_addresses++;
                serve->n_conversations += is_conversation(*address);
        }
}

static int run_serve(const void *userdata, char **operands)
{
        const struct serve_options *options = userdata;
        struct serve serve = {.options = options, .addresses = operands, .status = EXIT_GOOD};
        int r;

        if (options->methods.n_items + options->streams.n_items == 0 && !options->has_echo &&
            !options->is_hub) {
                complain("serve: nothing to serve: give --method NAME=COMMAND, --stream, --echo or "
                         "--hub");
                return EXIT_USAGE;
        }
        if (options->only_reports && options->rules.n_items == 0) {
                complain("serve: nothing to report: give --allow RULE");
                return EXIT_USAGE;
        }
        count_addresses(&serve);
        r = prepare(&serve);
        if (r == EXIT_GOOD)
                r = offer_all(&serve);
        if (r == EXIT_GOOD)
                r = add_rules(&serve);
        if (r == EXIT_GOOD)
                r = listen_at_all(&serve);
        if (r == EXIT_GOOD) {
                announce(&serve);
                tell_manager("READY=1");
                hark_loop_run(serve.loop);
                r = serve.status;
        }
        hark_server_unref(serve.server);
        methods_free(serve.methods);
        hark_loop_unref(serve.loop);
        return r;
}

const struct verb verb_serve = {
        .name = "serve",
        .operands = "ADDRESS...",
        .summary = "Serve shell commands as methods, an echo, or a hub",
        .details =
                "Each request to a method runs /bin/sh -c COMMAND: the request on its standard\n"
                "input, its standard output as the reply, at most 16 MiB. NAME may be a filter "
                "with\n"
                "* and >. If the command fails, the caller gets an error: status 1000 and the "
                "exit\n"
                "status (or 1128 and the signal), with the text of its standard error. When the\n"
                "caller's time is over, or it cancels or dies, the command is killed. Its\n"
                "environment says HARK_METHOD, HARK_PEER and HARK_TIMEOUT_MS.\n"
                "\n"
                "With --stream each line is sent as it comes, no faster than the caller takes "
                "them,\n"
                "and the end of the command is the end of the answer; see hark call --stream.\n"
                "\n"
                "RULE is VERBS FILTER WHO...: call, subscribe, publish, with commas between, or "
                "all;\n"
                "a name or a filter; uid=USER, gid=GROUP, self, anyone. Without rules whoever "
                "can\n"
                "connect may call and subscribe.\n"
                "\n"
                "Prints `listening on ADDRESS' for each address; port 0 is shown as the real one.\n"
                "inherit: serves the sockets of the service manager, which is told READY=1 and\n"
                "STOPPING=1. Ends with 0 on SIGINT and SIGTERM: once what was asked is answered, "
                "and\n"
                "at once the second time.\n",
        .example = "  hark serve unix:/tmp/t tcp:127.0.0.1:0 --method 'upper=tr a-z A-Z' --echo\n",
        .min_operands = 1,
        .max_operands = 256,
        .options = serve_options,
        .options_size = sizeof(struct serve_options),
        .run = run_serve,
};
