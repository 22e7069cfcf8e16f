/* SPDX-License-Identifier: MIT */
/*
 * hark's side of the benchmark: a server in a process of its own (bench_server.c) and a client
 * here.
 *
 * Notifications are asked for in portions, so that no more than a window of them is under way: else
 * the publisher, who is never held up, would run into the subscription's limit and drop some.
 */
#include <errno.h>
#include <fcntl.h>
#include <hark/hark.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "client.h"
#include "failure.h"

#define PATIENCE_MS     10000
#define WINDOW_MESSAGES 512
#define WINDOW_SIZE     ((size_t)2 << 20) /* well below what a subscription may hold */

struct subject {
        char *address;
        pid_t pid; /* 0: the transport has started it */
        hark_client *client;
        char *buffer;
        uint64_t n_received, n_lost;
        int end;            /* why the subscription ended; 0: it has not */
        char directory[32]; /* that was made for the server; "": none */
};

/* Becomes hark bench-server, with what it prints in printed_fd. */
static _Noreturn void become_server(const char *address, int cpu, int printed_fd)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (bench_pin(cpu) == 0 && dup2(printed_fd, STDOUT_FILENO) >= 0)
                execl("/proc/self/exe", "hark", "bench-server", address, (char *)NULL);
        _exit(127);
}

/* Reads the line that a server prints, its real address. Returns NULL: there is none. */
static char *read_line(int fd)
{
        FILE *file = fdopen(fd, "r");
        char *line = NULL;
        size_t capacity = 0;
        ssize_t size;

        if (!file) {
                close(fd);
                return NULL;
        }
        size = getline(&line, &capacity, file);
        fclose(file);
        if (size > 0)
                line[size - 1] = '\0';
        return size > 0 ? line : (free(line), NULL);
}

/* Starts a server at address. Returns 0; -ESRCH: it has ended, and said why; -errno. */
static int start_server(struct subject *subject, const char *address, int cpu)
{
        int printed[2];

        if (pipe2(printed, O_CLOEXEC) < 0)
                return -errno;
        subject->pid = fork();
        if (subject->pid == 0)
                become_server(address, cpu, printed[1]);
        close(printed[1]);
        if (subject->pid < 0) {
                close(printed[0]);
                return -errno;
        }
        subject->address = read_line(printed[0]);
        return subject->address ? 0 : -ESRCH;
}

/* Starts a server that inherits far, and makes near the client's address. Returns 0 or -errno. */
static int start_on_fds(struct subject *subject, int cpu, const int near[2], const int far[2])
{
        char address[48];
        int r;

        if (fcntl(far[0], F_SETFD, 0) < 0 || fcntl(far[1], F_SETFD, 0) < 0)
                return -errno;
        snprintf(address, sizeof(address), "pipe:%d,%d", far[0], far[1]);
        r = start_server(subject, address, cpu);
        free(subject->address);
        subject->address = NULL;
        if (r == 0 && asprintf(&subject->address, "pipe:%d,%d", near[0], near[1]) < 0)
                r = -ENOMEM;
        return r;
}

static int start_on_pipes(struct subject *subject, const char *scheme, int cpu)
{
        int there[2], back[2];
        int r;

        (void)scheme;
        if (pipe2(there, O_CLOEXEC) < 0)
                return -errno;
        if (pipe2(back, O_CLOEXEC) < 0) {
                close(there[0]);
                close(there[1]);
                return -errno;
        }
        r = start_on_fds(subject, cpu, (int[]){back[0], there[1]}, (int[]){there[0], back[1]});
        close(there[0]);
        close(back[1]);
        return r;
}

/* At a name that is no file's, as there are of sockets and queues. */
static int start_at_name(struct subject *subject, const char *scheme, int cpu)
{
        char address[64];

        snprintf(address, sizeof(address), "%s:%chark-bench-%d-%" PRId64, scheme,
                 strcmp(scheme, "mq") == 0 ? '/' : '@', (int)getpid(), now_ms());
        return start_server(subject, address, cpu);
}

static int start_at_path(struct subject *subject, const char *scheme, int cpu)
{
        char address[sizeof(subject->directory) + 32];

        if (!mkdtemp(strcpy(subject->directory, "/tmp/hark-bench-XXXXXX"))) {
                subject->directory[0] = '\0';
                return -errno;
        }
        snprintf(address, sizeof(address), "%s:%s/server", scheme, subject->directory);
        return start_server(subject, address, cpu);
}

static int start_on_loopback(struct subject *subject, const char *scheme, int cpu)
{
        char address[64];

        snprintf(address, sizeof(address), "%s:127.0.0.1:0", scheme);
        return start_server(subject, address, cpu);
}

/* The transport itself starts the server, when the client connects. */
static int start_by_exec(struct subject *subject, const char *scheme, int cpu)
{
        (void)cpu;
        if (asprintf(&subject->address, "%s:/proc/self/exe bench-server stdio:", scheme) < 0) {
                subject->address = NULL;
                return -ENOMEM;
        }
        return 0;
}

/* Where a scheme alone has its server. */
static const struct {
        const char *scheme;
        int (*start)(struct subject *subject, const char *scheme, int cpu);
} places[] = {
        {"unix", start_at_name},    {"seqpacket", start_at_name}, {"dgram", start_at_name},
        {"tcp", start_on_loopback}, {"udp", start_on_loopback},   {"pipe", start_on_pipes},
        {"fifo", start_at_path},    {"mq", start_at_name},        {"exec", start_by_exec},
};

static int start_at(struct subject *subject, const char *address, int cpu)
{
        size_t size = strcspn(address, ":");

        for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
                if (strlen(places[i].scheme) == size && strcmp(address + size, ":") == 0 &&
                    strncmp(places[i].scheme, address, size) == 0)
                        return places[i].start(subject, places[i].scheme, cpu);
        return start_server(subject, address, cpu);
}

static void on_notification(const struct hark_notification *notification, void *userdata)
{
        struct subject *subject = userdata;

        if (notification->kind == HARK_NOTIFICATION)
                subject->n_received++;
        else if (notification->kind == HARK_GAP)
                subject->n_lost += notification->n_lost;
        else
                subject->end = notification->reason;
}

/* A server that the transport starts inherits the CPU it runs on. Returns as hark_connect(). */
static int connect_pinned(struct subject *subject, int cpu)
{
        struct hark_client_params once = {.is_one_shot = true};
        cpu_set_t own;
        int r = sched_getaffinity(0, sizeof(own), &own) == 0 ? 0 : -errno;

        if (r == 0)
                r = bench_pin(cpu);
        if (r == 0)
                r = hark_connect(NULL, subject->address, &once, &subject->client);
        sched_setaffinity(0, sizeof(own), &own);
        return r;
}

int subject_start(const char *address, int cpu, struct subject **ret_subject)
{
        struct subject *subject = calloc(1, sizeof(*subject));
        int r = -ENOMEM;

        if (subject)
                subject->buffer = calloc(1, BENCH_MAX_SIZE);
        if (subject && subject->buffer)
                r = start_at(subject, address, cpu);
        if (r == 0)
                r = connect_pinned(subject, cpu);
        if (r == 0)
                r = hark_subscribe(subject->client, BENCH_TOPIC, on_notification, subject, NULL,
                                   NULL);
        if (r == 0) {
                *ret_subject = subject;
                return EXIT_GOOD;
        }
        if (r != -ESRCH)
                complain_of_connect(address, r);
        subject_stop(subject);
        return EXIT_UNREACHED;
}

static int call_once(struct subject *subject, size_t size)
{
        hark_message *reply = NULL;
        int r = hark_call(subject->client, "echo", hark_bytes(subject->buffer, size), PATIENCE_MS,
                          &reply);

        if (r == 0 && hark_message_size(reply) != size)
                r = -EPROTO;
        hark_message_unref(reply);
        return r;
}

static int order(struct subject *subject, size_t size, uint32_t count)
{
        struct bench_order order = {WORK_NOTIFICATIONS, (uint32_t)size, count};

        return hark_send(subject->client, BENCH_METHOD, hark_bytes(&order, sizeof(order)));
}

/* Returns 0 once there are n more than before, or lost. */
static int receive(struct subject *subject, size_t size, uint32_t n)
{
        uint64_t portion = WINDOW_SIZE / 2 / size;
        uint64_t n_ordered = 0, n_before = subject->n_received + subject->n_lost, n_done = 0;
        int r = 0;

        portion = portion > WINDOW_MESSAGES / 2 ? WINDOW_MESSAGES / 2 : portion;
        portion = portion > 0 ? portion : 1;
        while (n_done < n && r == 0 && subject->end == 0) {
                if (n_ordered < n && n_ordered - n_done <= portion) {
                        uint64_t more = n - n_ordered < portion ? n - n_ordered : portion;

                        r = order(subject, size, (uint32_t)more);
                        n_ordered += more;
                } else {
                        r = hark_loop_process(hark_client_loop(subject->client), HARK_FOREVER);
                        n_done = subject->n_received + subject->n_lost - n_before;
                }
        }
        return r != 0 ? r : subject->end;
}

int subject_work(struct subject *subject, enum work work, size_t size, uint32_t n)
{
        int r = 0;

        if (work == WORK_NOTIFICATIONS)
                return receive(subject, size, n);
        for (uint32_t i = 0; i < n && r == 0; i++)
                r = call_once(subject, size);
        return r;
}

const char *subject_address(const struct subject *subject)
{
        return subject->address;
}

uint64_t subject_lost(const struct subject *subject)
{
        return subject->n_lost;
}

void subject_stop(struct subject *subject)
{
        if (!subject)
                return;
        hark_client_unref(subject->client);
        if (subject->pid > 0)
                while (waitpid(subject->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        if (subject->directory[0] != '\0')
                rmdir(subject->directory);
        free(subject->address);
        free(subject->buffer);
        free(subject);
}
