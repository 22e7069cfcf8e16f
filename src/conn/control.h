/* SPDX-License-Identifier: MIT */
#ifndef HARK_CONN_CONTROL_H
#define HARK_CONN_CONTROL_H

/*
 * What connections say in their own name: hello, goaway, pong, and no to what they will not take.
 */

#include "conn/conn.h"

/* Puts our hello in front of everything. 0; -ENOMEM. */
int hark_control_send_hello(struct hark_conn *conn);

/* Reads theirs into conn->peer and conn->peer_name. 0; -EPROTO. */
int hark_control_take_hello(struct hark_conn *conn, const hark_message *message,
                            struct hark_span name, const char **ret_why);

/* Queues a goaway behind everything; status 0: a plain goodbye. text may be NULL. */
int hark_control_send_goaway(struct hark_conn *conn, int status, const char *text);

/* Answers a ping. */
void hark_control_send_pong(struct hark_conn *conn, uint32_t id);

/* Writes the extensions of an error: its name and its text, each may be NULL; what is longer than
 * HARK_ERROR_TEXT_MAX is cut. bytes has room for HARK_ERROR_EXTENSIONS_SIZE. */
#define HARK_ERROR_TEXT_MAX        2048
#define HARK_ERROR_EXTENSIONS_SIZE (HARK_ERROR_TEXT_MAX + HARK_NAME_MAX + 24)
struct hark_span hark_control_error_extensions(uint8_t *bytes, const char *name, const char *text);

#endif
