/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Network interfaces, as far as a capture asks: which one leads to the server, and is its link up.
 *
 * Called by check_server.c and, from the packets' pump, by source_packets.c. It owns nothing, sends
 * nothing, and looks no name up.
 */
#include "link.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/util.h"

/**
 * link_flags() - the flags of an interface, of netdevice(7)
 * @otherwise: what to return for a device that is no interface, or without IPv4 in the kernel
 */
unsigned int link_flags(const char *name, unsigned int otherwise)
{
	CLEANUP(closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {0};

	if (fd < 0 || strlen(name) >= sizeof(request.ifr_name))
		return otherwise;
	memcpy(request.ifr_name, name, strlen(name) + 1);
	return ioctl(fd, SIOCGIFFLAGS, &request) < 0 ? otherwise
						     : (unsigned short)request.ifr_flags;
}

/* Our own address towards @to, as text: a UDP socket finds it when it is connected. */
static bool own_address(const struct addrinfo *to, char text[NI_MAXHOST])
{
	CLEANUP(closep) int fd = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage own;
	socklen_t n = sizeof(own);

	return fd >= 0 && connect(fd, to->ai_addr, to->ai_addrlen) == 0 &&
	       getsockname(fd, (struct sockaddr *)&own, &n) == 0 &&
	       getnameinfo((struct sockaddr *)&own, n, text, NI_MAXHOST, NULL, 0, NI_NUMERICHOST) ==
		       0;
}

static bool has_address(const struct ifaddrs *i, const char *text)
{
	char own[NI_MAXHOST];
	int family = i->ifa_addr ? i->ifa_addr->sa_family : AF_UNSPEC;
	socklen_t n = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);

	return (family == AF_INET || family == AF_INET6) &&
	       getnameinfo(i->ifa_addr, n, own, sizeof(own), NULL, 0, NI_NUMERICHOST) == 0 &&
	       !strcmp(own, text);
}

/**
 * link_towards() - the interface of our own address towards the server
 * @ip:  numeric
 * @ret: set on success
 *
 * On the server itself that is the interface with its address, not the loopback that its packets to
 * itself take: what its clients send comes by the former.
 *
 * Return: false when there is no way to it now.
 */
bool link_towards(const char *ip, uint16_t port, char ret[IF_NAMESIZE])
{
	const struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
					 .ai_socktype = SOCK_DGRAM};
	struct addrinfo *to = NULL;
	struct ifaddrs *all = NULL;
	char service[8], own[NI_MAXHOST];
	bool found = false;

	(void)snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(ip, service, &numeric, &to) != 0)
		return false;
	if (own_address(to, own) && getifaddrs(&all) == 0) {
		for (const struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
			found = has_address(i, own);
			if (found)
				(void)snprintf(ret, IF_NAMESIZE, "%s", i->ifa_name);
		}
		freeifaddrs(all);
	}
	freeaddrinfo(to);
	return found;
}
