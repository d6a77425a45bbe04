/* SPDX-License-Identifier: GPL-2.0-only */
/* crc32c() by tables, for processors without the instruction; apart so that a test can compare. */
#ifndef BASE_CRC32C_SOFT_H
#define BASE_CRC32C_SOFT_H

#include "base/util.h"

uint32_t crc32c_soft(uint32_t crc, const void *bytes, size_t n);

#endif
