/* SPDX-License-Identifier: MIT */
#ifndef SCENE_STREAM_H
#define SCENE_STREAM_H

/* The part of a scene (scene.h) that has items in both directions: what is fed comes back. */

#include <hark/hark.h>

#define SCENE_ITEMS 8

struct scene_stream {
        hark_client *client;
        uint64_t id;
        unsigned n_fed, n_back;
        void (*on_end)(int result, void *userdata); /* once, if it has begun */
        void *userdata;
};

/* So little that credit must be given. */
#define SCENE_WINDOW 4096

int scene_stream_offer(hark_server *server);

/* 0: on_end will be told; 0 there: all items have come back. */
int scene_stream_begin(struct scene_stream *stream, int timeout_ms);

#endif
