/* SPDX-License-Identifier: MIT */

/*
 * A command-line client that says what went wrong, where, and what to do, and whose exit status
 * tells a script the same.
 *
 *         robust ADDRESS METHOD TEXT
 *
 *         0 good   1 the handler said no   2 usage   3 never sent   4 no answer in time   5 lost
 */

#include <errno.h>
#include <hark/hark.h>
#include <stdio.h>

enum {
        EXIT_GOOD = 0,
        EXIT_STATUS = 1,
        EXIT_USAGE = 2,
        EXIT_NOT_SENT = 3, /* safe to try again */
        EXIT_TIMEOUT = 4,  /* these two may have been carried out */
        EXIT_LOST = 5
};

static int exit_status(int result)
{
        if (result >= 0)
                return result == 0 ? EXIT_GOOD : EXIT_STATUS;
        switch (result) {
        case -ETIMEDOUT:
                return EXIT_TIMEOUT;
        case -ECONNRESET:
                return EXIT_LOST;
        case -EINVAL:
        case -EMSGSIZE:
                return EXIT_USAGE;
        default:
                return EXIT_NOT_SENT;
        }
}

static int call_and_print(hark_client *client, const char *method, const char *input)
{
        hark_message *reply = NULL;
        int r = hark_call(client, method, hark_text(input), 2000, &reply);

        if (r == 0)
                printf("%s\n", hark_message_text(reply));
        else
                fprintf(stderr, "%s: %s\n", method, hark_reason(r, reply));
        hark_message_unref(reply);
        return r;
}

int main(int argc, char **argv)
{
        hark_client *client = NULL;
        char why[128];
        int r;

        if (argc != 4) {
                fprintf(stderr, "usage: robust ADDRESS METHOD TEXT\n");
                return EXIT_USAGE;
        }
        if (hark_address_check(argv[1], why, sizeof(why)) != 0) {
                fprintf(stderr, "%s: %s\n", argv[1], why);
                return EXIT_USAGE;
        }
        r = hark_connect(NULL, argv[1], NULL, &client);
        if (r != 0) {
                fprintf(stderr, "%s: %s; is the server running?\n", argv[1], hark_reason(r, NULL));
                return EXIT_NOT_SENT;
        }
        r = call_and_print(client, argv[2], argv[3]);
        hark_client_unref(client);
        if (r == 0 && fflush(stdout) != 0)
                return EXIT_STATUS;
        return exit_status(r);
}
