/* SPDX-License-Identifier: MIT */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

/* The environment of a command that answers a request: this process's, and HARK_METHOD, HARK_PEER
 * and HARK_TIMEOUT_MS, which say what is asked, by whom, and how long that one still waits. */

#include <hark/server.h>

/* Returns 0 or -ENOMEM. Valid as long as this process's own environment is not changed. */
int environment_new(hark_request *request, char ***ret_environment);

/* Takes NULL. */
void environment_free(char **environment);

#endif
