/* SPDX-License-Identifier: MIT */

/* What a request is answered, by its handler or in its place by the library. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/payload.h"
#include "base/result.h"
#include "conn/control.h"
#include "rpc/request.h"

/* --- by the library --------------------------------------------------------------------------- */

/* The caller's name for what could not be sent. */
static int status_of_failure(int failure)
{
        switch (failure) {
        case 0:
                return HARK_NOT_ANSWERED;
        case -EMSGSIZE:
                return HARK_REPLY_TOO_LARGE;
        case -EOPNOTSUPP:
                return HARK_FAILED_PRECONDITION;
        default:
                return HARK_RESOURCE_EXHAUSTED;
        }
}

static const char *text_of_failure(int failure)
{
        switch (failure) {
        case 0:
                return "the handler let go of the request without answering";
        case -EMSGSIZE:
                return "the reply is larger than this client takes";
        case -EOPNOTSUPP:
                return "the reply has file descriptors, which this connection cannot carry";
        case -EAGAIN:
                return "the client does not read its replies";
        case -EDQUOT:
                return "the reply has more file descriptors than this client takes";
        case -EBADF:
        case -EMFILE:
                return "the reply's file descriptors could not be duplicated";
        default:
                return "no memory for the reply";
        }
}

/* Tells the caller no in the library's name. */
static void tell_no(hark_request *request, int status, const char *text)
{
        struct hark_conn *conn = request->requests->conn;
        const char *name = request->message->name;
        struct hark_header question = {
                .type = HARK_FRAME_REQUEST,
                .flags = request->is_one_way ? HARK_FLAG_ONE_WAY : 0,
                .id = request->id,
                .priority = request->priority,
        };

        if (conn)
                hark_conn_refuse_message(conn, &question, name, strlen(name), status, text);
}

void hark_request_answer_no(hark_request *request, int status, const char *text)
{
        tell_no(request, status, text);
        hark_request_finish(request, HARK_REQUEST_ANSWERED);
}

void hark_request_break_off(hark_request *request, int reason, int status, const char *text)
{
        tell_no(request, status, text);
        hark_request_end(request, reason);
}

void hark_request_answer_unanswered(hark_request *request)
{
        if (request->is_one_way)
                hark_request_finish(request, HARK_REQUEST_ANSWERED);
        else if (request->needs_observe && request->failure == 0)
                hark_request_answer_no(request, HARK_NEEDS_OBSERVE,
                                       hark_reason(HARK_NEEDS_OBSERVE, NULL));
        else
                hark_request_answer_no(request, status_of_failure(request->failure),
                                       text_of_failure(request->failure));
}

/* --- by the handler --------------------------------------------------------------------------- */

/* An answer is as urgent as its question, or more, but for one behind items. */
static uint8_t answer_priority(const hark_request *request, const struct hark_payload *payload)
{
        if (hark_request_stream_has_sent(request->stream))
                return request->priority;
        return payload->priority > request->priority ? payload->priority : request->priority;
}

static int send_answer(hark_request *request, const struct hark_payload *payload)
{
        uint8_t bytes[HARK_ERROR_EXTENSIONS_SIZE];
        struct hark_conn *conn = request->requests->conn;
        struct hark_send send = {
                .type = payload->status == 0 ? HARK_FRAME_REPLY : HARK_FRAME_ERROR,
                .priority = answer_priority(request, payload),
                .id = request->id,
                .status = (uint32_t)payload->status,
                .payload = payload,
                .deadline_ns = HARK_NEVER,
        };

        if (payload->status != 0)
                send.extensions = hark_control_error_extensions(bytes, payload->error_name,
                                                                payload->error_text);
        return conn ? hark_conn_send(conn, &send, NULL) : -ENOTCONN;
}

/* Whether an answer is still wanted. 0: it is; 1: it is not, but its giver has not heard of it yet,
 * and shall not: for him it was answered. */
static int check_wanted(hark_request *request)
{
        switch (request->state) {
        case HARK_REQUEST_QUEUED:
        case HARK_REQUEST_OPEN:
                return 0;
        case HARK_REQUEST_ANSWERED:
                return -EALREADY;
        case HARK_REQUEST_ENDED:
                break;
        }
        if (request->is_cancel_told)
                return request->reason;
        request->state = HARK_REQUEST_ANSWERED;
        hark_task_cancel(&request->cancel);
        hark_request_unref(request);
        return 1;
}

int hark_reply(hark_request *request, struct hark_payload payload)
{
        int r;

        if (!request || hark_payload_check_answer(&payload) < 0)
                return -EINVAL;
        r = check_wanted(request);
        if (r != 0)
                return r > 0 ? 0 : r;
        r = request->is_one_way ? 0 : send_answer(request, &payload);
        /* The connection is going, and its end will be told in a moment. */
        if (r == -ENOTCONN)
                r = 0;
        request->failure = r;
        if (r == 0)
                hark_request_finish(request, HARK_REQUEST_ANSWERED);
        return r;
}

int hark_fail(hark_request *request, int status, const char *text)
{
        struct hark_payload payload = {.status = status < 0 ? hark_status_of_errno(status) : status,
                                       .error_text = text};

        /* What hark_push() said. */
        if (status == -EOPNOTSUPP && request && request->needs_observe)
                payload.status = HARK_NEEDS_OBSERVE;
        return status != 0 ? hark_reply(request, payload) : -EINVAL;
}

int hark_failf(hark_request *request, int status, const char *format, ...)
{
        char text[1024];
        va_list arguments;

        if (!format)
                return -EINVAL;
        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        return hark_fail(request, status, text);
}
