/* SPDX-License-Identifier: MIT */

/*
 * The fixture, seen from outside: this program starts itself with an argument, which makes it run
 * tests that leak, hang or skip, and reads the TAP that comes out.
 */

#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifndef HAS_ASAN
#define HAS_ASAN 0
#endif

#define SAMPLE_ARGUMENT "samples"

__attribute__((noreturn)) static int sleep_for_ever(void *userdata)
{
        (void)userdata;
        for (;;)
                pause();
}

START_TEST(sample_is_good)
{
        pid_t pid = fixture_fork(sleep_for_ever, NULL);

        ck_assert_int_eq(kill(pid, 0), 0);
}
END_TEST

START_TEST(sample_fails)
{
        ck_assert_int_eq(1, 2);
}
END_TEST

START_TEST(sample_hangs)
{
        sleep_for_ever(NULL);
}
END_TEST

START_TEST(sample_skips)
{
        fixture_skip("no such thing here");
}
END_TEST

START_TEST(sample_leaks_fd)
{
        ck_assert_int_ge(open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
}
END_TEST

START_TEST(sample_leaks_fd_at_the_limit)
{
        struct rlimit limit;

        ck_assert_int_ge(open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = 0;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}
END_TEST

START_TEST(sample_closes_stdin)
{
        close(STDIN_FILENO);
}
END_TEST

START_TEST(sample_leaks_child)
{
        if (fork() == 0)
                sleep_for_ever(NULL);
}
END_TEST

START_TEST(sample_leaks_zombie)
{
        pid_t pid = fork();
        siginfo_t info;

        if (pid == 0)
                _exit(0);
        waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
}
END_TEST

static int fork_and_sleep(void *userdata)
{
        (void)userdata;
        if (fork() == 0)
                sleep_for_ever(NULL);
        return 0;
}

START_TEST(sample_leaks_grandchild)
{
        ck_assert_int_eq(fixture_wait_exit(fixture_fork(fork_and_sleep, NULL)), 0);
}
END_TEST

START_TEST(sample_leaks_file)
{
        close(open(fixture_path(".socket"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}
END_TEST

START_TEST(sample_leaks_object)
{
        close(shm_open(fixture_name("ring"), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
}
END_TEST

START_TEST(sample_leaks_memory)
{
        char *volatile text = strdup("lost");

        ck_assert_ptr_nonnull(text);
        text = NULL;
}
END_TEST

static int assert_wrongly(void *userdata)
{
        (void)userdata;
        ck_assert_msg(false, "in the child");
        return 0;
}

START_TEST(sample_fails_in_its_child)
{
        pid_t pid = fixture_fork(assert_wrongly, NULL);
        siginfo_t info;

        waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
}
END_TEST

static int run_samples(void)
{
        const TTest *const tests[] = {
                sample_is_good,      sample_fails,
                sample_hangs,        sample_skips,
                sample_leaks_fd,     sample_leaks_fd_at_the_limit,
                sample_closes_stdin, sample_leaks_child,
                sample_leaks_zombie, sample_leaks_grandchild,
                sample_leaks_file,   sample_leaks_object,
                sample_leaks_memory, sample_fails_in_its_child,
        };

        return fixture_run("samples", tests, sizeof(tests) / sizeof(*tests));
}

struct outcome {
        char output[16384];
        int exit_status;
};

/* Runs the sample of that name in a program of its own. */
static struct outcome run_sample(const char *name)
{
        struct outcome outcome = {0};
        char command[256];
        FILE *stream;

        snprintf(command, sizeof(command),
                 "CK_TIMEOUT_MULTIPLIER=%s CK_RUN_CASE=%s /proc/%d/exe " SAMPLE_ARGUMENT " 2>&1",
                 strcmp(name, "sample_hangs") == 0 ? "0.01" : "1", name, getpid());
        stream = popen(command, "re");
        ck_assert_ptr_nonnull(stream);
        (void)!fread(outcome.output, 1, sizeof(outcome.output) - 1, stream);
        outcome.exit_status = WEXITSTATUS(pclose(stream));
        return outcome;
}

static void check_output(const struct outcome *outcome, const char *text)
{
        ck_assert_msg(strstr(outcome->output, text) != NULL, "\"%s\" is not in:\n%s", text,
                      outcome->output);
}

static void check_passes(const char *name, const char *text)
{
        struct outcome outcome = run_sample(name);

        check_output(&outcome, text);
        check_output(&outcome, "\n1..1\n");
        ck_assert_int_eq(outcome.exit_status, EXIT_SUCCESS);
}

/* The sample must fail, and say so with this text. */
static void check_fails(const char *name, const char *text)
{
        struct outcome outcome = run_sample(name);

        check_output(&outcome, "not ok 1 - ");
        check_output(&outcome, text);
        check_output(&outcome, "\n1..1\n");
        ck_assert_int_eq(outcome.exit_status, EXIT_FAILURE);
}

START_TEST(passes_a_good_test_and_ends_its_children)
{
        check_passes("sample_is_good", "ok 1 - sample_is_good\n");
}
END_TEST

START_TEST(says_where_and_why_a_test_failed)
{
        check_fails("sample_fails", "test_fixture.c");
        check_fails("sample_fails", "1 == 1, 2 == 2");
}
END_TEST

START_TEST(fails_a_test_whose_child_failed)
{
        check_fails("sample_fails_in_its_child", "in the child");
}
END_TEST

START_TEST(fails_a_test_that_hangs)
{
        check_fails("sample_hangs", "Test timeout expired");
}
END_TEST

START_TEST(tells_why_a_test_was_skipped)
{
        check_passes("sample_skips", "ok 1 - sample_skips # SKIP no such thing here\n");
}
END_TEST

START_TEST(names_what_a_test_left_behind)
{
        check_fails("sample_leaks_fd", "-> /dev/null");
        check_fails("sample_leaks_fd_at_the_limit", "/dev/null\n1..1");
        check_fails("sample_leaks_child", "child ");
        check_fails("sample_leaks_zombie", "state Z");
        check_fails("sample_leaks_grandchild", "process ");
        check_fails("sample_leaks_file", "/.socket");
        check_fails("sample_leaks_object", "-ring");
}
END_TEST

START_TEST(notices_what_was_closed_by_mistake)
{
        check_fails("sample_closes_stdin", "fd 0 -> ");
}
END_TEST

START_TEST(removes_what_a_test_left_in_named_places)
{
        run_sample("sample_leaks_object");
        ck_assert_int_lt(shm_open(fixture_name("ring"), O_RDWR | O_CLOEXEC, 0), 0);
}
END_TEST

#if HAS_ASAN
START_TEST(fails_a_test_that_leaks_memory)
{
        check_fails("sample_leaks_memory", "a leak of memory");
}
END_TEST
#endif

static int open_gate(void *userdata)
{
        fixture_gate_open(userdata);
        return 7;
}

START_TEST(passes_through_a_gate_that_a_child_opens)
{
        struct fixture_gate gate = fixture_gate_new();
        pid_t pid = fixture_fork(open_gate, &gate);

        fixture_gate_wait(&gate);
        ck_assert_int_eq(fixture_wait_exit(pid), 7);
}
END_TEST

START_TEST(tells_which_signal_ended_a_child)
{
        pid_t pid = fixture_fork(sleep_for_ever, NULL);

        kill(pid, SIGKILL);
        ck_assert_int_eq(fixture_wait_exit(pid), 128 + SIGKILL);
}
END_TEST

int main(int argc, char **argv)
{
        const TTest *const tests[] = {
                passes_a_good_test_and_ends_its_children,
                says_where_and_why_a_test_failed,
                fails_a_test_whose_child_failed,
                fails_a_test_that_hangs,
                tells_why_a_test_was_skipped,
                names_what_a_test_left_behind,
                notices_what_was_closed_by_mistake,
                removes_what_a_test_left_in_named_places,
#if HAS_ASAN
                fails_a_test_that_leaks_memory,
#endif
                passes_through_a_gate_that_a_child_opens,
                tells_which_signal_ended_a_child,
        };

        if (argc > 1 && strcmp(argv[1], SAMPLE_ARGUMENT) == 0)
                return run_samples();
        return fixture_run("fixture", tests, sizeof(tests) / sizeof(*tests));
}
