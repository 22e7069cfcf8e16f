/* SPDX-License-Identifier: MIT */
#ifndef DICE_H
#define DICE_H

/* Random numbers that are the same in every run, so that what fails once fails again. */

#include <stdbool.h>
#include <stdint.h>

struct dice {
        uint64_t state;
};

static inline struct dice dice_new(uint64_t seed)
{
        return (struct dice){seed * 2 + 1};
}

/* From 0 to n - 1. */
static inline uint32_t dice_below(struct dice *dice, uint32_t n)
{
        /* Knuth's linear congruence, of which only the upper bits are random. */
        dice->state = dice->state * 6364136223846793005u + 1442695040888963407u;
        return (uint32_t)(dice->state >> 33) % n;
}

static inline bool dice_one_in(struct dice *dice, uint32_t n)
{
        return dice_below(dice, n) == 0;
}

#endif
