/* SPDX-License-Identifier: MIT */

/* See record.h. */

#include "record.h"

#include <stdio.h>

static void note(struct record *record, const struct hark_notification *notification)
{
        struct record_entry *entry = &record->entries[record->n_entries];

        if (record->n_entries == RECORD_ENTRIES)
                return;
        record->n_entries++;
        entry->kind = notification->kind;
        entry->reason = notification->reason;
        entry->sequence = notification->sequence;
        entry->n_lost = notification->n_lost;
        snprintf(entry->topic, sizeof(entry->topic), "%s", notification->topic);
        snprintf(entry->text, sizeof(entry->text), "%s", hark_message_text(notification->message));
}

static void check_number(struct record *record, uint64_t number)
{
        uint64_t expected = record->next > 0 ? record->next : 1;

        if (record->may_jump)
                return;
        kit_assert_msg(number == expected, "number %llu, expected %llu", (unsigned long long)number,
                       (unsigned long long)expected);
}

static void take_gap(struct record *record, const struct hark_notification *notification)
{
        kit_assert(notification->n_lost > 0);
        kit_assert(notification->reason < 0 || notification->reason == HARK_UNAVAILABLE);
        kit_assert(!notification->message);
        check_number(record, notification->sequence);
        record->n_gaps++;
        if (notification->n_lost == UINT64_MAX) {
                record->lost_the_rest = true;
                return;
        }
        record->n_lost += notification->n_lost;
        record->next = notification->sequence + notification->n_lost;
}

static void begin_anew(struct record *record)
{
        kit_assert(record->may_return);
        record->lost_the_rest = false;
        record->next = 1;
}

static void take_end(struct record *record, const struct hark_notification *notification)
{
        record->is_over = true;
        record->reason = notification->reason;
}

void record_notification(const struct hark_notification *notification, void *userdata)
{
        struct record *record = userdata;

        kit_assert_msg(!record->is_over, "kind %d after the end", notification->kind);
        kit_assert(notification->topic);
        note(record, notification);
        if (notification->kind == HARK_UNSUBSCRIBED) {
                take_end(record, notification);
                return;
        }
        if (record->lost_the_rest)
                begin_anew(record);
        if (notification->kind == HARK_GAP) {
                take_gap(record, notification);
                return;
        }
        kit_assert(notification->kind == HARK_NOTIFICATION);
        check_number(record, notification->sequence);
        record->next = notification->sequence + 1;
        record->n_delivered++;
}

uint64_t record_subscribe(struct record *record, hark_client *client, const char *filter)
{
        uint64_t id = 0;

        kit_assert_good(hark_subscribe(client, filter, record_notification, record, NULL, &id));
        kit_assert(id != 0);
        return id;
}

uint64_t record_total(const struct record *record)
{
        return record->n_delivered + record->n_lost;
}
