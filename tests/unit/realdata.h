/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The captures under tests/data (see tests/data/README.md), loaded whole into memory. A test that
 * cannot have its data stops the program: a comparison with nothing must not pass.
 */
#ifndef TESTS_UNIT_REALDATA_H
#define TESTS_UNIT_REALDATA_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

struct realdata {
	uint8_t *bytes; /* NUL behind the last one */
	size_t n;
};

static inline void realdata_free(struct realdata *d)
{
	free(d->bytes);
	d->bytes = NULL;
}

__attribute__((noreturn)) static inline void realdata_die(const char *path, const char *why)
{
	printf("Bail out! %s: %s\n", path, why);
	exit(99);
}

static inline const char *realdata_path(const char *name, char *buf, size_t size)
{
	const char *folder = getenv("TEST_DATA");

	snprintf(buf, size, "%s/%s", folder ? folder : "tests/data", name);
	return buf;
}

/* The bytes of a file as it is. */
static inline struct realdata realdata_load_plain(const char *name)
{
	struct realdata d = {0};
	char path[4096];
	FILE *f = fopen(realdata_path(name, path, sizeof(path)), "re");
	long n = -1;

	if (!f || fseek(f, 0, SEEK_END) < 0 || (n = ftell(f)) < 0)
		realdata_die(path, "cannot be opened");
	rewind(f);
	d.n = (size_t)n;
	d.bytes = malloc(d.n + 1);
	if (!d.bytes || fread(d.bytes, 1, d.n, f) != d.n)
		realdata_die(path, "cannot be read");
	d.bytes[d.n] = 0;
	fclose(f);
	return d;
}

/* The decompressed bytes of a .zst file. */
static inline struct realdata realdata_load(const char *name)
{
	struct realdata packed = realdata_load_plain(name), d = {0};
	unsigned long long n = ZSTD_getFrameContentSize(packed.bytes, packed.n);

	if (n == ZSTD_CONTENTSIZE_ERROR || n == ZSTD_CONTENTSIZE_UNKNOWN)
		realdata_die(name, "is not a zstd file of known size");
	d.n = (size_t)n;
	d.bytes = malloc(d.n + 1);
	if (!d.bytes || ZSTD_decompress(d.bytes, d.n, packed.bytes, packed.n) != d.n)
		realdata_die(name, "cannot be decompressed");
	d.bytes[d.n] = 0;
	realdata_free(&packed);
	return d;
}

/* One regular file of a tar (ustar) held in memory; .text is a copy with a NUL behind, for the
 * caller to free. */
struct realdata_file {
	const char *name;
	char *text;
	size_t n;
};

/* Walk the regular files; *at starts at 0. False at the end. */
static inline bool realdata_tar_next(const struct realdata *tar, size_t *at,
				     struct realdata_file *ret)
{
	while (*at + 512 <= tar->n && tar->bytes[*at]) {
		uint8_t *header = tar->bytes + *at;
		size_t n = strtoul((char *)header + 124, NULL, 8);

		if (n > tar->n || *at + 512 + n > tar->n)
			realdata_die("tar", "is cut short");
		*at += 512 + (n + 511) / 512 * 512;
		if (header[156] != '0')
			continue;
		ret->name = (char *)header;
		ret->n = n;
		ret->text = malloc(n + 1);
		if (!ret->text)
			realdata_die(ret->name, "no memory");
		memcpy(ret->text, header + 512, n);
		ret->text[n] = 0;
		return true;
	}
	return false;
}

/* A small generator for damage that is the same on every run (xorshift). */
static inline uint32_t damage(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 32);
}

#endif
