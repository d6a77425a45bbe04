/* SPDX-License-Identifier: GPL-2.0-only */
/* CRC-32C (Castagnoli), as scoutfs quorum datagrams and our chunks use it. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include "base/util.h"

/* The running value without any inversion: crc32c(~0, ...) is the kernel's crc32c(~0, ...). */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t n);

#endif
