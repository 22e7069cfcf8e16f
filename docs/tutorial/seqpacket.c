/* SPDX-License-Identifier: MIT */

/* The adder behind a UNIX socket of packets: each send() is one recv(), or what fits of it. */

#include <sys/socket.h>
#include <sys/un.h>

#include "adder.h"

static struct sockaddr_un place = {.sun_family = AF_UNIX};

/* One client: as many questions as come before an empty one, or the end; both look the same. */
static void serve(int listener)
{
        char question[64];
        int client = must(accept(listener, NULL, NULL), "accept");
        unsigned long total = 0;
        ssize_t size;

        while ((size = must(recv(client, question, sizeof(question) - 1, 0), "recv")) > 0) {
                question[size] = '\0';
                total += add_up(question);
                dprintf(client, "answer %lu", add_up(question));
                dprintf(client, "total %lu", total);
        }
}

static void hear(int server, size_t room)
{
        char text[64];
        ssize_t size = recv(server, text, room, MSG_TRUNC); /* says how large it was */

        if (size > (ssize_t)room)
                printf("%zd bytes, of which there is left: '%.*s'\n", size, (int)room, text);
        else
                tell("whole", text, size);
}

static void send_too_much(int server)
{
        static const char much[1 << 20];
        int size = 0; /* the least that the kernel grants */

        setsockopt(server, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        report("sending a megabyte", send(server, much, sizeof(much), MSG_NOSIGNAL));
}

int main(void)
{
        char directory[] = "/tmp/seqpacket-XXXXXX";
        int listener = must(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), "socket");
        int server = must(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), "socket");

        if (mkdtemp(directory) == NULL)
                must(-1, "mkdtemp");
        snprintf(place.sun_path, sizeof(place.sun_path), "%s/adder", directory);
        must(bind(listener, (struct sockaddr *)&place, sizeof(place)), "bind");
        must(listen(listener, 8), "listen");
        must(connect(server, (struct sockaddr *)&place, sizeof(place)), "connect");
        must(send(server, "2 3", 3, 0), "send");
        must(send(server, "4 5", 3, 0), "send");
        must(send(server, "", 0, 0), "send");
        send_too_much(server);
        run(serve, listener); /* ends by the empty packet: nobody has closed anything */
        hear(server, 64);
        hear(server, 64);
        hear(server, 6);
        hear(server, 64);
        unlink(place.sun_path);
        return rmdir(directory);
}
