/* SPDX-License-Identifier: MIT */
#ifndef ADDER_H
#define ADDER_H

/*
 * What the bare programs share: the service itself, which adds up numbers, and printing.
 *
 *         question "2 3"     answer "answer 5"     notification "total 5"
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Gives the result of a system call, or ends the program if it failed. */
static inline int must(long result, const char *what)
{
        if (result < 0) {
                perror(what);
                exit(1);
        }
        return (int)result;
}

static inline unsigned long add_up(const char *text)
{
        unsigned long sum = 0, n;
        int size;

        for (; sscanf(text, "%lu%n", &n, &size) == 1; text += size)
                sum += n;
        return sum;
}

/* Prints what a system call has read, or why it has not. */
static inline void tell(const char *what, const char *bytes, ssize_t size)
{
        if (size < 0)
                printf("%s: %m\n", what);
        else
                printf("%s: '%.*s'\n", what, (int)size, bytes);
}

/* Prints how a system call that reads nothing has ended. */
static inline void report(const char *what, long result)
{
        printf("%s: %s\n", what, result < 0 ? strerror(errno) : "done");
}

/* Waits for the service to end. Behind that, all that it wrote is there to be read. */
static inline void wait_for(pid_t service)
{
        int status;

        must(waitpid(service, &status, 0), "waitpid");
        if (status != 0)
                exit(1);
}

/* Runs the service in a process of its own until it has answered. */
static inline void run(void (*serve)(int), int fd)
{
        pid_t service;

        fflush(stdout);
        service = must(fork(), "fork");
        if (service == 0) {
                serve(fd);
                exit(0);
        }
        wait_for(service);
}

#endif
