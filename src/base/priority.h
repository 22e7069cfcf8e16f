/* SPDX-License-Identifier: MIT */
#ifndef HARK_BASE_PRIORITY_H
#define HARK_BASE_PRIORITY_H

#define HARK_PRIORITIES 8 /* 0, ordinary, to 7, most urgent */

#endif
