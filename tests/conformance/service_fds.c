/* SPDX-License-Identifier: MIT */

/* Files that the service gets and gives. See service.h. */

#include "service_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kit.h"

int service_file_of(const char *text)
{
        int fd = memfd_create("conformance", MFD_CLOEXEC);

        kit_assert_msg(fd >= 0, "memfd_create: %m");
        kit_assert(write(fd, text, strlen(text)) == (int)strlen(text));
        return fd;
}

static void answer_read_fds(hark_request *request, void *userdata)
{
        hark_message *message = hark_request_message(request);
        char text[1024];
        size_t size = 0;
        int fd;

        (void)userdata;
        for (size_t i = 0; (fd = hark_message_take_fd(message, i)) >= 0; i++) {
                ssize_t n = pread(fd, text + size, sizeof(text) - size, 0);

                kit_assert_msg(n >= 0, "pread: %m");
                kit_assert_msg(fcntl(fd, F_GETFD) & FD_CLOEXEC, "a passed fd is not CLOEXEC");
                close(fd);
                size += (size_t)n;
        }
        hark_reply(request, hark_bytes(text, size));
}

static void answer_give_fd(hark_request *request, void *userdata)
{
        int fd = service_file_of(service_text(request));
        struct hark_payload payload = {.fds = &fd, .n_fds = 1};

        service_set(userdata, "give_fd", hark_reply(request, payload));
        close(fd);
}

static void answer_publish_fd(hark_request *request, void *userdata)
{
        struct service *service = userdata;
        char topic[256], text[256];
        struct hark_payload payload = {.n_fds = 1};
        int fd;

        kit_assert(sscanf(service_text(request), "%255s %255s", topic, text) == 2);
        fd = service_file_of(text);
        payload.fds = &fd;
        kit_assert_good(hark_server_publish(service->server, topic, payload));
        close(fd);
        hark_reply(request, HARK_NOTHING);
}

static void answer_n_open(hark_request *request, void *userdata)
{
        DIR *stream = opendir("/proc/self/fd");
        unsigned n = 0;

        (void)userdata;
        kit_assert(stream);
        while (readdir(stream))
                n++;
        closedir(stream);
        service_say(request, "%u", n);
}

const struct service_method service_fds[] = {
        {"read_fds", answer_read_fds},
        {"give_fd", answer_give_fd},
        {"publish_fd", answer_publish_fd},
        {"n_open", answer_n_open},
        {NULL, NULL},
};
