/* SPDX-License-Identifier: MIT */
#ifndef HARK_RPC_METHODS_H
#define HARK_RPC_METHODS_H

/*
 * Which handler answers which method: filters in a tree, of which the most specific one answers.
 */

#include <hark/server.h>

#include "names/tree.h"

struct hark_methods {
        struct hark_tree *tree;
        struct hark_list all;
};

struct hark_method {
        struct hark_tree_entry entry;
        struct hark_list link; /* of all */
        hark_on_request *on_request;
        void *userdata;
};

/* 0; -ENOMEM, and done is allowed all the same. */
int hark_methods_init(struct hark_methods *methods);
void hark_methods_done(struct hark_methods *methods);

/* on_request NULL takes the method back. 0; -EINVAL: not a filter, or the library's own; -ENOENT:
 * nothing to take back; -ENOMEM. */
int hark_methods_set(struct hark_methods *methods, const char *filter, hark_on_request *on_request,
                     void *userdata);

/* NULL: nobody answers it. Valid until the methods change. */
const struct hark_method *hark_methods_find(const struct hark_methods *methods, const char *name);

#endif
