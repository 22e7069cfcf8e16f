/* SPDX-License-Identifier: MIT */
#ifndef GROUP_SCENE_H
#define GROUP_SCENE_H

/*
 * A group as a table of events. Its members are made up, so that nothing but the group decides:
 *
 *         > join a jobs.* [messages=N] [bytes=N] [memory=N] [once]
 *         > publish jobs.x [xN] [priority=P]
 *         > ack a 1                              > leave a b ...          (at once)
 *         > holds a      what it is given does not leave; else it has left at once
 *         > full a, > free a                     its connection has no room, has room again
 *         > unfit a                              it takes nothing at all
 *         > poor a, > rich a                     there is no memory to give it anything
 *         > close                                the server goes
 *         < a 1 jobs.x [repeated]                a is given it, as its number 1
 *         < a lost 2 jobs.x                      and is told before
 *         < unconfirmed jobs.x
 *
 * There is one scene in a process.
 */

#include <stddef.h>

/* All of a scene. At its end those that are left leave in a row, and nothing may be left. */
void group_scene(const char *lines);

/* The same in parts. */
void group_scene_begin(void);
void group_scene_play(const char *lines);
void group_scene_end(void);

/* What all members together may have to confirm. */
void group_scene_bound(size_t memory);

/* How often a member was asked so far whether it takes something. */
unsigned group_scene_checks(void);

/* From now on what nobody confirms is not told. */
void group_scene_ignore_unconfirmed(void);

#endif
