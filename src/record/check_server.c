/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Preconditions about the server: its address, given or found, and whether its packets can be seen.
 * Rows of the table in check.c, which calls them and owns what they fill. Sends nothing and asks no
 * name server.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sys/stat.h>

#include "base/clock.h"

#include "check_rows.h"
#include "link.h"
#include "packets.h"

#define HEARTBEAT_WAIT_NS (5 * NSEC_PER_SEC) /* 50 of them are due in that time */
#define CAPTURE_RING_BYTES (2 * MIB)
#define POLL_MS 100
#define LINKTYPE_RAW 101

/* ---- address ---- */

/*
 * The address as the rest of the program wants it: numbers alone, without a scope. One recording,
 * so one place; the configuration's strings are nobody's to free.
 */
static void settle_server(struct record_config *c, const struct wire_addr *a)
{
	static char ip[INET6_ADDRSTRLEN];

	if (IN6_IS_ADDR_V4MAPPED(&a->ip))
		(void)inet_ntop(AF_INET, &a->ip.s6_addr[12], ip, sizeof(ip));
	else
		(void)inet_ntop(AF_INET6, &a->ip, ip, sizeof(ip));
	c->server = *a;
	c->server_ip = ip;
	c->server_port = a->port;
}

static void search(struct checking *x)
{
	if (!x->searched)
		x->found_count = discover_servers(x->found, ARRAY_SIZE(x->found));
	x->searched = true;
}

static void discover(struct checking *x, struct check_result *r)
{
	static const char why[] = "The recording holds the packets to and from one server, and its "
				  "heartbeats are watched.";
	const struct discovered *d;
	char addr[64], list[400];

	search(x);
	d = discover_choose(x->found, x->found_count);
	if (d) {
		settle_server(x->config, &d->addr);
		check_good(r, "The server is %s, found on this host: %s.",
			   wire_addr_format(&d->addr, addr, sizeof(addr)), d->from);
		return;
	}
	check_because(r, why);
	if (x->found_count == 0) {
		check_bad(r, EXIT_USAGE,
			  "No IP and PORT were given, and nothing on this host names a scoutfs "
			  "server.");
		check_remedy(r, "Give them: scoutfs-trace IP PORT. They are in the kernel log of a "
				"host that mounts the file system: journalctl -k | grep -E 'server "
				"ready at|client connected' (there: ... -> IP:PORT).");
		return;
	}
	check_bad(r, EXIT_USAGE,
		  "No IP and PORT were given, and this host knows more than one server: %s.",
		  discover_list(x->found, x->found_count, list, sizeof(list)));
	(void)inet_ntop(AF_INET6, &x->found[0].addr.ip, addr, sizeof(addr));
	check_remedy(r, "Choose one: scoutfs-trace %s %u",
		     strncmp(addr, "::ffff:", 7) ? addr : addr + 7, x->found[0].addr.port);
}

/* "%eth0" or "%2" behind a link-local address: the interface must exist. */
static bool scope_exists(const char *scope)
{
	uint64_t index;
	char name[IF_NAMESIZE];

	if (if_nametoindex(scope))
		return true;
	return parse_u64(scope, &index) == 0 && index > 0 && index <= UINT32_MAX &&
	       if_indextoname((unsigned int)index, name);
}

/* Addresses that no server can have. Return: what it is, or NULL. */
static const char *useless_address(const struct in6_addr *ip)
{
	static const struct in6_addr zero6;
	uint32_t v4 = get_be32(&ip->s6_addr[12]);

	if (IN6_IS_ADDR_V4MAPPED(ip)) {
		if (v4 == INADDR_ANY)
			return "the address that means all of this host's own";
		if (v4 == INADDR_BROADCAST)
			return "the broadcast address";
		return IN_MULTICAST(v4) ? "a multicast address" : NULL;
	}
	if (memcmp(ip, &zero6, sizeof(zero6)) == 0)
		return "the address that means all of this host's own";
	return IN6_IS_ADDR_MULTICAST(ip) ? "a multicast address" : NULL;
}

static void refuse_name(const char *ip, struct check_result *r)
{
	bool like_name = strspn(ip, "0123456789.:abcdefABCDEF%") != strlen(ip);

	check_bad(r, EXIT_USAGE, "'%.200s' is not a numeric IP address.", ip);
	check_because(r, "Names are not looked up: the recorder must not depend on a name server, "
			 "and a name can mean several addresses.");
	if (like_name)
		check_remedy(r, "Look it up: getent ahosts %.200s", ip);
	else
		check_remedy(
			r,
			"Write an IPv4 address as in 10.0.0.5, or an IPv6 address as in fd00::5.");
}

void check_address(struct checking *x, struct check_result *r)
{
	struct record_config *c = x->config;
	char ip[INET6_ADDRSTRLEN + IF_NAMESIZE + 2], addr[64];
	struct wire_addr server;
	const char *useless;
	char *scope;

	if (!c->server_ip && c->server_port == 0) {
		discover(x, r);
		return;
	}
	if (!c->server_ip || c->server_port == 0) {
		check_bad(r, EXIT_USAGE,
			  c->server_ip ? "The server's port is missing, or is 0."
				       : "The server's address is missing.");
		check_because(r, "scoutfs has no port of its own: each quorum slot has an address "
				 "and a port.");
		check_remedy(r, "Give both: scoutfs-trace IP PORT, with a port from 1 to 65535. Or "
				"neither: then the server is looked for on this host.");
		return;
	}
	if (strlen(c->server_ip) >= sizeof(ip)) {
		refuse_name(c->server_ip, r);
		return;
	}
	(void)snprintf(ip, sizeof(ip), "%s", c->server_ip);
	scope = strchr(ip, '%');
	if (scope)
		*scope++ = '\0';
	if (!wire_addr_parse(ip, c->server_port, &server) ||
	    (scope && IN6_IS_ADDR_V4MAPPED(&server.ip))) {
		refuse_name(c->server_ip, r);
		return;
	}
	useless = useless_address(&server.ip);
	if (useless) {
		check_bad(r, EXIT_USAGE, "%s is %s, not that of a server.", c->server_ip, useless);
		check_because(r, "No packet comes from such an address.");
		check_remedy(r, "Use the address in the kernel log: journalctl -k | grep -E "
				"'server ready at|client connected'");
		return;
	}
	if (scope && !scope_exists(scope)) {
		check_bad(r, EXIT_USAGE, "%s: there is no interface %s on this host.", c->server_ip,
			  scope);
		check_because(r, "What stands behind the % of an IPv6 address is the interface it "
				 "is valid on.");
		check_remedy(r, "See the interfaces: ip -br link");
		return;
	}
	settle_server(c, &server);
	check_good(r, "The server is %s.", wire_addr_format(&c->server, addr, sizeof(addr)));
}

/* ---- packets ---- */

/* scoutfs's sockets are made in the first network namespace (sock_create_kern with init_net). */
void check_network(struct checking *x, struct check_result *r)
{
	struct stat ours, first;

	(void)x;
	if (stat("/proc/self/ns/net", &ours) < 0 || stat("/proc/1/ns/net", &first) < 0) {
		check_good(r, "The network namespace cannot be compared; taken to be the host's.");
		return;
	}
	if (ours.st_ino == first.st_ino && ours.st_dev == first.st_dev) {
		check_good(r, "This is the host's network.");
		return;
	}
	check_warning(r, "This shell is in a network namespace of its own.");
	check_because(r, "scoutfs speaks on the host's network, and none of its packets are seen "
			 "from here.");
	check_remedy(r, "Run it on the host: nsenter --net=/proc/1/ns/net scoutfs-trace ...");
}

static void closepcap(pcap_t **p)
{
	if (*p)
		pcap_close(*p);
}

/* As the recorder will open it, filter and all; a small ring is enough to see that it is allowed.
 */
static int open_capture(const struct record_config *c, pcap_t **ret, struct err *e)
{
	return packets_open(c->interface ? c->interface : "any", c->server_ip, c->server_port,
			    CAPTURE_RING_BYTES, ret, e);
}

/* No IPv4 in this kernel: let the capture say it. */
static bool interface_is_up(const char *name)
{
	return link_flags(name, IFF_UP) & IFF_UP;
}

/* Any of them; a host whose interfaces cannot be listed has one. */
static bool an_interface_is_up(void)
{
	struct if_nameindex *all = if_nameindex();
	bool up = !all;

	for (size_t i = 0; all && all[i].if_index && !up; i++)
		up = interface_is_up(all[i].if_name);
	if (all)
		if_freenameindex(all);
	return up;
}

static void refuse_interface(const char *name, struct check_result *r)
{
	struct if_nameindex *all = if_nameindex();
	const char *names[256], *near;
	size_t count = 0;

	for (; all && all[count].if_index && count < ARRAY_SIZE(names); count++)
		names[count] = all[count].if_name;
	near = nearest_name(name, names, count);
	check_bad(r, EXIT_USAGE, "There is no network interface %.64s on this host.", name);
	check_because(r, "Packets would not be captured.");
	if (near)
		check_remedy(
			r, "Did you mean -i %s? Or leave -i out: then all interfaces are captured.",
			near);
	else
		check_remedy(
			r,
			"Leave -i out: then all interfaces are captured. To see them: ip -br link");
	if (all)
		if_freenameindex(all);
}

void check_interface(struct checking *x, struct check_result *r)
{
	const char *name = x->config->interface ? x->config->interface : "any";
	bool any = strcmp(name, "any") == 0;
	CLEANUP(closepcap) pcap_t *p = NULL;
	struct err e = {0};

	if (!any && !if_nametoindex(name)) {
		refuse_interface(name, r);
		check_blame(r, x->config, "interface", 0);
		return;
	}
	if (!any && !interface_is_up(name)) {
		check_bad(r, EXIT_ERROR, "The network interface %s is down.", name);
		check_blame(r, x->config, "interface", 0);
		check_because(r, "No packet passes it, so none would be captured.");
		check_remedy(
			r, "ip link set %s up, or leave -i out: then all interfaces are captured.",
			name);
		return;
	}
	if (any && !an_interface_is_up()) {
		check_bad(r, EXIT_ERROR, "Every network interface of this host is down.");
		check_because(r, "No packet passes them, so none would be captured.");
		check_remedy(r, "ip -br link shows them; ip link set NAME up");
		return;
	}
	if (open_capture(x->config, &p, &e) < 0) {
		check_bad(r, EXIT_ERROR, "Packets cannot be captured: %.300s.", e.text);
		check_because(r, "Heartbeats and the server's messages would be missing from the "
				 "recording.");
		check_remedy(r,
			     "Try: tcpdump -c 1 -i %s. In a container, run it on the host instead.",
			     name);
		return;
	}
	check_good(r, any ? "Packets can be captured on all interfaces."
			  : "Packets can be captured on this interface (-i).");
}

struct listening {
	const struct record_config *config;
	int link_type;
	uint64_t heartbeats, others;
	struct wire_quorum first;
};

static void hear(u_char *arg, const struct pcap_pkthdr *header, const u_char *bytes)
{
	struct listening *l = (struct listening *)(void *)arg;
	struct wire_packet packet;
	struct wire_quorum quorum;

	if (wire_packet_parse(l->link_type, bytes, header->caplen, &packet) &&
	    packet.transport == WIRE_UDP && wire_addr_equal(&packet.source, &l->config->server) &&
	    wire_quorum_parse(packet.payload, packet.payload_bytes, &quorum) &&
	    quorum.type == WIRE_HEARTBEAT) {
		if (l->heartbeats++ == 0)
			l->first = quorum;
	} else {
		l->others++;
	}
}

/* Until the first heartbeat, or for 5 s. */
static int listen_for(pcap_t *p, struct listening *l, struct err *e)
{
	uint64_t begun = clock_mono_ns(), now = begun;
	struct pollfd fd = {.fd = pcap_get_selectable_fd(p), .events = POLLIN};

	l->link_type = pcap_datalink(p) == DLT_RAW ? LINKTYPE_RAW : pcap_datalink(p);
	while (l->heartbeats == 0 && now - begun < HEARTBEAT_WAIT_NS) {
		/* Short waits, whatever the descriptor promises: a ring block may come late. */
		if (poll(&fd, 1, POLL_MS) < 0 && errno != EINTR)
			return err_errno(e, -errno, "cannot wait for packets");
		if (pcap_dispatch(p, -1, hear, (u_char *)l) == PCAP_ERROR)
			return err_set(e, -EIO, "%.250s", pcap_geterr(p));
		now = clock_mono_ns();
	}
	return 0;
}

static void no_heartbeat(struct checking *x, const struct listening *l, struct check_result *r)
{
	char addr[64], list[400];

	check_warning(r,
		      "No heartbeat of %s came within 5 s (%llu other packets to or from it did).",
		      wire_addr_format(&x->config->server, addr, sizeof(addr)),
		      (unsigned long long)l->others);
	check_because(r, "A leader sends one each 100 ms to every other quorum member. None are "
			 "seen with a quorum of one slot and on hosts outside the quorum. "
			 "Otherwise this is not the present leader.");
	search(x);
	if (x->found_count)
		check_remedy(r, "Compare with what this host knows: %s.",
			     discover_list(x->found, x->found_count, list, sizeof(list)));
	else
		check_remedy(r, "This host knows of no server to compare with. On a quorum member "
				"see: grep . /sys/fs/scoutfs/*/quorum/is_leader; the leader's "
				"kernel log has \"server ready at IP:PORT\".");
}

void check_heartbeat(struct checking *x, struct check_result *r)
{
	struct listening l = {.config = x->config};
	CLEANUP(closepcap) pcap_t *p = NULL;
	struct err e = {0};
	char addr[64];

	if (!x->wait_heartbeat) {
		r->status = CHECK_SKIPPED;
		(void)snprintf(r->found, sizeof(r->found), "Not listened for.");
		return;
	}
	if (open_capture(x->config, &p, &e) < 0 || listen_for(p, &l, &e) < 0) {
		check_warning(r, "Heartbeats could not be listened for: %.300s.", e.text);
		check_because(r, "Whether this is the right address is not known.");
		check_remedy(r, "Look for yourself: tcpdump -n -i any udp port %u",
			     x->config->server_port);
		return;
	}
	if (l.heartbeats == 0) {
		no_heartbeat(x, &l, r);
		return;
	}
	check_good(r, "%s sends heartbeats: it leads in slot %u, term %llu.",
		   wire_addr_format(&x->config->server, addr, sizeof(addr)), l.first.from,
		   (unsigned long long)l.first.term);
}
