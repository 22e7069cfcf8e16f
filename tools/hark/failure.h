/* SPDX-License-Identifier: MIT */
#ifndef FAILURE_H
#define FAILURE_H

/* What goes wrong, in words on stderr and as an exit status. */

#include <hark/hark.h>

enum exit_status {
        EXIT_GOOD = 0,
        EXIT_REFUSED = 1, /* the other side answered no, or it cannot be done */
        EXIT_USAGE = 2,
        EXIT_UNREACHED = 3, /* not connected, or never sent */
        EXIT_LATE = 4,
        EXIT_LOST = 5
};

/* Prints "hark: " and a line. */
void complain(const char *format, ...) HARK_FORMAT(1, 2);

/* Says that doing something with name at address ended in result. Returns its exit status. */
int complain_of_result(const char *name, const char *address, int result,
                       const hark_message *reply);

/* Says why there is no connection to address. Returns its exit status. */
int complain_of_connect(const char *address, int error);

/* Says why nobody can listen at address. Returns its exit status. */
int complain_of_listen(const char *address, int error);

/* Returns EXIT_GOOD; or says which part of address is wrong, and returns EXIT_USAGE. */
int check_address(const char *address);

/* Has what the library reports of loop printed on stderr: all of it, or what is no mere
 * information. */
void show_log(hark_loop *loop);
void show_warnings(hark_loop *loop);

#endif
