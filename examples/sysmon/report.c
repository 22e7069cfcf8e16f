/* SPDX-License-Identifier: MIT */

/* See report.h. */

#include "report.h"

#include <hark/hark.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_WIDTH 54 /* of a text beside its label */
#define LINE_SIZE  96

static void print_bold(const char *text)
{
        bool is_fancy = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");

        printf("%s%s%s\n", is_fancy ? "\033[1m" : "", text, is_fancy ? "\033[0m" : "");
}

/* Copies a line, each run of blanks as one, and cut where it does not fit; returns the next one. */
static const char *squeeze_line(const char *text, char ret_line[LINE_SIZE])
{
        size_t size = 0;

        for (; *text != '\0' && *text != '\n'; text++) {
                bool is_blank_too_many = *text == ' ' && (size == 0 || text[-1] == ' ');

                if (!is_blank_too_many && size < LINE_SIZE - 1)
                        ret_line[size++] = *text;
        }
        ret_line[size] = '\0';
        return *text == '\n' ? text + 1 : text;
}

void report_heading(const char *text)
{
        putchar('\n');
        print_bold(text);
}

void report_step(const char *text)
{
        printf("  %s\n", text);
}

void report_text(const char *label, const char *text)
{
        char line[LINE_SIZE];
        size_t width = 0;

        printf("    %-20s ", label);
        while (*text != '\0') {
                text = squeeze_line(text, line);
                if (width > 0 && width + strlen(line) > TEXT_WIDTH) {
                        printf(", ...");
                        break;
                }
                printf("%s%s", width > 0 ? ", " : "", line);
                width += strlen(line) + 2;
        }
        putchar('\n');
}

void report_table(const struct result *results, size_t n_results)
{
        report_heading("transport    answers   notifications       p50       p99");
        for (const struct result *r = results; r < results + n_results; r++)
                printf("%-9s %5u of %u %15u %6.1f us %6.1f us%s%s\n", r->scheme, r->n_answers,
                       r->n_questions, r->n_notifications, r->p50_us, r->p99_us,
                       r->failure == 0 ? "" : "   ",
                       r->failure == 0 ? "" : hark_reason(r->failure, NULL));
}
