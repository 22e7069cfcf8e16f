/* SPDX-License-Identifier: MIT */
/* hark call: a request and its reply. */
#include <stdio.h>
#include <unistd.h>

#include "client.h"
#include "failure.h"
#include "input.h"
#include "stream.h"
#include "text.h"
#include "verb.h"

struct call_options {
        int timeout_ms, priority, repeat, wait_ms;
        bool is_json, is_stream, is_idempotent;
};

static const struct option_spec call_options[] = {
        OPTION_TIMEOUT(struct call_options, "for the reply; the first time, connecting included"),
        OPTION_JSON(struct call_options, "print each answer as a JSON object on one line"),
        OPTION_PRIORITY(struct call_options),
        OPTION_WAIT(struct call_options),
        {
                .name = "idempotent",
                .help = "ask again if the connection is lost: it may be carried out twice",
                .kind = OPTION_FLAG,
                .offset = offsetof(struct call_options, is_idempotent),
        },
        {
                .name = "stream",
                .help = "print the items of the answer as they come, one per line, before it",
                .kind = OPTION_FLAG,
                .offset = offsetof(struct call_options, is_stream),
        },
        {
                .name = "repeat",
                .value = "N",
                .help = "call so often, one after the other, until one fails",
                .kind = OPTION_NUMBER,
                .offset = offsetof(struct call_options, repeat),
                .fallback = 1,
                .min = 1,
                .max = 1000000000,
        },
        {0},
};

static void print_json(int status, const hark_message *reply)
{
        struct hark_payload payload = hark_message_payload(reply);

        printf("{\"status\":%d,", status);
        if (payload.error_name) {
                fputs("\"error\":", stdout);
                print_json_text(stdout, payload.error_name);
                putchar(',');
        }
        if (status != 0) {
                fputs("\"reason\":", stdout);
                print_json_text(stdout, hark_reason(status, reply));
                putchar(',');
        }
        print_json_message(stdout, reply);
        puts("}");
}

/* Byte for byte; on a terminal the prompt that follows starts on a line of its own. */
static void print_raw(const hark_message *reply)
{
        const char *data = hark_message_data(reply);
        size_t size = hark_message_size(reply);

        fwrite(data, 1, size, stdout);
        if (isatty(STDOUT_FILENO) && size > 0 && data[size - 1] != '\n')
                putchar('\n');
}

static void print_answer(int status, const hark_message *reply, bool is_json)
{
        if (is_json)
                print_json(status, reply);
        else if (status == 0)
                print_raw(reply);
}

/* Returns an exit status. */
static int call_once(const struct call_options *options, hark_client *client, char **operands,
                     const struct hark_payload *payload, int timeout_ms)
{
        bool is_json = options->is_json;
        hark_message *reply = NULL;
        int r = options->is_stream
                        ? stream_call(client, operands[1], *payload, timeout_ms, is_json, &reply)
                        : hark_call(client, operands[1], *payload, timeout_ms, &reply);

        if (r >= 0)
                print_answer(r, reply, is_json);
        if (r != 0)
                r = complain_of_result(operands[1], operands[0], r, reply);
        hark_message_unref(reply);
        return r;
}

static int call_often(const struct call_options *options, hark_client *client, char **operands,
                      const struct hark_payload *payload, int first_timeout_ms)
{
        int timeout_ms = first_timeout_ms;
        int r = EXIT_GOOD;

        for (int i = 0; i < options->repeat && r == EXIT_GOOD && !ferror(stdout); i++) {
                r = call_once(options, client, operands, payload, timeout_ms);
                timeout_ms = options->timeout_ms;
        }
        return r;
}

static int run_call(const void *userdata, char **operands)
{
        const struct call_options *options = userdata;
        struct hark_client_params params = {.attempt_ms = options->timeout_ms,
                                            .wait_ms = options->wait_ms,
                                            .is_one_shot = !options->is_idempotent};
        hark_client *client = NULL;
        struct input input;
        int r = input_read(operands[2], &input);
        int64_t start_ms = now_ms();

        input.payload.priority = (uint8_t)options->priority;
        input.payload.is_idempotent = options->is_idempotent;
        if (r == EXIT_GOOD)
                r = client_connect(operands[0], &params, &client);
        if (options->wait_ms > 0)
                start_ms = now_ms(); /* waiting for it has a time of its own */
        if (r == EXIT_GOOD)
                r = call_often(options, client, operands, &input.payload,
                               time_left_ms(start_ms, options->timeout_ms));
        hark_client_unref(client);
        input_done(&input);
        return r;
}

const struct verb verb_call = {
        .name = "call",
        .operands = "ADDRESS METHOD [DATA|@FILE|-]",
        .summary = "Call a method and print its reply",
        .details = INPUT_HELP "The reply is printed byte for byte; on a terminal a line end "
                              "follows where it lacks one.\n"
                              "With --stream each item of the answer is a line, escaped as\n"
                              "hark sub does it.\n",
        .example = "  hark call unix:/tmp/t upper hello\n",
        .min_operands = 2,
        .max_operands = 3,
        .options = call_options,
        .options_size = sizeof(struct call_options),
        .run = run_call,
};
