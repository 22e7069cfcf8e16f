/* SPDX-License-Identifier: MIT */
#ifndef METHODS_H
#define METHODS_H

/*
 * Shell commands as methods of a server: each request runs its method's command, with the request's
 * payload on standard input; what the command puts out is the reply, or each line of it an item of
 * the answer; its failure is an error status.
 */

#include <hark/hark.h>

struct methods;

/* At most max_running commands run at once, further requests wait for their turn. Returns 0 or
 * -ENOMEM. */
int methods_new(hark_loop *loop, int max_running, struct methods **ret_methods);

/* Offers command as method on server, answering with items or not; both words are borrowed as long
 * as methods is. Returns as hark_server_handle(), or -ENOMEM. */
int methods_offer(struct methods *methods, hark_server *server, const char *name, size_t name_size,
                  const char *command, bool is_stream);

/* Ends what runs and what waits, and runs the loop until all of it has gone. The server must be
 * closed before. Takes NULL. */
void methods_free(struct methods *methods);

#endif
