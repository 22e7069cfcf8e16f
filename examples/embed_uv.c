/* SPDX-License-Identifier: MIT */

/* hark inside libuv, whose timer and signal it uses: `embed_uv [ADDRESS]` publishes `uv.tick` from
 * outside every callback of hark's; that it must leave shows on hark_loop_fd(). */

#include <hark/hark.h>
#include <signal.h>
#include <stdio.h>
#include <uv.h>

struct service {
        hark_loop *loop;
        hark_server *server;
        unsigned n_ticks;
};

static void on_hark(uv_poll_t *handle, int status, int events)
{
        struct service *self = handle->data;

        (void)status;
        (void)events;
        hark_loop_process(self->loop, 0);
}

static void on_tick(uv_timer_t *handle)
{
        struct service *self = handle->data;
        char text[16];

        snprintf(text, sizeof(text), "%u", ++self->n_ticks);
        hark_server_publish(self->server, "uv.tick", hark_text(text));
}

static void on_signal(uv_signal_t *handle, int signo)
{
        (void)signo;
        uv_stop(handle->loop);
}

static void run(struct service *self)
{
        uv_loop_t *uv = uv_default_loop();
        uv_poll_t hark = {.data = self};
        uv_timer_t timer = {.data = self};
        uv_signal_t signals;

        uv_poll_init(uv, &hark, hark_loop_fd(self->loop));
        uv_timer_init(uv, &timer);
        uv_signal_init(uv, &signals);
        uv_poll_start(&hark, UV_READABLE, on_hark);
        uv_timer_start(&timer, on_tick, 50, 50);
        uv_signal_start(&signals, on_signal, SIGTERM);
        uv_run(uv, UV_RUN_DEFAULT);
        uv_close((uv_handle_t *)&hark, NULL);
        uv_close((uv_handle_t *)&timer, NULL);
        uv_close((uv_handle_t *)&signals, NULL);
        uv_run(uv, UV_RUN_DEFAULT); /* libuv lets go of its handles here */
        uv_loop_close(uv);
}

int main(int argc, char **argv)
{
        struct service self = {.n_ticks = 0};
        int r = hark_loop_new(&self.loop);

        if (r == 0)
                r = hark_server_new(self.loop, NULL, &self.server);
        if (r == 0)
                r = hark_server_listen(self.server, argc > 1 ? argv[1] : "unix:@uv");
        if (r == 0 && puts(hark_server_address(self.server, 0)) >= 0 && fflush(stdout) == 0)
                run(&self);
        if (r != 0)
                fprintf(stderr, "embed_uv: %s\n", hark_reason(r, NULL));
        hark_server_unref(self.server);
        hark_loop_unref(self.loop);
        return r != 0;
}
