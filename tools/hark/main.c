/* SPDX-License-Identifier: MIT */
/*
 * The command: finds the verb and has it run. Everything it can do, the public API can.
 */
#include <fcntl.h>
#include <hark/hark.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "failure.h"
#include "verb.h"

static const struct verb *const verbs[] = {
        &verb_serve, &verb_call,       &verb_send,   &verb_sub,   &verb_pub,
        &verb_wait,  &verb_transports, &verb_doctor, &verb_bench, &verb_bench_server,
};

#define N_VERBS (sizeof(verbs) / sizeof(*verbs))

static const char exit_statuses[] =
        "Exit status:\n"
        "  0  good\n"
        "  1  the other side answered with an error, or it cannot be done\n"
        "  2  wrong usage\n"
        "  3  could not connect, or it was never sent\n"
        "  4  timed out\n"
        "  5  connection lost\n";

static void print_help(void)
{
        puts("Usage: hark VERB [OPTION]... OPERAND...\n\n"
             "Calls and notifications between Linux processes.\n\n"
             "Verbs:");
        for (size_t i = 0; i < N_VERBS; i++)
                if (!verbs[i]->is_hidden)
                        printf("  %-12s %s\n", verbs[i]->name, verbs[i]->summary);
        puts("\nOptions:\n"
             "  -h, --help    print this; hark VERB --help explains a verb\n"
             "  --version     print the version\n");
        fputs(exit_statuses, stdout);
        puts("\nExample:\n"
             "  hark serve unix:/tmp/t --method 'upper=tr a-z A-Z' &\n"
             "  hark call unix:/tmp/t upper hello");
}

static const struct verb *find_verb(const char *name)
{
        for (size_t i = 0; i < N_VERBS; i++)
                if (strcmp(verbs[i]->name, name) == 0)
                        return verbs[i];
        return NULL;
}

static int run_verb(const struct verb *verb, int argc, char **argv)
{
        void *options = calloc(1, verb->options_size + 1);
        char **operands = NULL;
        int r;

        if (!options) {
                complain("out of memory");
                return EXIT_REFUSED;
        }
        r = options_parse(verb, argc, argv, options, &operands);
        if (r == OPTIONS_GO_ON)
                r = verb->run(options, operands);
        options_done(verb, options);
        free(options);
        return r;
}

/* Keeps sockets and pipes off 0, 1 and 2, where others would write into them. */
static void fill_standard_fds(void)
{
        int fd;

        do
                fd = open("/dev/null", O_RDWR | O_NOCTTY);
        while (fd >= 0 && fd <= STDERR_FILENO);
        if (fd > STDERR_FILENO)
                close(fd);
}

/* What was printed must have arrived: a full disk is a failure, too. */
static int finish_output(int status)
{
        if (fflush(stdout) == 0 && !ferror(stdout))
                return status;
        complain("cannot write to standard output");
        return status == EXIT_GOOD ? EXIT_REFUSED : status;
}

static int dispatch(int argc, char **argv)
{
        const char *word = argc > 1 ? argv[1] : NULL;
        const struct verb *verb;

        if (!word) {
                complain("a verb is missing; see hark --help");
                return EXIT_USAGE;
        }
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
                print_help();
                return EXIT_GOOD;
        }
        if (strcmp(word, "--version") == 0) {
                printf("hark %s\n", hark_version());
                return EXIT_GOOD;
        }
        verb = find_verb(word);
        if (verb)
                return run_verb(verb, argc - 1, argv + 1);
        complain("'%s' is no verb; see hark --help", word);
        return EXIT_USAGE;
}

int main(int argc, char **argv)
{
        fill_standard_fds();
        return finish_output(dispatch(argc, argv));
}
