/* SPDX-License-Identifier: MIT */
#ifndef STREAM_H
#define STREAM_H

#include <hark/hark.h>

/* As hark_call(), and prints each item of the answer as it comes, on a line of its own. */
int stream_call(hark_client *client, const char *method, struct hark_payload payload,
                int timeout_ms, bool is_json, hark_message **ret_reply);

#endif
