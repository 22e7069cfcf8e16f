/* SPDX-License-Identifier: MIT */
#ifndef CHILD_H
#define CHILD_H

/*
 * A shell command that is run beside the loop: bytes in, bytes out, and how it ended.
 *
 *         child_start() -> [child_kill()] -> on_end, exactly once, from the loop
 *
 * Or lines out, one at a time, each as soon as it is there and somebody wants it: then no more is
 * read than one line and what came with it, so that the command runs into a full pipe.
 *
 * It ends when its process has, and nobody holds its standard output open any more: so the output
 * of what it started itself in the background is waited for, as $(...) does.
 */

#include <hark/loop.h>

struct child;

#define CHILD_ERRORS_SIZE 1024

struct child_end {
        int wait_status;    /* as waitpid(2) tells it */
        const char *output; /* borrowed until on_end returns */
        size_t output_size;
        int error; /* 0; it was killed because of -EMSGSIZE: it put out more than max_output;
                      -ENOMEM: there was no memory for that; or what on_line said */
        const char *errors; /* the beginning of its standard error, made one line */
};

/* A line, without its end; the last one may lack that. Returns 0; -EAGAIN: not now, child_resume()
 * follows; else no more is wanted, and the command is ended. */
typedef int child_on_line(const char *line, size_t size, void *userdata);

typedef void child_on_end(const struct child_end *end, void *userdata);

struct child_params {
        const char *command; /* for /bin/sh -c */
        char *const *environment;
        const void *input; /* borrowed until on_end */
        size_t input_size;
        size_t max_output;      /* bytes, of all or of a line */
        child_on_line *on_line; /* NULL: all output is one, for on_end */
        child_on_end *on_end;
        void *userdata;
};

/* All borrowed until this returns, but for input. The caller ignores SIGPIPE. Returns 0; -EMFILE,
 * -ENOMEM, -EAGAIN, ...: it was not started. */
int child_start(hark_loop *loop, const struct child_params *params, struct child **ret_child);

/* on_line would not say -EAGAIN any more. Does nothing where it has not said so. */
void child_resume(struct child *child);

/* Ends the command and all of its process group: SIGTERM, and a second later SIGKILL. on_end still
 * comes; once it has, there is no child any more. */
void child_kill(struct child *child);

#endif
