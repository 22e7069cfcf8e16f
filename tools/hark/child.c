/* SPDX-License-Identifier: MIT */
/*
 * Three pipes and a pidfd, all watched by the loop:
 *
 *         input  --write-->  stdin  [ /bin/sh -c ]  stdout  --read-->  output
 *                                                   stderr  --read-->  errors
 *
 * The process is waited for only at the very end: until then it stays a zombie, so that the number
 * of its group cannot be given to somebody else and child_kill() never hits a stranger.
 */
#include "child.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shell.h"

#define READ_SIZE ((size_t)64 * 1024)
#define GRACE_MS  1000 /* from SIGTERM to SIGKILL */

/* A descriptor that the loop watches. */
struct watched {
        int fd;      /* -1: closed */
        uint64_t id; /* 0: not watched just now */
};

struct child {
        hark_loop *loop;
        pid_t pid;
        struct watched process, input, output, errors;
        bool has_exited;
        bool is_killed;
        uint64_t kill_timer; /* 0: none */

        const char *unwritten;
        size_t unwritten_size;

        char *bytes; /* what it has put out; of lines what is not told yet */
        size_t size, capacity, max_output;
        int output_error;
        bool is_stopped; /* no line is wanted, and so nothing is read */
        bool is_at_end;  /* of the output, of which lines are not told yet */

        char error_text[CHILD_ERRORS_SIZE];
        size_t error_size;

        child_on_line *on_line;
        child_on_end *on_end;
        void *userdata;
};

static void close_watched(struct child *child, struct watched *watched)
{
        if (watched->fd < 0)
                return;
        if (watched->id)
                hark_loop_remove(child->loop, watched->id);
        close(watched->fd);
        watched->fd = -1;
}

static void free_child(struct child *child)
{
        close_watched(child, &child->input);
        close_watched(child, &child->output);
        close_watched(child, &child->errors);
        close_watched(child, &child->process);
        if (child->kill_timer)
                hark_loop_remove(child->loop, child->kill_timer);
        free(child->bytes);
        free(child);
}

static int watch(struct child *child, struct watched *watched, uint32_t events, hark_on_fd *on_fd)
{
        return hark_loop_add_fd(child->loop, watched->fd, events, on_fd, child, &watched->id);
}

static ssize_t read_some(int fd, void *data, size_t size)
{
        ssize_t n;

        do
                n = read(fd, data, size);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

/* Reads once from standard error, and keeps what there is room for. Returns as read(2), -errno. */
static ssize_t read_errors(struct child *child)
{
        char bytes[4096];
        size_t room = sizeof(child->error_text) - 1 - child->error_size;
        ssize_t n = read_some(child->errors.fd, bytes, sizeof(bytes));

        if (n > 0) {
                room = (size_t)n < room ? (size_t)n : room;
                memcpy(child->error_text + child->error_size, bytes, room);
                child->error_size += room;
        }
        return n;
}

/* Makes one line of them. */
static void trim_errors(struct child *child)
{
        char *text = child->error_text;

        while (child->error_size > 0 && text[child->error_size - 1] == '\n')
                child->error_size--;
        text[child->error_size] = '\0';
        for (size_t i = 0; i < child->error_size; i++)
                if (text[i] == '\n' || text[i] == '\t' || text[i] == '\0')
                        text[i] = ' ';
}

/* Reads what is in the pipe; who still holds it open is not waited for. */
static void drain_errors(struct child *child)
{
        ssize_t n = 1;

        while (child->errors.fd >= 0 && n > 0)
                n = read_errors(child);
        trim_errors(child);
}

static void wait_for_process(struct child *child, int *ret_wait_status)
{
        pid_t pid;

        do
                pid = waitpid(child->pid, ret_wait_status, 0);
        while (pid < 0 && errno == EINTR);
}

static void finish_if_over(struct child *child)
{
        struct child_end end = {0};

        if (!child->has_exited || child->output.fd >= 0)
                return;
        drain_errors(child);
        wait_for_process(child, &end.wait_status);
        if (!child->on_line) {
                end.output = child->bytes;
                end.output_size = child->size;
        }
        end.error = child->output_error;
        end.errors = child->error_text;
        child->on_end(&end, child->userdata);
        free_child(child);
}

static void on_exit_seen(int fd, uint32_t events, void *userdata)
{
        struct child *child = userdata;

        (void)fd;
        (void)events;
        close_watched(child, &child->process);
        child->has_exited = true;
        finish_if_over(child);
}

static void on_input_room(int fd, uint32_t events, void *userdata)
{
        struct child *child = userdata;
        ssize_t n = write(fd, child->unwritten, child->unwritten_size);

        (void)events;
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n > 0) {
                child->unwritten += n;
                child->unwritten_size -= (size_t)n;
        }
        /* EPIPE: a command need not read all that it is given. */
        if (n < 0 || child->unwritten_size == 0)
                close_watched(child, &child->input);
}

/* Makes room for one byte more than is allowed, so that too much is told from just enough. */
static int make_room(struct child *child)
{
        size_t limit = child->max_output + 1;
        size_t capacity = child->capacity ? child->capacity * 2 : READ_SIZE;
        char *larger;

        if (child->size < child->capacity)
                return 0;
        capacity = capacity < limit ? capacity : limit;
        larger = realloc(child->bytes, capacity);
        if (!larger)
                return -ENOMEM;
        child->bytes = larger;
        child->capacity = capacity;
        return 0;
}

static void give_up_output(struct child *child, int error)
{
        child->output_error = error;
        child->size = 0;
        close_watched(child, &child->output);
        child_kill(child);
}

/* Tells lines until there is none, or none is wanted. */
static void tell_lines(struct child *child)
{
        size_t told = 0;
        int r = 0;

        while (r == 0 && told < child->size) {
                const char *line = child->bytes + told;
                size_t left = child->size - told;
                const char *end = memchr(line, '\n', left);

                if (!end && !child->is_at_end)
                        break;
                r = child->on_line(line, end ? (size_t)(end - line) : left, child->userdata);
                if (r == 0)
                        told += end ? (size_t)(end - line) + 1 : left;
        }
        child->size -= told;
        if (told > 0)
                memmove(child->bytes, child->bytes + told, child->size);
        child->is_stopped = r == -EAGAIN;
        if (r != 0 && r != -EAGAIN)
                give_up_output(child, r);
        else if (child->is_at_end && child->size == 0)
                close_watched(child, &child->output);
}

/* Whether the output is watched follows from whether more of it is wanted. */
static void watch_output(struct child *child);

/* More has come, or the end. */
static void take_output(struct child *child)
{
        if (child->on_line && child->output.fd >= 0) {
                tell_lines(child);
                watch_output(child);
        } else if (child->is_at_end) {
                close_watched(child, &child->output);
        }
}

static void on_output(int fd, uint32_t events, void *userdata)
{
        struct child *child = userdata;
        ssize_t n = make_room(child);

        (void)events;
        if (n == 0)
                n = read_some(fd, child->bytes + child->size, child->capacity - child->size);
        if (n == -EAGAIN)
                return;
        if (n > 0)
                child->size += (size_t)n;
        child->is_at_end = n <= 0;
        if (n == -ENOMEM || child->size > child->max_output)
                give_up_output(child, n == -ENOMEM ? -ENOMEM : -EMSGSIZE);
        else
                take_output(child);
        finish_if_over(child);
}

static void watch_output(struct child *child)
{
        bool is_wanted = child->output.fd >= 0 && !child->is_stopped && !child->is_at_end;

        if (!is_wanted && child->output.id && child->output.fd >= 0) {
                hark_loop_remove(child->loop, child->output.id);
                child->output.id = 0;
        } else if (is_wanted && !child->output.id) {
                if (watch(child, &child->output, EPOLLIN, on_output) != 0)
                        give_up_output(child, -ENOMEM);
        }
}

void child_resume(struct child *child)
{
        if (!child->is_stopped)
                return;
        take_output(child);
        finish_if_over(child);
}

static void on_errors(int fd, uint32_t events, void *userdata)
{
        struct child *child = userdata;
        ssize_t n = read_errors(child);

        (void)fd;
        (void)events;
        if (n == 0 || (n < 0 && n != -EAGAIN))
                close_watched(child, &child->errors);
}

static void on_grace_over(void *userdata)
{
        struct child *child = userdata;

        child->kill_timer = 0;
        kill(-child->pid, SIGKILL);
        /* Whoever holds the output open now has left the group, and is not waited for. */
        close_watched(child, &child->output);
        finish_if_over(child);
}

static int drop_line(const char *line, size_t size, void *userdata)
{
        (void)line;
        (void)size;
        (void)userdata;
        return 0;
}

/* What is left of them is read to its end, for which on_end waits. */
static void drop_lines(struct child *child)
{
        child->on_line = drop_line;
        child->is_stopped = child->is_at_end = false;
        watch_output(child);
}

void child_kill(struct child *child)
{
        if (child->is_killed)
                return;
        child->is_killed = true;
        if (child->on_line)
                drop_lines(child);
        close_watched(child, &child->input);
        kill(-child->pid, SIGTERM);
        if (hark_loop_add_timer(child->loop, GRACE_MS, 0, on_grace_over, child,
                                &child->kill_timer) != 0)
                kill(-child->pid, SIGKILL);
}

static int watch_all(struct child *child)
{
        int r = 0;

        child->process.fd = pidfd_open(child->pid, 0);
        if (child->process.fd < 0)
                return -errno;
        if (child->unwritten_size == 0)
                close_watched(child, &child->input);
        else
                r = watch(child, &child->input, EPOLLOUT, on_input_room);
        if (r == 0)
                r = watch(child, &child->output, EPOLLIN, on_output);
        if (r == 0)
                r = watch(child, &child->errors, EPOLLIN, on_errors);
        if (r == 0)
                r = watch(child, &child->process, EPOLLIN, on_exit_seen);
        return r;
}

/* What cannot be watched is ended at once. */
static int start(struct child *child, const struct child_params *params)
{
        struct shell shell;
        int wait_status;
        int r = shell_start(params->command, params->environment, &shell);

        if (r != 0)
                return r;
        child->pid = shell.pid;
        child->input.fd = shell.input;
        child->output.fd = shell.output;
        child->errors.fd = shell.errors;
        r = watch_all(child);
        if (r != 0) {
                kill(-child->pid, SIGKILL);
                wait_for_process(child, &wait_status);
        }
        return r;
}

int child_start(hark_loop *loop, const struct child_params *params, struct child **ret_child)
{
        struct child *child = calloc(1, sizeof(*child));
        int r;

        if (!child)
                return -ENOMEM;
        child->loop = loop;
        child->process.fd = child->input.fd = child->output.fd = child->errors.fd = -1;
        child->unwritten = params->input;
        child->unwritten_size = params->input_size;
        child->max_output = params->max_output;
        child->on_line = params->on_line;
        child->on_end = params->on_end;
        child->userdata = params->userdata;
        r = start(child, params);
        if (r == 0)
                *ret_child = child;
        else
                free_child(child);
        return r;
}
