/* SPDX-License-Identifier: MIT */

/*
 * The parser of rules. Holds it to:
 *
 *         what is refused has a reason, which is fit to print, fits into the bytes that the contract
 *         names, and is cut where the caller has less room, however little
 *         what is taken leaves the reason untouched, and nothing is handed out for what is refused
 *         hark_rule_check() says the same as hark_rule_parse()
 *         what is taken has verbs, a filter and somebody, of whom nobody is who is unknown
 *         written anew from these parts, it is the same rule
 */

#include "fuzz.h"

#include <errno.h>

#include "endpoint/rule.h"
#include "names/name.h"

#include <hark/server.h>

#define WHY_MOST 128 /* bytes, as hark_rule_check() promises */
#define WHY_SIZE 512 /* more than that: what is longer shows */

#define ALL_VERBS (HARK_VERB_CALL | HARK_VERB_SUBSCRIBE | HARK_VERB_PUBLISH)

static void check_fit_to_print(const char *text)
{
        for (; *text; text++) {
                unsigned char byte = (unsigned char)text[0], next = (unsigned char)text[1];

                FUZZ_CHECK(byte >= ' ' && byte != 0x7F);
                FUZZ_CHECK(byte != 0xC2 || next < 0x80 || next > 0x9F);
        }
}

/* In a block of just that room; of no room, none of it is touched. */
static void check_cut(const char *text, int result, size_t room)
{
        char *cut = malloc(room > 0 ? room : 1);

        FUZZ_CHECK(cut);
        *cut = 'x';
        FUZZ_CHECK(hark_rule_check(text, cut, room) == result);
        FUZZ_CHECK(room > 0 ? strnlen(cut, room) < room : *cut == 'x');
        if (room > 0)
                check_fit_to_print(cut);
        free(cut);
}

static void check_refused(const char *text, int result, const char *why)
{
        FUZZ_CHECK(result == -EINVAL || result == -ENOENT);
        FUZZ_CHECK(*why && strlen(why) < WHY_MOST);
        check_fit_to_print(why);
        for (size_t room = 0; room < 20; room += 1 + room / 2)
                check_cut(text, result, room);
        check_cut(text, result, WHY_MOST);
        FUZZ_CHECK(hark_rule_check(text, NULL, WHY_MOST) == result);
}

static size_t write_who(char *text, size_t room, const struct hark_who *who)
{
        int n = 0;

        switch (who->kind) {
        case HARK_WHO_ANYONE:
                n = snprintf(text, room, " anyone");
                break;
        case HARK_WHO_USER:
                n = snprintf(text, room, " uid=%u", (unsigned)who->id);
                break;
        case HARK_WHO_GROUP:
                n = snprintf(text, room, " gid=%u", (unsigned)who->id);
                break;
        }
        FUZZ_CHECK(n > 0 && (size_t)n < room);
        return (size_t)n;
}

static char *write_anew(const struct hark_rule *rule)
{
        size_t room = HARK_NAME_MAX + 64 + rule->n_who * 16;
        char *text = malloc(room);
        size_t size;

        FUZZ_CHECK(text);
        size = (size_t)snprintf(text, room, "%s%s%s %.*s",
                                rule->verbs & HARK_VERB_CALL ? "call," : "",
                                rule->verbs & HARK_VERB_SUBSCRIBE ? "subscribe," : "",
                                rule->verbs & HARK_VERB_PUBLISH ? "publish," : "",
                                (int)rule->filter_size, rule->filter);
        *strstr(text, ", ") = ' '; /* two spaces are one */
        for (size_t i = 0; i < rule->n_who; i++)
                size += write_who(text + size, room - size, &rule->who[i]);
        return text;
}

static void check_parts(const struct hark_rule *rule, const char *text)
{
        FUZZ_CHECK(strcmp(rule->text, text) == 0);
        FUZZ_CHECK(rule->verbs != 0 && (rule->verbs & ~(unsigned)ALL_VERBS) == 0);
        FUZZ_CHECK(hark_filter_is_valid(rule->filter, rule->filter_size));
        FUZZ_CHECK(rule->n_who > 0);
        for (size_t i = 0; i < rule->n_who; i++)
                FUZZ_CHECK(rule->who[i].id != UINT32_MAX);
}

static void check_same(const struct hark_rule *a, const struct hark_rule *b)
{
        FUZZ_CHECK(a->verbs == b->verbs && a->n_who == b->n_who);
        FUZZ_CHECK(a->filter_size == b->filter_size);
        FUZZ_CHECK(memcmp(a->filter, b->filter, a->filter_size) == 0);
        for (size_t i = 0; i < a->n_who; i++) {
                FUZZ_CHECK(a->who[i].kind == b->who[i].kind);
                FUZZ_CHECK(a->who[i].kind == HARK_WHO_ANYONE || a->who[i].id == b->who[i].id);
        }
}

/* Nobody who is unknown is anybody but anyone. */
static void check_unknown(const struct hark_rule *rule)
{
        struct hark_subject unknown = {.uid = (uid_t)-1, .gid = (gid_t)-1};

        FUZZ_CHECK(hark_rule_admits(rule, &unknown) == hark_rule_speaks_of(rule, HARK_WHO_ANYONE));
}

static void check_taken(const struct hark_rule *rule, const char *text)
{
        char *written = write_anew(rule);
        struct hark_rule *again = NULL;

        check_parts(rule, text);
        check_unknown(rule);
        FUZZ_CHECK(hark_rule_parse(written, &again, NULL, 0) == 0);
        check_same(rule, again);
        free(again);
        free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char why[WHY_SIZE] = "", checked_why[WHY_SIZE] = "";
        char *text = strndup((const char *)data, size);
        struct hark_rule *rule = NULL;
        int r;

        FUZZ_CHECK(text);
        r = hark_rule_parse(text, &rule, why, sizeof(why));
        FUZZ_CHECK(hark_rule_check(text, checked_why, sizeof(checked_why)) == r);
        FUZZ_CHECK(strcmp(why, checked_why) == 0);
        FUZZ_CHECK((r == 0) == (rule != NULL));
        if (r < 0) {
                check_refused(text, r, why);
        } else {
                FUZZ_CHECK(!*why);
                check_taken(rule, text);
        }
        free(rule);
        free(text);
        return 0;
}
