/* SPDX-License-Identifier: MIT */

/* See stream_record.h. */

#include "stream_record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void go_on(void *userdata)
{
        struct stream_record *record = userdata;

        kit_assert_good(hark_pause(record->client, record->id, false));
}

static void take_item(struct stream_record *record, hark_message *item)
{
        record->n_items++;
        /* A number and zeros are no text; with the NUL behind them they can be read all the
         * same. */
        record->n_in_order += strtoul(hark_message_data(item), NULL, 10) == record->n_items;
        if (record->n_items == record->cancel_at)
                kit_assert_good(hark_cancel(record->client, record->id));
        if (record->pause_every == 0 || record->n_items % record->pause_every != 0)
                return;
        kit_assert_good(hark_pause(record->client, record->id, true));
        kit_assert_good(
                hark_loop_add_timer(hark_client_loop(record->client), 0, 0, go_on, record, NULL));
}

static int feed_next(struct stream_record *record)
{
        char *text = calloc(1, record->feed_size + 24);
        int r;

        kit_assert(text);
        snprintf(text, 24, "%u", record->n_fed + 1);
        r = hark_feed(record->client, record->id, hark_bytes(text, record->feed_size));
        free(text);
        return r;
}

static void feed_on(struct stream_record *record)
{
        while (record->n_fed < record->n_to_feed) {
                record->feed_result = feed_next(record);
                if (record->feed_result != 0)
                        return;
                record->n_fed++;
        }
        kit_assert_good(hark_feed_end(record->client, record->id));
}

static void on_reply(int result, hark_message *message, void *userdata)
{
        struct stream_record *record = userdata;

        kit_assert_msg(record->end.n == 0, "%d after the end", result);
        if (result == HARK_MORE) {
                take_item(record, message);
        } else if (result == HARK_ROOM) {
                kit_assert(!message);
                record->n_rooms++;
                feed_on(record);
        } else {
                rig_note_end(result, message, &record->end);
        }
}

void stream_observe(struct stream_record *record, hark_client *client, const char *method,
                    const char *text)
{
        stream_observe_payload(record, client, method, hark_text(text));
}

void stream_observe_payload(struct stream_record *record, hark_client *client, const char *method,
                            struct hark_payload payload)
{
        record->client = client;
        kit_assert_good(hark_observe(client, method, payload, KIT_PATIENCE_MS, on_reply, record,
                                     &record->id));
}

void stream_feed(struct stream_record *record, hark_client *client, const char *method,
                 bool is_observed)
{
        struct hark_payload payload = HARK_NOTHING;

        payload.has_feed = true;
        record->client = client;
        kit_assert_good((is_observed ? hark_observe : hark_invoke)(
                client, method, payload, KIT_PATIENCE_MS, on_reply, record, &record->id));
        feed_on(record);
}

void stream_expect_end(struct rig *rig, const struct stream_record *record, int result)
{
        rig_expect_end(rig, &record->end, result);
}
