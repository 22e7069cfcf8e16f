/* SPDX-License-Identifier: MIT */

/* Cookies, and the function they are made with. */

#include "fixture.h"

#include "base/bytes.h"
#include "link/cookie.h"

/* The example of the paper that describes it. */
START_TEST(siphash_gives_what_its_authors_say)
{
        uint8_t key[HARK_SIPHASH_KEY], bytes[15];

        for (uint8_t i = 0; i < sizeof(key); i++)
                key[i] = i;
        for (uint8_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = i;
        ck_assert_uint_eq(hark_siphash(key, bytes, sizeof(bytes)), 0xa129ca6149be45e5);
        ck_assert_uint_eq(hark_siphash(key, bytes, 0), 0x726fdb47dd0e0e31);
        ck_assert_uint_eq(hark_siphash(key, bytes, 8), 0x93f5f5799a932462);
}
END_TEST

START_TEST(a_cookie_is_good_for_what_it_was_made_for_and_not_for_long)
{
        struct hark_cookie_key key = {{1, 2, 3}}, other_key = {{1, 2, 4}};
        uint64_t now_ns = 100 * HARK_COOKIE_SLOT_NS;
        uint64_t cookie = hark_cookie_make(&key, "who", 3, now_ns);

        ck_assert_uint_ne(cookie, 0);
        ck_assert(hark_cookie_is_good(&key, "who", 3, now_ns, cookie));
        ck_assert(hark_cookie_is_good(&key, "who", 3, now_ns + HARK_COOKIE_SLOT_NS, cookie));
        ck_assert(!hark_cookie_is_good(&key, "who", 3, now_ns + 2 * HARK_COOKIE_SLOT_NS, cookie));
        ck_assert(!hark_cookie_is_good(&key, "why", 3, now_ns, cookie));
        ck_assert(!hark_cookie_is_good(&other_key, "who", 3, now_ns, cookie));
        ck_assert(!hark_cookie_is_good(&key, "who", 3, now_ns, cookie ^ 1));
        ck_assert(!hark_cookie_is_good(&key, "who", 3, now_ns, 0));
}
END_TEST

FIXTURE_MAIN("cookie", siphash_gives_what_its_authors_say,
             a_cookie_is_good_for_what_it_was_made_for_and_not_for_long)
