/* SPDX-License-Identifier: MIT */

/*
 * Shows hark on live data: one monitor of this machine, called and listened to over every transport,
 * which differ in nothing but the address.
 *
 *         sysmon-demo [SYSMON]
 *
 * Starts SYSMON (by default the program `sysmon` beside this one) once for each transport that the
 * library has and this machine offers. Ends by itself within seconds, with exit status 0 if
 * everything arrived over each of them and nothing was left behind.
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

#include "place.h"
#include "report.h"
#include "trial.h"
#include "way.h"

#define END_MS     2000
#define PATIENCE_S 15 /* whatever goes wrong, no longer than this and twice END_MS */

struct demo {
        struct trial_setting setting;
        struct place place;
        char sysmon[PATH_MAX];
        unsigned n_tried, n_absent;
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
        if (r == 0 && access(demo->sysmon, X_OK) < 0)
                r = -errno;
        return r == 0 ? place_make(&demo->place) : r;
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
        fprintf(stderr, "a process was left behind\n");
        return false;
}

/* Ends what serves one transport. Returns 0; -EBUSY: something is left behind; as way_close(). */
static int end(const struct demo *demo, struct reach *reach)
{
        int r = way_close(reach);
        bool is_clean = are_children_gone(demo->setting.loop);

        is_clean = place_is_empty(&demo->place) && is_clean;
        return r == 0 && !is_clean ? -EBUSY : r;
}

static void try_way(struct demo *demo, const struct way *way, struct result *result)
{
        struct reach reach;
        int r;

        result->absence = way_probe(way);
        if (result->absence != 0)
                return;
        result->failure = way_open(way, &demo->place, demo->sysmon, &reach);
        if (result->failure == 0)
                trial_run(&demo->setting, reach.address, result);
        r = end(demo, &reach);
        if (result->failure == 0)
                result->failure = r;
}

/* One transport: returns whether all is well. The first is shown in full. */
static bool try_transport(struct demo *demo, const char *scheme, const struct way *way)
{
        struct result result = {.scheme = scheme};

        demo->setting.is_told = demo->n_tried == 0;
        try_way(demo, way, &result);
        if (demo->setting.is_interrupted)
                return false;
        if (demo->n_tried++ == 0)
                report_columns();
        report_row(&result);
        demo->n_absent += result.absence != 0;
        return result.failure == 0;
}

static bool try_all(struct demo *demo)
{
        const struct hark_transport *transport;
        bool is_good = true;

        for (size_t i = 0; (transport = hark_transport_get(i)); i++) {
                const struct way *way = way_find(transport->scheme);

                if (way)
                        is_good = try_transport(demo, transport->scheme, way) && is_good;
                if (demo->setting.is_interrupted)
                        return false;
        }
        return is_good && demo->n_tried > demo->n_absent;
}

static void report_end(const struct demo *demo, bool is_good)
{
        if (is_good && demo->n_absent == 0)
                puts("\nEverything arrived over every transport; nothing is left behind.");
        else if (is_good)
                puts("\nEverything arrived over every transport that this machine offers; "
                     "nothing is left behind.");
        else
                puts("\nNot everything went well.");
}

int main(int argc, char **argv)
{
        static struct demo demo;
        bool is_good = false;
        int r;

        setvbuf(stdout, NULL, _IOLBF, 0); /* to be seen live, also through a pipe */
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        printf("hark %s: this machine, live, over every transport\n", hark_version());
        r = prepare(&demo, argc > 1 ? argv[1] : NULL);
        if (r == 0)
                is_good = try_all(&demo);
        else
                fprintf(stderr, "cannot start %s: %s\n", demo.sysmon, strerror(-r));
        place_remove(&demo.place);
        hark_loop_unref(demo.setting.loop);
        report_end(&demo, is_good);
        return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
