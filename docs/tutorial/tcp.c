/* SPDX-License-Identifier: MIT */

/* The adder behind TCP, at this machine's own address, at a port that the kernel chooses. */

#include <netinet/in.h>
#include <sys/socket.h>

#include "adder.h"

static struct sockaddr_in place = {.sin_family = AF_INET};
static struct sockaddr *const there = (struct sockaddr *)&place;

static int new_socket(void)
{
        return must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
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

/* Dies with the question unread. */
static void die(int listener)
{
        char question[1];
        int client = must(accept(listener, NULL, NULL), "accept");

        must(recv(client, question, sizeof(question), MSG_PEEK), "recv");
}

static void ask(int listener, void (*service)(int), const char *what)
{
        struct ucred other;
        socklen_t other_size = sizeof(other);
        char text[64];
        int server = new_socket();

        must(connect(server, there, sizeof(place)), "connect");
        must(send(server, "2 3", 3, MSG_NOSIGNAL), "send");
        run(service, listener);
        tell(what, text, recv(server, text, sizeof(text), MSG_WAITALL));
        must(getsockopt(server, SOL_SOCKET, SO_PEERCRED, &other, &other_size), "getsockopt");
        printf("the service's user: %s\n", other.uid == (uid_t)-1 ? "unknown" : "known");
        close(server);
}

int main(void)
{
        int listener = new_socket(), again = new_socket();
        socklen_t size = sizeof(place);

        place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        must(bind(listener, there, size), "bind");
        must(getsockname(listener, there, &size), "getsockname");
        must(listen(listener, 8), "listen");
        ask(listener, serve, "asked 2 3");
        ask(listener, die, "sent 2 3 without an error, and read");
        close(listener);
        report("serving there again", bind(again, there, size));
        return 0;
}
