/* SPDX-License-Identifier: MIT */
#ifndef FINDING_H
#define FINDING_H

/*
 * What hark doctor looks at, and what it finds: one finding for each check, which is a line of the
 * table in doctor_checks.c, or a limit of bounds.h.
 */

#include <stdbool.h>
#include <stddef.h>

#include "bounds.h"

enum verdict {
        VERDICT_GOOD,
        VERDICT_BETTER,
        VERDICT_BAD
};

struct finding {
        const char *name;
        char schemes[200]; /* whose it is, with spaces between; "": no transport's */
        enum verdict verdict;
        char found[160];
        /* What it means and what to do, unless it is good; "": nothing. */
        char meaning[240];
        char command[160]; /* for now */
        char setting[160]; /* for good: a line, in */
        const char *file;
};

struct check {
        const char *name;
        const char *schemes;
        /* Looks, and says in words what it found. */
        enum verdict (*look)(char *found, size_t size);
        const char *meaning, *command, *setting, *file;
};

/* NULL past the last. */
const struct check *doctor_check(size_t index);

/* Fills in all but whose it is. */
void look_at_check(const struct check *check, struct finding *finding);

/* Returns whether there is anything to find: what nobody can judge is no finding. */
bool look_at_limit(const struct found_limit *found, struct finding *ret_finding);

/* What the checks look at. None changes anything, or leaves anything behind. */
enum verdict look_at_unix_sockets(char *found, size_t size);
enum verdict look_at_peer_pidfd(char *found, size_t size);
enum verdict look_at_pidfd(char *found, size_t size);
enum verdict look_at_memfd(char *found, size_t size);
enum verdict look_at_queues(char *found, size_t size);
enum verdict look_at_queue_directory(char *found, size_t size);
enum verdict look_at_shared_memory(char *found, size_t size);
enum verdict look_at_runtime_directory(char *found, size_t size);
enum verdict look_at_loopback(char *found, size_t size);
enum verdict look_at_loopback_ipv6(char *found, size_t size);
enum verdict look_at_multicast(char *found, size_t size);
enum verdict look_at_user_namespaces(char *found, size_t size);
enum verdict look_at_network_namespaces(char *found, size_t size);

/* Writes what errno means as what was found, and returns verdict. */
enum verdict found_error(char *found, size_t size, int error, enum verdict verdict);

enum verdict found_good(char *found, size_t size, const char *text);

#endif
