/* SPDX-License-Identifier: MIT */
#ifndef HARK_ENDPOINT_RULE_H
#define HARK_ENDPOINT_RULE_H

/*
 * One rule, and whom it is for:
 *
 *         call,subscribe  clock.>  uid=1000 gid=video self
 *         `--- verbs ---'  filter  `------- who ---------'
 *
 * Words are separated by spaces. Users and groups are looked up when the rule is made, and so is
 * who `self` is: a rule means the same as long as it stands.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "names/tree.h"

/* Bits. */
enum hark_verb {
        HARK_VERB_CALL = 1 << 0,
        HARK_VERB_SUBSCRIBE = 1 << 1,
        HARK_VERB_PUBLISH = 1 << 2
};

enum hark_who_kind {
        HARK_WHO_ANYONE = 1,
        HARK_WHO_USER,
        HARK_WHO_GROUP
};

struct hark_who {
        enum hark_who_kind kind;
        uint32_t id; /* never the last number, which stands for "unknown" */
};

struct hark_rule {
        struct hark_tree_entry entry; /* by its filter */
        struct hark_list link;
        unsigned verbs; /* enum hark_verb */
        size_t filter_size;
        const char *filter; /* in text */
        const char *text;   /* as it was written; behind who */
        size_t n_who;
        struct hark_who who[];
};

/* Who wants something, as the kernel vouches for it. */
struct hark_subject {
        uid_t uid;           /* (uid_t)-1: unknown, which no uid= matches */
        gid_t gid;           /* the same */
        const gid_t *groups; /* besides gid */
        size_t n_groups;
};

/*
 * Makes a rule; free() frees it.
 * 0; -EINVAL: not a rule; -ENOENT: no such user or group; -ENOMEM, ...: it could not be looked up.
 * why (may be NULL) is written on failure: which part is wrong and what was expected.
 */
int hark_rule_parse(const char *text, struct hark_rule **ret_rule, char *why, size_t why_size);

/* Whether it is for this one. */
bool hark_rule_admits(const struct hark_rule *rule, const struct hark_subject *subject);

/* Whether some word of it is of this kind. */
bool hark_rule_speaks_of(const struct hark_rule *rule, enum hark_who_kind kind);

#endif
