/* SPDX-License-Identifier: MIT */

/* The adder behind UDP, at this machine's own address, at a port that the kernel chooses. */

#include <netinet/in.h>
#include <sys/socket.h>

#include "adder.h"

static struct sockaddr_in place, own_place, other_place;
static struct sockaddr *const there = (struct sockaddr *)&place;

/* Gives a socket with a port of its own, and that in place. */
static int new_socket(struct sockaddr_in *ret_place)
{
        int own = must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
        socklen_t size = sizeof(*ret_place);

        *ret_place = (struct sockaddr_in){.sin_family = AF_INET};
        ret_place->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        must(bind(own, (struct sockaddr *)ret_place, size), "bind");
        must(getsockname(own, (struct sockaddr *)ret_place, &size), "getsockname");
        return own;
}

/* One question: answers to where it came from. */
static void serve(int own)
{
        char question[64], text[64];
        struct sockaddr_in from;
        socklen_t from_size = sizeof(from);
        struct sockaddr *to = (struct sockaddr *)&from;
        ssize_t size = recvfrom(own, question, sizeof(question) - 1, 0, to, &from_size);

        question[must(size, "recvfrom")] = '\0';
        size = sprintf(text, "answer %lu", add_up(question));
        must(sendto(own, text, (size_t)size, 0, to, from_size), "sendto");
        size = sprintf(text, "total %lu", add_up(question));
        must(sendto(own, text, (size_t)size, 0, to, from_size), "sendto");
}

static void hear(int own, const char *what)
{
        char text[64];

        tell(what, text, recv(own, text, sizeof(text), 0));
}

static void send_a_lot(int own, int service)
{
        static const char question[1000];
        int least = 0, n_came = 0;

        setsockopt(service, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
        for (int i = 0; i < 1000; i++)
                must(sendto(own, question, sizeof(question), 0, there, sizeof(place)), "sendto");
        while (recv(service, NULL, 0, MSG_DONTWAIT) >= 0)
                n_came++;
        printf("sent 1000 without an error; all came: %s\n", n_came == 1000 ? "yes" : "no");
}

int main(void)
{
        int service = new_socket(&place), client = new_socket(&own_place);
        int stranger = new_socket(&other_place);

        must(sendto(client, "2 3", 3, 0, there, sizeof(place)), "sendto");
        sendto(stranger, "answer 6", 8, 0, (struct sockaddr *)&own_place, sizeof(own_place));
        hear(client, "first");
        run(serve, service);
        hear(client, "second");
        hear(client, "third");
        send_a_lot(stranger, service);
        close(service);
        must(connect(client, there, sizeof(place)), "connect");
        must(send(client, "2 3", 3, 0), "send");
        hear(client, "sent to nobody without an error, and read");
        return 0;
}
