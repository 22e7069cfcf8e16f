/* SPDX-License-Identifier: MIT */
/* See finding.h. What a check finds bad says its look; how bad that is for whom, its line. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "finding.h"

#define SOCKETS  "unix seqpacket dgram exec"
#define NETWORKS "tcp udp"

static const struct check checks[] = {
        {.name = "UNIX sockets",
         .schemes = SOCKETS,
         .look = look_at_unix_sockets,
         .meaning =
                 "nothing that stands on them can be used: a sandbox forbids socket(2); take fifo: "
                 "or pipe:",
         .setting = "RestrictAddressFamilies=AF_UNIX",
         .file = "[Service] of the unit, beside what it allows already"},
        {.name = "loopback",
         .schemes = NETWORKS,
         .look = look_at_loopback,
         .meaning = "nobody can connect at 127.0.0.1",
         .command = "ip link set lo up"},
        {.name = "IPv6 on loopback",
         .schemes = NETWORKS,
         .look = look_at_loopback_ipv6,
         .meaning = "nobody can connect at [::1]; 127.0.0.1 does the same",
         .command = "sysctl -w net.ipv6.conf.lo.disable_ipv6=0",
         .setting = "net.ipv6.conf.lo.disable_ipv6 = 0",
         .file = "/etc/sysctl.d/60-hark.conf"},
        {.name = "multicast on loopback",
         .schemes = "udp",
         .look = look_at_multicast,
         .meaning = "programs of this machine do not hear each other in a multicast group",
         .command = "ip link set lo up"},
        {.name = "message queues",
         .schemes = "mq",
         .look = look_at_queues,
         .meaning = "a server has no room for its clients, or cannot start; where queues of this "
                    "user are in the way, remove those that nobody needs (rm /dev/mqueue/NAME), or "
                    "raise RLIMIT_MSGQUEUE"},
        {.name = "/dev/mqueue",
         .schemes = "mq",
         .look = look_at_queue_directory,
         .meaning =
                 "hark needs no such directory; with it queues can be seen (ls) and removed (rm)",
         .command = "mkdir -p /dev/mqueue && mount -t mqueue mqueue /dev/mqueue",
         .setting = "mqueue /dev/mqueue mqueue defaults 0 0",
         .file = "/etc/fstab"},
        {.name = "pidfds of processes",
         .schemes = "fifo mq exec",
         .look = look_at_pidfd,
         .meaning =
                 "the death of a process is seen by what else shows it, at mq: within a second; it "
                 "takes Linux 5.3, and a sandbox that allows pidfd_open(2)"},
        {.name = "pidfds of peers",
         .schemes = "unix seqpacket dgram",
         .look = look_at_peer_pidfd,
         .meaning =
                 "a peer is known by its pid, which may be another's by the time it is looked at; "
                 "Linux 6.5 has SO_PEERPIDFD"},
        {.name = "memory as files",
         .schemes = SOCKETS,
         .look = look_at_memfd,
         .meaning = "programs cannot pass large data as a descriptor, as of memfd_create(2); hark "
                    "itself needs none"},
        {.name = "/dev/shm",
         .schemes = "",
         .look = look_at_shared_memory,
         .meaning = "no transport of hark needs it, but its tests, and programs that share memory "
                    "beside hark",
         .command = "mkdir -p /dev/shm && mount -t tmpfs -o mode=1777 tmpfs /dev/shm",
         .setting = "tmpfs /dev/shm tmpfs mode=1777,nosuid,nodev 0 0",
         .file = "/etc/fstab"},
        {.name = "a directory for sockets",
         .schemes = "unix seqpacket dgram fifo",
         .look = look_at_runtime_directory,
         .meaning =
                 "in /tmp anybody can take a path first, so that clients must say ?uid=; a service "
                 "has a directory of its own by RuntimeDirectory=, or take unix:@NAME",
         .command = "export XDG_RUNTIME_DIR=\"$(mktemp -d)\"",
         .setting = "RuntimeDirectory=NAME",
         .file = "[Service] of the unit, systemd.exec(5)"},
        {.name = "user namespaces",
         .schemes = "",
         .look = look_at_user_namespaces,
         .meaning = "hark does not need them; tests of it that do are skipped",
         .command = "sysctl -w user.max_user_namespaces=1024",
         .setting = "user.max_user_namespaces = 1024",
         .file = "/etc/sysctl.d/60-hark.conf"},
        {.name = "network namespaces",
         .schemes = "",
         .look = look_at_network_namespaces,
         .meaning = "hark does not need them; tests of it that do are skipped",
         .command = "sysctl -w user.max_net_namespaces=1024",
         .setting = "user.max_net_namespaces = 1024",
         .file = "/etc/sysctl.d/60-hark.conf"},
};

const struct check *doctor_check(size_t index)
{
        return index < sizeof(checks) / sizeof(*checks) ? &checks[index] : NULL;
}

enum verdict found_error(char *found, size_t size, int error, enum verdict verdict)
{
        (void)snprintf(found, size, "%s", strerror(error));
        return verdict;
}

enum verdict found_good(char *found, size_t size, const char *text)
{
        (void)snprintf(found, size, "%s", text);
        return VERDICT_GOOD;
}

static void copy(char *field, size_t size, const char *text)
{
        (void)snprintf(field, size, "%s", text ? text : "");
}

void look_at_check(const struct check *check, struct finding *finding)
{
        finding->name = check->name;
        finding->verdict = check->look(finding->found, sizeof(finding->found));
        if (finding->verdict == VERDICT_GOOD)
                return;
        copy(finding->meaning, sizeof(finding->meaning), check->meaning);
        copy(finding->command, sizeof(finding->command), check->command);
        copy(finding->setting, sizeof(finding->setting), check->setting);
        finding->file = check->file;
}

/* --- limits ----------------------------------------------------------------------------------- */

static enum verdict judge(const struct hark_transport_limit *limit)
{
        if (limit->value < limit->needed)
                return VERDICT_BAD;
        return limit->value < limit->enough ? VERDICT_BETTER : VERDICT_GOOD;
}

static void advise(struct finding *finding, const struct hark_transport_limit *limit)
{
        (void)snprintf(finding->meaning, sizeof(finding->meaning), "%s %s; beyond, %s", limit->unit,
                       limit->what, limit->beyond);
        (void)snprintf(finding->command, sizeof(finding->command), "%s%" PRIu64, limit->command,
                       limit->enough);
        (void)snprintf(finding->setting, sizeof(finding->setting), "%s%" PRIu64, limit->setting,
                       limit->enough);
        finding->file = limit->file;
}

static void tell_value(struct finding *finding, const struct hark_transport_limit *limit)
{
        char value[64];

        write_amount(value, sizeof(value), limit->value, limit->unit);
        switch (finding->verdict) {
        case VERDICT_GOOD:
                copy(finding->found, sizeof(finding->found), value);
                break;
        case VERDICT_BETTER:
                (void)snprintf(finding->found, sizeof(finding->found), "%s; %" PRIu64 " are enough",
                               value, limit->enough);
                break;
        case VERDICT_BAD:
                (void)snprintf(finding->found, sizeof(finding->found), "%s; %" PRIu64 " are needed",
                               value, limit->needed);
                break;
        }
}

bool look_at_limit(const struct found_limit *found, struct finding *ret_finding)
{
        const struct hark_transport_limit *limit = &found->limit;

        if (limit->enough == 0)
                return false;
        *ret_finding = (struct finding){.name = limit->name, .verdict = judge(limit)};
        copy(ret_finding->schemes, sizeof(ret_finding->schemes), found->schemes);
        tell_value(ret_finding, limit);
        if (ret_finding->verdict != VERDICT_GOOD)
                advise(ret_finding, limit);
        return true;
}
