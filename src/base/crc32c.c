/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CRC-32C over chunks (every byte that is recorded) and quorum datagrams.
 *
 * Reflected polynomial 0x82f63b78 (RFC 3720, 12.1). No inversion before or
 * after: scoutfs wants the kernel's raw crc32c(~0, ...), and a running value
 * can be carried from piece to piece. On x86-64 with SSE4.2 the crc32
 * instruction does eight bytes at a time; elsewhere eight tables do.
 */
#include <pthread.h>

#include "base/crc32c.h"
#include "crc32c_soft.h"

#define CRC32C_POLYNOMIAL 0x82f63b78u

static uint32_t tables[8][256];

/* tables[k][b]: byte b followed by k zero bytes. */
static void build_tables(void)
{
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t crc = b;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC32C_POLYNOMIAL : 0);
		tables[0][b] = crc;
	}
	for (int k = 1; k < 8; k++)
		for (uint32_t b = 0; b < 256; b++)
			tables[k][b] = tables[k - 1][b] >> 8 ^ tables[0][tables[k - 1][b] & 0xff];
}

/* Eight bytes by eight look-ups that do not wait for each other. */
uint32_t crc32c_soft(uint32_t crc, const void *bytes, size_t n)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const uint8_t *p = bytes;

	(void)pthread_once(&once, build_tables);
	for (; n >= 8; p += 8, n -= 8) {
		uint32_t low = get_le32(p) ^ crc, high = get_le32(p + 4);

		crc = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^
		      tables[5][low >> 16 & 0xff] ^ tables[4][low >> 24] ^ tables[3][high & 0xff] ^
		      tables[2][high >> 8 & 0xff] ^ tables[1][high >> 16 & 0xff] ^
		      tables[0][high >> 24];
	}
	for (; n; p++, n--)
		crc = crc >> 8 ^ tables[0][(crc ^ *p) & 0xff];
	return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const void *bytes,
							       size_t n)
{
	const uint8_t *p = bytes;
	uint64_t wide = crc;

	for (; n >= 8; p += 8, n -= 8)
		wide = __builtin_ia32_crc32di(wide, get_le64(p));
	crc = (uint32_t)wide;
	for (; n; p++, n--)
		crc = __builtin_ia32_crc32qi(crc, *p);
	return crc;
}
#endif

/**
 * crc32c() - carry a checksum over @n more bytes
 * @crc: the value so far; ~0 to begin
 *
 * Return: the running value, without a final inversion. Any thread may call it.
 */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t n)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_sse42(crc, bytes, n);
#endif
	return crc32c_soft(crc, bytes, n);
}
