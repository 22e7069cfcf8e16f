/* SPDX-License-Identifier: MIT */

/* See procfs.h. */

#include "procfs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_SIZE 4096 /* bytes: all that is read here is well below it */

/* Reads a file of proc(5), which tells no size in advance, and ends it with a NUL. */
static int read_text(const char *path, char text[FILE_SIZE])
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        size_t size = 0;
        ssize_t n;
        int r;

        if (fd < 0)
                return -errno;
        do {
                n = read(fd, text + size, FILE_SIZE - 1 - size);
                size += n > 0 ? (size_t)n : 0;
        } while (n > 0 || (n < 0 && errno == EINTR));
        r = n < 0 ? -errno : 0;
        close(fd);
        text[size] = '\0';
        return r;
}

/* Finds "\nNAME: VALUE kB". */
static int find_kib(const char *meminfo, const char *name, uint64_t *ret_kib)
{
        size_t size = strlen(name);

        for (const char *line = meminfo; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (strncmp(line, name, size) == 0 && line[size] == ':')
                        return sscanf(line + size + 1, "%" SCNu64, ret_kib) == 1 ? 0 : -ENODATA;
        }
        return -ENODATA;
}

static void make_printable(char *text)
{
        for (; *text; text++)
                if (iscntrl((unsigned char)*text))
                        *text = '?';
}

/*
 * Takes "PID (NAME) STATE ..." apart. A name may hold anything, also blanks and parentheses, so it
 * ends at the last one.
 */
static int parse_stat(char *stat, char *ret_state, struct procfs_process *ret_process)
{
        char *name = strchr(stat, '(');
        char *end = strrchr(stat, ')');
        unsigned long user_ticks, system_ticks;
        uint64_t start_ticks;
        long rss_pages;

        if (!name || !end || end < name)
                return -ENODATA;
        *end = '\0';
        /* state, 10 others, utime, stime, 6 others, starttime, vsize, rss: fields 3 to 24 */
        if (sscanf(end + 1,
                   " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu"
                   " %*d %*d %*d %*d %*d %*d %" SCNu64 " %*u %ld",
                   ret_state, &user_ticks, &system_ticks, &start_ticks, &rss_pages) != 5)
                return -ENODATA;
        *ret_process = (struct procfs_process){
                .pid = (pid_t)strtol(stat, NULL, 10),
                .start_ticks = start_ticks,
                .cpu_s = (double)(user_ticks + system_ticks) / (double)sysconf(_SC_CLK_TCK),
                .rss_kib = (uint64_t)(rss_pages > 0 ? rss_pages : 0) *
                           (uint64_t)sysconf(_SC_PAGESIZE) / 1024,
        };
        snprintf(ret_process->name, sizeof(ret_process->name), "%s", name + 1);
        make_printable(ret_process->name);
        return 0;
}

/* False: it has ended meanwhile, or may not be looked at. */
static bool read_process(const char *pid, struct procfs_process *ret_process)
{
        char path[32], stat[FILE_SIZE], state;

        snprintf(path, sizeof(path), "/proc/%.16s/stat", pid);
        return read_text(path, stat) == 0 && parse_stat(stat, &state, ret_process) == 0 &&
               state != 'Z' && state != 'X';
}

static int compare_pids(const void *a, const void *b)
{
        const struct procfs_process *left = a, *right = b;

        return (left->pid > right->pid) - (left->pid < right->pid);
}

/* Makes room for one more, doubling. */
static int reserve(struct procfs_process **processes, size_t n, size_t *n_reserved)
{
        size_t n_wanted = *n_reserved > 0 ? *n_reserved * 2 : 256;
        struct procfs_process *grown;

        if (n < *n_reserved)
                return 0;
        grown = reallocarray(*processes, n_wanted, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        *processes = grown;
        *n_reserved = n_wanted;
        return 0;
}

int procfs_load(struct procfs_load *ret_load)
{
        char text[FILE_SIZE];
        struct procfs_load load;
        int r = read_text("/proc/loadavg", text);

        if (r != 0)
                return r;
        if (sscanf(text, "%lf %lf %lf %u/%u", &load.average[0], &load.average[1], &load.average[2],
                   &load.n_running, &load.n_threads) != 5)
                return -ENODATA;
        *ret_load = load;
        return 0;
}

int procfs_memory(struct procfs_memory *ret_memory)
{
        char text[FILE_SIZE];
        struct procfs_memory memory;
        int r = read_text(PROCFS_MEMINFO, text);

        if (r == 0)
                r = find_kib(text, "MemTotal", &memory.total_kib);
        if (r == 0)
                r = find_kib(text, "MemAvailable", &memory.available_kib);
        if (r == 0)
                r = find_kib(text, "MemFree", &memory.free_kib);
        if (r == 0)
                r = find_kib(text, "SwapTotal", &memory.swap_total_kib);
        if (r == 0)
                r = find_kib(text, "SwapFree", &memory.swap_free_kib);
        if (r == 0)
                *ret_memory = memory;
        return r;
}

int procfs_uptime(struct procfs_uptime *ret_uptime)
{
        char text[FILE_SIZE];
        struct procfs_uptime uptime;
        int r = read_text("/proc/uptime", text);

        if (r != 0)
                return r;
        if (sscanf(text, "%lf %lf", &uptime.up_s, &uptime.idle_s) != 2)
                return -ENODATA;
        *ret_uptime = uptime;
        return 0;
}

int procfs_pressure(struct procfs_pressure *ret_pressure)
{
        char text[FILE_SIZE];
        struct procfs_pressure pressure = {.source = PROCFS_PRESSURE};
        struct procfs_memory memory;
        int r;

        /* A kernel may have the file and yet answer EOPNOTSUPP: booted with psi=0. */
        if (read_text(PROCFS_PRESSURE, text) == 0 &&
            sscanf(text, "some avg10=%lf %*[^\n] full avg10=%lf", &pressure.some_percent,
                   &pressure.full_percent) == 2) {
                *ret_pressure = pressure;
                return 0;
        }
        r = procfs_memory(&memory);
        if (r != 0)
                return r;
        if (memory.total_kib == 0)
                return -ENODATA;
        pressure.available_percent =
                100.0 * (double)memory.available_kib / (double)memory.total_kib;
        pressure.source = PROCFS_MEMINFO;
        *ret_pressure = pressure;
        return 0;
}

int procfs_processes(struct procfs_process **ret_processes, size_t *ret_n_processes)
{
        struct procfs_process *processes = NULL;
        size_t n = 0, n_reserved = 0;
        DIR *proc = opendir("/proc");
        struct dirent *entry;
        int r = 0;

        if (!proc)
                return -errno;
        while (r == 0 && (entry = readdir(proc))) {
                if (!isdigit((unsigned char)entry->d_name[0]))
                        continue;
                r = reserve(&processes, n, &n_reserved);
                if (r == 0 && read_process(entry->d_name, &processes[n]))
                        n++;
        }
        closedir(proc);
        if (r != 0) {
                free(processes);
                return r;
        }
        if (n > 0)
                qsort(processes, n, sizeof(*processes), compare_pids);
        *ret_processes = processes;
        *ret_n_processes = n;
        return 0;
}
