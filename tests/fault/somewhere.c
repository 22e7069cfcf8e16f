/* SPDX-License-Identifier: MIT */

/* See somewhere.h. */

#include "somewhere.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

const char *given_address;

static char address[256];

const char *somewhere(void)
{
        const char *brace = strchr(given_address, '{');
        int before = brace ? (int)(brace - given_address) : (int)strlen(given_address);

        if (!*address)
                snprintf(address, sizeof(address), "%.*s%s", before, given_address,
                         !brace            ? ""
                         : brace[1] == 'p' ? fixture_path("s")
                                           : fixture_name("s"));
        return address;
}

bool somewhere_can(enum hark_capability capability)
{
        size_t size = strcspn(given_address, ":");
        const struct hark_transport *transport;

        for (size_t i = 0; (transport = hark_transport_get(i)); i++)
                if (strlen(transport->scheme) == size &&
                    strncmp(transport->scheme, given_address, size) == 0)
                        return transport->capabilities & capability;
        return false;
}

void somewhere_listen(hark_server *server)
{
        int r = hark_server_listen(server, somewhere());

        ck_assert_msg(r == 0, "listen at %s: %s", somewhere(), hark_reason(r, NULL));
        snprintf(address, sizeof(address), "%s", hark_server_address(server, 0));
}

static void echo(hark_request *request, void *userdata)
{
        (void)userdata;
        hark_reply(request, hark_message_payload(hark_request_message(request)));
}

static int serve(void *userdata)
{
        const int *ready = userdata;
        hark_loop *loop = NULL;
        hark_server *server = NULL;

        ck_assert_int_eq(hark_loop_new(&loop), 0);
        ck_assert_int_eq(hark_server_new(loop, NULL, &server), 0);
        ck_assert_int_eq(hark_server_handle(server, "echo", echo, NULL), 0);
        somewhere_listen(server);
        somewhere_say_ready(*ready);
        return hark_loop_run(loop);
}

pid_t somewhere_serve(void)
{
        return somewhere_start(serve);
}

void somewhere_on_signal(int signo, void *loop)
{
        (void)signo;
        hark_loop_stop(loop);
}

void somewhere_say_ready(int ready_fd)
{
        ck_assert_int_eq(write(ready_fd, address, sizeof(address)), sizeof(address));
        close(ready_fd);
}

pid_t somewhere_start(int (*run)(void *ready_fd))
{
        int fds[2];
        pid_t pid;

        ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
        pid = fixture_fork(run, &fds[1]);
        close(fds[1]);
        ck_assert_int_eq(read(fds[0], address, sizeof(address)), sizeof(address));
        close(fds[0]);
        return pid;
}

unsigned somewhere_number(const char *variable, unsigned usual)
{
        const char *text = getenv(variable);

        return text ? (unsigned)strtoul(text, NULL, 10) : usual;
}

unsigned somewhere_random(unsigned n)
{
        static unsigned state;

        if (state == 0)
                state = somewhere_number("HARK_SEED", 1) | 1;
        state = state * 1103515245 + 12345;
        return (state >> 8) % n;
}
