/* SPDX-License-Identifier: MIT */

/*
 * The adder, over whatever the address says: answers with the sum, and publishes the total of all
 * its answers.
 *
 *         service ADDRESS
 *
 * Prints the address that it serves, and ends with its first client.
 */

#include <hark/hark.h>
#include <stdio.h>

struct adder {
        hark_loop *loop;
        hark_server *server;
        unsigned long total;
};

static unsigned long add_up(const char *text)
{
        unsigned long sum = 0, n;
        int size;

        for (; sscanf(text, "%lu%n", &n, &size) == 1; text += size)
                sum += n;
        return sum;
}

static void on_add(hark_request *request, void *userdata)
{
        struct adder *self = userdata;
        unsigned long sum = add_up(hark_message_text(hark_request_message(request)));
        char text[24];

        snprintf(text, sizeof(text), "%lu", sum);
        hark_reply(request, hark_text(text));
        snprintf(text, sizeof(text), "%lu", self->total += sum);
        hark_server_publish(self->server, "adder.total", hark_text(text));
}

static void on_leave(hark_peer *peer, int reason, void *userdata)
{
        struct adder *self = userdata;

        (void)peer;
        (void)reason;
        hark_loop_stop(self->loop);
}

int main(int argc, char **argv)
{
        const char *address = argc == 2 ? argv[1] : "(no address)";
        struct adder self = {0};
        struct hark_server_params params = {.on_leave = on_leave, .userdata = &self};
        int r = hark_loop_new(&self.loop);

        if (r == 0)
                r = hark_server_new(self.loop, &params, &self.server);
        if (r == 0)
                r = hark_server_handle(self.server, "adder.Add", on_add, &self);
        if (r == 0)
                r = hark_server_listen(self.server, address);
        if (r == 0)
                puts(hark_server_address(self.server, 0));
        fflush(stdout);
        if (r == 0)
                r = hark_loop_run(self.loop);
        if (r != 0)
                fprintf(stderr, "%s: %s\n", address, hark_reason(r, NULL));
        hark_server_unref(self.server);
        hark_loop_unref(self.loop);
        return r != 0;
}
