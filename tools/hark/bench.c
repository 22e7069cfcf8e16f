/* SPDX-License-Identifier: MIT */
/*
 * hark bench: for each address, each placement of the two processes, each kind of work and each
 * size, one row: hark beside the floor.
 */
#include <errno.h>
#include <hark/transport.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "failure.h"
#include "measure.h"
#include "text.h"
#include "verb.h"

#define MAX_SIZES     16
#define MAX_ADDRESSES 64
#define MAX_SCHEME    32

struct bench_options {
        int seconds;
        bool is_json;
        struct option_texts sizes;
};

static const struct option_spec bench_options[] = {
        {
                .name = "seconds",
                .value = "S",
                .help = "how long to measure in all, about",
                .kind = OPTION_NUMBER,
                .offset = offsetof(struct bench_options, seconds),
                .fallback = 40,
                .min = 1,
                .max = 600,
        },
        {
                .name = "sizes",
                .value = "LIST",
                .help = "of payloads, 1 to 16M each (default 32,1K,64K,1M)",
                .kind = OPTION_TEXTS,
                .offset = offsetof(struct bench_options, sizes),
        },
        OPTION_JSON(struct bench_options, "print each row as a JSON object on one line"),
        {0},
};

/* Where the two processes run. */
struct placement {
        const char *words;
        int near_cpu, far_cpu;
};

struct bench {
        const struct bench_options *options;
        size_t sizes[MAX_SIZES];
        size_t n_sizes;
        struct placement placements[2];
        size_t n_placements;
        double row_s;
};

/* What is compared, between the same two CPUs. */
struct pair {
        struct sides sides;
        const struct bench *bench;
        const struct placement *placement;
        const char *address;
};

int bench_pin(int cpu)
{
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}

static void print_size(size_t size)
{
        if (size >= 1 << 20 && size % (1 << 20) == 0)
                printf("%8zu MiB", size >> 20);
        else if (size >= 1 << 10 && size % (1 << 10) == 0)
                printf("%8zu KiB", size >> 10);
        else
                printf("%8zu B  ", size);
}

static void print_row(const struct row *row)
{
        bool is_rate = row->work == WORK_NOTIFICATIONS;
        double floor = is_rate ? 1 / row->floor_s : row->floor_s * 1e6;
        double hark = is_rate ? 1 / row->hark_s : row->hark_s * 1e6;

        print_size(row->size);
        printf(" %12.*f %12.*f %8.2f\n", is_rate ? 0 : 2, floor, is_rate ? 0 : 2, hark,
               row->hark_s / row->floor_s);
}

static void print_json_row(const struct pair *pair, const struct row *row)
{
        bool is_rate = row->work == WORK_NOTIFICATIONS;

        fputs("{\"address\":", stdout);
        print_json_text(stdout, pair->address);
        printf(",\"cpus\":%d,\"work\":\"%s\",\"size\":%zu",
               pair->placement->near_cpu == pair->placement->far_cpu ? 1 : 2,
               is_rate ? "notifications" : "calls", row->size);
        if (is_rate)
                printf(",\"floor_per_s\":%.0f,\"hark_per_s\":%.0f", 1 / row->floor_s,
                       1 / row->hark_s);
        else
                printf(",\"floor_us\":%.3f,\"hark_us\":%.3f", row->floor_s * 1e6,
                       row->hark_s * 1e6);
        printf(",\"ratio\":%.3f}\n", row->hark_s / row->floor_s);
}

static void print_heading(const struct pair *pair, enum work work)
{
        const char *unit = work == WORK_CALLS ? "us" : "1/s";

        printf("%s  %s, %s\n%12s %9s %-3s %9s %-3s %7s\n", pair->address,
               work == WORK_CALLS ? "a waiting call" : "notifications", pair->placement->words,
               "size", "floor", unit, "hark", unit, "ratio");
        fflush(stdout);
}

static int complain_of_work(const struct pair *pair, const struct row *row, int error)
{
        if (error == -ECANCELED)
                return EXIT_REFUSED;
        complain("bench of %s with %zu bytes: %s", pair->address, row->size,
                 hark_reason(error, NULL));
        return error == -ECONNRESET ? EXIT_LOST : EXIT_REFUSED;
}

/* All sizes of one kind of work. Returns an exit status. */
static int run_work(struct pair *pair, enum work work)
{
        const struct bench *bench = pair->bench;

        if (!bench->options->is_json)
                print_heading(pair, work);
        for (size_t i = 0; i < bench->n_sizes; i++) {
                struct row row = {.work = work, .size = bench->sizes[i]};
                uint64_t n_lost = subject_lost(pair->sides.subject);
                int r = measure(&pair->sides, bench->row_s, &row);

                if (r != 0)
                        return complain_of_work(pair, &row, r);
                if (bench->options->is_json)
                        print_json_row(pair, &row);
                else
                        print_row(&row);
                fflush(stdout);
                if (subject_lost(pair->sides.subject) > n_lost)
                        complain("bench of %s: %" PRIu64 " notifications were lost", pair->address,
                                 subject_lost(pair->sides.subject) - n_lost);
        }
        return EXIT_GOOD;
}

static void take_scheme(const char *address, char ret_scheme[MAX_SCHEME])
{
        snprintf(ret_scheme, MAX_SCHEME, "%.*s", (int)strcspn(address, ":"), address);
}

static int start_floor(struct pair *pair)
{
        char scheme[MAX_SCHEME];
        int r;

        take_scheme(pair->address, scheme);
        r = floor_start(scheme, pair->placement->far_cpu, &pair->sides.floor);
        if (r == 0)
                return EXIT_GOOD;
        complain("bench: cannot make the floor of '%s': %s", pair->address, hark_reason(r, NULL));
        return EXIT_REFUSED;
}

static int run_placement(const struct bench *bench, const struct placement *placement,
                         const char *address)
{
        struct pair pair = {.bench = bench, .placement = placement, .address = address};
        int r = bench_pin(placement->near_cpu) == 0 ? EXIT_GOOD : EXIT_REFUSED;

        if (r == EXIT_GOOD)
                r = start_floor(&pair);
        if (r == EXIT_GOOD)
                r = subject_start(address, placement->far_cpu, &pair.sides.subject);
        if (r == EXIT_GOOD)
                r = run_work(&pair, WORK_CALLS);
        if (r == EXIT_GOOD)
                r = run_work(&pair, WORK_NOTIFICATIONS);
        subject_stop(pair.sides.subject);
        floor_stop(pair.sides.floor);
        return r;
}

/* "64K" */
static const char *parse_size(const char *text, size_t *ret_size)
{
        char *end;
        unsigned long size = strtoul(text, &end, 10);

        if (end == text || size > BENCH_MAX_SIZE)
                return NULL;
        if (*end == 'K' || *end == 'M') {
                size <<= *end == 'K' ? 10 : 20;
                end++;
        }
        if (size < 1 || size > BENCH_MAX_SIZE || (*end != '\0' && *end != ','))
                return NULL;
        *ret_size = size;
        return *end == ',' ? end + 1 : end;
}

static int parse_sizes(struct bench *bench, const char *list)
{
        for (const char *next = list; *next;) {
                next = bench->n_sizes < MAX_SIZES ? parse_size(next, &bench->sizes[bench->n_sizes])
                                                  : NULL;
                if (!next) {
                        complain("bench: --sizes takes at most %d sizes such as 32,1K,16M, "
                                 "not '%s'",
                                 MAX_SIZES, list);
                        return EXIT_USAGE;
                }
                bench->n_sizes++;
        }
        return EXIT_GOOD;
}

static int take_sizes(struct bench *bench)
{
        const struct option_texts *sizes = &bench->options->sizes;
        int r = EXIT_GOOD;

        for (size_t i = 0; i < sizes->n_items && r == EXIT_GOOD; i++)
                r = parse_sizes(bench, sizes->items[i]);
        if (r == EXIT_GOOD && bench->n_sizes == 0)
                r = parse_sizes(bench, "32,1K,64K,1M");
        return r;
}

/* The first two CPUs that this process may use. */
static void find_placements(struct bench *bench)
{
        cpu_set_t set;
        int cpus[2];
        size_t n = 0;

        CPU_ZERO(&set);
        sched_getaffinity(0, sizeof(set), &set);
        for (int cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
                if (CPU_ISSET(cpu, &set))
                        cpus[n++] = cpu;
        if (n > 0)
                bench->placements[bench->n_placements++] =
                        (struct placement){"both on one CPU", cpus[0], cpus[0]};
        if (n > 1)
                bench->placements[bench->n_placements++] =
                        (struct placement){"on two CPUs", cpus[0], cpus[1]};
}

static bool can_measure(const struct hark_transport *transport)
{
        return floor_is_known(transport->scheme);
}

static const struct hark_transport *find_transport(const char *scheme)
{
        const struct hark_transport *transport;

        for (size_t i = 0; (transport = hark_transport_get(i)); i++)
                if (strcmp(transport->scheme, scheme) == 0)
                        return transport;
        return NULL;
}

/* A scheme alone is no address, but will have one. */
static int check_operand(const char *address)
{
        const struct hark_transport *transport;
        char scheme[MAX_SCHEME];

        take_scheme(address, scheme);
        transport = find_transport(scheme);
        if (transport && !can_measure(transport)) {
                complain("bench: there is no floor to measure '%s' beside; see hark bench --help",
                         address);
                return EXIT_USAGE;
        }
        if (transport && strcmp(address + strlen(scheme), ":") == 0)
                return EXIT_GOOD;
        return check_address(address);
}

static int check_operands(char **operands)
{
        int r = EXIT_GOOD;

        for (size_t i = 0; operands[i] && r == EXIT_GOOD; i++)
                r = check_operand(operands[i]);
        return r;
}

/* What cannot be measured here is passed over, and does not keep the others from being measured. */
static int run_all(struct bench *bench, const char *const *addresses, size_t n_addresses)
{
        size_t n_rows = n_addresses * bench->n_placements * 2 * bench->n_sizes;
        int result = EXIT_GOOD;

        bench->row_s = bench->options->seconds / (double)n_rows;
        for (size_t i = 0; i < n_addresses && !measure_is_interrupted(); i++) {
                int r = EXIT_GOOD;

                for (size_t j = 0; j < bench->n_placements && r == EXIT_GOOD; j++)
                        r = run_placement(bench, &bench->placements[j], addresses[i]);
                result = result == EXIT_GOOD ? r : result;
        }
        return result;
}

/* Each transport of the library that has a floor, as "scheme:". Returns how many. */
static size_t list_all(char ret_texts[][MAX_SCHEME], const char *ret_addresses[], size_t capacity)
{
        const struct hark_transport *transport;
        size_t n = 0;

        for (size_t i = 0; n < capacity && (transport = hark_transport_get(i)); i++) {
                if (!can_measure(transport))
                        continue;
                snprintf(ret_texts[n], MAX_SCHEME, "%s:", transport->scheme);
                ret_addresses[n] = ret_texts[n];
                n++;
        }
        return n;
}

static int run_bench(const void *options, char **operands)
{
        char texts[MAX_ADDRESSES][MAX_SCHEME];
        const char *addresses[MAX_ADDRESSES];
        struct bench bench = {.options = options};
        size_t n_addresses = 0;
        int r = take_sizes(&bench);

        if (r == EXIT_GOOD)
                r = check_operands(operands);
        if (r != EXIT_GOOD)
                return r;
        for (; operands[n_addresses]; n_addresses++)
                addresses[n_addresses] = operands[n_addresses];
        if (n_addresses == 0)
                n_addresses = list_all(texts, addresses, MAX_ADDRESSES);
        find_placements(&bench);
        measure_catch_signals();
        if (!bench.options->is_json)
                puts("floor: bare system calls of the same facility. "
                     "ratio: how many times their time hark takes.");
        return run_all(&bench, addresses, n_addresses);
}

const struct verb verb_bench = {
        .name = "bench",
        .operands = "[ADDRESS...]",
        .summary = "Measure hark beside the bare system calls of this machine",
        .details = "For each ADDRESS, and each size: how long a waiting call takes beside a "
                   "ping-pong\n"
                   "of the facility's blocking system calls, and how many notifications a second\n"
                   "arrive beside bare writes; both processes on one CPU, and on two. The scheme\n"
                   "alone has a place of its own chosen. By default, each transport that it knows\n"
                   "the bare system calls of: all but stdio: and inherit:.\n",
        .example = "  hark bench unix: --sizes 32,1M --seconds 5\n",
        .max_operands = MAX_ADDRESSES,
        .options = bench_options,
        .options_size = sizeof(struct bench_options),
        .run = run_bench,
};
