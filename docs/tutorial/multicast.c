/* SPDX-License-Identifier: MIT */

/* The adder's notifications by multicast: sent once, heard by whoever has joined the group. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "adder.h"

static struct sockaddr_in group = {.sin_family = AF_INET};
static struct sockaddr *const there = (struct sockaddr *)&group;

/* Joins, on the interface of this machine alone; several may share the port. */
static int join(void)
{
        int own = must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
        struct ip_mreq wish = {.imr_multiaddr = group.sin_addr};
        socklen_t size = sizeof(group);
        int yes = 1;

        wish.imr_interface.s_addr = htonl(INADDR_LOOPBACK);
        must(setsockopt(own, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), "SO_REUSEADDR");
        must(bind(own, there, size), "bind");
        must(getsockname(own, there, &size), "getsockname");
        must(setsockopt(own, IPPROTO_IP, IP_ADD_MEMBERSHIP, &wish, sizeof(wish)), "join");
        return own;
}

/* Sends to the group; with a lifetime of 0 it does not leave this machine. */
static void publish(const char *text)
{
        int own = must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
        struct in_addr interface = {.s_addr = htonl(INADDR_LOOPBACK)};
        int none = 0;

        must(setsockopt(own, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof(interface)), "IF");
        must(setsockopt(own, IPPROTO_IP, IP_MULTICAST_TTL, &none, sizeof(none)), "TTL");
        must(sendto(own, text, strlen(text), 0, there, sizeof(group)), "sendto");
        close(own);
}

static void hear(int own, const char *what, int flags)
{
        char text[64];

        tell(what, text, recv(own, text, sizeof(text), flags));
}

int main(void)
{
        int ann, bob, late;

        group.sin_addr.s_addr = inet_addr("239.255.0.1");
        ann = join(); /* the kernel chooses the port, the others take the same */
        bob = join();
        publish("total 5");
        late = join();
        hear(ann, "Ann hears", 0);
        hear(bob, "Bob hears", 0);
        hear(late, "who comes late hears", MSG_DONTWAIT);
        close(ann);
        close(bob);
        close(late);
        publish("total 14");
        puts("sent to nobody without an error");
        return 0;
}
