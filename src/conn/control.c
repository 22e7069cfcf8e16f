/* SPDX-License-Identifier: MIT */

/* See control.h. */

#include "conn/control.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/instance.h"
#include "base/log.h"
#include "conn/internal.h"

int hark_control_send_hello(struct hark_conn *conn)
{
        uint8_t bytes[HARK_HELLO_SIZE];
        struct hark_hello hello = {
                .version_min = HARK_WIRE_VERSION,
                .version_max = HARK_WIRE_VERSION,
                .instance = hark_instance_to_tell(),
                .message_size = conn->limits.message_size,
                .received_size = conn->limits.received_size,
                .calls_in_flight = conn->limits.calls_in_flight,
                .subscriptions = conn->limits.subscriptions,
                .fds_per_message = conn->limits.fds_per_message,
                .pid = (uint32_t)getpid(),
                .window_size = conn->limits.window_size,
        };
        struct hark_payload payload = {.data = bytes, .size = sizeof(bytes)};
        struct hark_send send = {
                .type = HARK_FRAME_HELLO,
                .priority = HARK_PRIORITIES - 1,
                .name = conn->name,
                .name_size = strlen(conn->name),
                .payload = &payload,
                .deadline_ns = HARK_NEVER,
        };

        hark_hello_encode(&hello, bytes);
        return hark_writer_queue_before(&conn->writer, &send, NULL, NULL);
}

int hark_control_take_hello(struct hark_conn *conn, const hark_message *message,
                            struct hark_span name, const char **ret_why)
{
        struct hark_span payload = {hark_message_data(message), hark_message_size(message)};
        int r = hark_hello_decode(payload, &conn->peer, ret_why);

        if (r < 0)
                return r;
        if (name.size > 0)
                memcpy(conn->peer_name, name.bytes, name.size);
        conn->peer_name[name.size] = '\0';
        hark_text_sanitise(conn->peer_name, name.size);
        return 0;
}

int hark_control_send_goaway(struct hark_conn *conn, int status, const char *text)
{
        uint8_t bytes[HARK_ERROR_EXTENSIONS_SIZE];
        struct hark_send send = {
                .type = HARK_FRAME_GOAWAY,
                .id = conn->last_request_id,
                .status = (uint32_t)status,
                .extensions = hark_control_error_extensions(bytes, NULL, text),
                .deadline_ns = HARK_NEVER,
        };

        return hark_writer_queue(&conn->writer, &send, NULL);
}

void hark_control_send_pong(struct hark_conn *conn, uint32_t id)
{
        struct hark_send send = {.type = HARK_FRAME_PONG, .id = id, .deadline_ns = HARK_NEVER};

        hark_conn_send_control(conn, &send);
}

struct hark_span hark_control_error_extensions(uint8_t *bytes, const char *name, const char *text)
{
        struct hark_extension_writer writer;

        if (!name && !text)
                return (struct hark_span){NULL, 0};
        hark_extensions_start(&writer, bytes);
        if (name)
                hark_extensions_put(&writer, HARK_EXTENSION_ERROR_NAME, name,
                                    strnlen(name, HARK_NAME_MAX));
        if (text)
                hark_extensions_put(&writer, HARK_EXTENSION_ERROR_TEXT, text,
                                    strnlen(text, HARK_ERROR_TEXT_MAX));
        return (struct hark_span){bytes, hark_extensions_finish(&writer)};
}

void hark_conn_refuse_message(struct hark_conn *conn, const struct hark_header *header,
                              const char *name, size_t name_size, int status, const char *text)
{
        uint8_t bytes[HARK_ERROR_EXTENSIONS_SIZE];
        bool is_awaited =
                header->type == HARK_FRAME_SUBSCRIBE ||
                (header->type == HARK_FRAME_REQUEST && !(header->flags & HARK_FLAG_ONE_WAY));
        struct hark_send send = {
                .type = HARK_FRAME_ERROR,
                .flags = HARK_FLAG_FROM_LIBRARY,
                .priority = header->priority,
                .id = header->id,
                .status = (uint32_t)status,
                .name = name,
                .name_size = is_awaited ? 0 : name_size,
                .extensions = hark_control_error_extensions(bytes, NULL, text),
                .deadline_ns = HARK_NEVER,
        };

        if (header->type == HARK_FRAME_SUBSCRIBE) {
                send.type = HARK_FRAME_SUBSCRIBED;
                send.flags = 0;
        }
        hark_log(hark_loop_log(conn->loop), LOG_INFO, "%s of %s is refused: %s",
                 hark_frame_type_name(header->type), hark_conn_peer_name(conn),
                 text ? text : hark_reason(status, NULL));
        /* Without memory even for this, the caller's deadline is what is left. */
        if (header->type == HARK_FRAME_REQUEST || header->type == HARK_FRAME_SUBSCRIBE ||
            hark_frame_type_publishes(header->type))
                hark_conn_send_control(conn, &send);
}
