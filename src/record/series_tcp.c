/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TCP_INFO of the connections with the scoutfs server, by sock_diag: what packets alone do not
 * show, congestion window and queues of the side that is looked at.
 *
 * Called by source_series.c. One dump a family and sample; the kernel filters by port, so that a
 *host with a hundred thousand other connections does not send them all. On a client these are its
 * connections with the server, on the server those of its clients. One line each:
 *
 *	LOCAL REMOTE state=established ca_state=0 ... snd_queue=0 rcv_queue=0
 *
 * Fields of struct tcp_info are found by their places (include/uapi/linux/tcp.h, which only ever
 * grows): those that this kernel does not have are left out, and those that came later than the
 * headers of the build are there. ssthresh of 2147483647 is the kernel's "none yet".
 *
 * Source: sock_diag(7); net/ipv4/inet_diag.c (bytecode, inet_diag_msg_common_fill()).
 */
#include "series_read.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/clock.h"

#define ANSWER_BYTES (64 * KIB) /* what inet_diag makes at a time is at most a few pages */
#define WAIT_S 1		/* the kernel answers within the call; a limit for what is broken */
#define SECTION "tcp_info"
/* All but listening; bit 12 and more are the kernel's own. */
#define STATES (((1u << (TCP_CLOSING + 1)) - 2) & ~(1u << TCP_LISTEN))

static const char *const state_names[] = {
	[TCP_ESTABLISHED] = "established",
	[TCP_SYN_SENT] = "syn_sent",
	[TCP_SYN_RECV] = "syn_recv",
	[TCP_FIN_WAIT1] = "fin_wait1",
	[TCP_FIN_WAIT2] = "fin_wait2",
	[TCP_TIME_WAIT] = "time_wait",
	[TCP_CLOSE] = "close",
	[TCP_CLOSE_WAIT] = "close_wait",
	[TCP_LAST_ACK] = "last_ack",
	[TCP_LISTEN] = "listen",
	[TCP_CLOSING] = "closing",
};

static const struct {
	const char *name;
	uint16_t offset;
	uint8_t bytes;
} fields[] = {
	{"ca_state", 1, 1},
	{"retransmits", 2, 1},
	{"probes", 3, 1},
	{"backoff", 4, 1},
	{"rto_us", 8, 4},
	{"ato_us", 12, 4},
	{"snd_mss", 16, 4},
	{"rcv_mss", 20, 4},
	{"unacked", 24, 4},
	{"sacked", 28, 4},
	{"lost", 32, 4},
	{"retrans", 36, 4},
	{"last_data_sent_ms", 44, 4},
	{"last_data_recv_ms", 52, 4},
	{"last_ack_recv_ms", 56, 4},
	{"pmtu", 60, 4},
	{"rcv_ssthresh", 64, 4},
	{"rtt_us", 68, 4},
	{"rttvar_us", 72, 4},
	{"ssthresh", 76, 4},
	{"cwnd", 80, 4},
	{"advmss", 84, 4},
	{"reordering", 88, 4},
	{"rcv_rtt_us", 92, 4},
	{"rcv_space", 96, 4},
	{"total_retrans", 100, 4},
	{"pacing_rate", 104, 8},
	{"bytes_acked", 120, 8},
	{"bytes_received", 128, 8},
	{"segs_out", 136, 4},
	{"segs_in", 140, 4},
	{"notsent", 144, 4},
	{"min_rtt_us", 148, 4},
	{"data_segs_in", 152, 4},
	{"data_segs_out", 156, 4},
	{"delivery_rate", 160, 8},
	{"busy_us", 168, 8},
	{"rwnd_limited_us", 176, 8},
	{"sndbuf_limited_us", 184, 8},
	{"delivered", 192, 4},
	{"bytes_sent", 200, 8},
	{"bytes_retrans", 208, 8},
	{"dsack_dups", 216, 4},
	{"reord_seen", 220, 4},
	{"rcv_ooopack", 224, 4},
	{"snd_wnd", 228, 4},
	{"rcv_wnd", 232, 4},
};

/* ---- the answer ---- */

/* In the kernel's own byte order, which is ours. */
static uint64_t native(const uint8_t *at, size_t bytes)
{
	uint64_t v64;
	uint32_t v32;

	if (bytes == 1)
		return *at;
	if (bytes == 4) {
		memcpy(&v32, at, sizeof(v32));
		return v32;
	}
	memcpy(&v64, at, sizeof(v64));
	return v64;
}

static void end_of(const struct inet_diag_sockid *id, uint8_t family, bool source,
		   struct wire_addr *ret)
{
	const void *ip = source ? id->idiag_src : id->idiag_dst;

	*ret = (struct wire_addr){.port = ntohs(source ? id->idiag_sport : id->idiag_dport)};
	if (family == AF_INET6) {
		memcpy(&ret->ip, ip, 16);
		return;
	}
	ret->ip.s6_addr[10] = ret->ip.s6_addr[11] = 0xff;
	memcpy(ret->ip.s6_addr + 12, ip, 4);
}

/* The value of an attribute; NULL when there is none. */
static const uint8_t *attribute(const uint8_t *at, size_t n, uint16_t type, size_t *ret_n)
{
	while (n >= sizeof(struct rtattr)) {
		struct rtattr a;
		size_t step;

		memcpy(&a, at, sizeof(a));
		if (a.rta_len < sizeof(a) || a.rta_len > n)
			return NULL;
		if (a.rta_type == type) {
			*ret_n = a.rta_len - sizeof(a);
			return at + sizeof(a);
		}
		step = RTA_ALIGN((size_t)a.rta_len);
		if (step >= n)
			return NULL;
		at += step;
		n -= step;
	}
	return NULL;
}

/**
 * series_tcp_line() - one answer as a line
 * @message: struct inet_diag_msg and its attributes, of @n bytes
 * @server:  one of the two ends, or it is not told of
 *
 * Return: whether a line was added.
 */
bool series_tcp_line(const void *message, size_t n, const struct wire_addr *server,
		     struct text *out)
{
	const uint8_t *bytes = message, *info;
	struct wire_addr local, remote;
	struct inet_diag_msg m;
	size_t info_bytes = 0;
	char a[80], b[80];

	if (n < sizeof(m))
		return false;
	memcpy(&m, bytes, sizeof(m));
	if (m.idiag_family != AF_INET && m.idiag_family != AF_INET6)
		return false;
	end_of(&m.id, m.idiag_family, true, &local);
	end_of(&m.id, m.idiag_family, false, &remote);
	if (!wire_addr_equal(&local, server) && !wire_addr_equal(&remote, server))
		return false;
	text_printf(out, "%s %s state=%s", wire_addr_format(&local, a, sizeof(a)),
		    wire_addr_format(&remote, b, sizeof(b)),
		    m.idiag_state < ARRAY_SIZE(state_names) && state_names[m.idiag_state]
			    ? state_names[m.idiag_state]
			    : "other");
	info = attribute(bytes + sizeof(m), n - sizeof(m), INET_DIAG_INFO, &info_bytes);
	for (size_t i = 0; info && i < ARRAY_SIZE(fields); i++)
		if ((size_t)fields[i].offset + fields[i].bytes <= info_bytes)
			text_printf(out, " %s=%llu", fields[i].name,
				    (unsigned long long)native(info + fields[i].offset,
							       fields[i].bytes));
	text_printf(out, " snd_queue=%u rcv_queue=%u\n", m.idiag_wqueue, m.idiag_rqueue);
	return true;
}

/* ---- the question ---- */

/* A comparison takes two operations: itself, and in the second one's .no the port. */
static void compare(struct inet_diag_bc_op *op, uint8_t code, uint16_t port, uint16_t no)
{
	op[0] = (struct inet_diag_bc_op){.code = code, .yes = 2 * sizeof(*op), .no = no};
	op[1] = (struct inet_diag_bc_op){.code = INET_DIAG_BC_NOP, .yes = sizeof(*op), .no = port};
}

/*
 * What the kernel runs on each socket, in bytes from its beginning: is PORT at either end?
 *
 *	 0  sport >= PORT ?	no: to 20, the comparison of the other end
 *	 8  sport <= PORT ?	no: the same
 *	16  jump to the end:	taken
 *	20  dport >= PORT ?	no: beyond the end: left out
 *	28  dport <= PORT ?	no: the same
 *	36  (the end: taken)
 */
static size_t make_filter(uint16_t port, struct inet_diag_bc_op op[9])
{
	const uint16_t size = sizeof(*op), end = 9 * size;

	compare(op, INET_DIAG_BC_S_GE, port, 5 * size);
	compare(op + 2, INET_DIAG_BC_S_LE, port, 3 * size);
	/* A jump is always to .no; .yes must lie on the way there. */
	op[4] = (struct inet_diag_bc_op){
		.code = INET_DIAG_BC_JMP, .yes = size, .no = (uint16_t)(end - 4 * size)};
	compare(op + 5, INET_DIAG_BC_D_GE, port, (uint16_t)(end - 5 * size + size));
	compare(op + 7, INET_DIAG_BC_D_LE, port, (uint16_t)(end - 7 * size + size));
	return end;
}

static int ask(int fd, uint8_t family, uint16_t port, uint32_t sequence)
{
	struct sockaddr_nl to = {.nl_family = AF_NETLINK};
	struct inet_diag_bc_op ops[9];
	size_t filter_bytes = make_filter(port, ops);
	struct {
		struct nlmsghdr h;
		struct inet_diag_req_v2 r;
		struct rtattr a;
		uint8_t filter[sizeof(ops)];
	} q = {0};

	q.h = (struct nlmsghdr){
		.nlmsg_len = (uint32_t)(offsetof(__typeof__(q), filter) + filter_bytes),
		.nlmsg_type = SOCK_DIAG_BY_FAMILY,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		.nlmsg_seq = sequence,
	};
	q.r = (struct inet_diag_req_v2){
		.sdiag_family = family,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_ext = 1 << (INET_DIAG_INFO - 1),
		.idiag_states = STATES,
	};
	q.a = (struct rtattr){.rta_len = (uint16_t)RTA_LENGTH(filter_bytes),
			      .rta_type = INET_DIAG_REQ_BYTECODE};
	memcpy(q.filter, ops, filter_bytes);
	if (sendto(fd, &q, q.h.nlmsg_len, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return 0;
}

/* The messages of one datagram. 1 go on; 0 that was the last; negative errno. */
static int take_answer(const uint8_t *bytes, size_t n, uint32_t sequence,
		       const struct wire_addr *server, struct text *out)
{
	while (n >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr h;
		size_t step;
		int code;

		memcpy(&h, bytes, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > n)
			return -EBADMSG;
		if (h.nlmsg_seq == sequence && h.nlmsg_type == NLMSG_DONE)
			return 0;
		if (h.nlmsg_seq == sequence && h.nlmsg_type == NLMSG_ERROR) {
			if (h.nlmsg_len < sizeof(h) + sizeof(code))
				return -EBADMSG;
			memcpy(&code, bytes + sizeof(h), sizeof(code));
			return code < 0 ? code : 0;
		}
		if (h.nlmsg_seq == sequence && h.nlmsg_type == SOCK_DIAG_BY_FAMILY)
			(void)series_tcp_line(bytes + sizeof(h), h.nlmsg_len - sizeof(h), server,
					      out);
		step = NLMSG_ALIGN((size_t)h.nlmsg_len);
		if (step >= n)
			break;
		bytes += step;
		n -= step;
	}
	return 1;
}

static int dump(int fd, uint8_t family, const struct wire_addr *server, struct text *out)
{
	CLEANUP(freep) uint8_t *answer = malloc(ANSWER_BYTES);
	uint32_t sequence = (uint32_t)clock_mono_ns();
	int r;

	if (!answer)
		return -ENOMEM;
	r = ask(fd, family, server->port, sequence);
	if (r < 0)
		return r;
	for (r = 1; r > 0;) {
		ssize_t n = recv(fd, answer, ANSWER_BYTES, 0);

		if (n < 0 && errno == EINTR)
			continue;
		r = n < 0 ? -errno : take_answer(answer, (size_t)n, sequence, server, out);
	}
	return r;
}

/**
 * series_tcp_open() - a socket to ask by
 *
 * Return: a descriptor, the caller's; -EPROTONOSUPPORT where the kernel has no sock_diag.
 */
int series_tcp_open(struct err *e)
{
	struct timeval wait = {.tv_sec = WAIT_S};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (fd < 0)
		return err_errno(e, -errno, "cannot ask the kernel for TCP connections");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return fd;
}

/**
 * series_tcp_sample() - all connections with @server
 * @fd: of series_tcp_open()
 * @k:  gets one section; without a connection it is empty
 *
 * The server's own family is all that is asked for: each dump walks the kernel's whole table, and
 * scoutfs does not use sockets of IPv6 for IPv4 (::ffff:A.B.C.D).
 */
void series_tcp_sample(int fd, const struct wire_addr *server, struct series_sink *k)
{
	CLEANUP(text_free) struct text lines = {0};
	uint8_t family = IN6_IS_ADDR_V4MAPPED(&server->ip) ? AF_INET : AF_INET6;
	int r = dump(fd, family, server, &lines);

	if (r == 0 && lines.failed)
		r = -ENOMEM;
	if (r < 0)
		series_sink_failure(k, SECTION, r);
	else
		series_sink_section(k, SECTION, text_c(&lines), lines.len);
}
