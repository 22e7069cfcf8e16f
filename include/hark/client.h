/* SPDX-License-Identifier: MIT */
#ifndef HARK_CLIENT_H
#define HARK_CLIENT_H

/*
 * The end that asks.
 *
 *         call        waits for the reply
 *         invoke      calls back with the reply
 *         observe     calls back with every item of the answer, and with the end
 *         feed        sends items of the question, of invoke or observe
 *         send        expects nothing
 *         subscribe   calls back with every notification, and with the end
 *         publish     to a server that accepts publications
 *
 * Every call ends exactly once, in one of:
 *
 *         0             a reply
 *         > 0           a status: the other side answered no (enum hark_status); or HARK_CIRCLE, or
 *                       HARK_RESOURCE_EXHAUSTED if it were the 17th call of a chain, from here
 *         -ETIMEDOUT    it was sent, and no answer came in time; or the timeout was 0
 *         -ECANCELED    hark_cancel(); or, sent or not, the client was let go of, its parent has ended
 *                       (hark_payload.parent), or hark_loop_stop() or a signal ended the wait
 *         -ECONNRESET   it was sent, then the connection was lost: it may have been carried out;
 *                       hark_payload.is_idempotent: it is sent again instead, until its time is over
 *         -ENOTCONN     it was never sent (in time): safe to repeat, whatever it is; with
 *                       hark_client_params.wait_ms it waited for a connection in vain
 *         -EMSGSIZE     it was never sent: the other side, once it said hello, takes less bytes
 *         -EDQUOT       the same, of fds
 *
 * or it is refused before it begins, and then no callback runs:
 *
 *         -EINVAL       no name, a negative timeout, a status in the payload, ...
 *         -ENOMEM
 *         -EMSGSIZE     larger than the other side takes
 *         -EAGAIN       the outgoing queue is full; on_room tells when it is not. hark_call() waits
 *                       for that instead, and is -ENOTCONN if its time is over first.
 *         -EDQUOT       too many calls in flight, subscriptions, or fds in one message
 *         -EOPNOTSUPP   fds on a transport that carries none
 *         -EBADF        one of the fds is not open; -EMFILE: none is left to duplicate it to
 *         -ENOTCONN     there is no connection, and it may not wait for one (wait_ms)
 *
 * A call inside a handler is made on behalf of the request that is handled, one with a parent on
 * behalf of that: until that is answered the call takes the time that is left of it, if that is
 * less, and the chain of those who wait, by which a call that would wait for itself ends in
 * HARK_CIRCLE at once; and its trace. With a parent it ends when that ends, too.
 */

#include <hark/message.h>
#include <hark/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum hark_state {
        HARK_CONNECTING = 1,
        HARK_CONNECTED = 2,
        HARK_RETRYING = 3, /* lost, or not reached yet; tries again with back-off */
        HARK_CLOSED = 4    /* gave up; the client is of no more use */
};

/** Limits on what the other side can make this process hold, per connection. 0: the default. */
struct hark_limits {
        size_t message_size;  /**< bytes; default 16 MiB, 1 KiB to 1 GiB */
        size_t received_size; /**< bytes received and not yet handled; default 32 MiB or two
                                       messages, whichever is more; at least one message */
        size_t queue_size;    /**< bytes waiting to be sent; default 16 MiB, at least 4 KiB */
        size_t window_size;   /**< bytes of items of one stream that have come and that no callback
                                       has dealt with, see hark_observe() and hark_feed(): one more
                                       item may come while there are less; each counts 256 bytes more
                                       than its size, and 64 KiB for each fd; default 1 MiB, 4 KiB
                                       to 1 GiB */
        uint32_t calls_in_flight; /**< requests of the other side being handled; default 1024 */
        uint32_t subscriptions;   /**< of the other side; default 4096 */
        uint32_t
                fds_per_message; /**< default 16, at most 64; of twice as many received ones may wait
                                       to be handled */
        uint32_t hello_ms;       /**< a server: until a client has said hello; both: until a goodbye
                                      has left; default 10000 */
        uint64_t reserved[4];    /**< zero */
};

/**
 * A client's rarer wishes. All zeros: connect now or fail, connect again for ever, offer nothing.
 */
struct hark_client_params {
        /**
         * Told of every change of state but the one that hark_client_unref() makes; reason is why
         * the connection ended, or was not made, as -errno (those of hark_connect(), and
         * -ECONNRESET: it was lost, -EDQUOT: the other side made us queue too much), 0 after a
         * goodbye and when it is connected. Of changes that took turns while no callback could run,
         * the last are told.
         */
        void (*on_state)(hark_client *client, int state, int reason, void *userdata);
        /** Told once the outgoing queue has room again after an -EAGAIN, or is lost with its
         * connection. */
        void (*on_room)(hark_client *client, void *userdata);
        /**
         * Told when the other side refused what expects no answer: a hark_send() to a method that
         * it does not have, a hark_publish() that it does not accept, or either past its limits.
         * name is the method or topic, status an enum hark_status, message its reason for
         * hark_reason(), borrowed.
         */
        void (*on_refused)(hark_client *client, const char *name, int status,
                           const hark_message *message, void *userdata);
        /**
         * Told when a connection is lost, or the client closed, of what expects no answer
         * (hark_send(), hark_publish()): n_dropped was never sent, and had no room in the outbox;
         * n_unknown was sent, and nothing shows that the other side has read it. Not called if both
         * are 0.
         */
        void (*on_lost)(hark_client *client, uint64_t n_dropped, uint64_t n_unknown,
                        void *userdata);
        void *userdata;   /**< for the four above */
        const char *name; /**< as the server's side sees it, at most 255 bytes of it; NULL: the
                                        program's */
        const char *const *alternatives; /**< further addresses, NULL-terminated: the first that
                                        serves is taken; NULL: none */
        hark_server *serves; /**< answers what the other side asks, which it sees as a peer; kept;
                                        on the same loop, which so must be given */
        int wait_ms;         /**< how long connecting, and a call without a connection, wait for a
                                        server; 0: not at all; HARK_FOREVER */
        int attempt_ms;      /**< for one attempt to connect, handshake included; 0: 5000 */
        int retry_min_ms;    /**< between attempts, at first; it doubles; 0: 20 */
        int retry_max_ms;    /**< and at the most; 0: 2000 */
        bool is_one_shot;    /**< do not connect again when the connection is lost */
        size_t outbox_size;  /**< bytes of what expects no answer that wait for a connection, while
                                        there is none, and leave in order; 0: none */
        int spin_us;         /**< waits poll so long before they sleep, while that pays; 0: 50,
                                        -1: never */
        int ping_ms;         /**< give up a silent server after so long; 0: never */
        struct hark_limits limits; /**< what the server can make this process hold */
        uint64_t reserved[8];      /**< zero */
};

/**
 * Connects to a server.
 *
 * Blocks only without a loop, and in the resolver for `tcp:` or `udp:` with a name, which is
 * resolved once: an address whose name cannot be is not tried later, either.
 *
 * @param loop runs the callbacks, and is kept by the client. NULL: the client makes its own, see
 *        hark_client_loop(), and this function waits until the connection stands.
 * @param address such as "unix:/run/clock.sock", see hark-addresses(7)
 * @param params may be NULL; copied
 * @param ret_client yours to let go of with hark_client_unref()
 * @return 0: connected; with a loop: connecting, on_state tells the rest. The errors, with wait_ms,
 *         where waiting would be in vain: all but those of an absent, full or silent server.
 *         -EINVAL: the address is malformed, hark_address_check() says where.
 *         -EPROTONOSUPPORT: no such transport. -EOPNOTSUPP: it cannot be connected to.
 *         -ENOENT, -ECONNREFUSED: nobody listens there. -EACCES: not allowed to connect, or
 *         refused by the server. -EPERM: whoever serves it is not who may (see uid= in
 *         hark-addresses(7)). -EHOSTUNREACH: no such host. -ENODEV,
 *         -ENETUNREACH: no such interface, or no way to the multicast group. -ETIMEDOUT: no answer, or wait_ms is over.
 *         -EPROTO: it does not speak hark. -ECONNRESET: it closed the connection without a word.
 *         A server that refuses does so by a status, of which HARK_RESOURCE_EXHAUSTED (its limit of
 *         connections) becomes -EDQUOT, HARK_UNAVAILABLE -ECONNREFUSED, HARK_DEADLINE_EXCEEDED (it
 *         heard no hello in time) -ETIMEDOUT, HARK_INVALID_ARGUMENT -EPROTO, and others -EACCES; its
 *         words go to the log.
 *         -EDQUOT, -ENOSPC: also no message queue left for this user, or the system; the log says
 *         what to raise. -EMFILE, -ENFILE: no fd left.
 */
HARK_API int hark_connect(hark_loop *loop, const char *address,
                          const struct hark_client_params *params, hark_client **ret_client);

/**
 * Keeps a client.
 *
 * @param client may be NULL
 * @return @p client
 */
HARK_API hark_client *hark_client_ref(hark_client *client);

/**
 * Lets go of a client. The last reference closes it: what is in flight ends in -ECANCELED, each
 * callback running before this returns (inside a callback: right after that callback returns). What
 * was sent but not yet written is lost: hark_client_flush() first.
 *
 * @param client may be NULL
 * @return NULL
 */
HARK_API hark_client *hark_client_unref(hark_client *client);

/**
 * Gives the loop of a client, its own one too.
 *
 * @param client must not be NULL
 * @return borrowed, as long as @p client
 */
HARK_API hark_loop *hark_client_loop(const hark_client *client);

/**
 * Tells how a client stands.
 *
 * @param client must not be NULL
 * @return enum hark_state
 */
HARK_API int hark_client_state(const hark_client *client);

/**
 * Waits until the other process has read everything sent so far.
 *
 * @param client must not be NULL
 * @param timeout_ms 0 to HARK_FOREVER
 * @return 0; -ETIMEDOUT; -ECONNRESET: some of it may not have arrived; -ENOTCONN: there is no
 *         connection; -ECANCELED: a stop or a signal ended the wait.
 */
HARK_API int hark_client_flush(hark_client *client, int timeout_ms);

/**
 * Asks, and waits for the answer. Meanwhile the client's loop goes on reading, writing and keeping
 * time for all that is attached to it, but nobody's callback runs: what would call back is held
 * until the wait is over. May be called inside callbacks and handlers.
 *
 * @param client must not be NULL
 * @param method such as "clock.Now": tokens of [A-Za-z0-9_-] joined by dots, at most 255 bytes
 * @param payload borrowed until this returns
 * @param timeout_ms for the whole call, connecting included, 0 to HARK_FOREVER; 0 is -ETIMEDOUT at
 *        once, and nothing is sent
 * @param ret_reply set whenever an answer came (result >= 0), also a failure; hark_message_unref()
 *        it in any case. Set to NULL if there was no memory for the answer (then the result is
 *        HARK_RESOURCE_EXHAUSTED). May be NULL.
 * @return see the top of this file
 */
HARK_API HARK_CHECKED int hark_call(hark_client *client, const char *method,
                                    struct hark_payload payload, int timeout_ms,
                                    hark_message **ret_reply);

/** Not results yet: what a hark_on_reply is told before the end. No status has these numbers. */
enum hark_progress {
        HARK_MORE = 200, /* an item */
        HARK_ROOM = 201  /* hark_feed() would not be -EAGAIN any more; no message */
};

/**
 * What hark_invoke() and hark_observe() call back.
 *
 * @param result enum hark_progress, or else the end, see the top of this file: it comes exactly
 *        once, and is the place to free @p userdata.
 * @param message the item, the reply or the failure; NULL if @p result is negative, or if there was
 *        no memory for it (then @p result is HARK_RESOURCE_EXHAUSTED). Borrowed: hark_message_ref()
 *        to keep it.
 * @param userdata as given to hark_invoke()
 */
typedef void hark_on_reply(int result, hark_message *message, void *userdata);

/**
 * Asks, and has @p on_reply called with the end; never before this function has returned.
 *
 * @param client must not be NULL
 * @param method as for hark_call()
 * @param payload borrowed until this returns
 * @param timeout_ms for the whole call, connecting included; 0 to HARK_FOREVER
 * @param on_reply must not be NULL
 * @param userdata handed to @p on_reply
 * @param ret_id names the call for hark_cancel() and hark_feed(); may be NULL
 * @return 0: @p on_reply will be called; negative, see the top of this file: it will not
 */
HARK_API int hark_invoke(hark_client *client, const char *method, struct hark_payload payload,
                         int timeout_ms, hark_on_reply *on_reply, void *userdata, uint64_t *ret_id);

/**
 * As hark_invoke(), for a method that answers with items: HARK_MORE for each, then the end.
 *
 * The handler can be ahead of @p on_reply by limits.window_size bytes, no more: an item is dealt
 * with when @p on_reply has returned. Items come in the order in which they were sent, each once,
 * and the end behind all that came before it, but for an end that this side made: by hark_cancel(),
 * by the deadline or by closing the client. Then what has come and was not told yet is dropped. If
 * there is no memory for an item, the call ends with HARK_RESOURCE_EXHAUSTED. With .is_idempotent
 * it is sent again as long as no item has come, so that none comes twice; with .has_feed never.
 *
 * @param client must not be NULL
 * @param method as for hark_call()
 * @param payload borrowed until this returns
 * @param timeout_ms for the whole call with all its items; 0 to HARK_FOREVER
 * @param on_reply must not be NULL
 * @param userdata handed to @p on_reply
 * @param ret_id names the call for hark_cancel(), hark_pause() and hark_feed(); may be NULL
 * @return as hark_invoke()
 */
HARK_API int hark_observe(hark_client *client, const char *method, struct hark_payload payload,
                          int timeout_ms, hark_on_reply *on_reply, void *userdata,
                          uint64_t *ret_id);

/**
 * Asks without expecting an answer. If the other side refuses it, on_refused is told. What is sent
 * on behalf of a request has the time that is left of that: -ETIMEDOUT if there is none, -ECANCELED
 * if its parent has ended; it takes no chain, because nobody waits for it.
 *
 * @param client must not be NULL
 * @param method as for hark_call()
 * @param payload borrowed until this returns
 * @return 0: taken (not: delivered); negative: see the top of this file
 */
HARK_API int hark_send(hark_client *client, const char *method, struct hark_payload payload);

/**
 * Ends a call in flight with -ECANCELED, or -ENOTCONN if it had not left yet; from the loop, not
 * from here. No HARK_MORE and no HARK_ROOM come any more. A call whose answer has come but waits
 * behind items that hark_pause() holds back counts as in flight.
 *
 * @param client must not be NULL
 * @param id from hark_invoke() or hark_observe()
 * @return 0: its callback will be told; -ENOENT: it has ended
 */
HARK_API int hark_cancel(hark_client *client, uint64_t id);

/**
 * Sends one more item of a question that was asked with .has_feed. It travels at the priority of
 * the question.
 *
 * @param client must not be NULL
 * @param id from hark_invoke() or hark_observe()
 * @param item borrowed until this returns; its priority does not count
 * @return 0: taken (not: delivered). -EAGAIN: not taken: the handler is behind by its
 *         limits.window_size, the outgoing queue is full, or the connection does not stand yet;
 *         HARK_ROOM follows. -ENOENT: the call has ended, or is about to.
 *         -EINVAL: it has no .has_feed, or @p item has a status. -EALREADY: after hark_feed_end().
 *         -EOPNOTSUPP: the other side takes no items, or fds on a transport that carries none.
 *         -ENOTCONN: the connection is being closed; the end follows. -EMSGSIZE, -EDQUOT, -EBADF,
 *         -EMFILE, -ENOMEM: see the top of this file.
 */
HARK_API int hark_feed(hark_client *client, uint64_t id, struct hark_payload item);

/**
 * Says that no more items of a question follow. Never waits for room.
 *
 * @param client must not be NULL
 * @param id from hark_invoke() or hark_observe()
 * @return 0; -ENOENT, -EINVAL, -EALREADY, -ENOTCONN, -ENOMEM: as hark_feed()
 */
HARK_API int hark_feed_end(hark_client *client, uint64_t id);

/**
 * Stops or restarts the flow of an answer's items. While it is stopped no HARK_MORE comes; what has
 * come is held, and the handler runs into limits.window_size. An answer that comes behind held
 * items waits with them, and so does the loss of the connection; hark_cancel() and the deadline do
 * not.
 *
 * @param client must not be NULL
 * @param id from hark_observe()
 * @param is_paused true: stops
 * @return 0; -ENOENT: it has ended; -EINVAL: it is not observed
 */
HARK_API int hark_pause(hark_client *client, uint64_t id, bool is_paused);

enum hark_notification_kind {
        HARK_NOTIFICATION = 1, /* topic, message, sequence */
        HARK_GAP = 2,         /* n_lost notifications of topic did not arrive; reason of the last of
                                 them: -ENOBUFS this subscriber was too slow, -ECONNRESET the
                                 connection was lost, HARK_UNAVAILABLE the server had said goodbye,
                                 and this subscription stands again, -EMSGSIZE larger than this client takes,
                                 -EOPNOTSUPP or -EDQUOT its fds could not be carried, -ENOMEM or
                                 -EMFILE the publisher could not keep it, -ECOMM lost on the way
                                 (udp:) */
        HARK_WITHDRAWN = 3,   /* wants_retained: topic has no value any more */
        HARK_CURRENT = 4,     /* wants_retained: all values that there were have been told */
        HARK_UNSUBSCRIBED = 5 /* the end, exactly once: reason says why, see hark_subscribe() */
};

/** What a subscription is told. Made by the library; later versions append fields. */
struct hark_notification {
        int kind;              /**< enum hark_notification_kind: look at it first */
        int reason;            /**< as -errno or status; hark_reason() puts it into words */
        const char *topic;     /**< never NULL; the filter where no single topic is meant */
        hark_message *message; /**< HARK_NOTIFICATION: what was published; HARK_UNSUBSCRIBED by the
                                    server: its words for hark_reason(); else NULL; borrowed */
        uint64_t sequence; /**< numbers what this subscription matched, one by one from 1 on each
                                    connection, in the order it was published; for HARK_GAP the first
                                    one lost, 0 if those were values from before */
        uint64_t n_lost;   /**< HARK_GAP: how many; UINT64_MAX: unknown */
        bool is_retained;  /**< HARK_NOTIFICATION: the value that was there before; without a
                                    number, sequence is 0 */
        bool is_repeated;  /**< HARK_NOTIFICATION: another member of the group may have seen it */
};

/**
 * What a subscription calls back.
 *
 * @param notification valid until this returns
 * @param userdata as given to hark_subscribe()
 */
typedef void hark_on_notification(const struct hark_notification *notification, void *userdata);

/**
 * What the publisher does when this subscription's queue is full. Whatever is dropped is told as a
 * HARK_GAP before the next notification.
 */
enum hark_policy {
        HARK_DROP_OLDEST = 0, /* what waits longest makes room: for those who need the present */
        HARK_DROP_NEWEST = 1, /* what comes is lost: for those who need an unbroken beginning */
        HARK_KEEP_LATEST = 2, /* of each topic at most the newest waits, even if there is room for
                                 more: each that it replaces counts as lost. If too many topics
                                 wait, the oldest makes room */
        HARK_DISCONNECT = 3   /* the connection ends, with a goodbye that says why, and with it all
                                 else on it: for those who cannot go on with a gap */
};

/** A subscription's rarer wishes. All zeros: the defaults. */
struct hark_subscribe_params {
        const char *group;   /**< a name, as a topic is: of all subscriptions at this server that
                                    name the same group each notification goes to one, and to another
                                    if that one ends before its callback has returned; NULL: to this
                                    one in any case */
        bool is_once_only;   /**< with a group: what this one may have seen goes to no other, but
                                    to the publisher's on_unconfirmed */
        bool wants_retained; /**< first the current values that match, then HARK_CURRENT, and
                                    HARK_WITHDRAWN; not for a group */
        uint8_t policy; /**< enum hark_policy, for when its queue is full; a group's is the first */
        uint32_t max_messages; /**< that may wait for this subscriber at the publisher; 0: 1024 */
        size_t max_size;       /**< bytes of them; 0: 4 MiB */
        uint64_t reserved[6];  /**< zero */
};

/**
 * Subscribes to every topic that @p filter matches. Survives the loss of a connection: it stands
 * again on the next one, with the same id, after one HARK_GAP of unknown size, and numbers begin at
 * 1 again. Made while there is no connection, it stands on the next one.
 *
 * @param client must not be NULL
 * @param filter dot-separated tokens; `*` is one token, `>` at the end is one or more
 * @param on_notification must not be NULL
 * @param userdata handed to @p on_notification; free it when that is told HARK_UNSUBSCRIBED
 * @param params may be NULL; copied
 * @param ret_id for hark_unsubscribe(); may be NULL
 * @return 0: @p on_notification is called until HARK_UNSUBSCRIBED, whose reason is -ECANCELED for
 *         hark_unsubscribe() and hark_client_unref(), or a status with which the server refuses; of a
 *         client that connects no more (is_one_shot, or refused for good) -ECONNRESET when the connection
 *         was lost, after a HARK_GAP of unknown size, -ENOTCONN if it never stood, HARK_UNAVAILABLE when
 *         the server said goodbye. Negative, see the top of this file: it will not be called.
 */
HARK_API int hark_subscribe(hark_client *client, const char *filter,
                            hark_on_notification *on_notification, void *userdata,
                            const struct hark_subscribe_params *params, uint64_t *ret_id);

/**
 * Ends a subscription; HARK_UNSUBSCRIBED follows from the loop, and nothing else.
 *
 * @param client must not be NULL
 * @param id from hark_subscribe()
 * @return 0; -ENOENT: it has ended
 */
HARK_API int hark_unsubscribe(hark_client *client, uint64_t id);

/**
 * Publishes through a server that accepts publications. If the server refuses it, on_refused is
 * told. payload.retain says what becomes of the topic's value.
 *
 * @param client must not be NULL
 * @param topic a name, as a method is
 * @param payload borrowed until this returns
 * @return 0: taken (not: delivered); negative: see the top of this file
 */
HARK_API int hark_publish(hark_client *client, const char *topic, struct hark_payload payload);

#ifdef __cplusplus
}
#endif
#endif
