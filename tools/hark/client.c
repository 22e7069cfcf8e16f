/* SPDX-License-Identifier: MIT */
#include "client.h"

#include <errno.h>
#include <time.h>

#include "failure.h"

int64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

int time_left_ms(int64_t start_ms, int timeout_ms)
{
        int64_t gone_ms = now_ms() - start_ms;

        return gone_ms < timeout_ms ? timeout_ms - (int)gone_ms : 0;
}

int client_connect(const char *address, const struct hark_client_params *params,
                   hark_client **ret_client)
{
        int r = check_address(address);

        if (r != EXIT_GOOD)
                return r;
        r = hark_connect(NULL, address, params, ret_client);
        return r == 0 ? EXIT_GOOD : complain_of_connect(address, r);
}
