/* SPDX-License-Identifier: MIT */

/*
 * The queues of callbacks and chores.
 *
 *         queue_callback --> callbacks[7]  c c       a turn: 64 of them, more urgent ones first, but
 *                            callbacks[..]           one at least of each priority that waits; ends
 *                            callbacks[0]  c c c     behind all that was queued before them
 *         queue_end -------> ends          e
 *                                 \
 *                                  `-- owner closes --> closing --> run, before any other
 *
 * A turn runs nothing that was queued after it began, so that callbacks which queue callbacks do
 * not keep the loop from its descriptors; and is short, so that what comes in meanwhile and is more
 * urgent need not wait for long.
 */

#include <assert.h>

#include "loop/internal.h"

#define TURN 64 /* callbacks */

static struct hark_task *first_task(const struct hark_list *queue)
{
        struct hark_list *link = hark_list_first(queue);

        return link != NULL ? hark_container_of(link, struct hark_task, link) : NULL;
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
static bool is_closing(const hark_loop *loop, const void *owner)
{
        return owner != NULL &&
               (owner == loop->closing_owner || has_task_of(&loop->closing, owner));
}

static void queue_callback(hark_loop *loop, struct hark_list *queue, struct hark_task *task)
{
        if (hark_task_is_queued(task))
                return;
        task->number = ++loop->n_queued;
        hark_list_push_back(is_closing(loop, task->owner) ? &loop->closing : queue, &task->link);
        hark_loop_changed(loop);
}

static void run_callback(hark_loop *loop, struct hark_task *task)
{
        hark_list_remove(&task->link);
        assert(!loop->is_in_callback);
        loop->is_in_callback = true;
        task->run(task);
        loop->is_in_callback = false;
}

static void run_closing(hark_loop *loop)
{
        struct hark_task *task;

        while ((task = first_task(&loop->closing)) != NULL) {
                loop->closing_owner = task->owner;
                run_callback(loop, task);
                loop->closing_owner = NULL;
        }
}

/* --- turns ------------------------------------------------------------------------------------ */

/* How many callbacks a turn may still run, and the number of the last one that it may. */
struct turn {
        unsigned n_left;
        uint64_t last;
};

/* What a turn leaves to the queues of less urgent ones: one for each that is not empty. */
static unsigned share_below(const hark_loop *loop, unsigned priority)
{
        unsigned n = !hark_list_is_empty(&loop->ends);

        while (priority-- > 0)
                n += !hark_list_is_empty(&loop->callbacks[priority]);
        return n;
}

/* Whether anything is left that was queued before this end. */
static bool must_wait(const hark_loop *loop, const struct hark_task *end)
{
        for (unsigned i = 0; i < HARK_PRIORITIES; i++) {
                const struct hark_task *task = first_task(&loop->callbacks[i]);

                if (task != NULL && task->number < end->number)
                        return true;
        }
        return false;
}

/* As soon as that is so, so that what has one priority is told in order, the ends included. */
static void run_ends(hark_loop *loop, struct turn *turn)
{
        struct hark_task *end;

        while ((end = first_task(&loop->ends)) != NULL && end->number <= turn->last &&
               turn->n_left > 0 && !must_wait(loop, end)) {
                turn->n_left--;
                run_callback(loop, end);
                run_closing(loop);
        }
}

/* The next one that this turn may run; is_first: of this priority. NULL: none. */
static struct hark_task *next_of(const hark_loop *loop, unsigned priority, const struct turn *turn,
                                 bool is_first)
{
        struct hark_task *task = first_task(&loop->callbacks[priority]);

        if (task == NULL || task->number > turn->last)
                return NULL;
        return is_first || turn->n_left > share_below(loop, priority) ? task : NULL;
}

static void run_queue(hark_loop *loop, unsigned priority, struct turn *turn)
{
        struct hark_task *task = next_of(loop, priority, turn, true);

        while (task != NULL) {
                turn->n_left -= turn->n_left > 0;
                run_callback(loop, task);
                run_closing(loop);
                run_ends(loop, turn);
                task = next_of(loop, priority, turn, false);
        }
}

void hark_tasks_init(hark_loop *loop)
{
        for (unsigned i = 0; i < HARK_PRIORITIES; i++)
                hark_list_init(&loop->callbacks[i]);
        hark_list_init(&loop->ends);
        hark_list_init(&loop->closing);
        hark_list_init(&loop->chores);
}

bool hark_callbacks_are_queued(const hark_loop *loop)
{
        for (unsigned i = 0; i < HARK_PRIORITIES; i++)
                if (!hark_list_is_empty(&loop->callbacks[i]))
                        return true;
        return !hark_list_is_empty(&loop->ends) || !hark_list_is_empty(&loop->closing);
}

bool hark_tasks_are_queued(const hark_loop *loop)
{
        return hark_callbacks_are_queued(loop) || !hark_list_is_empty(&loop->chores);
}

void hark_tasks_run_callbacks(hark_loop *loop)
{
        struct turn turn = {.n_left = TURN, .last = loop->n_queued};

        run_closing(loop);
        run_ends(loop, &turn);
        for (unsigned i = HARK_PRIORITIES; i-- > 0;)
                run_queue(loop, i, &turn);
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
        queue_callback(loop, &loop->callbacks[task->priority], task);
}

void hark_loop_queue_end(hark_loop *loop, struct hark_task *task)
{
        queue_callback(loop, &loop->ends, task);
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
        struct hark_list *position = loop->closing.next;

        for (unsigned i = HARK_PRIORITIES; i-- > 0;)
                move_those_of(position, &loop->callbacks[i], owner);
        move_those_of(position, &loop->ends, owner);
        if (loop->is_stepping || loop->is_in_callback)
                return;
        hark_loop_ref(loop);
        hark_loop_enter(loop);
        run_closing(loop);
        hark_loop_leave(loop);
        hark_loop_unref(loop);
}

bool hark_loop_is_in_callback(const hark_loop *loop)
{
        return loop->is_in_callback;
}
