/* SPDX-License-Identifier: MIT */

/*
 * Shows hark on live data: one monitor of this machine, called and listened to over three
 * transports, which differ in nothing but the address.
 *
 *         sysmon-demo [SYSMON]
 *
 * Starts SYSMON (by default the program `sysmon` beside this one) at unix: and tcp:, and once more
 * through exec:. Ends by itself within seconds, with exit status 0 if everything arrived over every
 * transport and nothing was left behind.
 */

#include <errno.h>
#include <hark/hark.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "report.h"
#include "trial.h"

#define START_MS     5000
#define END_MS       3000
#define PATIENCE_S   15    /* whatever goes wrong, no longer than this and END_MS */
#define PERIOD_MS    "100" /* how often the server looks at the machine */
#define ADDRESS_SIZE 512

enum transport {
        OVER_UNIX,
        OVER_TCP,
        OVER_EXEC,
        N_TRANSPORTS
};

struct demo {
        struct trial_setting setting;
        char directory[32]; /* for the UNIX socket; "": none was made */
        char socket[64];
        char sysmon[PATH_MAX];
        struct child server;
        char addresses[N_TRANSPORTS][ADDRESS_SIZE];
        struct result results[N_TRANSPORTS];
};

static void on_signal(int signo, void *userdata)
{
        struct trial_setting *setting = userdata;

        (void)signo;
        setting->is_interrupted = true;
}

/* The program `sysmon` in the directory of this one. */
static int find_sysmon(char *ret_path, size_t size)
{
        ssize_t n = readlink("/proc/self/exe", ret_path, size - sizeof("sysmon"));
        char *slash;

        if (n < 0)
                return -errno;
        ret_path[n] = '\0';
        slash = strrchr(ret_path, '/');
        if (!slash)
                return -ENOENT;
        memcpy(slash + 1, "sysmon", sizeof("sysmon"));
        return 0;
}

/* In an address, %XX stands for what would otherwise mean something. */
static int make_exec_address(const char *path, char *ret_address, size_t size)
{
        int n = snprintf(ret_address, size, "exec:");

        for (; *path && n >= 0 && (size_t)n < size; path++)
                n += snprintf(ret_address + n, size - (size_t)n,
                              strchr(" %?", *path) ? "%%%02X" : "%c", *path);
        if ((size_t)n < size)
                n += snprintf(ret_address + n, size - (size_t)n, " --every " PERIOD_MS " stdio:");
        return (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* Starts the server in a directory of its own, and has it tell where it listens. */
static int start_server(struct demo *demo)
{
        char every[] = "--every", period[] = PERIOD_MS, tcp[] = "tcp:127.0.0.1:0";
        char unix_address[sizeof("unix:") + sizeof(demo->socket)];
        char *const argv[] = {demo->sysmon, every, period, unix_address, tcp, NULL};
        int r;

        snprintf(demo->directory, sizeof(demo->directory), "/tmp/hark-demo-XXXXXX");
        if (!mkdtemp(demo->directory)) {
                demo->directory[0] = '\0';
                return -errno;
        }
        snprintf(demo->socket, sizeof(demo->socket), "%s/sysmon.sock", demo->directory);
        snprintf(unix_address, sizeof(unix_address), "unix:%s", demo->socket);
        r = child_start(demo->sysmon, argv, &demo->server);
        for (int i = OVER_UNIX; r == 0 && i <= OVER_TCP; i++)
                r = child_read_line(&demo->server, START_MS, demo->addresses[i], ADDRESS_SIZE);
        return r;
}

/* Signals end every wait, and the alarm is one. */
static int take_signals(struct trial_setting *setting)
{
        static const int signals[] = {SIGINT, SIGTERM, SIGALRM};
        int r = 0;

        for (size_t i = 0; r == 0 && i < sizeof(signals) / sizeof(*signals); i++)
                r = hark_loop_add_signal(setting->loop, signals[i], on_signal, setting, NULL);
        alarm(PATIENCE_S);
        return r;
}

static int prepare(struct demo *demo, const char *sysmon)
{
        int r = hark_loop_new(&demo->setting.loop);

        if (r == 0)
                r = take_signals(&demo->setting);
        if (r == 0 && sysmon)
                snprintf(demo->sysmon, sizeof(demo->sysmon), "%s", sysmon);
        else if (r == 0)
                r = find_sysmon(demo->sysmon, sizeof(demo->sysmon));
        if (r == 0)
                r = make_exec_address(demo->sysmon, demo->addresses[OVER_EXEC], ADDRESS_SIZE);
        return r == 0 ? start_server(demo) : r;
}

/* Whether every process that was started for us has ended. The child of exec: ends when its
 * connection does, and is no child of ours, but as the subreaper we adopt it. */
static bool are_children_gone(hark_loop *loop)
{
        for (int waited_ms = 0; waited_ms < END_MS; waited_ms += 10) {
                if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
                        return true;
                hark_loop_process(loop, 10);
        }
        return false;
}

/* Ends everything; returns whether nothing is left behind: no process, no file. */
static bool clean_up(struct demo *demo)
{
        bool is_clean = child_end(&demo->server, END_MS) == 0;

        if (!are_children_gone(demo->setting.loop)) {
                fprintf(stderr, "a process was left behind\n");
                is_clean = false;
        }
        if (demo->directory[0] != '\0' && unlink(demo->socket) == 0) {
                fprintf(stderr, "%s was left behind\n", demo->socket);
                is_clean = false;
        }
        if (demo->directory[0] != '\0')
                rmdir(demo->directory);
        hark_loop_unref(demo->setting.loop);
        return is_clean;
}

static bool try_all(struct demo *demo)
{
        static const char *const schemes[N_TRANSPORTS] = {"unix", "tcp", "exec"};
        bool is_good = true;

        for (int i = 0; i < N_TRANSPORTS; i++) {
                struct result *result = &demo->results[i];

                trial_run(&demo->setting, demo->addresses[i], result);
                if (result->failure == -ECANCELED) /* a signal */
                        return false;
                result->scheme = schemes[i];
                is_good = is_good && result->failure == 0;
        }
        report_table(demo->results, N_TRANSPORTS);
        return is_good;
}

int main(int argc, char **argv)
{
        static struct demo demo;
        bool is_good = false;
        int r;

        setvbuf(stdout, NULL, _IOLBF, 0); /* to be seen live, also through a pipe */
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        printf("hark %s: this machine, live, over %d transports\n", hark_version(), N_TRANSPORTS);
        r = prepare(&demo, argc > 1 ? argv[1] : NULL);
        if (r == 0)
                is_good = try_all(&demo);
        else
                fprintf(stderr, "cannot start %s: %s\n", demo.sysmon, strerror(-r));
        is_good = clean_up(&demo) && is_good;
        printf("\n%s\n",
               is_good ? "Everything arrived over every transport; nothing is left behind."
                       : "Not everything went well.");
        return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
