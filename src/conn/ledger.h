/* SPDX-License-Identifier: MIT */
#ifndef HARK_CONN_LEDGER_H
#define HARK_CONN_LEDGER_H

/*
 * How much of what expects no answer (sends) was given to one connection, and how much of that the
 * other side is known to have read: for within a priority it reads in order, an answer to what was
 * asked later shows that. The rest, when the connection is lost, nobody knows about.
 */

#include <stdint.h>
#include <string.h>

#include "base/priority.h"

struct hark_ledger {
        uint64_t n_sent[HARK_PRIORITIES];
        uint64_t n_read[HARK_PRIORITIES]; /* the first of them */
        uint64_t n_unfit
                [HARK_PRIORITIES]; /* of them, anywhere: they did not leave, and never will */
};

static inline void hark_ledger_send(struct hark_ledger *ledger, unsigned priority)
{
        ledger->n_sent[priority]++;
}

/* The other side takes none such. */
static inline void hark_ledger_unfit(struct hark_ledger *ledger, unsigned priority)
{
        ledger->n_unfit[priority]++;
}

/* Of the last ones: the connection is lost, and it has not left. */
static inline void hark_ledger_take_back(struct hark_ledger *ledger, unsigned priority)
{
        ledger->n_sent[priority]--;
}

/* What has been asked when n_sent was this, at this priority, is answered. */
static inline void hark_ledger_read(struct hark_ledger *ledger, unsigned priority, uint64_t n_sent)
{
        if (ledger->n_read[priority] < n_sent)
                ledger->n_read[priority] = n_sent;
}

/* The same, of all priorities: a ping goes behind all that is queued. */
static inline void hark_ledger_read_all(struct hark_ledger *ledger, const struct hark_ledger *then)
{
        for (unsigned i = 0; i < HARK_PRIORITIES; i++)
                hark_ledger_read(ledger, i, then->n_sent[i]);
}

/* Begins anew. Returns how many are sent, and not known to have been read; rather too many than too
 * few: the unfit may be among those that were read. */
static inline uint64_t hark_ledger_close(struct hark_ledger *ledger)
{
        uint64_t n_unknown = 0;

        for (unsigned i = 0; i < HARK_PRIORITIES; i++) {
                uint64_t n_known = ledger->n_read[i] > ledger->n_unfit[i] ? ledger->n_read[i]
                                                                          : ledger->n_unfit[i];

                if (ledger->n_sent[i] > n_known)
                        n_unknown += ledger->n_sent[i] - n_known;
        }
        memset(ledger, 0, sizeof(*ledger));
        return n_unknown;
}

#endif
