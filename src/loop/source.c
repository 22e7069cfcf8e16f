/* SPDX-License-Identifier: MIT */

/*
 * What the user adds to a loop, by an id that is never used twice.
 *
 * A source is freed as soon as it is removed, also while its own callback runs: what calls the user
 * copies what it needs to the stack first, and touches the source no more.
 */

#include <errno.h>
#include <stdlib.h>

#include "loop/internal.h"

static struct hark_source *source_of(struct hark_map_node *node)
{
        return hark_container_of(node, struct hark_source, node);
}

void *hark_source_new(size_t size, hark_loop *loop, hark_task_fn *run, hark_source_stop_fn *stop,
                      void *userdata)
{
        struct hark_source *source = calloc(1, size);

        if (source == NULL)
                return NULL;
        hark_task_init(&source->task, run, NULL);
        source->node.key = ++loop->last_id;
        source->loop = loop;
        source->stop = stop;
        source->userdata = userdata;
        return source;
}

void hark_source_add(struct hark_source *source, uint64_t *ret_id)
{
        hark_map_add(&source->loop->sources, &source->node, source->node.key);
        if (ret_id != NULL)
                *ret_id = source->node.key;
}

struct hark_source *hark_source_find(hark_loop *loop, uint64_t id, hark_source_stop_fn *stop)
{
        struct hark_map_node *node = hark_map_find(&loop->sources, id);

        return node != NULL && source_of(node)->stop == stop ? source_of(node) : NULL;
}

void hark_source_remove(struct hark_source *source)
{
        hark_map_remove(&source->loop->sources, &source->node);
        hark_task_cancel(&source->task);
        source->stop(source);
        free(source);
}

void hark_sources_done(hark_loop *loop)
{
        struct hark_map_node *node;

        while ((node = hark_map_any(&loop->sources)) != NULL)
                hark_source_remove(source_of(node));
        hark_map_done(&loop->sources);
}

int hark_loop_remove(hark_loop *loop, uint64_t id)
{
        struct hark_map_node *node;

        if (loop == NULL)
                return -EINVAL;
        node = hark_map_find(&loop->sources, id);
        if (node == NULL)
                return -ENOENT;
        hark_source_remove(source_of(node));
        return 0;
}
