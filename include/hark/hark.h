/* SPDX-License-Identifier: MIT */
#ifndef HARK_H
#define HARK_H

/*
 * hark: processes talk, by calls and by notifications, over whatever Linux offers for it.
 *
 * A client:
 *
 *         hark_client *clock = NULL;
 *         hark_message *reply = NULL;
 *         int r = hark_connect(NULL, "unix:/run/clock.sock", NULL, &clock);
 *
 *         if (r == 0)
 *                 r = hark_call(clock, "clock.Now", HARK_NOTHING, 1000, &reply);
 *         if (r == 0)
 *                 puts(hark_message_text(reply));
 *         else
 *                 fprintf(stderr, "clock.Now: %s\n", hark_reason(r, reply));
 *         hark_message_unref(reply);
 *         hark_client_unref(clock);
 *
 * A server:
 *
 *         static void on_now(hark_request *request, void *userdata) {
 *                 hark_reply(request, hark_text("12:00"));
 *         }
 *         ...
 *         hark_loop_new(&loop);
 *         hark_server_new(loop, NULL, &server);
 *         hark_server_handle(server, "clock.Now", on_now, NULL);
 *         hark_server_listen(server, "unix:/run/clock.sock");
 *         hark_loop_run(loop);
 *
 * Six rules hold for all of it; each contract says only what is peculiar to its function.
 *
 * Results     0 is good, everywhere; negative is an errno; only an answer can be positive: a
 *             status. Every function may return -EINVAL (a required argument is NULL, a value is
 *             out of range, a reserved field is not zero) and, where it must allocate, -ENOMEM.
 *             Outputs called ret_ are written only together with what they belong to, never half.
 * Ownership   Arguments are borrowed until the function returns. new, connect and ret_reply hand
 *             you a reference; unref gives one back and takes NULL. What a callback is given is
 *             borrowed; ref what you keep. Getters take a NULL message for an empty one.
 * Callbacks   run in hark_loop_run(), hark_loop_process(), and in the unref that closes a client, a
 *             server or a loop; never in any other function (but for hark_on_log, which may come
 *             from any, and must not call back), and never inside one another. The library holds a
 *             reference and no lock: a callback may remove, cancel, close and let go of anything, its
 *             own object included. What calls back an end calls it back exactly once.
 * Threads     A loop, and every client, server, peer and request of it, belong to the thread that
 *             runs it. From any thread: hark_loop_post(), hark_loop_stop(), hark_message_ref(),
 *             hark_message_unref() and the getters of messages, and whatever takes no object. There is no hidden thread.
 * Waiting     Only hark_call(), hark_client_flush(), hark_connect() without a loop, hark_loop_run()
 *             and hark_loop_process() wait. While one of the first three does, connections are
 *             served, but nobody's callbacks run. A signal that the loop takes ends such a wait
 *             with -ECANCELED, as EINTR would, and so does hark_loop_stop().
 * Structs     that you fill in start as zeros, and zeros are the defaults; their reserved fields
 *             let them grow without breaking your program. After fork() the child only execs.
 */

#include <hark/types.h>     /* results, statuses, HARK_FOREVER */
#include <hark/message.h>   /* what is sent and received */
#include <hark/client.h>    /* asking: call, invoke, send, subscribe, publish */
#include <hark/server.h>    /* answering: methods, requests, peers */
#include <hark/loop.h>      /* waiting: run, or nest in your own loop */
#include <hark/transport.h> /* addresses, and what each transport can do */
#include <hark/version.h>

#endif
