/* SPDX-License-Identifier: MIT */

/* See place.h. */

#include "place.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int place_make(struct place *place)
{
        snprintf(place->name, sizeof(place->name), "hark-demo-%d", (int)getpid());
        snprintf(place->directory, sizeof(place->directory), "/tmp/hark-demo-XXXXXX");
        if (mkdtemp(place->directory))
                return 0;
        place->directory[0] = '\0';
        return -errno;
}

static bool is_directory_empty(const char *path);

static void remove_left(const char *path)
{
        fprintf(stderr, "%s was left behind\n", path);
        if (unlink(path) == 0 || errno != EISDIR)
                return;
        is_directory_empty(path); /* no more */
        rmdir(path);
}

static bool is_directory_empty(const char *path)
{
        DIR *directory = opendir(path);
        struct dirent *entry;
        bool is_empty = true;

        while (directory && (entry = readdir(directory))) {
                char left[PATH_MAX];

                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                snprintf(left, sizeof(left), "%s/%s", path, entry->d_name);
                remove_left(left);
                is_empty = false;
        }
        if (directory)
                closedir(directory);
        return is_empty;
}

/* The server's queue, and that of its first client, see hark-wire(7). There may be no directory to
 * look for queues in: the proof is that there is nothing to unlink. */
static bool are_queues_gone(const char *name)
{
        static const char *const ends[] = {"", ".r0"};
        bool are_gone = true;

        for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
                char queue[64];

                snprintf(queue, sizeof(queue), "/%s%s", name, ends[i]);
                if (mq_unlink(queue) < 0)
                        continue;
                fprintf(stderr, "the queue %s was left behind\n", queue);
                are_gone = false;
        }
        return are_gone;
}

bool place_is_empty(const struct place *place)
{
        bool is_empty = place->directory[0] == '\0' || is_directory_empty(place->directory);

        return are_queues_gone(place->name) && is_empty;
}

void place_remove(struct place *place)
{
        if (place->directory[0] != '\0')
                rmdir(place->directory);
        place->directory[0] = '\0';
}
