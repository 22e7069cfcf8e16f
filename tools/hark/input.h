/* SPDX-License-Identifier: MIT */
#ifndef INPUT_H
#define INPUT_H

/* The operand DATA|@FILE|-: what to send. */

#include <hark/message.h>

struct input {
        struct hark_payload payload; /* lies in text or in memory */
        void *memory;                /* what was read from a file; NULL: nothing was */
};

#define INPUT_HELP                                                                             \
        "DATA is sent as it stands, @FILE sends what is in a file, - what comes on standard\n" \
        "input; without any, nothing is sent along.\n"

/* operand: NULL where none was given. Returns EXIT_GOOD, or says what is wrong and returns
 * another exit status. input_done() afterwards. */
int input_read(const char *operand, struct input *ret_input);

void input_done(struct input *input);

#endif
