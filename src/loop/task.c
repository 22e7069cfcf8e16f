/* SPDX-License-Identifier: MIT */

/*
 * The queues of callbacks and chores.
 *
 *         queue_callback ------> callbacks --turn begins--> running --> run
 *                 \                    \                      /
 *                  `-- owner closes --> `----> urgent <------'  --> run, before any other
 *
 * A turn runs what was queued when it began, so that callbacks which queue callbacks do not keep
 * the loop from its descriptors.
 */

#include <assert.h>

#include "loop/internal.h"

static struct hark_task *first_task(const struct hark_list *queue)
{
        struct hark_list *link = hark_list_first(queue);

        return link != NULL ? hark_container_of(link, struct hark_task, link) : NULL;
}

/* Moves all of a list in front of what the position is in. */
static void move_all(struct hark_list *position, struct hark_list *queue)
{
        hark_list_for_each (link, queue) {
                hark_list_remove(link);
                hark_list_insert_before(position, link);
        }
}

static void move_those_of(struct hark_list *position, struct hark_list *queue, const void *owner)
{
        hark_list_for_each (link, queue) {
                if (hark_container_of(link, struct hark_task, link)->owner != owner)
                        continue;
                hark_list_remove(link);
                hark_list_insert_before(position, link);
        }
}

static bool has_task_of(const struct hark_list *queue, const void *owner)
{
        hark_list_for_each (link, queue)
                if (hark_container_of(link, struct hark_task, link)->owner == owner)
                        return true;
        return false;
}

/* Whether the owner is closing: its other callbacks are being run before all others. */
static bool is_urgent(const hark_loop *loop, const void *owner)
{
        return owner != NULL && (owner == loop->urgent_owner || has_task_of(&loop->urgent, owner));
}

static void run_callback(hark_loop *loop, struct hark_task *task)
{
        hark_list_remove(&task->link);
        assert(!loop->is_in_callback);
        loop->is_in_callback = true;
        task->run(task);
        loop->is_in_callback = false;
}

static void run_urgent(hark_loop *loop)
{
        struct hark_task *task;

        while ((task = first_task(&loop->urgent)) != NULL) {
                loop->urgent_owner = task->owner;
                run_callback(loop, task);
                loop->urgent_owner = NULL;
        }
}

void hark_tasks_init(hark_loop *loop)
{
        hark_list_init(&loop->callbacks);
        hark_list_init(&loop->running);
        hark_list_init(&loop->urgent);
        hark_list_init(&loop->chores);
}

bool hark_tasks_are_queued(const hark_loop *loop)
{
        return !hark_list_is_empty(&loop->callbacks) || !hark_list_is_empty(&loop->urgent) ||
               !hark_list_is_empty(&loop->chores);
}

void hark_tasks_run_callbacks(hark_loop *loop)
{
        struct hark_task *task;

        assert(hark_list_is_empty(&loop->running));
        move_all(&loop->running, &loop->callbacks);
        run_urgent(loop);
        while ((task = first_task(&loop->running)) != NULL) {
                run_callback(loop, task);
                run_urgent(loop);
        }
}

void hark_tasks_run_chores(hark_loop *loop)
{
        struct hark_task *task;

        loop->round++;
        while ((task = first_task(&loop->chores)) != NULL && task->round != loop->round) {
                hark_list_remove(&task->link);
                task->round = loop->round;
                task->run(task);
        }
}

void hark_task_init(struct hark_task *task, hark_task_fn *run, const void *owner)
{
        *task = (struct hark_task){.run = run, .owner = owner};
        hark_list_init(&task->link);
}

void hark_task_cancel(struct hark_task *task)
{
        hark_list_remove(&task->link);
}

void hark_loop_queue_callback(hark_loop *loop, struct hark_task *task)
{
        if (hark_task_is_queued(task))
                return;
        hark_list_push_back(is_urgent(loop, task->owner) ? &loop->urgent : &loop->callbacks,
                            &task->link);
        hark_loop_changed(loop);
}

void hark_loop_queue_chore(hark_loop *loop, struct hark_task *task)
{
        if (hark_task_is_queued(task))
                return;
        hark_list_push_back(&loop->chores, &task->link);
        hark_loop_changed(loop);
}

void hark_loop_run_callbacks_of(hark_loop *loop, const void *owner)
{
        struct hark_list *position = loop->urgent.next;

        move_those_of(position, &loop->running, owner);
        move_those_of(position, &loop->callbacks, owner);
        if (loop->is_stepping || loop->is_in_callback)
                return;
        hark_loop_ref(loop);
        hark_loop_enter(loop);
        run_urgent(loop);
        hark_loop_leave(loop);
        hark_loop_unref(loop);
}

bool hark_loop_is_in_callback(const hark_loop *loop)
{
        return loop->is_in_callback;
}
