/* SPDX-License-Identifier: MIT */

/*
 * Descriptors.
 */

#include "base/cleanup.h"

#include <errno.h>

int hark_close(int fd)
{
        int saved = errno;

        if (fd >= 0)
                (void)close(fd);
        errno = saved;
        return -1;
}
