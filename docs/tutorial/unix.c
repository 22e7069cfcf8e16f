/* SPDX-License-Identifier: MIT */

/* The adder behind a UNIX stream socket. */

#include <sys/socket.h>
#include <sys/un.h>

#include "adder.h"

static struct sockaddr_un place = {.sun_family = AF_UNIX};
static struct sockaddr *const there = (struct sockaddr *)&place;

static int listen_there(void)
{
        int listener = must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

        must(bind(listener, there, sizeof(place)), "bind");
        must(listen(listener, 8), "listen");
        return listener;
}

/* One client, one read. */
static void serve(int listener)
{
        char question[64];
        int client = must(accept(listener, NULL, NULL), "accept");
        ssize_t size = must(read(client, question, sizeof(question) - 1), "read");

        question[size] = '\0';
        dprintf(client, "answer %lu", add_up(question));
        dprintf(client, "total %lu", add_up(question));
}

/* Asks before the service runs: the kernel connects, and keeps what was sent. */
static void ask(int listener, const char *what, const char *first, const char *second)
{
        struct ucred other;
        socklen_t other_size = sizeof(other);
        char text[64];
        int server = must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

        must(connect(server, there, sizeof(place)), "connect");
        must(send(server, first, strlen(first), MSG_NOSIGNAL), "send");
        must(send(server, second, strlen(second), MSG_NOSIGNAL), "send");
        run(serve, listener);
        tell(what, text, recv(server, text, sizeof(text), 0));
        must(getsockopt(server, SOL_SOCKET, SO_PEERCRED, &other, &other_size), "getsockopt");
        printf("the service runs as my user: %s\n", other.uid == geteuid() ? "yes" : "no");
        close(server);
}

int main(void)
{
        char directory[] = "/tmp/unix-XXXXXX";
        int listener, again = must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

        if (mkdtemp(directory) == NULL)
                must(-1, "mkdtemp");
        snprintf(place.sun_path, sizeof(place.sun_path), "%s/adder", directory);
        listener = listen_there();
        ask(listener, "asked 2 3", "2 3", "");
        ask(listener, "asked 2 3 and 4 5", "2 3", "4 5");
        close(listener);
        report("it has ended; connecting to it", connect(again, there, sizeof(place)));
        report("serving there again", bind(again, there, sizeof(place)));
        unlink(place.sun_path);
        return rmdir(directory);
}
