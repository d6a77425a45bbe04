/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program of nothing, linked with the whole of one layer and with what lies below it: that it
 * links is the proof that the layer calls nothing above itself. See meson.build.
 */
int main(void)
{
	return 0;
}
