/* SPDX-License-Identifier: MIT */
#ifndef TEXT_H
#define TEXT_H

/* Bytes as text: for eyes, and for JSON. */

#include <hark/message.h>
#include <stdbool.h>
#include <stdio.h>

/* Whether all of it is valid UTF-8. */
bool is_utf8(const void *data, size_t size);

/*
 * Prints bytes so that they stay on one line and can be told from each other: UTF-8 as it is, but a
 * backslash, control characters and what is no UTF-8 as \\ \t \n \r or \xHH.
 */
void print_escaped(FILE *file, const void *data, size_t size);

/* Prints a JSON string, quotes included; the bytes must be UTF-8. */
void print_json_string(FILE *file, const void *data, size_t size);

/* The same of a C string; what is no UTF-8 in it becomes U+FFFD. */
void print_json_text(FILE *file, const char *text);

/* Prints the members of a JSON object that describe a message, without braces:
 * "encoding":"text","size":5,"text":"hello", or "base64" where it is no UTF-8. */
void print_json_message(FILE *file, const hark_message *message);

#endif
