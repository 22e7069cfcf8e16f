/* SPDX-License-Identifier: MIT */
/*
 * Three pipes and a pidfd, all watched by the loop:
 *
 *         input  --write-->  stdin  [ /bin/sh -c ]  stdout  --read-->  output
 *                                                   stderr  --read-->  errors
 *
 * The process is waited for only at the very end: until then it stays a zombie, so that the number
 * of its group cannot be given to somebody else and child_kill() never hits a stranger.
 *
 * The pipes' ends here are set O_NONBLOCK after they are made, because pipe2() would do it to the
 * command's ends, too, which programs do not expect.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_SIZE ((size_t)64 * 1024)
#define GRACE_MS  1000 /* from SIGTERM to SIGKILL */

/* A descriptor that the loop watches. */
struct watched {
        int fd; /* -1: closed */
        uint64_t id;
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

        char *bytes; /* what it has put out */
        size_t size, capacity, max_output;
        int output_error;

        char error_text[CHILD_ERRORS_SIZE];
        size_t error_size;

        child_on_end *on_end;
        void *userdata;
};

static void close_watched(struct child *child, struct watched *watched)
{
        if (watched->fd < 0)
                return;
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
        end.output = child->bytes;
        end.output_size = child->size;
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
        if (n == -ENOMEM || child->size > child->max_output)
                give_up_output(child, n == -ENOMEM ? -ENOMEM : -EMSGSIZE);
        else if (n <= 0)
                close_watched(child, &child->output);
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

void child_kill(struct child *child)
{
        if (child->is_killed)
                return;
        child->is_killed = true;
        close_watched(child, &child->input);
        kill(-child->pid, SIGTERM);
        if (hark_loop_add_timer(child->loop, GRACE_MS, 0, on_grace_over, child,
                                &child->kill_timer) != 0)
                kill(-child->pid, SIGKILL);
}

/* fds: what becomes 0, 1 and 2 of the command. Returns 0 or -errno. */
static int spawn(const struct child_params *params, const int fds[3], pid_t *ret_pid)
{
        char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char *)(uintptr_t)params->command, NULL};
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, pipes;
        int r = posix_spawn_file_actions_init(&actions);

        if (r != 0)
                return -r;
        for (int i = 0; i < 3 && r == 0; i++)
                r = posix_spawn_file_actions_adddup2(&actions, fds[i], i);
        sigemptyset(&none);
        sigemptyset(&pipes);
        sigaddset(&pipes, SIGPIPE);
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                      POSIX_SPAWN_SETSIGDEF);
        posix_spawnattr_setpgroup(&attributes, 0);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &pipes);
        if (r == 0)
                r = posix_spawn(ret_pid, "/bin/sh", &actions, &attributes, argv,
                                params->environment);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return -r;
}

/* Watches our end of a pipe. */
static int watch(struct child *child, struct watched *watched, uint32_t events, hark_on_fd *on_fd)
{
        if (fcntl(watched->fd, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        return hark_loop_add_fd(child->loop, watched->fd, events, on_fd, child, &watched->id);
}

/* Makes the three pipes: ours in child, the command's in fds. */
static int open_pipes(struct child *child, int fds[3])
{
        int in[2], out[2], err[2];

        if (pipe2(in, O_CLOEXEC) < 0)
                return -errno;
        fds[0] = in[0];
        child->input.fd = in[1];
        if (pipe2(out, O_CLOEXEC) < 0)
                return -errno;
        fds[1] = out[1];
        child->output.fd = out[0];
        if (pipe2(err, O_CLOEXEC) < 0)
                return -errno;
        fds[2] = err[1];
        child->errors.fd = err[0];
        return 0;
}

static void close_fds(const int fds[3])
{
        for (int i = 0; i < 3; i++)
                if (fds[i] >= 0)
                        close(fds[i]);
}

static int start_watching(struct child *child)
{
        int r = 0;

        if (child->unwritten_size == 0)
                close_watched(child, &child->input);
        else
                r = watch(child, &child->input, EPOLLOUT, on_input_room);
        if (r == 0)
                r = watch(child, &child->output, EPOLLIN, on_output);
        if (r == 0)
                r = watch(child, &child->errors, EPOLLIN, on_errors);
        return r;
}

static int start_process(struct child *child, const struct child_params *params)
{
        int fds[3] = {-1, -1, -1};
        int r = open_pipes(child, fds);

        if (r == 0)
                r = start_watching(child);
        if (r == 0)
                r = spawn(params, fds, &child->pid);
        close_fds(fds);
        return r;
}

/* A process that cannot be watched is no use, and is ended at once. */
static int watch_process(struct child *child)
{
        int wait_status;
        int r;

        child->process.fd = pidfd_open(child->pid, 0);
        r = child->process.fd >= 0 ? hark_loop_add_fd(child->loop, child->process.fd, EPOLLIN,
                                                      on_exit_seen, child, &child->process.id)
                                   : -errno;
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
        child->on_end = params->on_end;
        child->userdata = params->userdata;
        r = start_process(child, params);
        if (r == 0)
                r = watch_process(child);
        if (r != 0) {
                free_child(child);
                return r;
        }
        *ret_child = child;
        return 0;
}
