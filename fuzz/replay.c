/* SPDX-License-Identifier: MIT */

/*
 * replay FILE|DIRECTORY...: hands each file, and each file of a directory, to a fuzz target. For
 * compilers without libFuzzer, and for `make check`.
 */

#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_MAX (1 << 20) /* libFuzzer's own limit is 4 KiB unless told otherwise */

static int replay_file(int dir_fd, const char *name)
{
        static uint8_t bytes[INPUT_MAX];
        int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
        uint8_t *copy;
        ssize_t size;

        if (fd < 0)
                return -errno;
        size = read(fd, bytes, sizeof(bytes));
        close(fd);
        if (size < 0)
                return -errno;
        copy = fuzz_copy(bytes, (size_t)size);
        LLVMFuzzerTestOneInput(copy, (size_t)size);
        free(copy);
        return 0;
}

/* Returns how many files there were; negative: one could not be read. */
static int replay_directory(const char *path)
{
        DIR *dir = opendir(path);
        struct dirent *entry;
        int n_files = 0, r = 0;

        if (!dir)
                return -errno;
        while (r == 0 && (entry = readdir(dir))) {
                if (entry->d_name[0] == '.')
                        continue;
                r = replay_file(dirfd(dir), entry->d_name);
                if (r < 0)
                        fprintf(stderr, "%s/%s: %s\n", path, entry->d_name, strerror(-r));
                n_files++;
        }
        closedir(dir);
        return r < 0 ? r : n_files;
}

static int replay(const char *path)
{
        struct stat status;
        int r;

        if (stat(path, &status) < 0)
                return -errno;
        if (S_ISDIR(status.st_mode))
                return replay_directory(path);
        r = replay_file(AT_FDCWD, path);
        return r < 0 ? r : 1;
}

int main(int argc, char **argv)
{
        int n_files = 0;

        for (int i = 1; i < argc; i++) {
                int r = replay(argv[i]);

                if (r < 0) {
                        fprintf(stderr, "%s: %s\n", argv[i], strerror(-r));
                        return EXIT_FAILURE;
                }
                n_files += r;
        }
        printf("%d inputs\n", n_files);
        /* A corpus that has gone missing must not pass for a good one. */
        return n_files > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
