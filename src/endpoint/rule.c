/* SPDX-License-Identifier: MIT */

/* See rule.h. */

#include "endpoint/rule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hark/server.h>

#include "base/cleanup.h"
#include "names/name.h"
#include "transport/accounts.h"
#include "transport/address.h"

struct word {
        const char *text;
        size_t size;
};

/* What is being filled in, and where it is said what is wrong. */
struct parser {
        struct hark_rule *rule;
        char *why;
        size_t why_size;
};

/* --- words ------------------------------------------------------------------------------------ */

/* Whether there is one more, behind *text. */
static bool next_word(const char **text, struct word *ret_word)
{
        const char *begin = *text + strspn(*text, " ");
        size_t size = strcspn(begin, " ");

        if (size == 0)
                return false;
        *ret_word = (struct word){begin, size};
        *text = begin + size;
        return true;
}

static size_t count_words(const char *text)
{
        struct word word;
        size_t n = 0;

        while (next_word(&text, &word))
                n++;
        return n;
}

static bool is_word(const struct word *word, const char *text)
{
        return word->size == strlen(text) && memcmp(word->text, text, word->size) == 0;
}

/* "uid=root": whether it has this key; then *ret_value is what stands behind it. */
static bool has_key(const struct word *word, const char *key, struct word *ret_value)
{
        size_t size = strlen(key);

        if (word->size < size || memcmp(word->text, key, size) != 0)
                return false;
        *ret_value = (struct word){word->text + size, word->size - size};
        return true;
}

/* --- verbs and filter ------------------------------------------------------------------------- */

/* 0: it is none. */
static unsigned find_verb(const struct word *word)
{
        static const struct {
                const char *name;
                unsigned verbs;
        } verbs[] = {
                {"call", HARK_VERB_CALL},
                {"subscribe", HARK_VERB_SUBSCRIBE},
                {"publish", HARK_VERB_PUBLISH},
                {"all", HARK_VERB_CALL | HARK_VERB_SUBSCRIBE | HARK_VERB_PUBLISH},
        };

        for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
                if (is_word(word, verbs[i].name))
                        return verbs[i].verbs;
        return 0;
}

static int parse_verbs(struct parser *parser, const char **text)
{
        struct word word;
        const char *end;

        if (!next_word(text, &word))
                return hark_address_complain(
                        parser->why, parser->why_size,
                        "rule: is empty; expected VERBS FILTER WHO..., such as call clock.> self");
        for (end = word.text + word.size; word.text <= end; word.text += word.size + 1) {
                const char *comma = memchr(word.text, ',', (size_t)(end - word.text));
                unsigned verbs;

                word.size = (size_t)((comma ? comma : end) - word.text);
                verbs = find_verb(&word);
                if (verbs == 0)
                        return hark_address_complain(
                                parser->why, parser->why_size,
                                "verbs: '%.*s' is none of call, subscribe, publish, all",
                                hark_quoted(word.size), word.text);
                parser->rule->verbs |= verbs;
        }
        return 0;
}

static int parse_filter(struct parser *parser, const char **text)
{
        struct word word;

        if (!next_word(text, &word))
                return hark_address_complain(parser->why, parser->why_size,
                                             "filter: is missing; expected a name or a filter, "
                                             "such as clock.>");
        if (!hark_filter_is_valid(word.text, word.size))
                return hark_address_complain(parser->why, parser->why_size,
                                             "filter: '%.*s' is neither a name nor a filter",
                                             hark_quoted(word.size), word.text);
        parser->rule->filter = word.text;
        parser->rule->filter_size = word.size;
        return 0;
}

/* --- who -------------------------------------------------------------------------------------- */

static int complain_of_name(const struct parser *parser, bool is_user, const struct word *name,
                            int error)
{
        hark_address_complain(parser->why, parser->why_size, "%s: %s %s '%.*s'",
                              is_user ? "uid" : "gid",
                              error == -ENOENT ? "there is no" : "cannot look up",
                              is_user ? "user" : "group", hark_quoted(name->size), name->text);
        return error;
}

static int parse_id(struct parser *parser, bool is_user, const struct word *value, uint32_t *ret_id)
{
        const char *key = is_user ? "uid" : "gid";
        uint64_t number;
        int r;

        if (value->size == 0)
                return hark_address_complain(parser->why, parser->why_size,
                                             "%s: is empty; expected a name or a number", key);
        if (*value->text < '0' || *value->text > '9') {
                r = is_user ? hark_user_find(value->text, value->size, ret_id)
                            : hark_group_find(value->text, value->size, ret_id);
                return r == 0 ? 0 : complain_of_name(parser, is_user, value, r);
        }
        /* The last number stands for "unknown" and must match nobody. */
        if (!hark_parse_number(value->text, value->size, 10, UINT32_MAX - 1, &number))
                return hark_address_complain(parser->why, parser->why_size,
                                             "%s: '%.*s' is not a number from 0 to 4294967294", key,
                                             hark_quoted(value->size), value->text);
        *ret_id = (uint32_t)number;
        return 0;
}

static int parse_one(struct parser *parser, const struct word *word, struct hark_who *ret_who)
{
        struct word value;

        ret_who->kind = HARK_WHO_USER;
        ret_who->id = geteuid();
        if (is_word(word, "self"))
                return 0;
        if (has_key(word, "uid=", &value))
                return parse_id(parser, true, &value, &ret_who->id);
        ret_who->kind = HARK_WHO_GROUP;
        if (has_key(word, "gid=", &value))
                return parse_id(parser, false, &value, &ret_who->id);
        ret_who->kind = HARK_WHO_ANYONE;
        if (is_word(word, "anyone"))
                return 0;
        return hark_address_complain(parser->why, parser->why_size,
                                     "who: '%.*s' is none of uid=, gid=, self, anyone",
                                     hark_quoted(word->size), word->text);
}

static int parse_who(struct parser *parser, const char **text)
{
        struct hark_rule *rule = parser->rule;
        struct word word;

        while (next_word(text, &word)) {
                int r = parse_one(parser, &word, &rule->who[rule->n_who]);

                if (r < 0)
                        return r;
                rule->n_who++;
        }
        if (rule->n_who > 0)
                return 0;
        return hark_address_complain(parser->why, parser->why_size,
                                     "who: is missing; expected uid=, gid=, self or anyone");
}

/* --- the whole -------------------------------------------------------------------------------- */

/* Has room for as many who as there are words. */
static struct hark_rule *new_rule(const char *text)
{
        size_t size = strlen(text) + 1, n_words = count_words(text);
        struct hark_rule *rule =
                calloc(1, sizeof(*rule) + n_words * sizeof(struct hark_who) + size);

        if (rule)
                rule->text = memcpy(&rule->who[n_words], text, size);
        return rule;
}

int hark_rule_parse(const char *text, struct hark_rule **ret_rule, char *why, size_t why_size)
{
        hark_cleanup(hark_freep) struct hark_rule *rule = NULL;
        struct parser parser = {.why = why, .why_size = why ? why_size : 0};
        const char *rest;
        int r;

        if (!text)
                return hark_address_complain(why, parser.why_size, "rule: there is none");
        rule = new_rule(text);
        if (!rule) {
                hark_address_complain(why, parser.why_size, "rule: no memory to parse it");
                return -ENOMEM;
        }
        parser.rule = rule;
        rest = rule->text;
        r = parse_verbs(&parser, &rest);
        if (r == 0)
                r = parse_filter(&parser, &rest);
        if (r == 0)
                r = parse_who(&parser, &rest);
        if (r == 0)
                *ret_rule = HARK_TAKE(rule);
        return r;
}

static bool is_in(const struct hark_subject *subject, gid_t gid)
{
        if (subject->gid == gid)
                return true;
        for (size_t i = 0; i < subject->n_groups; i++)
                if (subject->groups[i] == gid)
                        return true;
        return false;
}

bool hark_rule_admits(const struct hark_rule *rule, const struct hark_subject *subject)
{
        for (size_t i = 0; i < rule->n_who; i++) {
                const struct hark_who *who = &rule->who[i];

                switch (who->kind) {
                case HARK_WHO_ANYONE:
                        return true;
                case HARK_WHO_USER:
                        if (subject->uid == who->id)
                                return true;
                        break;
                case HARK_WHO_GROUP:
                        if (is_in(subject, who->id))
                                return true;
                        break;
                }
        }
        return false;
}

bool hark_rule_speaks_of(const struct hark_rule *rule, enum hark_who_kind kind)
{
        for (size_t i = 0; i < rule->n_who; i++)
                if (rule->who[i].kind == kind)
                        return true;
        return false;
}

int hark_rule_check(const char *rule, char *ret_why, size_t size)
{
        struct hark_rule *parsed;
        int r = hark_rule_parse(rule, &parsed, ret_why, size);

        if (r == 0)
                free(parsed);
        return r;
}
