/* SPDX-License-Identifier: MIT */
#ifndef HARK_SERVER_H
#define HARK_SERVER_H

/*
 * The end that answers: methods, topics and rules, at any number of addresses.
 *
 * A peer is one client as the server sees it. It is valid from on_accept until on_leave has
 * returned, and as long as a request of it is kept.
 *
 * Either end of a connection may ask the other. A server asks a peer through hark_peer_client(); a
 * client answers by a server that it names in hark_client_params.serves.
 */

#include <sys/types.h>

#include <hark/client.h>
#include <hark/message.h>
#include <hark/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A server's rarer wishes. All zeros: who connects may call and subscribe, nobody may publish. */
struct hark_server_params {
        /**
         * A client wants in: 0 admits it, a status refuses it, and anything negative counts as
         * HARK_PERMISSION_DENIED. Asked of the server that a client with .serves is connected to,
         * too.
         */
        int (*on_accept)(hark_peer *peer, void *userdata);
        /**
         * An admitted one has gone; reason: 0 it said goodbye, else -errno. Where only one can come
         * (stdio:, pipe:), also if it went before on_accept was asked, for nobody else will come.
         */
        void (*on_leave)(hark_peer *peer, int reason, void *userdata);
        /** A client publishes: 0 passes it on to the subscribers; else as on_accept. */
        int (*on_publication)(hark_peer *peer, const char *topic, hark_message *message,
                              void *userdata);
        /**
         * A slow peer has lost n_lost notifications of topic, or of several topics that this filter
         * matches, since that was last said of this subscription.
         */
        void (*on_drop)(hark_peer *peer, const char *topic, uint64_t n_lost, void *userdata);
        /** hark_server_n_slow() has come down to 0 again. */
        void (*on_relief)(hark_server *server, void *userdata);
        /**
         * No member of this group has confirmed this notification, and none ever will: the last one
         * ended, or the only one who may have seen it wanted it once only, or too much waited.
         * Publish it again, keep it, or say so. Without this it is counted in the log.
         */
        void (*on_unconfirmed)(hark_server *server, const char *group, const char *topic,
                               hark_message *message, void *userdata);
        void *userdata;            /**< for those above */
        bool is_hub;               /**< pass on what clients publish, without on_publication */
        bool rules_only_report;    /**< log what hark_server_allow() would refuse, let it pass */
        int spin_us;               /**< its loop polls so long before it sleeps, while that pays: it
                                           takes a CPU that is not otherwise needed; 0, -1: never */
        int ping_ms;               /**< as hark_client_params.ping_ms */
        struct hark_limits limits; /**< of each connection */
        uint32_t connections;      /**< of each listener; 0: 4096 */
        uint32_t connections_per_uid; /**< of each listener; 0: 256 */
        uint32_t half_open;           /**< of each listener: without a hello yet; 0: 64 */
        uint32_t retained_topics;     /**< that keep a value; 0: 1024 */
        size_t retained_size;         /**< bytes of those values, 256 besides for each; 0: 16 MiB */
        uint64_t reserved[8];         /**< zero */
};

/**
 * Makes a server that answers from @p loop.
 *
 * @param loop kept by the server; must not be NULL
 * @param params may be NULL; copied
 * @param ret_server yours to let go of with hark_server_unref()
 * @return 0
 */
HARK_API int hark_server_new(hark_loop *loop, const struct hark_server_params *params,
                             hark_server **ret_server);

/**
 * Keeps a server.
 *
 * @param server may be NULL
 * @return @p server
 */
HARK_API hark_server *hark_server_ref(hark_server *server);

/**
 * Lets go of a server. The last reference closes it at once: no more listening, requests kept are
 * told on_cancel, peers on_leave, each before this returns (inside a callback: right after that
 * callback returns).
 *
 * @param server may be NULL
 * @return NULL
 */
HARK_API hark_server *hark_server_unref(hark_server *server);

/**
 * Answers by hark_reply() or hark_fail(): now, or later if it keeps the request
 * (hark_request_ref()).
 *
 * @param request valid until this returns, or as long as it is kept
 * @param userdata as given to hark_server_handle()
 */
typedef void hark_on_request(hark_request *request, void *userdata);

/**
 * Offers a method.
 *
 * @param server must not be NULL
 * @param method a name, or a filter with `*` or `>`; the most specific match answers. Names that begin
 *        with `hark.` are the library's own: no handler answers those, of a filter neither
 * @param on_request replaces who answered it before; NULL takes the method back
 * @param userdata handed to @p on_request
 * @return 0; -ENOENT: there was nothing to take back
 */
HARK_API int hark_server_handle(hark_server *server, const char *method,
                                hark_on_request *on_request, void *userdata);

/**
 * Adds a rule; from the first one on, what no rule allows is refused: HARK_PERMISSION_DENIED, and
 * its text says which rule does not allow it. Holds from then on, so add rules before you listen: a
 * subscription that stands is not taken away. Blocks only to look up users and groups that the rule
 * names.
 *
 * @param server must not be NULL
 * @param rule "VERBS FILTER WHO...", as "call,subscribe clock.> uid=1000 gid=video self": VERBS are
 *        call, subscribe, publish, with commas between, or all; FILTER is of methods or topics, and a
 *        subscription needs one rule whose filter covers its own; WHO is any number of uid= and gid=
 *        with a number or a name, self (the user that this process has now), or anyone, the only one
 *        that a peer without credentials is. A rule to publish makes no hub: see is_hub.
 * @return 0; -EINVAL: not a rule, -ENOENT: no such user or group, and hark_rule_check() says where;
 *         -ENOMEM, -EMFILE, -EIO, ...: they could not be looked up. Then there is no more rule than
 *         before.
 */
HARK_API int hark_server_allow(hark_server *server, const char *rule);

/**
 * Checks a rule, without a server. Blocks as hark_server_allow(). Any thread.
 *
 * @param rule as for hark_server_allow()
 * @param ret_why set, when the rule is wrong, to a text that names the part and what was expected:
 *        "who: 'root' is none of uid=, gid=, self, anyone". Fit to print. May be NULL.
 * @param size of @p ret_why in bytes; 128 is enough, what is longer is cut
 * @return as hark_server_allow()
 */
HARK_API int hark_rule_check(const char *rule, char *ret_why, size_t size);

/**
 * Listens at one more address. Blocks in the resolver for `tcp:` or `udp:` with a name, and up to a second
 * while somebody else is taking the same path.
 *
 * @param server must not be NULL
 * @param address as for hark_connect(); "tcp:host:0" (udp: too) picks a port; "inherit:" serves the sockets that
 *        the service manager handed over (LISTEN_FDS, sd_listen_fds(3)), "inherit:NAME" those of that
 *        name: all of them, or, if one of them cannot be had, none
 * @return 0. -EADDRINUSE: somebody serves it (a socket that nobody serves is replaced; a file that
 *         is no socket never is); -EBUSY: somebody is just taking it. -EACCES. -EPERM: it reaches
 *         beyond this machine, does not say `?open`, and no rule speaks of anyone:
 *         hark_server_allow() first. -EINVAL: see hark_address_check().
 *         -ENOENT: no such directory, user or host, or "inherit:" without sockets. -ENODEV,
 *         -ENETUNREACH: no such interface, or no way to the multicast group. -EOPNOTSUPP: this
 *         transport only connects, or what was handed over is no stream socket that listens, or is
 *         one of TCP where `?uid=` names a user.
 *         -EDQUOT, -ENOSPC: no message queue left for this user, or the system; the log says what
 *         to raise. -EMFILE, -ENFILE: no fd left. -ESHUTDOWN: it drains.
 */
HARK_API int hark_server_listen(hark_server *server, const char *address);

/**
 * Tells where a server listens.
 *
 * @param server must not be NULL
 * @param index from 0, in the order of hark_server_listen()
 * @return the real address of that listener ("tcp:127.0.0.1:40123"), NULL past the last; valid as
 *         long as @p server
 */
HARK_API const char *hark_server_address(const hark_server *server, size_t index);

/**
 * Publishes to every subscriber of @p topic. Never waits, never fails because one of them is slow:
 * that one is told of a gap.
 *
 * @param server must not be NULL
 * @param topic a name, as a method is; not one that begins with `hark.`
 * @param payload borrowed until this returns
 * @return 0, also when nobody listens; -EDQUOT: too much is retained, and nobody got it;
 *         -EINVAL: also a value with fds, or a withdrawal with anything;
 *         -EMSGSIZE: above 1 GiB less 4 KiB; -EBADF, -EMFILE: its fds
 *         could not be duplicated; -ENOMEM: nobody got it. A subscriber that takes no message so
 *         large, or no fds, is told of a gap.
 */
HARK_API int hark_server_publish(hark_server *server, const char *topic,
                                 struct hark_payload payload);

/**
 * Tells how many subscriptions have a queue that is above half now, in messages or in bytes. Who
 * publishes no more until on_relief makes nobody lose anything, unless a connection is full of
 * other things.
 *
 * @param server must not be NULL
 * @return their number
 */
HARK_API size_t hark_server_n_slow(const hark_server *server);

/**
 * Asks whether anybody listens: if not, save yourself the work.
 *
 * @param server must not be NULL
 * @param topic a name
 * @return whether some subscription matches @p topic now
 */
HARK_API bool hark_server_has_subscribers(const hark_server *server, const char *topic);

/**
 * Told when draining is over, once, behind every on_leave. The server still is yours to let go of.
 *
 * @param result 0: all was done; -ETIMEDOUT: the rest was cut off; -ECANCELED: the server was let go
 *        of before
 * @param userdata as given to hark_server_drain()
 */
typedef void hark_on_drained(int result, void *userdata);

/**
 * Takes no more connections, requests and subscriptions, finishes what it has, says goodbye to all,
 * and closes. It leaves its addresses at once, so that another server may take them. What had been
 * asked is answered, requests that are kept too, streams are ended by their handlers, and what had
 * been published leaves; what is published from now on reaches nobody. Who has nothing left is
 * closed. Does not block.
 *
 * A connection that a client of this process made (hark_client_params.serves) is closed only if it
 * is cut off: it is the client's.
 *
 * @param server must not be NULL; it stays drained for good
 * @param timeout_ms 0..HARK_FOREVER; then the rest is cut off: requests that are kept are told
 *        on_cancel (-ECANCELED), their callers -ECONNRESET
 * @param on_drained must not be NULL; never called before this returns
 * @param userdata handed to @p on_drained
 * @return 0; -EALREADY: it is draining, or has drained
 */
HARK_API int hark_server_drain(hark_server *server, int timeout_ms, hark_on_drained *on_drained,
                               void *userdata);

/**
 * Tells the service manager how this process is, as sd_notify(3): one datagram to the socket that
 * the environment names (NOTIFY_SOCKET). Does not block. Any thread, as long as none changes the
 * environment.
 *
 * @param state "READY=1", "STOPPING=1", "STATUS=words", ..., several with newlines between; not empty
 * @return 0, also if there is no manager that wants to know; -EOPNOTSUPP: its socket is no UNIX socket;
 *         -ENOENT, -ECONNREFUSED, -EACCES, -EAGAIN (it does not read), ...: it was not told
 */
HARK_API int hark_supervisor_notify(const char *state);

/* Requests: valid in their handler, and as long as they are kept. */

/**
 * Keeps a request, to answer it later.
 *
 * @param request may be NULL
 * @return @p request
 */
HARK_API hark_request *hark_request_ref(hark_request *request);

/**
 * Lets go of a request; if unanswered, the last reference answers HARK_NOT_ANSWERED, or why the
 * answer that was tried could not be given.
 *
 * @param request may be NULL
 * @return NULL
 */
HARK_API hark_request *hark_request_unref(hark_request *request);

/**
 * Answers; does not let go of the request. To a request that expects no answer: 0, nothing is sent.
 *
 * @param request must not be NULL
 * @param payload borrowed until this returns; with a status it is a failure
 * @return 0: answered. -EALREADY: answered before. -ECANCELED, -ETIMEDOUT, -ECONNRESET: nobody
 *         waits for it any more, and on_cancel, if it is watched, has been called. -EMSGSIZE: too large for this
 *         client. -EAGAIN: the client does not read its replies, its queue is full.
 *         -EOPNOTSUPP: fds on a transport that carries none. -EDQUOT: more fds than it takes.
 *         -EBADF, -EMFILE: they could not be duplicated. -ENOMEM.
 *         After a failure the request is unanswered: answer differently, or let go, and the caller
 *         is told what went wrong (HARK_REPLY_TOO_LARGE, HARK_RESOURCE_EXHAUSTED, ...).
 */
HARK_API int hark_reply(hark_request *request, struct hark_payload payload);

/**
 * Answers no.
 *
 * @param request must not be NULL
 * @param status a status, or a negative errno from what this answer hung on, which becomes the
 *        status nearest to it (-ETIMEDOUT: HARK_DEADLINE_EXCEEDED, -ENOTCONN: HARK_UNAVAILABLE,
 *        ...); 0 is -EINVAL
 * @param text for a human, taken as it is, so a peer's words may be passed on; may be NULL
 * @return as hark_reply(): 0, the answer was given
 */
HARK_API int hark_fail(hark_request *request, int status, const char *text);

/**
 * As hark_fail(), with a text made by printf(3), cut at 1023 bytes.
 *
 * @param request must not be NULL
 * @param status as for hark_fail()
 * @param format never a peer's words
 * @return as hark_reply()
 */
HARK_API int hark_failf(hark_request *request, int status, const char *format, ...)
        HARK_FORMAT(3, 4);

/**
 * Sends an item of the answer, any number of them before hark_reply() or hark_fail(). It travels at
 * the request's priority, and so does the answer then.
 *
 * @param request must not be NULL
 * @param item borrowed until this returns; its priority does not count
 * @return 0: taken. -EAGAIN: not taken: the caller is behind by its limits.window_size, or does not
 *         read; on_room tells when to go on, or on_cancel that there is no use. -EALREADY: answered
 *         before. -ECANCELED, -ETIMEDOUT, -ECONNRESET: nobody waits for it any more, and on_cancel,
 *         if it is watched, has been called. -EOPNOTSUPP: the caller does not observe, or fds on a
 *         transport that carries none; hark_fail() with this errno, or letting go of the request,
 *         then tells the caller HARK_NEEDS_OBSERVE. -EINVAL: a status in it. -EMSGSIZE, -EDQUOT,
 *         -EBADF, -EMFILE, -ENOMEM: as hark_reply().
 */
HARK_API int hark_push(hark_request *request, struct hark_payload item);

/** What a handler may want to hear of a request that it keeps; unwanted ones NULL. */
struct hark_request_events {
        /**
         * Nobody waits any more: -ECANCELED, -ETIMEDOUT, -ECONNRESET; or items of the question had
         * to be refused, and with them the request: -EDQUOT a limit of this server, -ENOMEM. Never
         * after you answered or let go of it, so a request ends either by your answer or here, and
         * here or there you free what belongs to it. Never for a request that expects no answer.
         */
        void (*on_cancel)(hark_request *request, int reason, void *userdata);
        /**
         * hark_push() would not be -EAGAIN; first called as soon as that is so for the first time,
         * later once after each -EAGAIN.
         */
        void (*on_room)(hark_request *request, void *userdata);
        /**
         * One more item of the question, borrowed; NULL: that was the last, or the question has
         * none. The caller can be ahead by limits.window_size of this server. Items that nobody
         * watches for are dropped; their end is told to who watches later.
         */
        void (*on_item)(hark_request *request, hark_message *item, void *userdata);
        void *reserved[3]; /**< NULL */
};

/**
 * Asks to hear of those; keep the request as well.
 *
 * @param request must not be NULL
 * @param events copied
 * @param userdata handed to the callbacks
 * @return 0; -EALREADY: it was answered; -ECANCELED, -ETIMEDOUT, -ECONNRESET: it has ended, and
 *         nothing will be called; -ENOMEM
 */
HARK_API int hark_request_watch(hark_request *request, const struct hark_request_events *events,
                                void *userdata);

/**
 * Stops or restarts the flow of the question's items. While it is stopped on_item is not called;
 * what has come is held, and the caller runs into limits.window_size of this server.
 *
 * @param request must not be NULL
 * @param is_paused true: stops
 * @return 0, also if the question has no items; -EALREADY: it was answered; -ECANCELED, -ETIMEDOUT,
 *         -ECONNRESET: it has ended
 */
HARK_API int hark_request_pause(hark_request *request, bool is_paused);

/**
 * Gives the question.
 *
 * @param request must not be NULL
 * @return borrowed, as long as the request
 */
HARK_API hark_message *hark_request_message(const hark_request *request);

/**
 * Gives the method's full name, also in a handler of a filter.
 *
 * @param request must not be NULL
 * @return borrowed, as long as the request
 */
HARK_API const char *hark_request_method(const hark_request *request);

/**
 * Tells who asks.
 *
 * @param request must not be NULL
 * @return borrowed, as long as the request
 */
HARK_API hark_peer *hark_request_peer(const hark_request *request);

/**
 * Tells how long the caller still waits.
 *
 * @param request must not be NULL
 * @return milliseconds, rounded up; 0: over; HARK_FOREVER: it set no limit
 */
HARK_API int hark_request_time_left_ms(const hark_request *request);

/**
 * Gives the trace context that came with a request, see hark_payload.trace. Calls that are made on
 * its behalf take it along.
 *
 * @param request must not be NULL
 * @return borrowed, as long as the request; "" if there was none. What is in it the caller chose; fit to
 *         print.
 */
HARK_API const char *hark_request_trace(const hark_request *request);

/**
 * Tells whether an answer is expected.
 *
 * @param request must not be NULL
 * @return whether it was sent by hark_send()
 */
HARK_API bool hark_request_is_one_way(const hark_request *request);

/* Peers: valid until on_leave has returned, and as long as a request of theirs is kept. */

/**
 * Who a peer is. What the kernel vouches for is verified; what it does not say is unknown; what
 * only the peer says of itself has "claimed" in its name. Later versions append fields.
 */
struct hark_credentials {
        uid_t uid;                /**< verified; (uid_t)-1: unknown, which equals no user */
        gid_t gid;                /**< verified; (gid_t)-1: unknown */
        pid_t pid;                /**< verified; 0: unknown */
        int pidfd;                /**< verified; -1: unknown; borrowed, names the process even after
                                       its pid was given away */
        const char *claimed_name; /**< what it calls itself; never NULL, control characters
                                       replaced */
        pid_t claimed_pid;        /**< 0: it did not say */
};

/**
 * Tells who a peer is, see unix(7) SO_PEERCRED.
 *
 * @param peer must not be NULL
 * @return owned by the peer, never NULL
 */
HARK_API const struct hark_credentials *hark_peer_credentials(const hark_peer *peer);

/**
 * Describes a peer in a line for logs: "clockctl[4711] uid 1000 at unix:/run/clock.sock".
 *
 * @param peer must not be NULL
 * @return owned by the peer
 */
HARK_API const char *hark_peer_name(const hark_peer *peer);

/**
 * Gives a client that asks this peer over its own connection, and ends with it. Where the peer is
 * what a client with .serves is connected to, it is that client.
 *
 * @param peer must not be NULL
 * @return borrowed, as long as the peer; NULL: no memory, or the peer has gone
 */
HARK_API hark_client *hark_peer_client(hark_peer *peer);

/**
 * Shows a peer out: says goodbye, and closes when what it was sent has left; on_leave follows.
 *
 * @param peer must not be NULL
 * @return 0; -ENOTCONN: it has gone
 */
HARK_API int hark_peer_disconnect(hark_peer *peer);

/**
 * Keeps your own state of this peer; free it in on_leave.
 *
 * @param peer must not be NULL
 * @param userdata yours
 */
HARK_API void hark_peer_set_userdata(hark_peer *peer, void *userdata);

/**
 * Gives what hark_peer_set_userdata() kept.
 *
 * @param peer must not be NULL
 * @return yours; NULL at first
 */
HARK_API void *hark_peer_userdata(const hark_peer *peer);

#ifdef __cplusplus
}
#endif
#endif
