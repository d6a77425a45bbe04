/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The source of packets: libpcap, into packets.pcap, and the sight of the server's heartbeats.
 *
 * Owns the capture and its pump. The kernel hands packets over in blocks, when a block is full or
 * its timer runs out, so the newest packets are always in a block that cannot be read yet. A
 * capture that is simply closed loses them; the last pass here waits for that timer first. The
 * timer is short rather than off: libpcap's immediate mode falls back to an older ring that drops
 * more.
 *
 * A device that goes away ends the capture, not the recording: it is opened again, and the gap is
 * in the ledger. A link that is down ends nothing, and libpcap does not tell of it: it is looked at
 * now and then, so that the ledger can say why there were no packets. Where all interfaces are
 * captured it is the link that leads to the server.
 */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>

#include <pcap/pcap.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/privilege.h"
#include "format/pcapfile.h"

#include "link.h"
#include "packets.h"
#include "pump.h"
#include "session.h"

#define PASS_WAIT_NS (50 * NSEC_PER_MSEC)
#define STATS_EVERY_NS NSEC_PER_SEC
#define REOPEN_EVERY_NS NSEC_PER_SEC
#define LINK_EVERY_NS (200 * NSEC_PER_MSEC)
#define BATCH_BYTES (256 * KIB)
#define PUMP_NICE (-5)
#define LINKTYPE_RAW 101

struct packets {
	pcap_t *pcap;
	int link_type;
	struct wire_addr server;
	struct spool_stream *stream;
	struct pump pump;
	uint8_t *batch;
	size_t batch_used;
	struct spool_span span;
	uint64_t stats_next_ns, stats_last_ns;
	uint64_t drops_noted; /* of this capture's pcap_stats */
	uint64_t gone_ns;     /* when the device went; 0 while it is there */
	uint64_t reopen_next_ns;
	uint64_t newest_ns;
	uint64_t now_ns, now_real_ns;	   /* both clocks, when packets were fetched last */
	char link[64];			   /* whose it is; empty: not known yet */
	bool link_known;		   /* it has been an interface */
	uint64_t link_next_ns, link_up_ns; /* when it was last seen up */
	uint64_t link_down_ns;		   /* 0 while it is up */
};

/* ---- opening ---- */

/**
 * packets_filter() - the capture filter for a server, as pcap-filter(7) wants it
 *
 * Bracketed in full: `and` and `or` have the same precedence there, and without the brackets the
 * UDP half would match every host.
 */
void packets_filter(const char *ip, uint16_t port, char *buf, size_t size)
{
	(void)snprintf(buf, size, "(host %s) and ((tcp port %u) or (udp port %u))", ip, port, port);
}

/* Cooked capture, version 2 where there is one: it tells the interface of each packet. */
static void choose_link_type(pcap_t *p)
{
	int *types, n;

	if (pcap_datalink(p) != DLT_LINUX_SLL)
		return;
	n = pcap_list_datalinks(p, &types);
	if (n < 0)
		return;
#ifdef DLT_LINUX_SLL2 /* libpcap 1.10 */
	for (int i = 0; i < n; i++)
		if (types[i] == DLT_LINUX_SLL2)
			(void)pcap_set_datalink(p, DLT_LINUX_SLL2);
#endif
	pcap_free_datalinks(types);
}

static int set_filter(pcap_t *p, const char *ip, uint16_t port, struct err *e)
{
	struct bpf_program program;
	char filter[256];
	int r;

	packets_filter(ip, port, filter, sizeof(filter));
	if (pcap_compile(p, &program, filter, 1, PCAP_NETMASK_UNKNOWN) < 0)
		return err_set(e, -EINVAL, "the packet filter \"%s\" is refused: %s", filter,
			       pcap_geterr(p));
	r = pcap_setfilter(p, &program);
	pcap_freecode(&program);
	return r < 0 ? err_set(e, -EINVAL, "cannot set the packet filter: %s", pcap_geterr(p)) : 0;
}

/**
 * packets_open() - open a capture as the recorder needs it
 * @interface:  "any" or a device
 * @ip, @port:  of the server; numeric
 * @ring_bytes: of the kernel's ring for this capture
 * @ret:        non-blocking, filtered, nanosecond stamps where the kernel has them; pcap_close() it
 *
 * Return: 0; -EPERM; -ENODEV; -ENETDOWN; -EIO for what else libpcap says.
 */
int packets_open(const char *interface, const char *ip, uint16_t port, uint64_t ring_bytes,
		 pcap_t **ret, struct err *e)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_create(interface, text);
	int r;

	if (!p)
		return err_set(e, -ENODEV, "cannot capture on %s: %s", interface, text);
	(void)pcap_set_snaplen(p, PACKETS_SNAPLEN);
	(void)pcap_set_promisc(p, 0);
	(void)pcap_set_timeout(p, PACKETS_BLOCK_MS);
	(void)pcap_set_buffer_size(p, (int)min_of(ring_bytes, (uint64_t)INT32_MAX));
	(void)pcap_set_tstamp_precision(p, PCAP_TSTAMP_PRECISION_NANO);
	r = pcap_activate(p);
	if (r < 0) {
		int code = r == PCAP_ERROR_PERM_DENIED	    ? -EPERM
			   : r == PCAP_ERROR_NO_SUCH_DEVICE ? -ENODEV
			   : r == PCAP_ERROR_IFACE_NOT_UP   ? -ENETDOWN
							    : -EIO;
		const char *more = pcap_geterr(p);

		(void)err_set(e, code, "cannot capture on %s: %s%s%s", interface,
			      pcap_statustostr(r), more && *more ? ": " : "", more ? more : "");
		pcap_close(p);
		return code;
	}
	choose_link_type(p);
	r = set_filter(p, ip, port, e);
	/* The user's command (-- COMMAND) must not inherit the capture. */
	if (r == 0)
		(void)fcntl(pcap_fileno(p), F_SETFD, FD_CLOEXEC);
	if (r == 0 && pcap_setnonblock(p, 1, text) < 0)
		r = err_set(e, -EIO, "cannot capture on %s without blocking: %s", interface, text);
	if (r < 0) {
		pcap_close(p);
		return r;
	}
	*ret = p;
	return 0;
}

/* ---- packets ---- */

static void hand_over(struct source *s)
{
	struct packets *p = s->priv;

	if (!p->batch_used)
		return;
	if (spool_append(p->stream, p->batch, p->batch_used, &p->span) < 0)
		loss_note(s->session->loss, LOSS_FAULT, "packets", 0, p->span.first_ns,
			  p->span.last_ns, p->span.records,
			  "no memory to hand packets to the spool");
	p->batch_used = 0;
	p->span = (struct spool_span){0};
}

static void watch_heartbeat(struct source *s, const uint8_t *bytes, size_t n, uint64_t mono_ns)
{
	struct session_stats *stats = &s->session->stats;
	struct packets *p = s->priv;
	struct wire_packet packet;
	struct wire_quorum quorum;

	if (!wire_packet_parse(p->link_type, bytes, n, &packet) || packet.transport != WIRE_UDP ||
	    !wire_addr_equal(&packet.source, &p->server) ||
	    !wire_quorum_parse(packet.payload, packet.payload_bytes, &quorum) ||
	    quorum.type != WIRE_HEARTBEAT)
		return;
	atomic_fetch_add(&stats->heartbeats, 1);
	/* Never back: one from before the wall clock was set forward would look like a silence. */
	if (mono_ns > atomic_load(&stats->heartbeat_ns))
		atomic_store(&stats->heartbeat_ns, mono_ns);
}

static uint64_t real_stamp(pcap_t *p, const struct pcap_pkthdr *h)
{
	/* With nanosecond precision libpcap puts nanoseconds into tv_usec. */
	uint64_t unit =
		pcap_get_tstamp_precision(p) == PCAP_TSTAMP_PRECISION_NANO ? 1 : NSEC_PER_USEC;

	return (uint64_t)h->ts.tv_sec * NSEC_PER_SEC + (uint64_t)h->ts.tv_usec * unit;
}

static void read_clocks(struct packets *p)
{
	p->now_ns = clock_mono_ns();
	p->now_real_ns = clock_real_ns();
}

/*
 * By clocks read just now, not by the anchor of up to a second ago: the wall clock may have been
 * set since, and a packet of the future would be the newest one, and the last heartbeat, for long.
 */
static uint64_t mono_stamp(struct packets *p, uint64_t real_ns)
{
	uint64_t ago_ns;

	if (real_ns > p->now_real_ns)
		read_clocks(p);
	ago_ns = p->now_real_ns > real_ns ? p->now_real_ns - real_ns : 0;
	return p->now_ns > ago_ns ? p->now_ns - ago_ns : 0;
}

static void on_packet(u_char *arg, const struct pcap_pkthdr *h, const u_char *bytes)
{
	struct source *s = (struct source *)(void *)arg;
	struct packets *p = s->priv;
	uint64_t real_ns = real_stamp(p->pcap, h);
	uint64_t mono_ns = mono_stamp(p, real_ns);
	size_t need = PCAPFILE_RECORD_BYTES + h->caplen;

	if (p->batch_used + need > BATCH_BYTES + PACKETS_SNAPLEN)
		hand_over(s);
	pcapfile_record(real_ns, h->caplen, h->len, p->batch + p->batch_used);
	memcpy(p->batch + p->batch_used + PCAPFILE_RECORD_BYTES, bytes, h->caplen);
	p->batch_used += need;
	p->span.first_ns = p->span.records ? min_of(p->span.first_ns, mono_ns) : mono_ns;
	p->span.last_ns = max_of(p->span.last_ns, mono_ns);
	p->span.records++;
	p->newest_ns = max_of(p->newest_ns, mono_ns);
	atomic_fetch_add_explicit(&s->session->stats.packets, 1, memory_order_relaxed);
	watch_heartbeat(s, bytes, h->caplen, mono_ns);
}

/* The kernel's count of packets it had no room for; inexact by libpcap's own word. */
static void note_drops(struct source *s)
{
	struct packets *p = s->priv;
	uint64_t now = clock_mono_ns(), drops;
	struct pcap_stat st;

	p->stats_next_ns = now + STATS_EVERY_NS;
	if (!p->pcap || pcap_stats(p->pcap, &st) < 0)
		return;
	drops = (uint64_t)st.ps_drop + st.ps_ifdrop;
	if (drops > p->drops_noted)
		loss_note(s->session->loss, LOSS_FAULT, "packets", 0, p->stats_last_ns, now,
			  drops - p->drops_noted,
			  "the kernel dropped packets: its capture ring was full");
	p->drops_noted = max_of(drops, p->drops_noted);
	p->stats_last_ns = now;
}

/* ---- a device that goes and comes ---- */

static void device_gone(struct source *s, const char *why)
{
	struct packets *p = s->priv;

	note_drops(s);
	hand_over(s);
	source_degrade(s, SOURCE_DEGRADED, "the capture ended (%s) and is being opened again", why);
	pcap_close(take_ptr(p->pcap));
	p->pump.wait_fd = -1;
	p->gone_ns = clock_mono_ns();
	p->reopen_next_ns = p->gone_ns;
}

static void try_reopen(struct source *s)
{
	const struct record_config *c = s->session->config;
	struct packets *p = s->priv;
	uint64_t now = clock_mono_ns();

	if (now < p->reopen_next_ns)
		return;
	p->reopen_next_ns = now + REOPEN_EVERY_NS;
	if (packets_open(c->interface, c->server_ip, c->server_port, c->packet_ring_bytes, &p->pcap,
			 NULL) < 0)
		return;
	if (pcap_datalink(p->pcap) != p->link_type) {
		/* One pcap file has one link type. */
		pcap_close(take_ptr(p->pcap));
		source_degrade(s, SOURCE_FAILED,
			       "the device came back as one of another kind; end the "
			       "recording and start it again to capture on it");
		p->reopen_next_ns = UINT64_MAX;
		return;
	}
	loss_note(s->session->loss, LOSS_FAULT, "packets", 0, p->gone_ns, now, LOSS_UNKNOWN,
		  "the capture device was gone");
	p->pump.wait_fd = pcap_get_selectable_fd(p->pcap);
	p->drops_noted = 0;
	p->gone_ns = 0;
}

/* ---- a link that goes down and comes back ---- */

/* Once there is a way to the server; which it is stays, for its loss is what is to be told. */
static bool find_link(const struct record_config *c, struct packets *p)
{
	if (p->link[0])
		return true;
	if (strcmp(c->interface, "any") != 0)
		(void)snprintf(p->link, sizeof(p->link), "%s", c->interface);
	else if (!link_towards(c->server_ip, c->server_port, p->link))
		return false;
	return true;
}

/*
 * Up and with a carrier; also a device that never was an interface. One that was and is no more is
 * down: a capture on "any" goes on without it and says nothing.
 */
static bool link_is_up(struct packets *p)
{
	const unsigned int none = ~0U; /* flags have 16 bits */
	unsigned int flags = link_flags(p->link, none);

	if (flags == none)
		return !p->link_known;
	p->link_known = true;
	return (~flags & (IFF_UP | IFF_RUNNING)) == 0;
}

static void note_outage(struct source *s, uint64_t now)
{
	struct packets *p = s->priv;

	if (p->link_down_ns)
		loss_note(s->session->loss, LOSS_OUTAGE, "packets", 0, p->link_down_ns, now, 0,
			  "the link of the interface was down");
	p->link_down_ns = 0;
}

static void watch_link(struct source *s)
{
	uint64_t now = clock_mono_ns();
	struct packets *p = s->priv;

	/* Without its device there is no capture: the ledger says that, and it is enough. */
	if (now < p->link_next_ns || p->gone_ns)
		return;
	if (!find_link(s->session->config, p)) {
		p->link_next_ns = now + REOPEN_EVERY_NS;
		return;
	}
	p->link_next_ns = now + LINK_EVERY_NS;
	if (link_is_up(p)) {
		if (p->link_down_ns)
			log_notice("the link of %s is up again", p->link);
		note_outage(s, now);
		p->link_up_ns = now;
	} else if (!p->link_down_ns) {
		log_warning("the link of %s, which leads to the server, is down", p->link);
		p->link_down_ns = p->link_up_ns ? p->link_up_ns : now;
	}
}

/* ---- the pump ---- */

static void dispatch(struct source *s)
{
	struct packets *p = s->priv;

	read_clocks(p);
	if (pcap_dispatch(p->pcap, -1, on_packet, (u_char *)s) < 0)
		device_gone(s, pcap_geterr(p->pcap));
}

/* Until the block with the newest packets has timed out and was handed over. */
static void last_dispatches(struct source *s)
{
	uint64_t until = clock_mono_ns();
	uint64_t give_up = until + 4 * PACKETS_BLOCK_MS * NSEC_PER_MSEC;
	struct packets *p = s->priv;
	uint64_t now;

	while (p->pcap && p->newest_ns <= until && (now = clock_mono_ns()) < give_up) {
		struct pollfd fd = {pcap_get_selectable_fd(p->pcap), POLLIN, 0};

		(void)poll(&fd, 1, (int)((give_up - now) / NSEC_PER_MSEC) + 1);
		dispatch(s);
	}
}

static uint64_t pass_wait(const struct packets *p)
{
	const struct timeval *tv = p->pcap ? pcap_get_required_select_timeout(p->pcap) : NULL;
	uint64_t wait_ns = PASS_WAIT_NS;

	if (tv)
		wait_ns = min_of(wait_ns, (uint64_t)tv->tv_sec * NSEC_PER_SEC +
						  (uint64_t)tv->tv_usec * NSEC_PER_USEC);
	return wait_ns;
}

static uint64_t packets_pass(void *arg, enum pump_pass why)
{
	struct source *s = arg;
	struct packets *p = s->priv;

	if (!p->pcap && p->gone_ns && why != PUMP_LAST)
		try_reopen(s);
	if (p->pcap)
		dispatch(s);
	if (p->pcap && why == PUMP_LAST)
		last_dispatches(s);
	if (clock_mono_ns() >= p->stats_next_ns || why == PUMP_LAST)
		note_drops(s);
	watch_link(s);
	hand_over(s);
	if (why == PUMP_FLUSH)
		(void)spool_sync(s->session->spool, NULL, NULL);
	return pass_wait(p);
}

/* ---- the source ---- */

static int packets_prepare(struct source *s, struct err *e)
{
	const struct record_config *c = s->session->config;
	uint8_t head[PCAPFILE_HEADER_BYTES];
	struct packets *p = calloc(1, sizeof(*p));
	struct err why = {0};
	int r;

	if (!p)
		return err_nomem(e);
	s->priv = p;
	p->server = c->server;
	p->batch = malloc(BATCH_BYTES + PACKETS_SNAPLEN + PCAPFILE_RECORD_BYTES);
	if (!p->batch)
		return err_nomem(e);
	r = spool_stream_add(s->session->spool, CHUNK_PACKETS, 0, NULL, &p->stream, e);
	if (r < 0)
		return r;
	p->link_type = DLT_LINUX_SLL;
	r = packets_open(c->interface, c->server_ip, c->server_port, c->packet_ring_bytes, &p->pcap,
			 &why);
	if (r < 0)
		source_degrade(s, SOURCE_FAILED, "%s", why.text);
	else
		p->link_type = pcap_datalink(p->pcap);
	/* libpcap's number for raw IP differs from the one that files have (pcap-linktype(7)). */
	pcapfile_header(p->link_type == DLT_RAW ? LINKTYPE_RAW : p->link_type, PACKETS_SNAPLEN,
			head);
	return file_save_at(s->session->dir_fd, SESSION_PACKETS_HEAD, head, sizeof(head), e);
}

static int packets_start(struct source *s, struct err *e)
{
	struct packets *p = s->priv;

	p->stats_last_ns = clock_mono_ns();
	if (!p->pcap)
		return 0;
	p->pump = (struct pump){.pass = packets_pass,
				.arg = s,
				.wait_fd = pcap_get_selectable_fd(p->pcap),
				.nice = PUMP_NICE,
				/* To open the capture again when its device comes back. */
				.keep = PRIVILEGE(CAP_NET_RAW) | PRIVILEGE(CAP_NET_ADMIN),
				.role = CONFINE_PACKETS};
	return pump_start(&p->pump, "packets", e);
}

static void packets_flush(struct source *s)
{
	pump_flush(&((struct packets *)s->priv)->pump);
}

static int packets_drain(struct source *s, struct err *e)
{
	struct packets *p = s->priv;

	(void)e;
	pump_stop(&p->pump);
	note_outage(s, clock_mono_ns());
	if (p->gone_ns)
		loss_note(s->session->loss, LOSS_FAULT, "packets", 0, p->gone_ns, clock_mono_ns(),
			  LOSS_UNKNOWN, "the capture device was gone");
	atomic_store(&s->records, atomic_load(&s->session->stats.packets));
	atomic_store(&s->session->stats.newest_packet_ns, p->newest_ns);
	return 0;
}

static void packets_facts(struct source *s, struct json_writer *w)
{
	const struct record_config *c = s->session->config;
	struct packets *p = s->priv;
	char filter[256];

	packets_filter(c->server_ip, c->server_port, filter, sizeof(filter));
	json_kv_str(w, "interface", c->interface);
	json_kv_str(w, "filter", filter);
	json_kv_u64(w, "link_type", (uint64_t)p->link_type);
	json_kv_u64(w, "snaplen", PACKETS_SNAPLEN);
	json_kv_str(w, "library", pcap_lib_version());
}

static void packets_free(struct source *s)
{
	struct packets *p = s->priv;

	if (!p)
		return;
	pump_stop(&p->pump);
	if (p->pcap)
		pcap_close(p->pcap);
	free(p->batch);
	free(p);
	s->priv = NULL;
}

const struct source_ops source_packets_ops = {
	.name = "packets",
	.prepare = packets_prepare,
	.start = packets_start,
	.flush = packets_flush,
	.drain = packets_drain,
	.facts = packets_facts,
	.free = packets_free,
};
