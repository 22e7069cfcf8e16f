/* SPDX-License-Identifier: MIT */

/* See cookie.h. */

#include "link/cookie.h"

#include "base/bytes.h"

static uint64_t make(const struct hark_cookie_key *key, const void *what, size_t size,
                     uint64_t slot)
{
        uint8_t bytes[16];
        uint64_t cookie;

        hark_store64(bytes, slot);
        hark_store64(bytes + 8, hark_siphash(key->bytes, what, size));
        cookie = hark_siphash(key->bytes, bytes, sizeof(bytes));
        return cookie != 0 ? cookie : 1;
}

uint64_t hark_cookie_make(const struct hark_cookie_key *key, const void *what, size_t size,
                          uint64_t now_ns)
{
        return make(key, what, size, now_ns / HARK_COOKIE_SLOT_NS);
}

bool hark_cookie_is_good(const struct hark_cookie_key *key, const void *what, size_t size,
                         uint64_t now_ns, uint64_t cookie)
{
        uint64_t slot = now_ns / HARK_COOKIE_SLOT_NS;

        return cookie == make(key, what, size, slot) ||
               (slot > 0 && cookie == make(key, what, size, slot - 1));
}
