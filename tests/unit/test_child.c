/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop_kit.h"

static hark_loop *loop;

struct watched {
        pid_t pid;
        int status;
        unsigned n_run;
        uint64_t id;
};

static void on_child(pid_t pid, int wait_status, void *userdata)
{
        struct watched *child = userdata;

        ck_assert_int_eq(pid, child->pid);
        ck_assert_int_eq(hark_loop_remove(loop, child->id), -ENOENT);
        child->status = wait_status;
        child->n_run++;
}

static pid_t start_exiting(int status)
{
        pid_t pid = fork();

        if (pid == 0)
                _exit(status);
        ck_assert_int_gt(pid, 0);
        return pid;
}

static pid_t start_sleeping(void)
{
        pid_t pid = fork();

        if (pid == 0) {
                for (;;)
                        pause();
        }
        ck_assert_int_gt(pid, 0);
        return pid;
}

static void watch(struct watched *child, pid_t pid)
{
        *child = (struct watched){.pid = pid};
        ck_assert_int_eq(hark_loop_add_child(loop, pid, on_child, child, &child->id), 0);
}

/* Waits for its end without reaping it. */
static void await_end(pid_t pid)
{
        siginfo_t info;

        ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

START_TEST(tells_how_a_child_ended)
{
        struct watched exits, killed;

        loop = kit_new_loop();
        watch(&exits, start_exiting(200));
        watch(&killed, start_sleeping());
        kill(killed.pid, SIGKILL);
        kit_process_until(loop, &exits.n_run, 1);
        kit_process_until(loop, &killed.n_run, 1);
        ck_assert(WIFEXITED(exits.status));
        ck_assert_int_eq(WEXITSTATUS(exits.status), 200);
        ck_assert(WIFSIGNALED(killed.status));
        ck_assert_int_eq(WTERMSIG(killed.status), SIGKILL);
        ck_assert_int_eq(waitpid(exits.pid, NULL, 0), -1);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(tells_of_a_child_that_had_ended_before)
{
        struct watched child;
        pid_t pid = start_exiting(3);

        loop = kit_new_loop();
        await_end(pid);
        watch(&child, pid);
        ck_assert(kit_is_readable(loop));
        kit_process_what_shows(loop);
        ck_assert_uint_eq(child.n_run, 1);
        ck_assert_int_eq(WEXITSTATUS(child.status), 3);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(does_not_reap_whom_it_was_not_asked_to)
{
        struct watched child;
        pid_t other = start_exiting(1);

        loop = kit_new_loop();
        await_end(other);
        watch(&child, start_exiting(0));
        kit_process_until(loop, &child.n_run, 1);
        ck_assert_int_eq(waitpid(other, NULL, 0), other);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_removed_child_is_its_owners_again)
{
        struct watched child;

        loop = kit_new_loop();
        watch(&child, start_exiting(1));
        await_end(child.pid);
        ck_assert_int_eq(hark_loop_remove(loop, child.id), 0);
        hark_loop_process(loop, 0);
        ck_assert_uint_eq(child.n_run, 0);
        ck_assert_int_eq(waitpid(child.pid, NULL, 0), child.pid);
        hark_loop_unref(loop);
}
END_TEST

static struct watched twins[2];

static void remove_twin(pid_t pid, int wait_status, void *userdata)
{
        struct watched *child = userdata, *twin = &twins[child == &twins[0]];

        (void)wait_status;
        child->n_run++;
        ck_assert_int_eq(hark_loop_remove(loop, twin->id), 0);
        ck_assert_int_eq(waitpid(pid, NULL, 0), -1);
        ck_assert_int_eq(waitpid(twin->pid, NULL, 0), twin->pid);
}

START_TEST(a_child_may_be_removed_after_its_end_was_seen)
{
        loop = kit_new_loop();
        for (size_t i = 0; i < 2; i++) {
                twins[i].pid = start_exiting(0);
                await_end(twins[i].pid);
                ck_assert_int_eq(hark_loop_add_child(loop, twins[i].pid, remove_twin, &twins[i],
                                                     &twins[i].id),
                                 0);
        }
        kit_process_what_shows(loop);
        ck_assert_uint_eq(twins[0].n_run + twins[1].n_run, 1);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(tells_of_a_child_that_somebody_else_reaped)
{
        struct watched child;

        loop = kit_new_loop();
        watch(&child, start_exiting(0));
        ck_assert_int_eq(waitpid(child.pid, NULL, 0), child.pid);
        kit_process_until(loop, &child.n_run, 1);
        ck_assert_int_eq(child.status, -1);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(refuses_who_is_no_child)
{
        pid_t gone = start_exiting(0);

        loop = kit_new_loop();
        ck_assert_int_eq(waitpid(gone, NULL, 0), gone);
        ck_assert_int_eq(hark_loop_add_child(loop, gone, on_child, NULL, NULL), -ECHILD);
        ck_assert_int_eq(hark_loop_add_child(loop, getpid(), on_child, NULL, NULL), -ECHILD);
        ck_assert_int_eq(hark_loop_add_child(loop, getppid(), on_child, NULL, NULL), -ECHILD);
        ck_assert_int_eq(hark_loop_add_child(loop, 0, on_child, NULL, NULL), -EINVAL);
        ck_assert_int_eq(hark_loop_add_child(loop, -1, on_child, NULL, NULL), -EINVAL);
        ck_assert_int_eq(hark_loop_add_child(loop, 1, NULL, NULL, NULL), -EINVAL);
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("child", tells_how_a_child_ended, tells_of_a_child_that_had_ended_before,
             does_not_reap_whom_it_was_not_asked_to, a_removed_child_is_its_owners_again,
             a_child_may_be_removed_after_its_end_was_seen,
             tells_of_a_child_that_somebody_else_reaped, refuses_who_is_no_child)
