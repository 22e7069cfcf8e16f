/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_PATH_WATCH_H
#define HARK_TRANSPORT_PATH_WATCH_H

/*
 * Waits for a server to come to a path, inotify(7): for a file of that name in its directory, or
 * for the directory, and those that lead to it.
 *
 * What it does not see: a symbolic link on the way that is turned elsewhere, a file system that is
 * mounted, changes that another machine makes to a shared one. So whoever waits looks by himself as
 * well, if seldom.
 */

#include "transport/transport.h"

/* The watch and unwatch of struct hark_transport_ops. transport: for the watch's own use. -EMFILE:
 * the user has no inotify instance left. */
int hark_path_watch(hark_loop *loop, const char *path, const struct hark_transport_ops *transport,
                    struct hark_watch **ret_watch);
void hark_path_unwatch(struct hark_watch *watch);

#endif
