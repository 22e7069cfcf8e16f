/* SPDX-License-Identifier: MIT */

/*
 * A client that offers a method to the server which it is connected to.
 *
 *         callback_client [ADDRESS [ANSWER]]
 *
 * The connection carries calls both ways: the server that `serves` names listens nowhere, it
 * answers what comes over the client's own connection.
 */

#include <hark/hark.h>
#include <stdio.h>

struct installation {
        hark_loop *loop;
        int result;
};

static void on_confirm(hark_request *request, void *userdata)
{
        const char *answer = userdata;

        printf("asked: %s\n", hark_message_text(hark_request_message(request)));
        hark_reply(request, hark_text(answer));
}

static void on_installed(int result, hark_message *reply, void *userdata)
{
        struct installation *self = userdata;

        self->result = result;
        printf("vim: %s\n", result == 0 ? hark_message_text(reply) : hark_reason(result, reply));
        hark_loop_stop(self->loop);
}

int main(int argc, char **argv)
{
        const char *address = argc > 1 ? argv[1] : "unix:@installer";
        char yes[] = "yes";
        struct hark_client_params params = {.name = "installer-ui"};
        struct installation self = {.result = 0};
        hark_server *own = NULL;
        hark_client *installer = NULL;
        int r = hark_loop_new(&self.loop);

        if (r == 0)
                r = hark_server_new(self.loop, NULL, &own);
        if (r == 0)
                r = hark_server_handle(own, "ui.Confirm", on_confirm, argc > 2 ? argv[2] : yes);
        params.serves = own;
        if (r == 0)
                r = hark_connect(self.loop, address, &params, &installer);
        if (r == 0) /* invoke, not call: on_confirm must be able to run meanwhile */
                r = hark_invoke(installer, "install.Run", hark_text("vim"), 5000, on_installed,
                                &self, NULL);
        if (r != 0)
                fprintf(stderr, "%s: %s\n", address, hark_reason(r, NULL));
        if (r == 0)
                r = hark_loop_run(self.loop);
        if (r == 0)
                r = self.result;
        hark_client_unref(installer);
        hark_server_unref(own);
        hark_loop_unref(self.loop);
        return r != 0;
}
