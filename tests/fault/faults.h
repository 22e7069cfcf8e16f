/* SPDX-License-Identifier: MIT */
#ifndef FAULTS_H
#define FAULTS_H

/*
 * Lets what the library asks of libc and the kernel fail. For programs that are linked with --wrap
 * for each of the functions in faults.c (fault_link_args in meson.build). Of each process its own.
 */

#include <stdbool.h>

enum fault {
        FAULT_MEMORY,       /* there is no memory */
        FAULT_DESCRIPTORS,  /* there is no descriptor left, or no watch of epoll(7) */
        FAULT_INTERRUPTION, /* EINTR, of what sleeps or might */
        FAULT_NOTHING_YET,  /* EAGAIN, although epoll(7) said that there was something */
        FAULT_NO_ROOM,      /* ENOBUFS of a send */
        FAULT_SHORT,        /* one byte is read or written, of as many as there are */
        N_FAULTS
};

/* The nth such call fails, from 0, and no other. */
void faults_arm(enum fault fault, unsigned n);
/* The same, and all behind it. */
void faults_arm_from(enum fault fault, unsigned n);
/* Every step-th such call fails. */
void faults_arm_every(enum fault fault, unsigned step);
/* None fails any more. Returns how many have. */
unsigned faults_disarm(void);

#endif
