/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The chunk header: against bytes laid out by hand, a bit-by-bit checksum, and the zstd tool.
 */
#include "base/crc32c.h"
#include "format/chunk.h"
#include "sessionkit.h"
#include "test.h"

static const struct chunk sample = {
	.stream = CHUNK_RING,
	.id = 255,
	.sequence = 0x0102030405060708,
	.first_ns = 0x1112131415161718,
	.last_ns = 0x2122232425262728,
	.raw_bytes = 0x3132333435363738,
	.records = 0x4142434445464748,
	.lost = 0x5152535455565758,
	.offset = 0x6162636465666768,
	.tail = true,
	.frame_bytes = 0x71727374,
	.frame_crc = 0x81828384,
};

/* The same, byte by byte: RFC 8878 3.1.2 (magic 0x184D2A5C, size 96), then our fields. */
static const uint8_t sample_bytes[100] = {
	0x5c, 0x2a, 0x4d, 0x18, 96,   0,    0,	  0,	's',  'c',  'o',  'u',	't',  'f',  's',
	'T',  1,    0,	  1,	0,    255,  0,	  0,	0,    0x08, 0x07, 0x06, 0x05, 0x04, 0x03,
	0x02, 0x01, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 0x28, 0x27, 0x26, 0x25, 0x24,
	0x23, 0x22, 0x21, 0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31, 0x48, 0x47, 0x46, 0x45,
	0x44, 0x43, 0x42, 0x41, 0x58, 0x57, 0x56, 0x55, 0x54, 0x53, 0x52, 0x51, 0x68, 0x67, 0x66,
	0x65, 0x64, 0x63, 0x62, 0x61, 1,    0,	  0,	0,    0x74, 0x73, 0x72, 0x71, 0x84, 0x83,
	0x82, 0x81, 0,	  0,	0,    0,    0,	  0,	0,    0,
};

/* Castagnoli, reflected, bit by bit. */
static uint32_t slow_crc(uint32_t crc, const uint8_t *p, size_t n)
{
	while (n--) {
		crc ^= *p++;
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return crc;
}

static void header_is_the_documented_bytes(void)
{
	uint8_t out[CHUNK_HEADER_BYTES];

	chunk_header_write(&sample, out);
	CHECK(memcmp(out, sample_bytes, sizeof(sample_bytes)) == 0);
	CHECK_EQ(get_le32(out + 100), slow_crc(~0u, sample_bytes, sizeof(sample_bytes)));
}

static void header_comes_back_as_written(void)
{
	uint8_t out[CHUNK_HEADER_BYTES], again[CHUNK_HEADER_BYTES];
	struct chunk c;

	chunk_header_write(&sample, out);
	CHECK_EQ(chunk_header_read(out, sizeof(out), &c), 0);
	CHECK_EQ(c.stream, sample.stream);
	CHECK_EQ(c.id, sample.id);
	CHECK(c.sequence == sample.sequence && c.first_ns == sample.first_ns);
	CHECK(c.last_ns == sample.last_ns && c.raw_bytes == sample.raw_bytes);
	CHECK(c.records == sample.records && c.lost == sample.lost && c.offset == sample.offset);
	CHECK(c.tail && c.frame_bytes == sample.frame_bytes && c.frame_crc == sample.frame_crc);
	chunk_header_write(&c, again);
	CHECK(memcmp(out, again, sizeof(out)) == 0);
}

static void every_flipped_bit_is_refused(void)
{
	uint8_t out[CHUNK_HEADER_BYTES];
	struct chunk c;

	chunk_header_write(&sample, out);
	for (unsigned int bit = 0; bit < CHUNK_HEADER_BYTES * 8; bit++) {
		out[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK_EQ(chunk_header_read(out, sizeof(out), &c), -EBADMSG);
		out[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	CHECK_EQ(chunk_header_read(out, sizeof(out), &c), 0);
}

static void a_newer_version_is_refused_whole(void)
{
	uint8_t out[CHUNK_HEADER_BYTES];
	struct chunk c;

	chunk_header_write(&sample, out);
	out[16] = 2;
	put_le32(out + 100, slow_crc(~0u, out, 100));
	CHECK_EQ(chunk_header_read(out, sizeof(out), &c), -EBADMSG);
}

static void too_few_bytes_are_too_few(void)
{
	uint8_t out[CHUNK_HEADER_BYTES];
	struct chunk c;

	chunk_header_write(&sample, out);
	for (size_t n = 0; n < sizeof(out); n++)
		CHECK_EQ(chunk_header_read(out, n, &c), -EAGAIN);
}

static void frame_checksum_covers_every_byte(void)
{
	uint8_t frame[300];
	struct chunk c = {.frame_bytes = sizeof(frame)};

	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(i * 7);
	c.frame_crc = slow_crc(~0u, frame, sizeof(frame));
	CHECK(chunk_frame_ok(&c, frame));
	for (size_t bit = 0; bit < sizeof(frame) * 8; bit++) {
		frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK(!chunk_frame_ok(&c, frame));
		frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

/* A row of chunks is what any zstd tool takes for a .zst file. */
static void zstd_reads_a_row_of_chunks(void)
{
	struct kit_folder dir = kit_folder_make();
	struct text file = {0}, want = {0}, got = {0};

	for (uint32_t i = 0; i < 40; i++) {
		char payload[5000], frame[6000];
		uint8_t header[CHUNK_HEADER_BYTES];
		struct chunk c = sample;
		size_t n = i * 120;

		for (size_t k = 0; k < n; k++)
			payload[k] = (char)('a' + (k * i) % 26);
		c.raw_bytes = n;
		c.frame_bytes = (uint32_t)ZSTD_compress(frame, sizeof(frame), payload, n, 1);
		c.frame_crc = crc32c(~0u, frame, c.frame_bytes);
		chunk_header_write(&c, header);
		text_add(&file, header, sizeof(header));
		text_add(&file, frame, c.frame_bytes);
		text_add(&want, payload, n);
	}
	if (file_save_at(dir.fd, "row.zst", file.s, file.len, NULL) < 0)
		kit_die("row.zst");
	CHECK_EQ(kit_run(NULL, "zstd -tq %s/row.zst 2>&1", dir.path), 0);
	CHECK_EQ(kit_run(&got, "zstd -dcq %s/row.zst", dir.path), 0);
	CHECK_EQ(got.len, want.len);
	CHECK(memcmp(got.s, want.s, want.len) == 0);
	text_free(&file);
	text_free(&want);
	text_free(&got);
	kit_folder_remove(&dir);
}

TEST_MAIN(TEST(header_is_the_documented_bytes), TEST(header_comes_back_as_written),
	  TEST(every_flipped_bit_is_refused), TEST(a_newer_version_is_refused_whole),
	  TEST(too_few_bytes_are_too_few), TEST(frame_checksum_covers_every_byte),
	  TEST(zstd_reads_a_row_of_chunks))
