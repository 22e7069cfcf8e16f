/* SPDX-License-Identifier: MIT */
#ifndef CONVERSATION_H
#define CONVERSATION_H

/*
 * A conversation with one connection, played as it is written:
 *
 *         > hello tester              the other side sends a frame (frame_text.h)
 *         < hello                     the next frame that leaves is this one
 *         ! asked request #2 a "x"    the next thing that the test was told is this
 *         = admit                     the test does something: handed to `act`
 *         .                           the loop runs until nothing is left to do
 *
 * Lines of one kind in a row belong together: frames come in one piece, and what is done is done
 * before the loop runs. Everything that leaves and everything that is told must stand in the
 * script, at the latest where it ends. `> end` and `> reset` end the stream; `< closed` is its end
 * by the connection.
 */

#include "conn/conn.h"
#include "memory_port.h"
#include "stream_kit.h"

struct conversation {
        hark_loop *loop;
        struct memory_port memory;
        struct text told;
        size_t n_read; /* of told */
        bool is_end_read;
        void (*act)(struct conversation *conversation, const char *words);
        void *userdata;
};

/* Makes the loop, and the port, which its user hands to hark_conn_new(). */
void conversation_init(struct conversation *conversation,
                       void (*act)(struct conversation *conversation, const char *words),
                       void *userdata);
/* The connection must be closed. */
void conversation_done(struct conversation *conversation);

/* Something is told, in a line. */
void conversation_tell(struct conversation *conversation, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

void conversation_run(struct conversation *conversation, const char *script);

/* Lets the loop run until something is told, or has left, or fails the test after a while. */
void conversation_wait(struct conversation *conversation);
void conversation_wait_for_frame(struct conversation *conversation);

/* "EPROTO" for -EPROTO, "0", "12" */
const char *conversation_result(int result);

#endif
