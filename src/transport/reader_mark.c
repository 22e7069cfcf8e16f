/* SPDX-License-Identifier: MIT */

/*
 * See reader_mark.h. Its own record locks the kernel does not show to a process; but whether we read
 * it ourselves, our own descriptors say.
 */

#include "transport/reader_mark.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <errno.h>

#include "base/cleanup.h"
#include "transport/peercred.h"

enum {
        BYTE_OF_PROCESS = 0,
        BYTE_OF_FILE = 1
};

static struct flock lock_of(short type, off_t byte)
{
        return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
}

int hark_reader_mark(int fd)
{
        struct flock lock = lock_of(F_RDLCK, BYTE_OF_PROCESS);

        return fcntl(fd, F_SETLK, &lock) < 0 ? -errno : 0;
}

int hark_reader_show(int fd)
{
        struct flock lock = lock_of(F_RDLCK, BYTE_OF_FILE);

        return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

/* A lock to write anybody may have taken who may write: it shows no reader. */
bool hark_reader_is_shown(int fd)
{
        struct flock lock = lock_of(F_WRLCK, BYTE_OF_FILE);

        return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_RDLCK;
}

/* 0: nobody that another process is. */
static pid_t find_marker(int fd)
{
        struct flock lock = lock_of(F_WRLCK, BYTE_OF_PROCESS);

        return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_RDLCK ? lock.l_pid : 0;
}

static bool reads(int fd, const struct stat *file)
{
        struct stat status;
        int flags;

        if (fstat(fd, &status) < 0 || status.st_dev != file->st_dev ||
            status.st_ino != file->st_ino)
                return false;
        flags = fcntl(fd, F_GETFL);
        return flags >= 0 && (flags & O_ACCMODE) != O_WRONLY;
}

/* Whether a descriptor of this process reads it. */
static bool is_read_here(const struct stat *file)
{
        DIR *listing = opendir("/proc/self/fd");
        const struct dirent *entry;
        bool is_found = false;

        while (listing && !is_found && (entry = readdir(listing)))
                is_found =
                        *entry->d_name != '.' && reads((int)strtol(entry->d_name, NULL, 10), file);
        if (listing)
                (void)closedir(listing);
        return is_found;
}

/* The pid may have become another's between two looks, but not before the pidfd was opened and
 * after it, too. */
static void identify_process(int fd, const struct stat *file, struct hark_credentials *credentials)
{
        pid_t pid = find_marker(fd);
        bool is_us = pid == 0 && is_read_here(file);
        hark_cleanup(hark_closep) int pidfd = -1;

        if (is_us)
                pid = getpid();
        if (pid > 0)
                pidfd = hark_pidfd_open(pid);
        if (pid <= 0 || (!is_us && find_marker(fd) != pid))
                return;
        credentials->pid = pid;
        credentials->pidfd = HARK_TAKE_FD(pidfd);
}

void hark_reader_identify(int fd, struct hark_credentials *credentials)
{
        struct stat status;

        if (fstat(fd, &status) < 0)
                return;
        credentials->uid = status.st_uid;
        credentials->gid = status.st_gid;
        identify_process(fd, &status, credentials);
}
