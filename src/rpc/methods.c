/* SPDX-License-Identifier: MIT */

/* See methods.h. */

#include "rpc/methods.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "names/name.h"

static struct hark_method *method_of(struct hark_tree_entry *entry)
{
        return entry ? hark_container_of(entry, struct hark_method, entry) : NULL;
}

static int add_method(struct hark_methods *methods, const char *filter, size_t size,
                      const struct hark_method *wanted)
{
        struct hark_method *method = malloc(sizeof(*method));

        if (!method)
                return -ENOMEM;
        *method = *wanted;
        if (hark_tree_add(methods->tree, &method->entry, filter, size) < 0) {
                free(method);
                return -ENOMEM;
        }
        hark_list_push_back(&methods->all, &method->link);
        return 0;
}

static void remove_method(struct hark_methods *methods, struct hark_method *method)
{
        hark_tree_remove(methods->tree, &method->entry);
        hark_list_remove(&method->link);
        free(method);
}

int hark_methods_init(struct hark_methods *methods)
{
        hark_list_init(&methods->all);
        methods->tree = hark_tree_new();
        return methods->tree ? 0 : -ENOMEM;
}

void hark_methods_done(struct hark_methods *methods)
{
        hark_list_for_each (link, &methods->all)
                remove_method(methods, hark_container_of(link, struct hark_method, link));
        hark_tree_free(methods->tree);
        methods->tree = NULL;
}

int hark_methods_set(struct hark_methods *methods, const char *filter, hark_on_request *on_request,
                     void *userdata)
{
        struct hark_method wanted = {.on_request = on_request, .userdata = userdata};
        size_t size = strlen(filter);
        struct hark_method *method;

        if (!hark_filter_is_valid(filter, size) || hark_name_is_reserved(filter, size))
                return -EINVAL;
        method = method_of(hark_tree_find(methods->tree, filter, size));
        if (!method)
                return on_request ? add_method(methods, filter, size, &wanted) : -ENOENT;
        if (!on_request) {
                remove_method(methods, method);
                return 0;
        }
        method->on_request = on_request;
        method->userdata = userdata;
        return 0;
}

const struct hark_method *hark_methods_find(const struct hark_methods *methods, const char *name)
{
        size_t size = strlen(name);

        /* Also from a handler of `>`. */
        if (hark_name_is_reserved(name, size))
                return NULL;
        return method_of(hark_tree_best(methods->tree, name, size));
}
