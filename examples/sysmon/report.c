/* SPDX-License-Identifier: MIT */

/* See report.h. */

#include "report.h"

#include <hark/hark.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_SIZE 67 /* bytes of a text beside its label, its NUL included */

static void print_bold(const char *text)
{
        bool is_fancy = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");

        printf("%s%s%s\n", is_fancy ? "\033[1m" : "", text, is_fancy ? "\033[0m" : "");
}

/* Makes one line of many, and one blank of many; cut where it does not fit. */
static void flatten(const char *text, char ret_line[LINE_SIZE])
{
        const char *gap = "";
        size_t size = 0;

        for (; *text; text++) {
                if (*text == '\n' || *text == ' ') {
                        gap = *text == '\n' ? ", " : *gap ? gap : " ";
                        continue;
                }
                if (size == 0 || ret_line[size - 1] == ' ')
                        gap = "";
                if (size + strlen(gap) + strlen("x...") >= LINE_SIZE)
                        break;
                size += (size_t)snprintf(ret_line + size, LINE_SIZE - size, "%s%c", gap, *text);
                gap = "";
        }
        snprintf(ret_line + size, LINE_SIZE - size, "%s", *text ? "..." : "");
}

void report_heading(const char *text)
{
        putchar('\n');
        print_bold(text);
}

void report_text(const char *label, const char *text)
{
        char line[LINE_SIZE];

        flatten(text, line);
        printf("    %-20s %s\n", label, line);
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
