/* SPDX-License-Identifier: MIT */

/* See multicast.h. */

#include "transport/multicast.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "link/pose.h"
#include "transport/fd_port.h"
#include "transport/inbox_port.h"
#include "transport/multicast_in.h"
#include "transport/multicast_out.h"
#include "transport/single.h"
#include "wire/frame.h"

#define READ_MAX     64 /* datagrams in one go: others get their turn */
#define MESSAGE_SIZE ((size_t)16 * 1024)
#define FRAME_MAX    ((size_t)20 * 1024) /* that, and the prefix */
#define SUBSCRIPTION 1                   /* the number of that to all there is */

struct multicast_port {
        struct hark_inbox_port base; /* the first member */
        bool is_server;
        struct hark_multicast_group group;
        struct hark_multicast_out out; /* of a client not before it publishes */
        struct hark_multicast_in in;   /* a client's */
        struct hark_io io;
        struct hark_timer overdue;
};

static const struct hark_transport_ops multicast;

static struct multicast_port *multicast_port_of(struct hark_port *port)
{
        return hark_container_of(port, struct multicast_port, base.port);
}

/* --- frames of the server that is listened to ------------------------------------------------- */

/* A frame that is sent, taken apart. */
struct sent {
        const struct hark_out_frame *frame;
        struct hark_header header;
        const char *name;
        struct hark_span extensions;
};

/* All but a long payload lies in the first piece. */
static bool take_apart(const struct hark_out_frame *frame, struct sent *ret_sent)
{
        const uint8_t *head = frame->iov[0].iov_base;
        struct hark_frame parts;
        const char *why;

        *ret_sent = (struct sent){.frame = frame};
        if (hark_header_decode(head, &ret_sent->header, &why) < 0 ||
            hark_frame_split(&ret_sent->header, head + HARK_HEADER_SIZE,
                             frame->iov[0].iov_len - HARK_HEADER_SIZE, &parts, &why) < 0)
                return false;
        ret_sent->name = (const char *)parts.name.bytes;
        ret_sent->extensions = parts.extensions;
        return true;
}

/* What was dropped before it could leave is missed by all. */
static void pass_on_gap(struct multicast_port *port, const struct sent *sent)
{
        size_t name_size = sent->header.name_size;
        const uint8_t *payload = (const uint8_t *)sent->name + hark_name_padded_size(name_size);
        bool is_topic = hark_name_is_valid(sent->name, name_size);

        hark_cast_sender_skip(port->out.sender, sent->name, is_topic ? name_size : 0,
                              hark_load64(payload));
}

static void take_of_server(struct multicast_port *port, const struct sent *sent)
{
        switch (sent->header.type) {
        case HARK_FRAME_PUBLISH:
                hark_multicast_out_send(&port->out, sent->frame, sent->name,
                                        sent->header.name_size);
                break;
        case HARK_FRAME_GAP:
                pass_on_gap(port, sent);
                break;
        case HARK_FRAME_PING:
                (void)hark_pose_pong(&port->base.inbox, sent->header.id);
                break;
        case HARK_FRAME_SUBSCRIBED:
                if (sent->header.status != 0)
                        hark_log(hark_loop_log(port->base.port.loop), LOG_ERR,
                                 "nothing goes to the group %s: a rule does not let anyone "
                                 "subscribe to all",
                                 port->base.port.remote);
                break;
        default:
                break;
        }
}

/* --- frames of a client ----------------------------------------------------------------------- */

/* Without the memory to answer the connection ends, so that nobody waits for ever. */
static void note_answered(struct multicast_port *port, int r)
{
        if (r < 0)
                port->base.is_ended = true;
}

static void refuse(struct multicast_port *port, const struct sent *sent, int status,
                   const char *text)
{
        char name[HARK_NAME_MAX + 1] = "";

        if (sent->header.name_size > 0)
                memcpy(name, sent->name, sent->header.name_size);
        note_answered(port,
                      hark_pose_refusal(&port->base.inbox, &sent->header, name, status, text));
}

static void subscribe(struct multicast_port *port, const struct sent *sent)
{
        struct hark_queue queue = {0};
        struct hark_span group;
        int r;

        if (sent->header.flags & HARK_FLAG_EXTENSIONS)
                hark_queue_find(sent->extensions, &queue);
        if (hark_extension_find(sent->extensions, HARK_EXTENSION_GROUP, &group)) {
                refuse(port, sent, HARK_UNIMPLEMENTED, "a multicast group has no groups in it");
                return;
        }
        if (queue.flags & HARK_QUEUE_WANTS_RETAINED) {
                refuse(port, sent, HARK_UNIMPLEMENTED, "a multicast group keeps no values");
                return;
        }
        r = hark_multicast_in_subscribe(&port->in, sent->header.id, sent->name,
                                        sent->header.name_size);
        if (r == 0)
                r = hark_pose_subscribed(&port->base.inbox, sent->header.id);
        note_answered(port, r);
}

static void publish(struct multicast_port *port, const struct sent *sent)
{
        int r = 0;

        if (sent->header.type == HARK_FRAME_WITHDRAWN ||
            sent->header.flags & (HARK_FLAG_RETAIN | HARK_FLAG_LIVE)) {
                refuse(port, sent, HARK_UNIMPLEMENTED, "a multicast group keeps no values");
                return;
        }
        if (!port->out.sender)
                r = hark_multicast_out_open(&port->out, port->base.port.loop, &port->group);
        if (r == 0) {
                hark_multicast_out_send(&port->out, sent->frame, sent->name,
                                        sent->header.name_size);
        } else {
                hark_multicast_out_close(&port->out);
                refuse(port, sent, HARK_UNAVAILABLE, hark_reason(r, NULL));
        }
}

static void take_of_client(struct multicast_port *port, const struct sent *sent)
{
        switch (sent->header.type) {
        case HARK_FRAME_SUBSCRIBE:
                subscribe(port, sent);
                break;
        case HARK_FRAME_UNSUBSCRIBE:
                hark_multicast_in_unsubscribe(&port->in, sent->header.id);
                break;
        case HARK_FRAME_PUBLISH:
        case HARK_FRAME_WITHDRAWN:
                publish(port, sent);
                break;
        case HARK_FRAME_REQUEST:
                if (!(sent->header.flags & HARK_FLAG_CONTINUED))
                        refuse(port, sent, HARK_UNIMPLEMENTED,
                               "nobody answers at a multicast group");
                break;
        case HARK_FRAME_PING:
                note_answered(port, hark_pose_pong(&port->base.inbox, sent->header.id));
                break;
        default:
                break;
        }
}

static ssize_t send_frames(struct hark_port *base, const struct hark_out_frame *frames,
                           unsigned n_frames)
{
        struct multicast_port *port = multicast_port_of(base);
        ssize_t taken = 0;

        for (unsigned i = 0; i < n_frames; i++) {
                struct sent sent;

                taken += (ssize_t)frames[i].size;
                if (!take_apart(&frames[i], &sent))
                        continue;
                if (port->is_server)
                        take_of_server(port, &sent);
                else
                        take_of_client(port, &sent);
        }
        if (port->base.is_ended || hark_inbox_has_frame(&port->base.inbox))
                hark_inbox_port_tell_soon(&port->base);
        return taken;
}

/* --- what is heard ---------------------------------------------------------------------------- */

static void on_overdue(struct hark_timer *timer);

/* Tells what is overdue now, too. */
static void watch_overdue(struct multicast_port *port)
{
        uint64_t due_ns = hark_cast_receiver_process(port->in.receiver, hark_now_ns());

        if (due_ns != 0)
                hark_timer_start(port->base.port.loop, &port->overdue, due_ns, on_overdue);
}

/* What nobody takes the kernel keeps, and drops at last; and that shows in the numbers. */
static void update(struct multicast_port *port)
{
        if (port->io.loop)
                hark_io_set(&port->io, port->base.inbox.size < HARK_MULTICAST_HELD ? EPOLLIN : 0);
}

/* What is overdue, and who is silent, shows only when nothing more waits in the kernel: it may be
 * there since long before this process came to read. Whatever is left there is read later, and so
 * this is done again. */
static void read_packets(struct multicast_port *port)
{
        uint8_t packet[HARK_CAST_PACKET + 1]; /* what is larger shows by filling it */
        uint64_t now_ns = hark_now_ns();

        for (unsigned i = 0; i < READ_MAX && port->base.inbox.size < HARK_MULTICAST_HELD; i++) {
                ssize_t n = recv(port->io.fd, packet, sizeof(packet), MSG_DONTWAIT);

                if (n < 0 && errno == EAGAIN) {
                        watch_overdue(port);
                        return;
                }
                if (n > 0)
                        hark_multicast_in_put(&port->in, packet, (size_t)n, now_ns);
        }
}

static void read_and_tell(struct multicast_port *port)
{
        read_packets(port);
        update(port);
        hark_inbox_port_tell(&port->base, 0);
}

static void on_overdue(struct hark_timer *timer)
{
        read_and_tell(hark_container_of(timer, struct multicast_port, overdue));
}

static void on_readable(struct hark_io *io, uint32_t events)
{
        (void)events;
        read_and_tell(hark_container_of(io, struct multicast_port, io));
}

static ssize_t receive(struct hark_port *base, const struct iovec *iov, unsigned n_iov,
                       struct hark_in_fds *fds)
{
        struct multicast_port *port = multicast_port_of(base);
        ssize_t n;

        (void)fds;
        if (port->io.loop && !hark_inbox_has_frame(&port->base.inbox))
                hark_multicast_in_pay(&port->in);
        if (port->io.loop && !hark_inbox_has_frame(&port->base.inbox) &&
            !hark_inbox_port_is_telling(&port->base))
                read_packets(port);
        n = hark_inbox_port_take(&port->base, iov, n_iov);
        update(port);
        return n;
}

/* --- life ------------------------------------------------------------------------------------- */

static void close_multicast(struct hark_port *base)
{
        struct multicast_port *port = multicast_port_of(base);

        hark_multicast_out_close(&port->out);
        hark_timer_stop(&port->overdue);
        hark_io_stop(&port->io);
        hark_close(port->io.fd);
        hark_multicast_in_done(&port->in);
        hark_inbox_port_done(&port->base);
        free(port);
}

static int start_multicast(struct hark_port *base)
{
        struct multicast_port *port = multicast_port_of(base);
        int r = 0;

        if (!port->is_server)
                r = hark_io_start(base->loop, &port->io, port->io.fd, EPOLLIN, on_readable);
        if (r == 0)
                hark_inbox_port_open_soon(&port->base);
        return r;
}

static void want(struct hark_port *base, unsigned events)
{
        multicast_port_of(base)->base.wanted = events;
}

static int pose_as_client(struct multicast_port *port)
{
        int r = hark_pose_hello(&port->base.inbox, "multicast", MESSAGE_SIZE);

        return r < 0 ? r : hark_pose_subscribe(&port->base.inbox, SUBSCRIPTION, ">");
}

static int open_server(struct multicast_port *port)
{
        int r = hark_multicast_out_open(&port->out, port->base.port.loop, &port->group);

        return r < 0 ? r : pose_as_client(port);
}

static int open_client(struct multicast_port *port)
{
        int r = hark_multicast_in_init(&port->in, &port->base.inbox);

        if (r < 0)
                return r;
        port->io.fd = hark_multicast_open_receiver(&port->group);
        if (port->io.fd < 0)
                return port->io.fd;
        return hark_pose_hello(&port->base.inbox, "multicast", MESSAGE_SIZE);
}

static int open_port(hark_loop *loop, const struct hark_multicast_group *group, bool is_server,
                     struct hark_port **ret_port)
{
        struct multicast_port *port = calloc(1, sizeof(*port));
        int r;

        if (!port)
                return -ENOMEM;
        hark_inbox_port_init(&port->base, &multicast, loop);
        port->is_server = is_server;
        port->group = *group;
        port->out.fd = port->io.fd = -1;
        hark_inet_print(&group->name, port->base.port.remote, sizeof(port->base.port.remote));
        r = is_server ? open_server(port) : open_client(port);
        if (r < 0)
                close_multicast(&port->base.port);
        else
                *ret_port = &port->base.port;
        return r;
}

int hark_multicast_connect(hark_loop *loop, const struct hark_address *address,
                           struct hark_port **ret_port)
{
        struct hark_multicast_group group;
        int r = hark_multicast_find(address, &group);

        return r < 0 ? r : open_port(loop, &group, false, ret_port);
}

/* As a client would write it, who has to be at the same interface. */
static char *print_address(const struct hark_address *address)
{
        char *bare = hark_address_bare_text(address), *printed;

        if (!bare || !address->interface)
                return bare;
        if (asprintf(&printed, "%s?interface=%s", bare, address->interface) < 0)
                printed = NULL;
        free(bare);
        return printed;
}

int hark_multicast_listen(hark_loop *loop, const struct hark_address *address,
                          struct hark_listener **ret_listener)
{
        struct hark_multicast_group group;
        struct hark_listener *listener;
        struct hark_port *port;
        int r = hark_multicast_find(address, &group);

        if (r == 0 && !group.is_local && !address->is_open) {
                hark_inet_log_exposure(loop, address->text);
                r = -EPERM;
        }
        if (r < 0)
                return r;
        listener = hark_single_new(loop, &multicast, print_address(address));
        if (!listener)
                return -ENOMEM;
        r = open_port(loop, &group, true, &port);
        if (r < 0) {
                hark_single_close(listener);
                return r;
        }
        hark_single_yield(listener, port);
        *ret_listener = listener;
        return 0;
}

/* What an address of udp: turns into when it is a group's. */
static const struct hark_transport_ops multicast = {
        .public = {.scheme = "udp",
                   .syntax = "udp:group:port",
                   .capabilities = HARK_CAN_LOSE,
                   .max_frame = FRAME_MAX,
                   .peer_death = "never",
                   .credentials = "none"},
        .close_listener = hark_single_close,
        .start = start_multicast,
        .receive = receive,
        .send = send_frames,
        .want = want,
        .identify = hark_fd_port_identify_nobody,
        .close = close_multicast,
};
