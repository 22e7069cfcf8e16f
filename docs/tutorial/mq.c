/* SPDX-License-Identifier: MIT */

/* The adder behind two POSIX message queues: one for questions, one for answers. */

#include <fcntl.h>
#include <mqueue.h>

#include "adder.h"

static char questions[64], answers[64];

static mqd_t open_queue(const char *name)
{
        struct mq_attr size = {.mq_maxmsg = 2, .mq_msgsize = 32};

        return must(mq_open(name, O_RDWR | O_CREAT | O_NONBLOCK, 0600, &size), "mq_open");
}

/* One question. It does not say whom to answer: that is agreed beforehand. */
static void serve(mqd_t in)
{
        char question[33], text[32];
        ssize_t size = must(mq_receive(in, question, 32, NULL), "mq_receive");
        mqd_t out = open_queue(answers);

        question[size] = '\0';
        size = sprintf(text, "answer %lu", add_up(question));
        must(mq_send(out, text, (size_t)size, 0), "mq_send");
        size = sprintf(text, "total %lu", add_up(question));
        must(mq_send(out, text, (size_t)size, 0), "mq_send");
}

static void hear(mqd_t queue, const char *what, size_t room)
{
        char text[32];

        tell(what, text, mq_receive(queue, text, room, NULL));
}

static void ask_and_hear(mqd_t in)
{
        mqd_t out = open_queue(answers);

        must(mq_send(in, "1 1", 3, 0), "mq_send");
        must(mq_send(in, "2 3", 3, 9), "mq_send"); /* more urgent */
        run(serve, in);
        hear(out, "first", 32);
        hear(out, "then", 32);
        mq_close(out);
}

int main(void)
{
        static const char large[33];
        mqd_t in;

        snprintf(questions, sizeof(questions), "/tutorial-%d", getpid());
        snprintf(answers, sizeof(answers), "/tutorial-%d-answers", getpid());
        in = open_queue(questions);
        ask_and_hear(in);
        report("sending to nobody", mq_send(in, "4 5", 3, 0));
        report("and once more", mq_send(in, "6 7", 3, 0));
        report("sending 33 bytes", mq_send(in, large, sizeof(large), 0));
        hear(in, "reading 3 bytes into room for 3", 3);
        mq_close(in);
        in = open_queue(questions);
        hear(in, "left in it when all had closed it", 32);
        mq_close(in);
        mq_unlink(answers);
        return mq_unlink(questions);
}
