/* SPDX-License-Identifier: MIT */

/*
 * hark inside a poll(2) loop: what is typed is sent to the method `echo`, what comes back is
 * printed whenever it comes. The server is embed_epoll.c.
 *
 *         embed_poll [ADDRESS]
 *
 * One descriptor tells everything: replies, timeouts, and what was queued between two polls.
 */

#include <hark/hark.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

struct typist {
        hark_client *client;
        unsigned n_open;
        int result;
};

static void on_echo(int result, hark_message *reply, void *userdata)
{
        struct typist *self = userdata;

        self->n_open--;
        if (result != 0)
                self->result = result;
        printf("%s\n", result == 0 ? hark_message_text(reply) : hark_reason(result, reply));
        fflush(stdout);
}

/* Returns whether there will be more. */
static bool send_what_was_typed(struct typist *self)
{
        char bytes[512];
        ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
        size_t size = n > 0 && bytes[n - 1] == '\n' ? (size_t)n - 1 : (size_t)n;

        if (n <= 0)
                return false;
        self->result = hark_invoke(self->client, "echo", hark_bytes(bytes, size), 1000, on_echo,
                                   self, NULL);
        self->n_open += self->result == 0;
        return self->result == 0;
}

int main(int argc, char **argv)
{
        const char *address = argc > 1 ? argv[1] : "unix:@echo";
        struct typist self = {.n_open = 0};
        hark_loop *loop = NULL;
        int r = hark_loop_new(&loop);
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                               {.fd = r == 0 ? hark_loop_fd(loop) : -1, .events = POLLIN}};

        if (r == 0)
                r = hark_connect(loop, address, NULL, &self.client);
        while (r == 0 && (fds[0].fd >= 0 || self.n_open > 0)) {
                if (poll(fds, 2, -1) < 0)
                        continue; /* EINTR */
                if (fds[0].revents && !send_what_was_typed(&self))
                        fds[0].fd = -1; /* poll(2) skips it from now on */
                if (fds[1].revents)
                        r = hark_loop_process(loop, 0);
        }
        if (r == 0)
                r = self.result;
        if (r != 0)
                fprintf(stderr, "%s: %s\n", address, hark_reason(r, NULL));
        hark_client_unref(self.client);
        hark_loop_unref(loop);
        return r != 0;
}
