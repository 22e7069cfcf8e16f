/* SPDX-License-Identifier: MIT */

/* What tests ask of their rig, and when they cannot be run. See rig.h. */

#include "rig.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_SIZE (64 * 1024)

/* --- asking ----------------------------------------------------------------------------------- */

struct answer {
        bool is_there;
        int result;
        hark_message *message;
};

static void take_answer(int result, hark_message *message, void *userdata)
{
        struct answer *answer = userdata;

        answer->is_there = true;
        answer->result = result;
        answer->message = hark_message_ref(message);
}

/* A service that is on the same loop can not answer a call that waits. */
static int call_here(struct rig *rig, const char *method, struct hark_payload payload,
                     int timeout_ms, hark_message **ret_reply)
{
        struct answer answer = {.is_there = false};
        int r = hark_invoke(rig->client, method, payload, timeout_ms, take_answer, &answer, NULL);

        if (r < 0)
                return r;
        kit_until(rig->loop, answer.is_there);
        if (ret_reply && answer.result >= 0)
                *ret_reply = answer.message;
        else
                hark_message_unref(answer.message);
        return answer.result;
}

int rig_call(struct rig *rig, const char *method, struct hark_payload payload, int timeout_ms,
             hark_message **ret_reply)
{
        return rig->service ? call_here(rig, method, payload, timeout_ms, ret_reply)
                            : hark_call(rig->client, method, payload, timeout_ms, ret_reply);
}

const char *rig_ask(struct rig *rig, const char *method, const char *format, ...)
{
        static char answers[2][ANSWER_SIZE];
        static unsigned n;
        char *answer = answers[n++ % 2], question[512];
        hark_message *reply = NULL;
        va_list arguments;
        int r;

        va_start(arguments, format);
        vsnprintf(question, sizeof(question), format, arguments);
        va_end(arguments);
        r = rig_call(rig, method, hark_text(question), KIT_PATIENCE_MS, &reply);
        ck_assert_msg(r == 0, "%s: %s", method, hark_reason(r, reply));
        snprintf(answer, ANSWER_SIZE, "%s", hark_message_text(reply));
        hark_message_unref(reply);
        return answer;
}

long rig_count(struct rig *rig, const char *name)
{
        return strtol(rig_ask(rig, "count", "%s", name), NULL, 10);
}

void rig_note_end(int result, hark_message *message, void *userdata)
{
        struct ending *ending = userdata;

        kit_assert_msg(result >= 0 || !message, "an answer although none came: %d", result);
        ending->n++;
        ending->result = result;
        snprintf(ending->text, sizeof(ending->text), "%s", hark_message_text(message));
}

uint64_t rig_invoke(struct rig *rig, const char *method, const char *text, struct ending *ending)
{
        uint64_t id = 0;

        kit_assert_good(hark_invoke(rig->client, method, hark_text(text), KIT_PATIENCE_MS,
                                    rig_note_end, ending, &id));
        kit_assert(id != 0);
        return id;
}

void rig_expect_end(struct rig *rig, const struct ending *ending, int result)
{
        kit_until(rig->loop, ending->n > 0);
        kit_assert_result(ending->result, result);
        kit_assert(ending->n == 1);
}

/* --- skipping --------------------------------------------------------------------------------- */

static const struct hark_transport *find_transport(const char *scheme, size_t size)
{
        const struct hark_transport *transport;

        for (size_t i = 0; (transport = hark_transport_get(i)); i++)
                if (strlen(transport->scheme) == size &&
                    strncmp(transport->scheme, scheme, size) == 0)
                        return transport;
        ck_abort_msg("no such transport: %.*s", (int)size, scheme);
        return NULL;
}

static bool can(const char *address, enum hark_capability capability)
{
        return find_transport(address, strcspn(address, ":"))->capabilities & capability;
}

bool rig_client_can(enum hark_capability capability)
{
        return can(setting.address, capability);
}

bool rig_service_can(enum hark_capability capability)
{
        /* The service of exec: is at the other end of it, stdio:. */
        return can(rig_can_be_here(setting.address) ? setting.address : "stdio:", capability);
}

static const char *name_capability(enum hark_capability capability)
{
        switch (capability) {
        case HARK_CAN_STREAM:
                return "HARK_CAN_STREAM";
        case HARK_CAN_PASS_FDS:
                return "HARK_CAN_PASS_FDS";
        case HARK_CAN_IDENTIFY:
                return "HARK_CAN_IDENTIFY";
        case HARK_CAN_SEE_DEATH:
                return "HARK_CAN_SEE_DEATH";
        case HARK_CAN_PRIORITISE:
                return "HARK_CAN_PRIORITISE";
        case HARK_CAN_SHARE:
                return "HARK_CAN_SHARE";
        case HARK_CAN_LOSE:
                return "HARK_CAN_LOSE";
        }
        return "?";
}

void rig_need(enum hark_capability capability)
{
        char reason[128];

        if (rig_client_can(capability))
                return;
        snprintf(reason, sizeof(reason), "this transport lacks %s", name_capability(capability));
        fixture_skip(reason);
}

void rig_need_several_clients(void)
{
        if (!rig_can_be_here(setting.address))
                fixture_skip("each client has a service of its own");
}

void rig_need_address_to_return_to(void)
{
        if (strchr(setting.address, ':')[1] == '\0')
                fixture_skip("nobody can come again: there is no address to listen at");
}
