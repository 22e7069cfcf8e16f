/* SPDX-License-Identifier: MIT */
#ifndef HARK_ENDPOINT_RULES_H
#define HARK_ENDPOINT_RULES_H

/*
 * Who may do what at one server: the rules that hark_server_allow() gave it.
 *
 *         call, publish   some rule that matches the name is for this user
 *         subscribe       some one rule, which is for this user, covers the whole filter
 *
 * Without a rule everything is allowed; from the first one on nothing else is. Rules are found in a
 * tree, so judging costs what the name is long, and how many rules match it.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "endpoint/rule.h"
#include "names/hash.h"

struct hark_rules {
        struct hark_tree *tree;
        struct hark_list all;
        struct hark_hash_key key; /* of what has been reported, see guard.h */
        bool speak_of_anyone, speak_of_groups;
};

/* What somebody wants. */
struct hark_wish {
        const struct hark_subject *subject;
        enum hark_verb verb;
        const char *name; /* or the filter of a subscription */
        size_t name_size;
};

/* 0; -ENOMEM, and done is allowed all the same. */
int hark_rules_init(struct hark_rules *rules);
void hark_rules_done(struct hark_rules *rules);

/* As hark_rule_parse(). */
int hark_rules_add(struct hark_rules *rules, const char *text);

bool hark_rules_are_empty(const struct hark_rules *rules);

/* Whether it is allowed. If not, *ret_nearest is the most specific rule for such wishes, which is
 * not for this user; NULL: there is none. */
bool hark_rules_allow(const struct hark_rules *rules, const struct hark_wish *wish,
                      const struct hark_rule **ret_nearest);

/* Says what refused it, for the one who is refused. */
#define HARK_RULES_TEXT_SIZE 512
void hark_rules_explain(const struct hark_wish *wish, const struct hark_rule *nearest,
                        char ret_text[HARK_RULES_TEXT_SIZE]);

#endif
