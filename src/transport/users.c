/* SPDX-License-Identifier: MIT */

/* See users.h. */

#include "transport/users.h"

#include <errno.h>
#include <unistd.h>

#include "transport/trust.h"

#define REFUSAL_LOG_NS 1000000000ull /* one line a second at most: who is refused can try often */

struct hark_users hark_users(const struct hark_address *address)
{
        return (struct hark_users){.rule = address->uid_rule, .uid = address->uid};
}

/* by_default: whether others are admitted where the address does not say. */
static bool is_admitted(const struct hark_users *users, uid_t uid, bool by_default)
{
        if (uid == 0 || uid == geteuid())
                return true;
        switch (users->rule) {
        case HARK_UID_DEFAULT:
                return by_default;
        case HARK_UID_ANY:
                return true;
        case HARK_UID_ONE:
                return uid == users->uid;
        }
        return false;
}

static bool may_serve(const char *path, const struct hark_users *users, uid_t uid)
{
        if (is_admitted(users, uid, false))
                return true;
        return users->rule == HARK_UID_DEFAULT && path && hark_trust_owner_of_path(path, uid);
}

int hark_users_check_server(const struct hark_port *port, const char *path, const char *shown,
                            const struct hark_users *users, uid_t uid)
{
        if (may_serve(path, users, uid))
                return 0;
        hark_log(hark_loop_log(port->loop), LOG_ERR,
                 "%s:%s is served by uid %u, whom nothing says may do so; if this is right, add "
                 "?uid=%u to the address",
                 port->transport->public.scheme, shown, (unsigned)uid, (unsigned)uid);
        return -EPERM;
}

static void log_refusal(const struct hark_listener *listener, struct hark_users *users, uid_t uid)
{
        uint64_t now_ns = hark_now_ns();

        if (users->refusal_logged_ns > 0 && now_ns - users->refusal_logged_ns < REFUSAL_LOG_NS)
                return;
        users->refusal_logged_ns = now_ns;
        hark_log(hark_loop_log(listener->loop), LOG_WARNING,
                 "%s: refused uid %u; who may connect is said by uid= in the address",
                 listener->address, (unsigned)uid);
}

int hark_users_check_client(const struct hark_listener *listener, struct hark_users *users,
                            bool by_default, uid_t uid)
{
        if (is_admitted(users, uid, by_default))
                return 0;
        log_refusal(listener, users, uid);
        return -EPERM;
}
