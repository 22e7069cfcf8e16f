/* SPDX-License-Identifier: MIT */

/*
 * The adder behind two pipes: this program starts itself again, as a service that reads questions
 * from stdin and writes to stdout.
 */

#include <fcntl.h>

#include "adder.h"

static int serve(void)
{
        char question[64];
        ssize_t size = must(read(STDIN_FILENO, question, sizeof(question) - 1), "read");

        question[size] = '\0';
        dprintf(STDOUT_FILENO, "answer %lu", add_up(question));
        dprintf(STDOUT_FILENO, "total %lu", add_up(question));
        return 0;
}

/* Starts the service with a pipe each way. What is ours of them must not be open in it, too. */
static pid_t start(int *ret_to, int *ret_from)
{
        int to[2], from[2];
        pid_t service;

        must(pipe2(to, O_CLOEXEC), "pipe2");
        must(pipe2(from, O_CLOEXEC), "pipe2");
        service = must(fork(), "fork");
        if (service == 0) {
                must(dup2(to[0], STDIN_FILENO), "dup2");
                must(dup2(from[1], STDOUT_FILENO), "dup2");
                must(execl("/proc/self/exe", "pipe", "serve", NULL), "execl");
        }
        close(to[0]);
        close(from[1]);
        *ret_to = to[1];
        *ret_from = from[0];
        return service;
}

/* Writes to a pipe that nobody reads, in a process of its own: it dies of that. */
static void write_in_vain(int to)
{
        pid_t writer = must(fork(), "fork");
        int status = 0;

        if (writer == 0) {
                must(write(to, "4 5", 3), "write");
                _exit(0);
        }
        must(waitpid(writer, &status, 0), "waitpid");
        printf("who writes now dies of: %s\n", strsignal(WTERMSIG(status)));
}

int main(int argc, char **argv)
{
        char text[64];
        int to, from;
        pid_t service;

        (void)argv;
        if (argc > 1)
                return serve();
        service = start(&to, &from);
        must(write(to, "2 3", 3), "write");
        wait_for(service);
        tell("one read", text, read(from, text, sizeof(text)));
        tell("and then", text, read(from, text, sizeof(text)));
        write_in_vain(to);
        return 0;
}
