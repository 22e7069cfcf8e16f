/* SPDX-License-Identifier: MIT */

/* The adder behind a UNIX datagram socket: one socket for all, and no connections. */

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "adder.h"

static struct sockaddr_un place = {.sun_family = AF_UNIX};
static struct sockaddr *const there = (struct sockaddr *)&place;

/* One question: answers to where it came from. */
static void serve(int own)
{
        char question[64], text[64];
        struct sockaddr_un from;
        socklen_t from_size = sizeof(from);
        struct sockaddr *to = (struct sockaddr *)&from;
        ssize_t size = recvfrom(own, question, sizeof(question) - 1, 0, to, &from_size);

        question[must(size, "recvfrom")] = '\0';
        size = sprintf(text, "answer %lu", add_up(question));
        if (sendto(own, text, (size_t)size, 0, to, from_size) < 0)
                printf("the service cannot answer: %m\n");
        size = sprintf(text, "total %lu", add_up(question));
        sendto(own, text, (size_t)size, 0, to, from_size);
}

static ssize_t ask(int own)
{
        return sendto(own, "2 3", 3, 0, there, sizeof(place));
}

static void hear(int own)
{
        char text[64];

        tell("the client hears", text, recv(own, text, sizeof(text), 0));
}

int main(void)
{
        const int type = SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
        char directory[] = "/tmp/dgram-XXXXXX";
        int service = must(socket(AF_UNIX, type, 0), "socket");
        int client = must(socket(AF_UNIX, type, 0), "socket");
        int stranger = must(socket(AF_UNIX, type, 0), "socket");
        struct pollfd waiting = {.fd = client, .events = POLLIN};
        struct sockaddr_un own;
        socklen_t own_size = sizeof(own);

        if (mkdtemp(directory) == NULL)
                must(-1, "mkdtemp");
        snprintf(place.sun_path, sizeof(place.sun_path), "%s/adder", directory);
        must(bind(service, there, sizeof(place)), "bind");
        must(ask(client), "sendto"); /* it has no name yet */
        run(serve, service);
        must(bind(client, there, sizeof(sa_family_t)), "bind"); /* the kernel finds one */
        must(getsockname(client, (struct sockaddr *)&own, &own_size), "getsockname");
        must(ask(client), "sendto");
        sendto(stranger, "answer 6", 8, 0, (struct sockaddr *)&own, own_size);
        run(serve, service);
        for (int i = 0; i < 3; i++)
                hear(client);
        while (ask(stranger) >= 0)
                continue;
        report("a stranger has filled the queue; the client asks", ask(client));
        close(service);
        printf("poll() sees that the service has gone: %s\n", poll(&waiting, 1, 0) ? "yes" : "no");
        report("the client asks it", ask(client));
        unlink(place.sun_path);
        return rmdir(directory);
}
