/* SPDX-License-Identifier: MIT */

/* Who may do what: rules in words, tried before they are in force, and a hook for what words cannot
 * say. */

#include <hark/hark.h>
#include <stdio.h>
#include <string.h>

static int on_accept(hark_peer *peer, void *userdata)
{
        (void)userdata;
        if (hark_peer_credentials(peer)->pid == 0)
                fprintf(stderr, "%s: unknown process, only what anyone may\n",
                        hark_peer_name(peer));
        return 0;
}

static void on_off(hark_request *request, void *userdata)
{
        (void)userdata;
        hark_reply(request, hark_text("off"));
}

static void on_log(int level, const char *text, void *userdata)
{
        (void)userdata;
        fprintf(stderr, "<%d>%s\n", level, text);
}

static int add_rules(hark_server *server)
{
        static const char *const rules[] = {
                "call light.Off gid=video self",
                "subscribe light.> anyone",
                "call light.Break uid=65432",
        };
        char why[128] = "";
        int r = 0;

        for (size_t i = 0; r == 0 && i < sizeof(rules) / sizeof(rules[0]); i++) {
                r = hark_server_allow(server, rules[i]);
                if (r != 0 && hark_rule_check(rules[i], why, sizeof(why)) != 0)
                        fprintf(stderr, "rule '%s': %s\n", rules[i], why);
        }
        return r;
}

int main(int argc, char **argv)
{
        const char *address = argc > 1 ? argv[1] : "unix:@hark-example-rules";
        struct hark_server_params params = {.on_accept = on_accept};
        hark_loop *loop = NULL;
        hark_server *server = NULL;
        int r = hark_loop_new(&loop);

        params.rules_only_report = argc > 2 && strcmp(argv[2], "report") == 0;
        if (r == 0)
                r = hark_loop_set_log(loop, on_log, NULL);
        if (r == 0)
                r = hark_server_new(loop, &params, &server);
        if (r == 0)
                r = add_rules(server);
        if (r == 0)
                r = hark_server_handle(server, "light.>", on_off, NULL);
        if (r == 0)
                r = hark_server_listen(server, address);
        if (r == 0)
                puts(hark_server_address(server, 0));
        fflush(stdout);
        if (r == 0)
                r = hark_loop_run(loop);
        if (r != 0)
                fprintf(stderr, "%s: %s\n", address, hark_reason(r, NULL));
        hark_server_unref(server);
        hark_loop_unref(loop);
        return r != 0;
}
