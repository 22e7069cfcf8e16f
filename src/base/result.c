/* SPDX-License-Identifier: MIT */

/*
 * What results mean, in words and in each other's terms.
 */

#include "base/result.h"

#include <errno.h>
#include <hark/client.h>
#include <string.h>

#include "base/message.h"

struct meaning {
        int result;
        const char *text;
};

static const struct meaning statuses[] = {
        {HARK_OK, "success"},
        {HARK_CANCELLED, "cancelled"},
        {HARK_UNKNOWN, "unknown error"},
        {HARK_INVALID_ARGUMENT, "invalid argument"},
        {HARK_DEADLINE_EXCEEDED, "deadline exceeded further on"},
        {HARK_NOT_FOUND, "not found"},
        {HARK_ALREADY_EXISTS, "already exists"},
        {HARK_PERMISSION_DENIED, "permission denied"},
        {HARK_RESOURCE_EXHAUSTED, "resource exhausted"},
        {HARK_FAILED_PRECONDITION, "failed precondition"},
        {HARK_ABORTED, "aborted"},
        {HARK_OUT_OF_RANGE, "out of range"},
        {HARK_UNIMPLEMENTED, "no such method"},
        {HARK_INTERNAL, "internal error"},
        {HARK_UNAVAILABLE, "unavailable"},
        {HARK_DATA_LOSS, "data loss"},
        {HARK_UNAUTHENTICATED, "unauthenticated"},
        {HARK_NOT_ANSWERED, "the handler did not answer"},
        {HARK_REPLY_TOO_LARGE, "the reply is larger than the caller takes"},
        {HARK_CIRCLE, "the call would wait for itself"},
        {HARK_NEEDS_OBSERVE, "the method answers with items: it needs to be observed"},
        {HARK_MORE, "an item; the end follows"},
        {HARK_ROOM, "there is room for items; the end follows"},
};

/* What hark means by an errno, where that is more than what the system says of it. */
static const struct meaning errors[] = {
        {-EACCES, "permission denied, or refused by the server"},
        {-EADDRINUSE, "somebody serves this address, or something else stands there"},
        {-EAGAIN, "the outgoing queue is full"},
        {-EALREADY, "done before"},
        {-EBADF, "not an open descriptor"},
        {-EBUSY, "somebody is just taking this address"},
        {-ECANCELED, "cancelled"},
        {-ECHILD, "not a child of this process"},
        {-ECOMM, "lost on the way"},
        {-ECONNREFUSED, "nobody listens at this address"},
        {-ECONNRESET, "connection lost: what was sent may have been carried out"},
        {-EDEADLK, "called inside a callback of the same loop"},
        {-EDQUOT, "a limit was reached"},
        {-EEXIST, "there is one already"},
        {-EHOSTUNREACH, "no way to this host"},
        {-EINVAL, "invalid argument"},
        {-EMFILE, "this process has no descriptor left"},
        {-EMSGSIZE, "the message is larger than the other side takes"},
        {-ENETUNREACH, "no way to this network"},
        {-ENFILE, "the system has no descriptor left"},
        {-ENOBUFS, "the subscriber was too slow"},
        {-ENODEV, "no such network interface"},
        {-ENOENT, "nothing there: no listener, no such name, or it has ended"},
        {-ENOMEM, "out of memory"},
        {-ENOSPC, "no space, or no watch left for this user"},
        {-ENOTCONN, "never sent: not connected"},
        {-EOPNOTSUPP, "this transport cannot do that"},
        {-EPERM, "not permitted"},
        {-EPIPE, "connection lost"},
        {-EPROTO, "the other side broke the protocol"},
        {-EPROTONOSUPPORT, "no such transport"},
        {-ESHUTDOWN, "the server drains, or has drained"},
        {-ETIMEDOUT, "no answer in time"},
};

struct nearest {
        int error, status;
};

static const struct nearest nearest_statuses[] = {
        {-EACCES, HARK_PERMISSION_DENIED},
        {-EAGAIN, HARK_RESOURCE_EXHAUSTED},
        {-EALREADY, HARK_FAILED_PRECONDITION},
        {-EBADMSG, HARK_DATA_LOSS},
        {-EBUSY, HARK_UNAVAILABLE},
        {-ECANCELED, HARK_CANCELLED},
        {-ECONNREFUSED, HARK_UNAVAILABLE},
        {-EDQUOT, HARK_RESOURCE_EXHAUSTED},
        {-EEXIST, HARK_ALREADY_EXISTS},
        {-EHOSTUNREACH, HARK_UNAVAILABLE},
        {-EINVAL, HARK_INVALID_ARGUMENT},
        {-EIO, HARK_DATA_LOSS},
        {-EMFILE, HARK_RESOURCE_EXHAUSTED},
        {-EMSGSIZE, HARK_RESOURCE_EXHAUSTED},
        {-ENETUNREACH, HARK_UNAVAILABLE},
        {-ENFILE, HARK_RESOURCE_EXHAUSTED},
        {-ENOBUFS, HARK_RESOURCE_EXHAUSTED},
        {-ENOENT, HARK_NOT_FOUND},
        {-ENOMEM, HARK_RESOURCE_EXHAUSTED},
        {-ENOSPC, HARK_RESOURCE_EXHAUSTED},
        {-ENOSYS, HARK_UNIMPLEMENTED},
        {-ENOTCONN, HARK_UNAVAILABLE},
        {-EOPNOTSUPP, HARK_UNIMPLEMENTED},
        {-EOVERFLOW, HARK_OUT_OF_RANGE},
        {-EPERM, HARK_PERMISSION_DENIED},
        {-ERANGE, HARK_OUT_OF_RANGE},
        {-ETIMEDOUT, HARK_DEADLINE_EXCEEDED},
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* NULL: not in the table. */
static const char *find_meaning(const struct meaning *meanings, size_t n, int result)
{
        for (size_t i = 0; i < n; i++)
                if (meanings[i].result == result)
                        return meanings[i].text;
        return NULL;
}

/* strerror() would share its buffer between threads. */
static const char *describe_errno(int error)
{
#ifdef __GLIBC__
        const char *text = strerrordesc_np(error);
#else
        const char *text = NULL;
#endif

        return text != NULL ? text : "unknown error";
}

static const char *describe_error(int result)
{
        const char *text = find_meaning(errors, COUNT(errors), result);

        if (text != NULL)
                return text;
        return describe_errno(result != INT_MIN ? -result : 0);
}

static const char *describe_status(int status)
{
        const char *text = find_meaning(statuses, COUNT(statuses), status);

        if (text != NULL)
                return text;
        if (status >= HARK_APPLICATION)
                return "the application answered with a failure of its own";
        return "the answer has a status that is not known here";
}

static const char *prefer_text(const char *text, const char *otherwise)
{
        return text != NULL && text[0] != '\0' ? text : otherwise;
}

const char *hark_reason(int result, const hark_message *reply)
{
        const char *name;

        if (result < 0)
                return describe_error(result);
        name = describe_status(result);
        if (result == 0 || reply == NULL)
                return name;
        if (result >= HARK_APPLICATION)
                name = prefer_text(reply->error_name, name);
        return prefer_text(reply->error_text, name);
}

int hark_status_of_errno(int error)
{
        for (size_t i = 0; i < COUNT(nearest_statuses); i++)
                if (nearest_statuses[i].error == error)
                        return nearest_statuses[i].status;
        return HARK_UNKNOWN;
}

int hark_errno_of_refusal(int status)
{
        if (status == HARK_RESOURCE_EXHAUSTED)
                return -EDQUOT;
        if (status == HARK_UNAVAILABLE)
                return -ECONNREFUSED;
        /* No hello came in time, perhaps because this process was stopped. */
        if (status == HARK_DEADLINE_EXCEEDED)
                return -ETIMEDOUT;
        /* What a connection says that was sent nonsense, and nobody else should. */
        if (status == HARK_INVALID_ARGUMENT)
                return -EPROTO;
        return -EACCES;
}

int hark_status_of_wire(uint32_t status)
{
        /* What a callback would not take for an end. */
        if (status == HARK_MORE || status == HARK_ROOM)
                return HARK_UNKNOWN;
        return status > 0 && status <= INT_MAX ? (int)status : HARK_UNKNOWN;
}
