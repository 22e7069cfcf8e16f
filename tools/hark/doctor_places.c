/* SPDX-License-Identifier: MIT */
/* hark doctor: directories. See finding.h. */
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "finding.h"

#define MQUEUE_MAGIC 0x19800202 /* no header has it */

/* Whether a file system of that type is there. */
static enum verdict look_for_mount(const char *path, unsigned long magic, char *found, size_t size)
{
        struct statfs status = {0};

        if (statfs(path, &status) < 0 && errno != ENOENT)
                return found_error(found, size, errno, VERDICT_BETTER);
        if ((unsigned long)status.f_type == magic)
                return found_good(found, size, "mounted");
        (void)snprintf(found, size, "not mounted");
        return VERDICT_BETTER;
}

enum verdict look_at_queue_directory(char *found, size_t size)
{
        return look_for_mount("/dev/mqueue", MQUEUE_MAGIC, found, size);
}

enum verdict look_at_shared_memory(char *found, size_t size)
{
        enum verdict verdict = look_for_mount("/dev/shm", TMPFS_MAGIC, found, size);

        if (verdict == VERDICT_GOOD && access("/dev/shm", W_OK | X_OK) < 0)
                return found_error(found, size, errno, VERDICT_BETTER);
        return verdict;
}

/* Where only this user can put a socket, so that its clients trust what they find there. */
static enum verdict judge_directory(const char *path, char *found, size_t size)
{
        struct stat status;

        if (stat(path, &status) < 0 || access(path, W_OK | X_OK) < 0)
                (void)snprintf(found, size, "%s is not there, or not to be written", path);
        else if (!S_ISDIR(status.st_mode))
                (void)snprintf(found, size, "%s is no directory", path);
        else if (status.st_uid != geteuid() || status.st_mode & (S_IWGRP | S_IWOTH))
                (void)snprintf(found, size, "others can write %s", path);
        else {
                (void)snprintf(found, size, "%s", path);
                return VERDICT_GOOD;
        }
        return VERDICT_BETTER;
}

enum verdict look_at_runtime_directory(char *found, size_t size)
{
        const char *path = getenv("XDG_RUNTIME_DIR");

        if (path && *path)
                return judge_directory(path, found, size);
        if (geteuid() == 0)
                return judge_directory("/run", found, size);
        (void)snprintf(found, size, "XDG_RUNTIME_DIR is not set");
        return VERDICT_BETTER;
}
