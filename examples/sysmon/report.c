/* SPDX-License-Identifier: MIT */

/* See report.h. */

#include "report.h"

#include <hark/hark.h>
#include <inttypes.h>
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

void report_columns(void)
{
        report_heading("transport   calls/s        p50        p99   "
                       "1 MiB echoed   answers   notified   lost");
}

void report_row(const struct result *result)
{
        printf("%-9s ", result->scheme);
        if (result->absence != 0)
                printf("  not on this machine: %s\n", hark_reason(result->absence, NULL));
        else if (result->n_questions == 0)
                printf("  failed, no server to connect to: %s\n",
                       hark_reason(result->failure, NULL));
        else if (result->failure != 0)
                printf("  failed, after %u of %u answers, %u notifications, %" PRIu64 " lost: %s\n",
                       result->n_answers, result->n_questions, result->n_notifications,
                       result->n_lost, hark_reason(result->failure, NULL));
        else
                printf("%9.0f %7.1f us %7.1f us %11.2f ms %4u of %u %10u %6" PRIu64 "\n",
                       result->calls_per_s, result->p50_us, result->p99_us, result->large_ms,
                       result->n_answers, result->n_questions, result->n_notifications,
                       result->n_lost);
}
