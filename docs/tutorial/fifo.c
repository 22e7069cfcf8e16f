/* SPDX-License-Identifier: MIT */

/* The adder behind two FIFOs, one for questions and one for answers, that all clients share. */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "adder.h"

/* One question. Each open() waits until the other side opens as well. */
static void serve(void)
{
        char question[64];
        int in = must(open("questions", O_RDONLY), "open");
        int out = must(open("answers", O_WRONLY), "open");
        ssize_t size = must(read(in, question, sizeof(question) - 1), "read");

        question[size] = '\0';
        dprintf(out, "answer %lu", add_up(question));
        dprintf(out, "total %lu", add_up(question));
        _exit(0);
}

/* Ann asks; then both read, the one who is faster first. */
static void ask(const char *faster, const char *slower)
{
        char text[64];
        pid_t service = must(fork(), "fork");
        int to, first, second;

        if (service == 0)
                serve();
        to = must(open("questions", O_WRONLY), "open");
        first = must(open("answers", O_RDONLY), "open");
        second = must(open("answers", O_RDONLY | O_NONBLOCK), "open");
        must(write(to, "2 3", 3), "write");
        wait_for(service);
        tell(faster, text, read(first, text, sizeof(text)));
        tell(slower, text, read(second, text, sizeof(text)));
        close(to);
        close(first);
        close(second);
}

int main(void)
{
        char directory[] = "/tmp/fifo-XXXXXX";

        if (mkdtemp(directory) == NULL)
                must(-1, "mkdtemp");
        must(chdir(directory), "chdir");
        must(mkfifo("questions", 0600), "mkfifo");
        must(mkfifo("answers", 0600), "mkfifo");
        ask("Ann reads", "Bob reads");
        ask("Bob reads first", "Ann reads");
        printf("files left: %s\n", access("questions", F_OK) == 0 ? "yes" : "no");
        report("opening it when nobody reads", open("questions", O_WRONLY | O_NONBLOCK));
        unlink("questions");
        unlink("answers");
        return rmdir(directory);
}
