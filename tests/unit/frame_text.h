/* SPDX-License-Identifier: MIT */
#ifndef FRAME_TEXT_H
#define FRAME_TEXT_H

/*
 * Frames as lines of text, so that a test shows a conversation and a seed for fuzzing can be read:
 *
 *         request #2 us=1000000 clock.Now "UTC"
 *         reply #2 "12:00"
 *         error #2 status=12 from-library valve.Open text="no such method"
 *         request #4 more total=13 log "Hello, w"
 *         request #4 continued at=8 "orld!"
 *         subscribe #5 messages=100 bytes=65536 load.>
 *         publish #9 to=5 sequence=11 load.one "[0.25]"
 *         request #2 waits chain="7 12!a 13-b" trace="x" clock.Now
 *         subscribe #6 wishes=2 jobs.> group="workers"
 *         publish #10 to=6 sequence=1 repeated jobs.print "x"
 *         ack to=6 sequence=1
 *         gap to=5 lost=3 first=12 reason=105 load.>
 *
 * (a chain: its number, and for each hop instance, ! if it waits or else -, and name)
 *
 * The type, then words in any order: #ID, KEY=NUMBER, flags, a name, text="..." (the words of an
 * error), group="...", "..." (the payload; for a long one size=NUMBER makes up as many bytes).
 * There are no escapes.
 */

#include <stddef.h>
#include <stdint.h>

#define FRAME_LINE_SIZE 512

/* Writes the frame, padded, into at most room bytes. Returns its size; 0: the line is malformed, or
 * there is no room. */
size_t frame_from_text(const char *line, uint8_t *bytes, size_t room);

/* Writes the line of a whole frame, which must be valid: its words in the order above, zeros left
 * out, `timed` for a time left, a payload of more than 40 bytes as size=NUMBER, hello without its
 * limits, chains without the numbers. Returns line. */
const char *frame_to_text(const uint8_t *bytes, char line[FRAME_LINE_SIZE]);

/* The byte at this place of a payload that is given by its size. */
uint8_t frame_text_byte(size_t index);

#endif
