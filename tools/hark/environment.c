/* SPDX-License-Identifier: MIT */
/*
 * Only the first N_OWN_ENV strings are made here; the others are this process's, borrowed.
 */
#include "environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_OWN_ENV 3

static const char *const own_names[N_OWN_ENV] = {"HARK_METHOD=", "HARK_PEER=", "HARK_TIMEOUT_MS="};

static bool is_own_name(const char *variable)
{
        for (size_t i = 0; i < N_OWN_ENV; i++)
                if (strncmp(variable, own_names[i], strlen(own_names[i])) == 0)
                        return true;
        return false;
}

/* The first N_OWN_ENV of environment; HARK_TIMEOUT_MS is empty where there is no limit. */
static int describe_request(hark_request *request, char **environment)
{
        int left_ms = hark_request_time_left_ms(request);
        char number[16] = "";
        const char *values[N_OWN_ENV] = {hark_request_method(request),
                                         hark_peer_name(hark_request_peer(request)), number};

        if (left_ms != HARK_FOREVER)
                snprintf(number, sizeof(number), "%d", left_ms);
        for (size_t i = 0; i < N_OWN_ENV; i++)
                if (asprintf(&environment[i], "%s%s", own_names[i], values[i]) < 0) {
                        environment[i] = NULL;
                        return -ENOMEM;
                }
        return 0;
}

int environment_new(hark_request *request, char ***ret_environment)
{
        size_t n = 0;
        char **environment;

        while (environ[n])
                n++;
        environment = calloc(N_OWN_ENV + n + 1, sizeof(*environment));
        if (!environment)
                return -ENOMEM;
        if (describe_request(request, environment) != 0) {
                environment_free(environment);
                return -ENOMEM;
        }
        n = N_OWN_ENV;
        for (char **variable = environ; *variable; variable++)
                if (!is_own_name(*variable))
                        environment[n++] = *variable;
        *ret_environment = environment;
        return 0;
}

void environment_free(char **environment)
{
        for (size_t i = 0; environment && i < N_OWN_ENV; i++)
                free(environment[i]);
        free(environment);
}
