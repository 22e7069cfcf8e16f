/* SPDX-License-Identifier: MIT */

/* The server in another process, below a third that stops and kills it: whose child it is, so that
 * its pid is nobody else's. See storm.h. */

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storm.h"

#define KEPT 16

static pid_t keeper;
static int commands = -1; /* to write to */

/* --- the server ------------------------------------------------------------------------------- */

static void on_echo(hark_request *request, void *userdata)
{
        (void)userdata;
        (void)hark_reply(request, hark_message_payload(hark_request_message(request)));
}

/* Asks back, and waits for that. */
static void on_back(hark_request *request, void *userdata)
{
        hark_client *client = hark_peer_client(hark_request_peer(request));
        int r = client ? hark_call(client, "any.back", HARK_NOTHING, 10, NULL) : -ENOTCONN;

        (void)userdata;
        (void)hark_push(request, hark_text("an item"));
        (void)hark_fail(request, r == 0 ? HARK_UNKNOWN : r, NULL);
}

/* Keeps some, and answers the oldest. */
static void on_keep(hark_request *request, void *userdata)
{
        static hark_request *kept[KEPT];
        static unsigned n;
        hark_request **place = &kept[n++ % KEPT];

        (void)userdata;
        if (*place)
                (void)hark_reply(*place, HARK_NOTHING);
        hark_request_unref(*place);
        *place = hark_request_ref(request);
}

static int serve(const char *address)
{
        struct hark_server_params params = {.is_hub = true};
        hark_server *server;
        hark_loop *loop;

        signal(SIGPIPE, SIG_DFL);
        if (hark_loop_new(&loop) < 0 || hark_server_new(loop, &params, &server) < 0)
                return 1;
        (void)hark_server_handle(server, "echo", on_echo, NULL);
        (void)hark_server_handle(server, "any.x", on_back, NULL);
        (void)hark_server_handle(server, "any.>", on_keep, NULL);
        if (hark_server_listen(server, address) < 0)
                return 1;
        return hark_loop_run(loop);
}

/* --- who keeps it ----------------------------------------------------------------------------- */

static pid_t start(const char *address, int command_fd)
{
        pid_t pid = fork();

        if (pid != 0)
                return pid;
        close(command_fd);
        _exit(serve(address));
}

static void end(pid_t pid)
{
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

static int keep(const char *address, int command_fd)
{
        pid_t pid = start(address, command_fd);
        char command;

        while (read(command_fd, &command, 1) == 1) {
                if (command != 'k') {
                        kill(pid, command == 's' ? SIGSTOP : SIGCONT);
                        continue;
                }
                end(pid);
                pid = start(address, command_fd);
        }
        end(pid);
        return 0;
}

/* Before there is a loop, whose descriptors it would have as well. */
void storm_start_other(const char *address)
{
        int fds[2];

        storm_assert(pipe(fds) == 0);
        keeper = fork();
        storm_assert(keeper >= 0);
        if (keeper == 0) {
                close(fds[1]);
                _exit(keep(address, fds[0]));
        }
        close(fds[0]);
        commands = fds[1];
}

void storm_tell_other(char what)
{
        storm_assert(write(commands, &what, 1) == 1);
}

void storm_end_other(void)
{
        close(commands);
        storm_assert(waitpid(keeper, NULL, 0) == keeper);
}
