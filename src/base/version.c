/* SPDX-License-Identifier: MIT */

/*
 * The version of the library that runs; meson.build here checks that the macros agree with the
 * project's.
 */

#include <hark/version.h>

#define STRING_OF(argument)       #argument
#define JOIN(major, minor, patch) STRING_OF(major) "." STRING_OF(minor) "." STRING_OF(patch)

const char *hark_version(void)
{
        return JOIN(HARK_VERSION_MAJOR, HARK_VERSION_MINOR, HARK_VERSION_PATCH);
}
