/* SPDX-License-Identifier: MIT */

/*
 * The ten-line client: connects, asks once, waits, prints.
 *
 *         client [ADDRESS]
 *
 * One exit for everything that may go wrong: unref takes NULL, and hark_reason() has words for a
 * failure of the connection and of the handler alike.
 */

#include <hark/hark.h>
#include <stdio.h>

int main(int argc, char **argv)
{
        const char *address = argc > 1 ? argv[1] : "unix:@clock";
        hark_client *clock = NULL;
        hark_message *reply = NULL;
        int r = hark_connect(NULL, address, NULL, &clock);

        if (r == 0)
                r = hark_call(clock, "clock.Now", HARK_NOTHING, 1000, &reply);
        if (r == 0)
                puts(hark_message_text(reply));
        else
                fprintf(stderr, "%s: %s\n", address, hark_reason(r, reply));
        hark_message_unref(reply);
        hark_client_unref(clock);
        return r != 0;
}
