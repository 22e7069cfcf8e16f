/* SPDX-License-Identifier: MIT */
/*
 * Files are read whole, because a message is sent whole. Words from the command line are sent as
 * text if they are UTF-8; what comes from a file is raw.
 */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failure.h"
#include "text.h"

#define MAX_SIZE   ((size_t)1 << 30) /* no server takes a larger message, see <hark/client.h> */
#define FIRST_SIZE ((size_t)64 * 1024)

/* How much to expect: a byte more than a file has, so that its end is seen without growing. */
static size_t guess_size(int fd)
{
        struct stat st;

        if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
                return FIRST_SIZE;
        return (size_t)st.st_size < MAX_SIZE ? (size_t)st.st_size + 1 : MAX_SIZE + 1;
}

static ssize_t read_again(int fd, void *data, size_t size)
{
        ssize_t n;

        do
                n = read(fd, data, size);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

/* Returns 0, or -errno; -EMSGSIZE: it is more than MAX_SIZE. *memory is to be freed in any case. */
static int read_all(int fd, char **memory, size_t *ret_size)
{
        size_t capacity = guess_size(fd), size = 0;
        ssize_t n;

        for (;;) {
                char *larger = realloc(*memory, capacity);

                if (!larger)
                        return -ENOMEM;
                *memory = larger;
                n = read_again(fd, larger + size, capacity - size);
                if (n < 0)
                        return (int)n;
                if (n == 0)
                        break;
                size += (size_t)n;
                if (size > MAX_SIZE)
                        return -EMSGSIZE;
                if (size == capacity)
                        capacity *= 2;
        }
        *ret_size = size;
        return 0;
}

static int read_fd(int fd, const char *name, struct input *input)
{
        char *memory = NULL;
        size_t size = 0;
        int r = read_all(fd, &memory, &size);

        input->memory = memory;
        input->payload = hark_bytes(memory, size);
        if (r == 0)
                return EXIT_GOOD;
        complain("cannot read %s: %s", name, r == -EMSGSIZE ? "more than 1 GiB" : strerror(-r));
        return EXIT_USAGE;
}

static int read_file(const char *path, struct input *input)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        int r;

        if (fd < 0) {
                complain("cannot read %s: %s", path, strerror(errno));
                return EXIT_USAGE;
        }
        r = read_fd(fd, path, input);
        close(fd);
        return r;
}

int input_read(const char *operand, struct input *ret_input)
{
        *ret_input = (struct input){.payload = HARK_NOTHING};
        if (!operand)
                return EXIT_GOOD;
        if (strcmp(operand, "-") == 0)
                return read_fd(STDIN_FILENO, "standard input", ret_input);
        if (operand[0] == '@')
                return read_file(operand + 1, ret_input);
        ret_input->payload = hark_text(operand);
        if (!is_utf8(operand, strlen(operand)))
                ret_input->payload.encoding = HARK_RAW;
        return EXIT_GOOD;
}

void input_done(struct input *input)
{
        free(input->memory);
        *input = (struct input){0};
}
