/* SPDX-License-Identifier: MIT */
#ifndef RECORD_H
#define RECORD_H

/*
 * What one subscription was told, checked as it comes: numbers go up by one, from 1, a gap fits
 * exactly between two of them, and nothing comes after the end. Behind a gap of unknown size, which
 * ends the count of a connection, numbers begin anew if it may return.
 */

#include "kit.h"

#define RECORD_ENTRIES 256

struct record_entry {
        int kind, reason;
        uint64_t sequence, n_lost;
        char topic[32], text[16];
};

/* Zeros at first. */
struct record {
        uint64_t n_delivered, n_lost, n_gaps;
        uint64_t next;      /* number that is expected; 0: none has come */
        bool may_jump;      /* its numbers need not follow each other */
        bool may_return;    /* the test's wish: it may go on after that on another connection */
        bool lost_the_rest; /* a gap of unknown size has come, and nothing since */
        bool is_over;
        int reason; /* once it is over */
        size_t n_entries;
        struct record_entry entries[RECORD_ENTRIES]; /* the first ones */
};

/* For hark_subscribe(); userdata is a record. */
void record_notification(const struct hark_notification *notification, void *userdata);

/* Subscribes. @return the subscription's id */
uint64_t record_subscribe(struct record *record, hark_client *client, const char *filter);

/* How many numbers have been accounted for. */
uint64_t record_total(const struct record *record);

#endif
