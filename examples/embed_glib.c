/* SPDX-License-Identifier: MIT */

/*
 * hark inside GLib's main loop: a client that asks from a timeout of GLib's, three times.
 *
 *         embed_glib [ADDRESS]
 *
 * The call is made outside every callback of hark's: that it must leave shows on hark_loop_fd().
 */

#include <glib-unix.h>
#include <hark/hark.h>

struct asker {
        GMainLoop *main_loop;
        hark_client *clock;
        int n_left, result;
};

static gboolean on_hark(gint fd, GIOCondition condition, gpointer userdata)
{
        (void)fd;
        (void)condition;
        hark_loop_process(userdata, 0);
        return G_SOURCE_CONTINUE;
}

static gboolean on_timeout(gpointer userdata);

static void on_now(int result, hark_message *reply, void *userdata)
{
        struct asker *self = userdata;

        g_print("%s\n", result == 0 ? hark_message_text(reply) : hark_reason(result, reply));
        self->result = result;
        if (result == 0 && --self->n_left > 0)
                g_timeout_add(20, on_timeout, self);
        else
                g_main_loop_quit(self->main_loop);
}

static gboolean on_timeout(gpointer userdata)
{
        struct asker *self = userdata;
        int r = hark_invoke(self->clock, "clock.Now", HARK_NOTHING, 1000, on_now, self, NULL);

        if (r != 0)
                on_now(r, NULL, self);
        return G_SOURCE_REMOVE;
}

int main(int argc, char **argv)
{
        const char *address = argc > 1 ? argv[1] : "unix:@clock";
        struct asker self = {.n_left = 3};
        hark_loop *loop = NULL;
        guint source;
        int r = hark_loop_new(&loop);

        if (r == 0)
                r = hark_connect(loop, address, NULL, &self.clock);
        if (r == 0) {
                self.main_loop = g_main_loop_new(NULL, FALSE);
                source = g_unix_fd_add(hark_loop_fd(loop), G_IO_IN, on_hark, loop);
                g_timeout_add(20, on_timeout, &self);
                g_main_loop_run(self.main_loop);
                g_source_remove(source);
                g_main_loop_unref(self.main_loop);
                r = self.result;
        } else {
                g_printerr("%s: %s\n", address, hark_reason(r, NULL));
        }
        hark_client_unref(self.clock);
        hark_loop_unref(loop);
        return r != 0;
}
