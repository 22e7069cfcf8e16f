/* SPDX-License-Identifier: MIT */
/*
 * Every complaint names what, where and why, and where a next step is known, that step.
 */
#include "failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

void complain(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        fputs("hark: ", stderr);
        vfprintf(stderr, format, arguments);
        fputc('\n', stderr);
        va_end(arguments);
}

static int exit_status_of(int result)
{
        switch (result) {
        case 0:
                return EXIT_GOOD;
        case -EINVAL:
        case -EPROTONOSUPPORT:
                return EXIT_USAGE;
        case -ENOTCONN:
                return EXIT_UNREACHED;
        case -ETIMEDOUT:
                return EXIT_LATE;
        case -ECONNRESET:
        case -EPROTO:
                return EXIT_LOST;
        default:
                return EXIT_REFUSED;
        }
}

/* Why there is no connection. What the library says of a lost one speaks of calls. */
static const char *connect_reason(int error)
{
        if (error == -ECONNRESET)
                return "the other side ended the connection without a word";
        return hark_reason(error, NULL);
}

static const char *limit_hint(const char *address)
{
        return strncmp(address, "mq:", 3) == 0 ? " (which limit, and how to raise it, says: "
                                                 "hark doctor mq)"
                                               : "";
}

/* What the user can do about it; "" where that is not known. */
static const char *connect_hint(const char *address, int error)
{
        if (strncmp(address, "exec:", 5) == 0)
                return " (is there such a program, and does it serve stdio:?)";
        switch (error) {
        case -ENOENT:
        case -ECONNREFUSED:
                return " (is the server running?)";
        case -EACCES:
                return " (are you the right user?)";
        case -EPERM:
                return " (if you trust that user, name it: ADDRESS?uid=NAME)";
        case -ETIMEDOUT:
                return " (a longer --wait or --timeout may help)";
        case -EHOSTUNREACH:
                return " (is the host's name right?)";
        case -EOPNOTSUPP:
                return " (this transport only listens, or its descriptors are no pipes or "
                       "sockets: see hark-transports(7))";
        case -ECONNRESET:
        case -EPROTO:
                return " (is it another program's address?)";
        case -EDQUOT:
        case -ENOSPC:
                return limit_hint(address);
        default:
                return "";
        }
}

static const char *listen_hint(const char *address, int error)
{
        switch (error) {
        case -EADDRINUSE:
                return " (choose another address, end the server that is there, or remove what "
                       "is no socket)";
        case -ENOENT:
                return strncmp(address, "inherit:", 8) == 0
                               ? " (a service manager hands sockets over, by LISTEN_FDS)"
                               : " (no such directory or host?)";
        case -EBUSY:
                return " (another server is just starting there: try again)";
        case -EACCES:
                return " (may you write to that directory, or take that port?)";
        case -EPERM:
                return " (it can be reached from other machines: if that is meant, "
                       "write ADDRESS?open, or --allow what anyone may do)";
        case -EOPNOTSUPP:
                return " (this transport only connects, or its descriptors are no pipes or "
                       "sockets: "
                       "see hark-transports(7))";
        case -EDQUOT:
        case -ENOSPC:
                return limit_hint(address);
        default:
                return "";
        }
}

static const char *result_hint(int result)
{
        return result == HARK_NEEDS_OBSERVE ? " (hark call --stream takes them)" : "";
}

int complain_of_result(const char *name, const char *address, int result, const hark_message *reply)
{
        if (result == -EINVAL)
                complain("'%s' is no name: tokens of A-Z a-z 0-9 _ - joined by dots, at most 255 "
                         "bytes; in a filter * and, at the end, > stand for tokens",
                         name);
        else
                complain("%s at %s: %s%s", name, address, hark_reason(result, reply),
                         result_hint(result));
        return exit_status_of(result);
}

int complain_of_connect(const char *address, int error)
{
        complain("cannot connect to %s: %s%s", address, connect_reason(error),
                 connect_hint(address, error));
        return error == -EOPNOTSUPP ? EXIT_USAGE : EXIT_UNREACHED;
}

int complain_of_listen(const char *address, int error)
{
        complain("cannot listen at %s: %s%s", address, hark_reason(error, NULL),
                 listen_hint(address, error));
        return error == -EOPNOTSUPP ? EXIT_USAGE : EXIT_UNREACHED;
}

int check_address(const char *address)
{
        char why[256] = "";
        int r = hark_address_check(address, why, sizeof(why));

        if (r == 0)
                return EXIT_GOOD;
        complain("'%s' is no address: %s (see hark transports, hark-addresses(7))", address, why);
        return EXIT_USAGE;
}

static void print_log(int level, const char *text, void *userdata)
{
        (void)level;
        (void)userdata;
        complain("%s", text);
}

static void print_warning(int level, const char *text, void *userdata)
{
        if (level <= LOG_WARNING)
                print_log(level, text, userdata);
}

void show_warnings(hark_loop *loop)
{
        hark_loop_set_log(loop, print_warning, NULL);
}

void show_log(hark_loop *loop)
{
        hark_loop_set_log(loop, print_log, NULL);
}
