/* SPDX-License-Identifier: GPL-2.0-only */
/* CRC-32C against the vectors of RFC 3720 B.4, and both ways of computing it against one bit at a
 * time. */
#include "base/crc32c.h"
#include "../../src/base/crc32c_soft.h"
#include "test.h"

typedef uint32_t (*crc_fn)(uint32_t crc, const void *bytes, size_t n);

static uint32_t one_bit_at_a_time(uint32_t crc, const void *bytes, size_t n)
{
	for (const uint8_t *p = bytes; n; p++, n--)
		for (int bit = 0; bit < 8; bit++) {
			uint32_t in = (*p >> bit & 1u) ^ (crc & 1u);

			crc = crc >> 1 ^ (in ? 0x82f63b78u : 0);
		}
	return crc;
}

static void check_vectors(crc_fn fn)
{
	static const uint8_t iscsi_read[48] = {
		0x01, 0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, 0x28, [40] = 0x02};
	uint8_t b[32];

	memset(b, 0, sizeof(b));
	CHECK_EQ(~fn(~0u, b, 32), 0x8a9136aau);
	memset(b, 0xff, sizeof(b));
	CHECK_EQ(~fn(~0u, b, 32), 0x62a8ab43u);
	for (unsigned i = 0; i < 32; i++)
		b[i] = (uint8_t)i;
	CHECK_EQ(~fn(~0u, b, 32), 0x46dd794eu);
	for (unsigned i = 0; i < 32; i++)
		b[i] = (uint8_t)(31 - i);
	CHECK_EQ(~fn(~0u, b, 32), 0x113fdb5cu);
	CHECK_EQ(~fn(~0u, iscsi_read, 48), 0xd9963a56u);
	CHECK_EQ(~fn(~0u, "123456789", 9), 0xe3069283u);
	CHECK_EQ(fn(0x1234u, "", 0), 0x1234u);
}

static void vectors(void)
{
	check_vectors(crc32c);
}

static void vectors_by_tables(void)
{
	check_vectors(crc32c_soft);
}

/* Every length and alignment that the eight-byte steps distinguish, and values carried between
 * pieces. */
static void check_pieces(crc_fn fn)
{
	uint8_t b[512];
	uint32_t random = 1;

	for (size_t i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)((random = random * 1664525u + 1013904223u) >> 24);
	for (size_t from = 0; from < 16; from++)
		for (size_t n = 0; n < 80; n++)
			CHECK_EQ(fn(~0u, b + from, n), one_bit_at_a_time(~0u, b + from, n));
	for (size_t cut = 0; cut <= sizeof(b); cut++)
		CHECK_EQ(fn(fn(7, b, cut), b + cut, sizeof(b) - cut),
			 one_bit_at_a_time(7, b, sizeof(b)));
}

static void pieces(void)
{
	check_pieces(crc32c);
}

static void pieces_by_tables(void)
{
	check_pieces(crc32c_soft);
}

TEST_MAIN(TEST(vectors), TEST(vectors_by_tables), TEST(pieces), TEST(pieces_by_tables))
