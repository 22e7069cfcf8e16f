/* SPDX-License-Identifier: MIT */

/* See rules.h. */

#include "endpoint/rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE_QUOTED 100 /* bytes of a rule that a refusal quotes: a line has to hold it */

struct judgement {
        const struct hark_wish *wish;
        const struct hark_rule *nearest;
        bool is_allowed;
};

/* Looks for one rule that allows it; the most specific ones come first. */
static bool judge(struct hark_tree_entry *entry, void *userdata)
{
        const struct hark_rule *rule = hark_container_of(entry, struct hark_rule, entry);
        struct judgement *judgement = userdata;

        if (!(rule->verbs & judgement->wish->verb))
                return true;
        if (!judgement->nearest)
                judgement->nearest = rule;
        judgement->is_allowed = hark_rule_admits(rule, judgement->wish->subject);
        return !judgement->is_allowed;
}

int hark_rules_init(struct hark_rules *rules)
{
        *rules = (struct hark_rules){.tree = hark_tree_new(), .key = hark_hash_key_new()};
        hark_list_init(&rules->all);
        return rules->tree ? 0 : -ENOMEM;
}

void hark_rules_done(struct hark_rules *rules)
{
        hark_list_for_each (link, &rules->all) {
                struct hark_rule *rule = hark_container_of(link, struct hark_rule, link);

                hark_tree_remove(rules->tree, &rule->entry);
                hark_list_remove(link);
                free(rule);
        }
        hark_tree_free(rules->tree);
        rules->tree = NULL;
}

int hark_rules_add(struct hark_rules *rules, const char *text)
{
        struct hark_rule *rule;
        int r = hark_rule_parse(text, &rule, NULL, 0);

        if (r < 0)
                return r;
        r = hark_tree_add(rules->tree, &rule->entry, rule->filter, rule->filter_size);
        if (r < 0) {
                free(rule);
                return r;
        }
        hark_list_push_back(&rules->all, &rule->link);
        rules->speak_of_anyone |= hark_rule_speaks_of(rule, HARK_WHO_ANYONE);
        rules->speak_of_groups |= hark_rule_speaks_of(rule, HARK_WHO_GROUP);
        return 0;
}

bool hark_rules_are_empty(const struct hark_rules *rules)
{
        return hark_list_is_empty(&rules->all);
}

bool hark_rules_allow(const struct hark_rules *rules, const struct hark_wish *wish,
                      const struct hark_rule **ret_nearest)
{
        struct judgement judgement = {.wish = wish};

        if (hark_rules_are_empty(rules))
                return true;
        hark_tree_visit(rules->tree, wish->name, wish->name_size, judge, &judgement);
        if (!judgement.is_allowed)
                *ret_nearest = judgement.nearest;
        return judgement.is_allowed;
}

static const char *describe_verb(enum hark_verb verb)
{
        switch (verb) {
        case HARK_VERB_CALL:
                return "call";
        case HARK_VERB_SUBSCRIBE:
                return "subscribe to";
        case HARK_VERB_PUBLISH:
                return "publish";
        }
        return "use";
}

void hark_rules_explain(const struct hark_wish *wish, const struct hark_rule *nearest,
                        char ret_text[HARK_RULES_TEXT_SIZE])
{
        const char *verb = describe_verb(wish->verb);
        /* Several rules may allow all of it in pieces. */
        const char *none = wish->verb == HARK_VERB_SUBSCRIBE ? "no one rule" : "no rule";
        char who[32] = "an unknown user";

        if (wish->subject->uid != (uid_t)-1)
                (void)snprintf(who, sizeof(who), "uid %u", (unsigned)wish->subject->uid);
        if (nearest)
                (void)snprintf(ret_text, HARK_RULES_TEXT_SIZE,
                               "rule \"%.*s\" does not allow %s to %s %.*s", RULE_QUOTED,
                               nearest->text, who, verb, (int)wish->name_size, wish->name);
        else
                (void)snprintf(ret_text, HARK_RULES_TEXT_SIZE, "%s allows %s to %s %.*s", none, who,
                               verb, (int)wish->name_size, wish->name);
}
