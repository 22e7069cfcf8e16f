/* SPDX-License-Identifier: MIT */
#ifndef HARK_LINK_CAST_SENDER_H
#define HARK_LINK_CAST_SENDER_H

/*
 * What a sender to a multicast group keeps: how many notifications each topic has had, so that
 * those who listen can tell what they have missed. No I/O, no clock.
 *
 * 255 topics are numbered each for itself. The others share one number: what is lost of these is
 * told, too, but nobody can know how much of which.
 */

#include "link/cast.h"

struct hark_cast_sender;

/* instance: random, not 0. NULL: no memory. */
struct hark_cast_sender *hark_cast_sender_new(uint64_t instance);
void hark_cast_sender_free(struct hark_cast_sender *sender);

/*
 * Numbers a frame of so many bytes about this topic, a valid name. ret_cast is the header of its
 * first piece; the others differ in piece and size (hark_cast_next()).
 * 0; -EMSGSIZE: larger than HARK_CAST_FRAME: not to be sent, but numbered, so that it is missed.
 */
int hark_cast_sender_begin(struct hark_cast_sender *sender, const char *name, size_t name_size,
                           size_t frame_size, struct hark_cast *ret_cast);

/* Numbers so many about this topic that are not sent, so that they are missed; name_size 0: nobody
 * knows of which topics. */
void hark_cast_sender_skip(struct hark_cast_sender *sender, const char *name, size_t name_size,
                           uint64_t n);

/* Makes it the header of the next piece. false: that was the last. */
bool hark_cast_next(struct hark_cast *cast, size_t frame_size);

/* Begins a table: returns how many datagrams it takes, one at least, so that who has sent nothing
 * is known, too. */
unsigned hark_cast_sender_begin_table(struct hark_cast_sender *sender);

/* Writes the nth datagram of the table that has been begun. Returns its size. */
size_t hark_cast_sender_write_table(const struct hark_cast_sender *sender, unsigned nth,
                                    uint8_t flags, uint8_t packet[HARK_CAST_PACKET]);

#endif
