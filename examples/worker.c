/* SPDX-License-Identifier: MIT */

/*
 * Answers later, from a thread for each question: `worker [ADDRESS]`. Requests belong to the loop's
 * thread, messages, which never change, to all; a thread comes home by hark_loop_post(). Who ends
 * before it is killed must join its threads before it lets go of the loop.
 */

#include <hark/hark.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct job {
        hark_loop *loop;
        pthread_t thread;
        hark_request *request;
        hark_message *question; /* valid as long as the request */
        char answer[24];
};

static void finish(void *userdata) /* in the loop's thread again */
{
        struct job *job = userdata;

        pthread_join(job->thread, NULL);
        hark_reply(job->request, hark_text(job->answer)); /* no harm if nobody waits any more */
        hark_request_unref(job->request);
        free(job);
}

static void *work(void *userdata)
{
        struct job *job = userdata;
        const unsigned char *bytes = hark_message_data(job->question);
        unsigned long sum = 0;

        for (size_t i = 0; i < hark_message_size(job->question); i++)
                sum += bytes[i];
        snprintf(job->answer, sizeof(job->answer), "%lu", sum);
        hark_loop_post(job->loop, finish, job);
        return NULL;
}

static void on_sum(hark_request *request, void *userdata)
{
        struct job *job = calloc(1, sizeof(*job));

        if (!job)
                return; /* letting go is an answer, too: HARK_NOT_ANSWERED */
        job->loop = userdata;
        job->request = hark_request_ref(request);
        job->question = hark_request_message(request);
        if (pthread_create(&job->thread, NULL, work, job) == 0)
                return;
        hark_fail(request, HARK_RESOURCE_EXHAUSTED, "no more threads");
        hark_request_unref(job->request);
        free(job);
}

int main(int argc, char **argv)
{
        hark_loop *loop = NULL;
        hark_server *server = NULL;
        int r = hark_loop_new(&loop);

        if (r == 0)
                r = hark_server_new(loop, NULL, &server);
        if (r == 0)
                r = hark_server_handle(server, "math.Sum", on_sum, loop);
        if (r == 0)
                r = hark_server_listen(server, argc > 1 ? argv[1] : "unix:@math");
        if (r == 0 && puts(hark_server_address(server, 0)) >= 0 && fflush(stdout) == 0)
                r = hark_loop_run(loop);
        if (r != 0)
                fprintf(stderr, "worker: %s\n", hark_reason(r, NULL));
        hark_server_unref(server);
        hark_loop_unref(loop);
        return r != 0;
}
