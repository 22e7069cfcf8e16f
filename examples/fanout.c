/* SPDX-License-Identifier: MIT */

/*
 * Asks any number of servers at once; who has not answered after 500 ms counts as silent.
 *
 *         fanout [ADDRESS...]
 *
 * With a loop hark_connect() does not wait, and neither does hark_invoke(): both may be called one
 * after the other, and everything that can go wrong comes to one place.
 */

#include <errno.h>
#include <hark/hark.h>
#include <stdio.h>
#include <stdlib.h>

struct fanout {
        hark_loop *loop;
        int n_open, n_failed;
};

struct question {
        struct fanout *fanout;
        const char *address;
        hark_client *client;
};

static void on_end(int result, hark_message *reply, void *userdata)
{
        struct question *question = userdata;
        struct fanout *fanout = question->fanout;

        printf("%s: %s\n", question->address,
               result == 0 ? hark_message_text(reply) : hark_reason(result, reply));
        fanout->n_failed += result != 0;
        if (--fanout->n_open == 0)
                hark_loop_stop(fanout->loop);
}

static void ask(struct question *question)
{
        int r = hark_connect(question->fanout->loop, question->address, NULL, &question->client);

        if (r == 0)
                r = hark_invoke(question->client, "clock.Now", HARK_NOTHING, 500, on_end, question,
                                NULL);
        if (r != 0) /* refused before it began: there will be no callback */
                on_end(r, NULL, question);
}

int main(int argc, char **argv)
{
        static const char *const by_default[] = {"unix:@clock"};
        const char *const *addresses = argc > 1 ? (const char *const *)argv + 1 : by_default;
        struct fanout fanout = {.n_open = argc > 1 ? argc - 1 : 1};
        int n_questions = fanout.n_open;
        struct question *questions = calloc((size_t)n_questions, sizeof(*questions));
        int r = questions ? hark_loop_new(&fanout.loop) : -ENOMEM;

        for (int i = 0; r == 0 && i < n_questions; i++) {
                questions[i].fanout = &fanout;
                questions[i].address = addresses[i];
                ask(&questions[i]);
        }
        if (r == 0)
                r = hark_loop_run(fanout.loop); /* at once, if all were refused: a stop is kept */
        for (int i = 0; questions && i < n_questions; i++)
                hark_client_unref(questions[i].client);
        hark_loop_unref(fanout.loop);
        free(questions);
        return r != 0 || fanout.n_failed > 0;
}
