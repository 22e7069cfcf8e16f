/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_H
#define SERVICE_H

/*
 * The server that the tests talk to. It may live in another process, or even be another program, so
 * all that it can do is a method, and all that it sees it counts or logs, to be asked for:
 *
 *         count NAME            how often, or which value: "cancelled", "cancel_reason", ...
 *         log                   what was noted since it was last asked, each entry ended by ';'
 *         note TEXT             notes the text, also as a one-way call; counts them as "notes"; "GROUP TOPIC
 *                               TEXT" is noted of what nobody confirmed, and counted as "unconfirmed"
 *
 *         echo                  all of it, as it came
 *         fail STATUS NAME TEXT an application's failure, with "details" as its payload
 *         fail_errno NUMBER     hark_fail() of that
 *         failf                 hark_failf(1003, "%s: %d", "seven", 7)
 *         forget                no answer
 *         twice                 two answers; counts the result of the second as "twice"
 *         large SIZE            an answer of that size; counts its result as "large"
 *         keep                  keeps the request, and watches it
 *         keep_quietly          keeps it, and does not watch it
 *         answer                answers all that is kept, each with its own payload, in an order that
 *                               is not theirs; counts the last result as "answered"
 *         let_go                lets go of all that is kept
 *         later, thread         an answer from a timer, or after a post from another thread
 *         time_left             what the handler sees of it, now and some time later
 *
 *         who                   "UID GID PID PIDFD_WORKS CLAIMED_PID CLAIMED_NAME" of the caller
 *         pid, die, disconnect  of itself; shows the caller out
 *         ask METHOD TEXT       asks the caller, and passes on its answer, whatever it is
 *         wait MS METHOD TEXT   asks it by a waiting call inside the handler; answers with the result,
 *                               how often a timer that was due ran meanwhile, and the answer; it is
 *                               counted as "meanwhile", which goes on afterwards
 *         relay WHOM WISH METHOD TEXT     asks the peer that calls itself WHOM, "-": the caller, on behalf
 *                               of the request, and passes on the answer; plain, detached, with it as
 *                               parent, or by a waiting call (call, parent_call)
 *         hand_over WHOM WISH METHOD TEXT the same one-way; answers at once
 *         trace                 the trace context that came with it
 *         follow FILTER         subscribes at the caller, and notes what comes
 *
 *         publish TOPIC N SIZE PRIORITY   N notifications: their numbers from 1, padded to SIZE
 *         publish_round PREFIX TOPICS N   N times a round of so many topics, PREFIX1 and so on
 *         retain TOPIC TEXT               publishes it as the topic's value
 *         retain_many PREFIX N SIZE       so large values of so many topics, PREFIX1 and so on
 *         withdraw TOPIC                  the topic has no value any more
 *         has_subscribers TOPIC           "1" or "0"
 *         n_slow                          how many queues are above half; counts how many are lost as
 *                                         "dropped", and that none is above half any more, "relieved"
 *         burst N                         N times: a notification of "burst", the answer to a request
 *                                         that is kept
 *         read_fds              the contents of the files that came along, one after the other
 *         give_fd TEXT          a file with this text in it
 *         publish_fd TOPIC TEXT a notification with such a file
 *         items N SIZE STATUS   N items: their numbers from 1, padded to SIZE; then their number, or a
 *                               failure; counts "pushed", and each time it was "held_up"
 *         items_with_files N    the same, with each number in a file as well
 *         push_and_forget       one item, and no answer; counts the result as "pushed_at_once"
 *         collect               takes items, and answers with how many there were, how many of those
 *                               stood at the place that their number says, and their size; counts
 *                               them as "collected"
 *         collect_one           answers at the first item
 *         collect_later         the same, but takes none before go_on is called
 *         collect_nothing       keeps the request, and takes none, until answer_it is called
 *         mirror                sends back each item
 *         n_open                how many descriptors its process has
 */

#include <hark/hark.h>
#include <stdbool.h>

/* How the service shall be. All zeros: as the library's defaults are. Plain data, which is also
 * handed to a program that is executed. */
struct wishes {
        struct hark_limits limits;
        uint32_t connections, connections_per_uid;
        int ping_ms;
        int accept_status;      /* what on_accept says to all whose name is not "friend" */
        int publication_status; /* what on_publication says; also of those that it notes */
        bool is_hub;
        bool notes_publications;
        bool rules_only_report;
        char rules[160]; /* for hark_server_allow(), a ';' behind each */
        uint32_t retained_topics;
        bool notes_drops; /* "WHO lost COUNT of TOPIC" */
};

struct service;

struct service *service_new(hark_loop *loop, const struct wishes *wishes);
hark_server *service_server(const struct service *service);
/* Takes NULL. Returns NULL. */
struct service *service_free(struct service *service);

/* What `count` answers, for a service that is here; name must be a literal. */
long service_get(const struct service *service, const char *name);
/* What `answer` does. Returns how many there were. */
size_t service_answer_kept(struct service *service);

/* Serves until SIGTERM, or, if it ends with its peers, until the last of them has left. */
void service_run(struct service *service, bool ends_with_peers);

#endif
