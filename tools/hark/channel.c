/* SPDX-License-Identifier: MIT */
/*
 * How long an end waits is up to an alarm that interrupts its system call, because the floor is to
 * have no other: no poll(2), and no time limits that the kernel would have to keep for each message.
 */
#include "channel.h"

#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

static volatile sig_atomic_t is_late;

static void on_alarm(int signo)
{
        (void)signo;
        is_late = 1;
}

void channel_set_patience(int seconds)
{
        struct sigaction action = {.sa_handler = on_alarm}; /* no SA_RESTART */
        /* And each second after, should it come just before the system call begins. */
        struct itimerval timer = {.it_value.tv_sec = seconds, .it_interval.tv_sec = 1};

        is_late = 0;
        sigaction(SIGALRM, &action, NULL);
        setitimer(ITIMER_REAL, &timer, NULL);
}

static int take_error(void)
{
        if (errno != EINTR)
                return -errno;
        return is_late ? -ETIMEDOUT : 0;
}

int channel_open(const struct facility *facility, struct channel *near, struct channel *far)
{
        struct channel ends[2] = {{.facility = facility, .packet_size = SIZE_MAX},
                                  {.facility = facility, .packet_size = SIZE_MAX}};
        int r = facility->open(&ends[0], &ends[1]);

        if (r != 0)
                return r;
        *near = ends[0];
        *far = ends[1];
        channel_expect(near, 0);
        channel_expect(far, 0);
        return 0;
}

/*
 * What is under way must fit into a receive buffer of 208 KiB, the default, where a datagram takes up
 * more than its size: up to 1 KiB less than 2.5 KiB, and 8 KiB no more than 17.
 */
void channel_expect(struct channel *channel, size_t size)
{
        channel->window = size <= 1024 ? 64 : 8;
}

int channel_write(struct channel *channel, const void *data, size_t size)
{
        int r = 0;

        for (size_t done = 0; done < size && r == 0;) {
                size_t rest = size - done;
                size_t most = rest < channel->packet_size ? rest : channel->packet_size;
                ssize_t n = channel->facility->put(channel, (const char *)data + done, most);

                if (n < 0)
                        r = take_error();
                else
                        done += (size_t)n;
        }
        return r;
}

ssize_t channel_take(struct channel *channel, void *data, size_t size)
{
        for (;;) {
                ssize_t n = channel->facility->take(channel, data, size);
                int r = n < 0 ? take_error() : 0;

                if (n > 0)
                        return n;
                if (n == 0)
                        return -ECONNRESET;
                if (r != 0)
                        return r;
        }
}

int channel_read(struct channel *channel, void *data, size_t size)
{
        for (size_t done = 0; done < size;) {
                ssize_t n = channel_take(channel, (char *)data + done, size - done);

                if (n < 0)
                        return (int)n;
                done += (size_t)n;
        }
        return 0;
}

void channel_close(struct channel *channel)
{
        close(channel->in);
        if (channel->out != channel->in)
                close(channel->out);
}
