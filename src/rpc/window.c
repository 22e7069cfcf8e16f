/* SPDX-License-Identifier: MIT */

/* See window.h. */

#include "rpc/window.h"

#include <assert.h>

void hark_window_init(struct hark_window *window, uint64_t size)
{
        *window = (struct hark_window){.size = size};
}

bool hark_window_take(struct hark_window *window, uint64_t cost)
{
        if (!hark_window_is_open(window))
                return false;
        window->used += cost;
        return true;
}

bool hark_window_credit(struct hark_window *window, uint64_t n)
{
        if (n > window->used)
                return false;
        window->used -= n;
        return true;
}

void hark_window_consume(struct hark_window *window, uint64_t cost)
{
        window->consumed += cost;
        assert(window->consumed <= window->used);
}

uint32_t hark_window_due(const struct hark_window *window)
{
        bool is_due = window->consumed > 0 && window->consumed >= window->size / 2;

        return is_due ? (uint32_t)window->consumed : 0;
}

void hark_window_credited(struct hark_window *window, uint32_t n)
{
        assert(n <= window->consumed);
        window->consumed -= n;
        window->used -= n;
}
