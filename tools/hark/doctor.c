/* SPDX-License-Identifier: MIT */
/* hark doctor: what of this machine a transport needs, or could use, and does not have. */
#include <stdio.h>
#include <string.h>

#include "failure.h"
#include "finding.h"
#include "text.h"
#include "verb.h"

#define NAME_COLUMN  16 /* where a finding's name begins */
#define TEXT_COLUMN  18 /* where what is said of it does */
#define PAGE_COLUMNS 100

struct doctor_options {
        bool is_json;
        bool is_quiet;
};

static const struct option_spec doctor_options[] = {
        OPTION_JSON(struct doctor_options, "print a JSON array of objects"),
        {
                .name = "quiet",
                .help = "print only what is not good",
                .kind = OPTION_FLAG,
                .offset = offsetof(struct doctor_options, is_quiet),
        },
        {0},
};

struct visit {
        const struct doctor_options *options;
        const struct hark_transport *wanted; /* NULL: all */
        unsigned n_found[VERDICT_BAD + 1];
        unsigned n_printed;
};

static const char *const verdicts[] = {"good", "could be better", "bad"};

/* --- for eyes --------------------------------------------------------------------------------- */

/* In lines, between words. */
static void print_text(const char *text)
{
        int column = 0;

        while (*text) {
                int size = (int)strcspn(text, " ");

                if (column == 0 || column + 1 + size > PAGE_COLUMNS)
                        column = printf("%s%*s", column > 0 ? "\n" : "", TEXT_COLUMN, "") - 1;
                else
                        column += printf(" ");
                column += printf("%.*s", size, text);
                text += size + (text[size] == ' ');
        }
        putchar('\n');
}

static void print_advice(const char *label, const char *text, const char *where)
{
        if (*text)
                printf("%*s%-9s %s%s%s\n", TEXT_COLUMN, "", label, text, where ? "    in " : "",
                       where ? where : "");
}

static bool needs_root(const char *command)
{
        return strncmp(command, "ulimit ", 7) != 0 && strncmp(command, "export ", 7) != 0;
}

static void print_finding(const struct finding *finding)
{
        printf("%-*s%-30s  %s\n", NAME_COLUMN, verdicts[finding->verdict], finding->name,
               finding->found);
        if (finding->verdict == VERDICT_GOOD)
                return;
        print_text(finding->meaning);
        print_advice("concerns:", finding->schemes, NULL);
        print_advice(needs_root(finding->command) ? "as root:" : "now:", finding->command, NULL);
        print_advice("for good:", finding->setting, finding->file);
}

static void print_summary(const struct visit *visit)
{
        printf("%u good, %u could be better, %u bad\n", visit->n_found[VERDICT_GOOD],
               visit->n_found[VERDICT_BETTER], visit->n_found[VERDICT_BAD]);
}

/* --- for programs ----------------------------------------------------------------------------- */

static void print_json_member(const char *key, const char *text)
{
        printf(",\"%s\":", key);
        if (text && *text)
                print_json_text(stdout, text);
        else
                fputs("null", stdout);
}

static void print_json_schemes(const char *schemes)
{
        const char *separator = "";

        fputs(",\"transports\":[", stdout);
        while (*schemes) {
                size_t size = strcspn(schemes, " ");

                fputs(separator, stdout);
                print_json_string(stdout, schemes, size);
                schemes += size + (schemes[size] == ' ');
                separator = ",";
        }
        putchar(']');
}

static void print_json_finding(const struct visit *visit, const struct finding *finding)
{
        fputs(visit->n_printed > 0 ? ",\n " : "[", stdout);
        fputs("{\"name\":", stdout);
        print_json_text(stdout, finding->name);
        print_json_member("verdict", verdicts[finding->verdict]);
        print_json_member("found", finding->found);
        print_json_schemes(finding->schemes);
        print_json_member("meaning", finding->meaning);
        print_json_member("command", finding->command);
        print_json_member("setting", finding->setting);
        print_json_member("file", finding->file);
        putchar('}');
}

/* --- the visit -------------------------------------------------------------------------------- */

static void tell(struct visit *visit, const struct finding *finding)
{
        visit->n_found[finding->verdict]++;
        if (visit->options->is_quiet && finding->verdict == VERDICT_GOOD)
                return;
        if (visit->options->is_json)
                print_json_finding(visit, finding);
        else
                print_finding(finding);
        visit->n_printed++;
}

static bool has_word(const char *text, const char *word)
{
        size_t size = strlen(word);

        for (const char *at = text; (at = strstr(at, word)); at += size)
                if ((at == text || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0'))
                        return true;
        return false;
}

/* Those of a check's transports that there are, and that are asked for. */
static void choose_schemes(const struct visit *visit, const struct check *check, char *ret_schemes,
                           size_t size)
{
        const struct hark_transport *transport;
        size_t length = 0;

        ret_schemes[0] = '\0';
        for (size_t i = 0; (transport = hark_transport_get(i)); i++)
                if ((!visit->wanted || visit->wanted == transport) &&
                    has_word(check->schemes, transport->scheme))
                        length += (size_t)snprintf(ret_schemes + length, size - length, "%s%s",
                                                   length > 0 ? " " : "", transport->scheme);
}

static void visit_checks(struct visit *visit)
{
        const struct check *check;

        for (size_t i = 0; (check = doctor_check(i)); i++) {
                struct finding finding = {0};
                bool is_general = !*check->schemes && !visit->wanted;

                choose_schemes(visit, check, finding.schemes, sizeof(finding.schemes));
                if (!*finding.schemes && !is_general)
                        continue;
                look_at_check(check, &finding);
                tell(visit, &finding);
        }
}

static void visit_limits(struct visit *visit)
{
        struct found_limits limits;
        struct finding finding;

        find_limits(visit->wanted ? visit->wanted->scheme : NULL, &limits);
        for (size_t i = 0; i < limits.n_items; i++)
                if (look_at_limit(&limits.items[i], &finding))
                        tell(visit, &finding);
}

static int run_doctor(const void *userdata, char **operands)
{
        struct visit visit = {.options = userdata};
        int r = take_transport("doctor", operands[0], &visit.wanted);

        if (r != EXIT_GOOD)
                return r;
        visit_checks(&visit);
        visit_limits(&visit);
        if (visit.options->is_json)
                puts(visit.n_printed > 0 ? "]" : "[]");
        else if (!visit.options->is_quiet)
                print_summary(&visit);
        return visit.n_found[VERDICT_BAD] > 0 ? EXIT_REFUSED : EXIT_GOOD;
}

const struct verb verb_doctor = {
        .name = "doctor",
        .operands = "[TRANSPORT]",
        .summary = "Check this machine: what a transport needs, or could use",
        .details = "Says of each thing whether it is good, could be better or is bad, what that "
                   "means\n"
                   "and what to change, and changes nothing. Ends with 1 if something is bad: a\n"
                   "transport cannot be used. With a TRANSPORT, only what concerns that one.\n",
        .example = "  hark doctor --quiet\n"
                   "  hark doctor mq\n",
        .max_operands = 1,
        .options = doctor_options,
        .options_size = sizeof(struct doctor_options),
        .run = run_doctor,
};
