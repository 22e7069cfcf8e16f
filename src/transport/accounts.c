/* SPDX-License-Identifier: MIT */

/* See accounts.h. */

#include "transport/accounts.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define ENTRY_SIZE     1024 /* of an entry, to begin with */
#define ENTRY_SIZE_MAX (1024 * 1024)

/* 0, and *ret_id if there is one of this name, which *ret_is_found says; or an errno, ERANGE: the
 * buffer is too small. */
typedef int ask_fn(const char *name, char *buffer, size_t size, uint32_t *ret_id,
                   bool *ret_is_found);

static int ask_for_user(const char *name, char *buffer, size_t size, uint32_t *ret_id,
                        bool *ret_is_found)
{
        struct passwd entry, *found = NULL;
        int r = getpwnam_r(name, &entry, buffer, size, &found);

        *ret_is_found = found;
        if (found)
                *ret_id = found->pw_uid;
        return r;
}

static int ask_for_group(const char *name, char *buffer, size_t size, uint32_t *ret_id,
                         bool *ret_is_found)
{
        struct group entry, *found = NULL;
        int r = getgrnam_r(name, &entry, buffer, size, &found);

        *ret_is_found = found;
        if (found)
                *ret_id = found->gr_gid;
        return r;
}

static int find(ask_fn *ask, const char *name, uint32_t *ret_id)
{
        uint32_t id = UINT32_MAX;
        int r = ERANGE;

        for (size_t size = ENTRY_SIZE; r == ERANGE && size <= ENTRY_SIZE_MAX; size *= 2) {
                hark_cleanup(hark_freep) char *buffer = malloc(size);
                bool is_found = false;

                if (!buffer)
                        return -ENOMEM;
                r = ask(name, buffer, size, &id, &is_found);
                if (r == EINTR)
                        r = ERANGE; /* once more, which a larger buffer does not hinder */
                if (!is_found)
                        continue;
                /* The last number stands for "unknown": nobody may have it. */
                if (id == UINT32_MAX)
                        return -ENOENT;
                *ret_id = id;
                return 0;
        }
        return r == 0 || r == ENOENT || r == ESRCH ? -ENOENT : -r;
}

static int find_sized(ask_fn *ask, const char *text, size_t size, uint32_t *ret_id)
{
        hark_cleanup(hark_freep) char *name = strndup(text, size);

        return name ? find(ask, name, ret_id) : -ENOMEM;
}

int hark_user_find(const char *name, size_t size, uid_t *ret_uid)
{
        return find_sized(ask_for_user, name, size, ret_uid);
}

int hark_group_find(const char *name, size_t size, gid_t *ret_gid)
{
        return find_sized(ask_for_group, name, size, ret_gid);
}
