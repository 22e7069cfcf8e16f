/* SPDX-License-Identifier: MIT */
#ifndef HOSTILE_TESTS_H
#define HOSTILE_TESTS_H

#include "fixture.h"

/* Each adds the tests of its file. */
void add_byte_tests(const TTest **tests, size_t *n);
void add_silence_tests(const TTest **tests, size_t *n);
void add_frame_tests(const TTest **tests, size_t *n);
void add_flood_tests(const TTest **tests, size_t *n);
void add_group_tests(const TTest **tests, size_t *n);

#endif
