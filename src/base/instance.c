/* SPDX-License-Identifier: MIT */

/* See instance.h. A thread's own variables, which no other one reads or writes. */

#include "base/instance.h"

#include <sys/random.h>
#include <unistd.h>

static _Thread_local uint64_t thread_instance;
static _Thread_local pid_t thread_pid; /* whose it is */

/* Before the kernel's generator is seeded, early at boot, none is better than waiting. */
static uint64_t random_instance(void)
{
        uint64_t instance = 0;

        if (getrandom(&instance, sizeof(instance), GRND_NONBLOCK) != (ssize_t)sizeof(instance))
                return 0;
        return instance;
}

uint64_t hark_instance(void)
{
        return thread_instance;
}

uint64_t hark_instance_to_tell(void)
{
        if (thread_instance == 0 || thread_pid != getpid()) {
                thread_instance = random_instance();
                thread_pid = getpid();
        }
        return thread_instance;
}
