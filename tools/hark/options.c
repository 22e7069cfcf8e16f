/* SPDX-License-Identifier: MIT */
/*
 * Parsing and explaining options, on getopt_long(3), which lets them stand anywhere among the
 * operands.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "verb.h"

#define MAX_OPTIONS 32
#define FIRST_VALUE 256 /* of getopt_long(): above every letter; plus the option's index */
#define HELP_VALUE  'h'
#define HELP_COLUMN 25 /* where an option's explanation begins */

static size_t count_options(const struct verb *verb)
{
        size_t n = 0;

        while (verb->options && verb->options[n].name)
                n++;
        return n;
}

static void *field_of(const struct option_spec *spec, void *options)
{
        return (uint8_t *)options + spec->offset;
}

/* What does not fit into the left column has a line of its own. */
static void describe_option(const struct option_spec *spec)
{
        int width = printf("  --%s%s%s", spec->name, spec->value ? " " : "",
                           spec->value ? spec->value : "");

        if (width > HELP_COLUMN - 1)
                printf("\n%*s", HELP_COLUMN, "");
        else
                printf("%*s", HELP_COLUMN - width, "");
        puts(spec->help);
        if (spec->kind == OPTION_NUMBER)
                printf("%*s(default %d, %d to %d)\n", HELP_COLUMN, "", spec->fallback, spec->min,
                       spec->max);
        if (spec->kind == OPTION_CHOICE)
                printf("%*s(default %s)\n", HELP_COLUMN, "", spec->choices[0]);
}

static void describe_verb(const struct verb *verb)
{
        size_t n = count_options(verb);

        printf("Usage: hark %s [OPTION]...%s%s\n\n%s.\n", verb->name, *verb->operands ? " " : "",
               verb->operands, verb->summary);
        if (verb->details)
                printf("\n%s", verb->details);
        puts("\nOptions:");
        for (size_t i = 0; i < n; i++)
                describe_option(&verb->options[i]);
        printf("%-*s%s\n", HELP_COLUMN, "  -h, --help", "print this");
        printf("\nExample:\n%s", verb->example);
}

static int complain_of_usage(const struct verb *verb, const char *what, const char *which)
{
        complain("%s: %s%s; see hark %s --help", verb->name, what, which, verb->name);
        return EXIT_USAGE;
}

static int take_number(const struct verb *verb, const struct option_spec *spec, const char *text,
                       int *field)
{
        char *end;
        long value;

        errno = 0;
        value = strtol(text, &end, 10);
        if (errno == 0 && end != text && *end == '\0' && value >= spec->min && value <= spec->max) {
                *field = (int)value;
                return OPTIONS_GO_ON;
        }
        complain("%s: --%s takes a number from %d to %d, not '%s'", verb->name, spec->name,
                 spec->min, spec->max, text);
        return EXIT_USAGE;
}

static int take_choice(const struct verb *verb, const struct option_spec *spec, const char *text,
                       int *field)
{
        for (int i = 0; spec->choices[i]; i++) {
                if (strcmp(text, spec->choices[i]) == 0) {
                        *field = i;
                        return OPTIONS_GO_ON;
                }
        }
        complain("%s: --%s takes %s, not '%s'", verb->name, spec->name, spec->value, text);
        return EXIT_USAGE;
}

static int take_text(const char *text, struct option_texts *field)
{
        const char **items = reallocarray(field->items, field->n_items + 1, sizeof(*field->items));

        if (!items) {
                complain("out of memory");
                return EXIT_REFUSED;
        }
        items[field->n_items] = text;
        field->items = items;
        field->n_items++;
        return OPTIONS_GO_ON;
}

static int take_option(const struct verb *verb, const struct option_spec *spec, const char *value,
                       void *options)
{
        switch (spec->kind) {
        case OPTION_FLAG:
                *(bool *)field_of(spec, options) = true;
                return OPTIONS_GO_ON;
        case OPTION_NUMBER:
                return take_number(verb, spec, value, field_of(spec, options));
        case OPTION_CHOICE:
                return take_choice(verb, spec, value, field_of(spec, options));
        case OPTION_TEXT:
                *(const char **)field_of(spec, options) = value;
                return OPTIONS_GO_ON;
        case OPTION_TEXTS:
                return take_text(value, field_of(spec, options));
        }
        return EXIT_USAGE;
}

static void set_defaults(const struct verb *verb, void *options)
{
        size_t n = count_options(verb);

        for (size_t i = 0; i < n; i++)
                if (verb->options[i].kind == OPTION_NUMBER)
                        *(int *)field_of(&verb->options[i], options) = verb->options[i].fallback;
}

static void fill_long_options(const struct verb *verb, struct option *long_options)
{
        size_t n = count_options(verb);

        for (size_t i = 0; i < n && i < MAX_OPTIONS; i++)
                long_options[i] = (struct option){
                        .name = verb->options[i].name,
                        .has_arg = verb->options[i].value ? required_argument : no_argument,
                        .val = FIRST_VALUE + (int)i,
                };
        long_options[n] = (struct option){.name = "help", .val = HELP_VALUE};
}

/* Handles what getopt_long() returned, when that is no option of the verb's. */
static int take_other(const struct verb *verb, int value, char **argv)
{
        const char letter[] = {'-', (char)optopt, '\0'};
        bool is_letter = optopt > 0 && optopt < FIRST_VALUE;
        /* Of several letters in one argument optind does not tell which it was. */
        const char *argument = is_letter ? letter : argv[optind - 1];

        if (value == HELP_VALUE) {
                describe_verb(verb);
                return EXIT_GOOD;
        }
        if (value == ':')
                return complain_of_usage(verb, "a value is missing after ", argument);
        return complain_of_usage(
                verb, "unknown option, or an operand that needs -- before it: ", argument);
}

static int check_operands(const struct verb *verb, int n_operands)
{
        if (n_operands < verb->min_operands)
                return complain_of_usage(verb, "something is missing of ", verb->operands);
        if (n_operands > verb->max_operands)
                return complain_of_usage(verb, "takes no more than ",
                                         *verb->operands ? verb->operands : "options");
        return OPTIONS_GO_ON;
}

int options_parse(const struct verb *verb, int argc, char **argv, void *options,
                  char ***ret_operands)
{
        struct option long_options[MAX_OPTIONS + 2] = {0};
        int value, r;

        set_defaults(verb, options);
        fill_long_options(verb, long_options);
        opterr = 0;
        while ((value = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
                r = value >= FIRST_VALUE ? take_option(verb, &verb->options[value - FIRST_VALUE],
                                                       optarg, options)
                                         : take_other(verb, value, argv);
                if (r != OPTIONS_GO_ON)
                        return r;
        }
        r = check_operands(verb, argc - optind);
        if (r == OPTIONS_GO_ON)
                *ret_operands = argv + optind;
        return r;
}

void options_done(const struct verb *verb, void *options)
{
        size_t n = count_options(verb);

        for (size_t i = 0; i < n; i++)
                if (verb->options[i].kind == OPTION_TEXTS)
                        free(((struct option_texts *)field_of(&verb->options[i], options))->items);
}
