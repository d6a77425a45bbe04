// SPDX-License-Identifier: GPL-2.0-only
/*
 * The TCP side: a server that listens while its node leads, one client per mounted node, the
 * leader's own included, as in the module. Messages really travel over loopback; each trace event
 * is fired where the module fires it: send when a message leaves its queue, recv before anything is
 * made of it, the connection's own events in the order seen on real captures of a mount, a graceful
 * unmount, a lost client and a fence. Those orders are the functions client_shutdown(),
 * server_conn_shutdown() and fence_step(); the delays within a fence are the measured ones.
 *
 * Data is plausible, not meaningful: there is no file system behind it.
 */
#include "sim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_MS 1000 /* CLIENT_CONNECT_TIMEOUT_MS of the module */
#define FORMAT_VERSION 2
#define GREETING_ID 2 /* the first lock request, queued while connecting, has 1 */
#define MODE_READ 1
#define MODE_WRITE 2

/* From the work that notices the deadline to the freed connection, as measured on real fences. */
#define FENCE_LINE_NS (950 * NS_PER_US)
#define FENCE_DESTROY_NS (2400 * NS_PER_US)
#define FENCE_FREE_NS (800 * NS_PER_US)

/* How many requests one tick may send, and how long it may be after the last one. */
#define TRAFFIC_BURST 256
#define WAITING_MAX 64 /* unanswered requests of one end: more than the rate can be served */
#define TRAFFIC_TICK_NS NS_PER_MS

static void conn_ready(struct sim *s, void *arg, uint32_t events);
static void fence_step(struct sim *s, void *arg);

uint64_t random64(void)
{
	uint64_t v = 0;

	while (!v)
		if (getrandom(&v, sizeof(v), 0) != (ssize_t)sizeof(v))
			v = now_ns();
	return v;
}

static uint16_t address_port(const struct address *a)
{
	if (a->sa.ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)&a->sa)->sin6_port);
	return a->sa.ss_family == AF_INET ? ntohs(((const struct sockaddr_in *)&a->sa)->sin_port)
					  : 0;
}

/* Trace events hold IPv4 in host order; they have no room for IPv6. */
static uint32_t address_v4(const struct address *a)
{
	return a->sa.ss_family == AF_INET
		       ? ntohl(((const struct sockaddr_in *)&a->sa)->sin_addr.s_addr)
		       : 0;
}

/* @buf: ADDRESS_TEXT bytes; ip:port as the module prints it, IPv6 in brackets */
void address_text(const struct address *a, char *buf)
{
	char ip[INET6_ADDRSTRLEN] = "";

	if (a->sa.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)&a->sa)->sin6_addr, ip,
			  sizeof(ip));
	else
		inet_ntop(AF_INET, &((const struct sockaddr_in *)&a->sa)->sin_addr, ip, sizeof(ip));
	snprintf(buf, ADDRESS_TEXT, a->sa.ss_family == AF_INET6 ? "[%s]:%u" : "%s:%u", ip,
		 address_port(a));
}

/* ---- trace events ---- */

static struct ev_work work_record(struct sim *s, struct node *n, int ret)
{
	return (struct ev_work){.fsid = s->fsid, .rid = n->rid, .ret = ret};
}

#define FIRE_WORK(name, s, n, result)                             \
	do {                                                      \
		struct ev_work work_ = work_record(s, n, result); \
		FIRE(name, &work_);                               \
	} while (0)

/* What a kernel pointer to @p would look like: the trace shows it, and filters compare it with 0.
 */
static uint64_t kernel_pointer(const void *p)
{
	return p ? 0xffff888000000000ull | ((uintptr_t)p & 0x7fffffffffull) : 0;
}

static struct ev_conn conn_record(struct conn *c)
{
	bool open = c->watch.fd >= 0;

	return (struct ev_conn){
		.fsid = c->sim->fsid,
		.rid = c->node->rid,
		.flags = c->flags,
		.reconn_deadline = c->deadline_ns / (4 * NS_PER_MS), /* jiffies at HZ=250 */
		.connect_timeout_ms = c->accepted ? 0 : CONNECT_TIMEOUT_MS,
		.sock = open ? kernel_pointer(&c->watch) : 0,
		.c_rid = c->c_rid,
		.greeting_id = c->greeting_id,
		.sockname_addr = address_v4(&c->name),
		.sockname_port = address_port(&c->name),
		.peername_addr = open ? address_v4(&c->peer) : 0,
		.peername_port = open ? address_port(&c->peer) : 0,
		.e_accepted_head = !c->accepted,
		.listening_conn = c->accepted ? kernel_pointer(&c->node->listen) : 0,
		.e_accepted_list = 1,
		.next_send_seq = c->next_send_seq,
		.next_send_id = c->next_send_id,
		.e_send_queue = !c->queue && !c->out_bytes,
		.e_resend_queue = c->acked_seq + 1 >= c->next_send_seq,
		.recv_seq = c->recv_seq,
	};
}

#define FIRE_CONN(name, c)                             \
	do {                                           \
		struct ev_conn conn_ = conn_record(c); \
		FIRE(name, &conn_);                    \
	} while (0)

/* The listening connection has no peer and no messages. */
static struct ev_conn listen_record(struct sim *s, struct node *n, uint64_t flags)
{
	return (struct ev_conn){
		.fsid = s->fsid,
		.rid = n->rid,
		.flags = flags,
		.sock = n->listen.fd >= 0 ? kernel_pointer(&n->listen) : 0,
		.sockname_addr = address_v4(&n->address),
		.sockname_port = address_port(&n->address),
		.e_accepted_head = 1,
		.e_accepted_list = !n->accepted,
		.next_send_seq = 1,
		.next_send_id = 1,
		.e_send_queue = 1,
		.e_resend_queue = 1,
	};
}

#define FIRE_LISTEN(name, s, n, flags)                               \
	do {                                                         \
		struct ev_conn listen_ = listen_record(s, n, flags); \
		FIRE(name, &listen_);                                \
	} while (0)

static struct ev_message message_record(struct conn *c, const struct frame_header *h)
{
	return (struct ev_message){
		.fsid = c->sim->fsid,
		.rid = c->node->rid,
		.name_addr = address_v4(&c->name),
		.name_port = address_port(&c->name),
		.peer_addr = address_v4(&c->peer),
		.peer_port = address_port(&c->peer),
		.nh_seq = h->seq,
		.nh_recv_seq = h->recv_seq,
		.nh_id = h->id,
		.nh_data_len = h->data_len,
		.nh_cmd = h->cmd,
		.nh_flags = h->flags,
		.nh_error = h->error,
	};
}

static struct ev_lock lock_record(struct sim *s, struct node *n, uint64_t first)
{
	return (struct ev_lock){
		.fsid = s->fsid,
		.rid = n->rid,
		.start_zone = 16,
		.start_first = first,
		.end_zone = 16,
		.end_first = first + 1023,
		.end_type = 255,
		.end_second = UINT64_MAX,
		.end_third = UINT64_MAX,
		.end_fourth = 255,
	};
}

static void client_event(struct sim *s, struct node *server, uint64_t c_rid, bool up)
{
	struct ev_client r = {.fsid = s->fsid,
			      .rid = server->rid,
			      .c_rid = (int64_t)c_rid,
			      .nr_clients = server->nr_clients};

	if (up)
		FIRE(server_client_up, &r);
	else
		FIRE(server_client_down, &r);
}

/* ---- a connection: queue, send, receive ---- */

static struct conn *conn_new(struct sim *s, struct node *n, bool accepted)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c) {
		fprintf(stderr, "sim: out of memory for a connection\n");
		s->life.failed = true;
		return NULL;
	}
	c->sim = s;
	c->node = n;
	c->accepted = accepted;
	c->watch = (struct watch){.fd = -1, .ready = conn_ready, .arg = c};
	c->step = (struct timer){.fire = fence_step, .arg = c};
	c->next_send_seq = c->next_send_id = 1;
	c->queue_tail = &c->queue;
	return c;
}

static void conn_drop_queue(struct conn *c)
{
	for (struct message *m = c->queue, *next; m; m = next) {
		next = m->next;
		free(m);
	}
	c->queue = NULL;
	c->queue_tail = &c->queue;
	for (struct request *r = c->requests, *next; r; r = next) {
		next = r->next;
		free(r);
	}
	c->requests = NULL;
	c->out_bytes = c->out_sent = 0;
}

static void conn_free(struct conn *c)
{
	if (!c)
		return;
	timer_cancel(c->sim, &c->step);
	life_unwatch(c->sim, &c->watch);
	conn_drop_queue(c);
	free(c);
}

static void accepted_remove(struct node *server, struct conn *c)
{
	for (struct conn **p = &server->accepted; *p; p = &(*p)->next) {
		if (*p == c) {
			*p = c->next;
			return;
		}
	}
}

/* Puts one message at the end of the queue; @data holds as many bytes as its command has, NULL for
 * zeros. */
static void queue_message(struct conn *c, const struct frame_header *h, const uint8_t *data)
{
	struct message *m = calloc(1, sizeof(*m) + h->data_len);

	if (!m) {
		fprintf(stderr, "sim: out of memory for a message\n");
		c->sim->life.failed = true;
		return;
	}
	m->header = *h;
	if (data)
		memcpy(m->data, data, h->data_len);
	*c->queue_tail = m;
	c->queue_tail = &m->next;
}

static void remember_request(struct conn *c, uint64_t id, uint8_t cmd, uint64_t lock_first)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r) {
		c->sim->life.failed = true;
		return;
	}
	*r = (struct request){.next = c->requests, .id = id, .cmd = cmd, .lock_first = lock_first};
	c->requests = r;
	c->waiting++;
}

static void queue_request_as(struct conn *c, uint64_t seq, uint64_t id, uint8_t cmd,
			     const uint8_t *data)
{
	struct frame_header h = {
		.seq = seq, .id = id, .cmd = cmd, .data_len = frame_request_bytes(cmd)};

	remember_request(c, id, cmd, cmd == CMD_LOCK && data ? frame_get64(data) : 0);
	queue_message(c, &h, data);
}

static void queue_request(struct conn *c, uint8_t cmd, const uint8_t *data)
{
	queue_request_as(c, c->next_send_seq, c->next_send_id, cmd, data);
	c->next_send_seq++;
	c->next_send_id++;
}

static void queue_response(struct conn *c, const struct frame_header *to, uint8_t error,
			   const uint8_t *data)
{
	struct frame_header h = {.seq = c->next_send_seq++,
				 .id = to->id,
				 .cmd = to->cmd,
				 .flags = FRAME_RESPONSE,
				 .error = error,
				 .data_len = frame_response_bytes(to->cmd)};

	queue_message(c, &h, data);
}

/* Moves up to a send's worth of messages from the queue to the buffer; this is when the module
 * traces them. */
static void fill_out(struct conn *c)
{
	for (int n = 0; c->queue && n < MESSAGES_PER_SEND; n++) {
		struct message *m = c->queue;

		m->header.recv_seq = c->recv_seq;
		struct ev_message r = message_record(c, &m->header);

		FIRE(net_send_message, &r);
		frame_header_write(&m->header, c->out + c->out_bytes);
		memcpy(c->out + c->out_bytes + FRAME_HEADER_BYTES, m->data, m->header.data_len);
		c->out_bytes += FRAME_HEADER_BYTES + m->header.data_len;
		c->sim->tcp_sent[m->header.cmd][m->header.flags]++;
		c->queue = m->next;
		if (!c->queue)
			c->queue_tail = &c->queue;
		free(m);
	}
}

static void conn_flush(struct conn *c)
{
	while (c->watch.fd >= 0 && !c->blocked && (c->queue || c->out_bytes)) {
		ssize_t n;

		if (!c->out_bytes)
			fill_out(c);
		n = send(c->watch.fd, c->out + c->out_sent, c->out_bytes - c->out_sent,
			 MSG_NOSIGNAL);
		if (n < 0) {
			/* no room, or the peer is gone, which the receive side will find out */
			c->blocked = true;
			life_rewatch(c->sim, &c->watch, EPOLLIN | (errno == EAGAIN ? EPOLLOUT : 0));
			return;
		}
		c->sim->tcp_bytes += (uint64_t)n;
		c->out_sent += (size_t)n;
		if (c->out_sent == c->out_bytes)
			c->out_sent = c->out_bytes = 0;
	}
}

/* ---- what the two ends say ---- */

static void lock_event_wait(struct conn *c, uint64_t first)
{
	struct ev_lock r = lock_record(c->sim, c->node, first);

	r.request_pending = 1;
	r.waiters_ex = 1;
	FIRE(lock_wait, &r);
}

static void lock_event_granted(struct conn *c, uint64_t first, uint64_t write_seq)
{
	struct ev_lock r = lock_record(c->sim, c->node, first);

	r.mode = MODE_WRITE;
	r.write_seq = write_seq;
	r.refresh_gen = c->recv_seq;
	r.users_ex = 1;
	FIRE(lock_locked, &r);
	r.users_ex = 0;
	FIRE(lock_unlock, &r);
}

/* Each node works in its own inode groups, one after another: no two requests on the way are for
 * the same lock. */
static uint64_t next_lock_first(struct node *n)
{
	return 1024 * (4096 * (uint64_t)n->slot + n->next_lock++ % 4096);
}

static void client_request(struct conn *c, uint8_t cmd)
{
	uint8_t data[FRAME_DATA_MAX] = {0};

	if (cmd == CMD_LOCK) {
		uint64_t first = next_lock_first(c->node);

		frame_lock_write(first, 0, 0, MODE_WRITE, data);
		lock_event_wait(c, first);
	} else if (cmd == CMD_ALLOC_INODES) {
		frame_put64(data, 10240);
	} else if (cmd == CMD_OPEN_INO_MAP) {
		frame_put64(data, c->next_send_id);
	} else if (cmd == CMD_COMMIT_LOG_TREES) {
		struct ev_trans r = {.fsid = c->sim->fsid,
				     .rid = c->node->rid,
				     .dirty_block_bytes = 65536 * (1 + c->next_send_id % 16),
				     .dirty_item_pages = 1 + c->next_send_id % 64};

		FIRE(trans_write_func, &r);
		frame_put64(data, c->next_send_id);
	}
	queue_request(c, cmd, data);
}

static void server_request(struct conn *c, uint8_t cmd)
{
	uint8_t data[FRAME_DATA_MAX] = {0};

	if (cmd == CMD_LOCK)
		frame_lock_write(next_lock_first(c->node), c->next_send_seq, MODE_WRITE, 0, data);
	else if (cmd == CMD_OPEN_INO_MAP)
		frame_put64(data, c->next_send_id);
	queue_request(c, cmd, data);
}

static void client_greet(struct conn *c)
{
	struct frame_greeting g = {.fsid = c->sim->fsid,
				   .format_version = FORMAT_VERSION,
				   .rid = c->node->rid,
				   .flags = GREETING_QUORUM};
	uint8_t data[GREETING_BYTES];

	/* seq and id 1 are kept for the lock request that waits for the greeting to be over */
	c->next_send_seq = c->next_send_id = GREETING_ID;
	frame_greeting_write(&g, data);
	queue_request(c, CMD_GREETING, data);
}

static void client_greeted(struct conn *c)
{
	uint8_t data[LOCK_BYTES];
	uint64_t first = next_lock_first(c->node);

	c->flags |= CONN_VALID_GREETING | CONN_SAW_GREETING;
	frame_lock_write(first, 0, 0, MODE_READ, data);
	lock_event_wait(c, first);
	queue_request_as(c, 1, 1, CMD_LOCK, data);
	client_request(c, CMD_GET_ROOTS);
	client_request(c, CMD_GET_LOG_TREES);
}

static bool server_greeted(struct conn *c, const struct frame_header *h, const uint8_t *data)
{
	struct node *server = c->node;
	struct frame_greeting g;
	uint8_t answer[GREETING_BYTES];

	frame_greeting_read(data, &g);
	if (g.fsid != c->sim->fsid)
		return false;
	c->c_rid = g.rid;
	c->greeting_id = h->id;
	c->flags |= CONN_VALID_GREETING | CONN_SAW_GREETING;
	c->client_up = true;
	server->nr_clients++;
	client_event(c->sim, server, c->c_rid, true);
	g.server_term = server->term;
	g.flags = 0;
	frame_greeting_write(&g, answer);
	queue_response(c, h, 0, answer);
	if (server->to_recover) {
		c->recovering = true;
		server_request(c, CMD_LOCK_RECOVER);
	}
	return true;
}

static void answer(struct conn *c, const struct frame_header *h, const uint8_t *data)
{
	uint8_t body[FRAME_DATA_MAX] = {0};
	uint8_t error = 0;

	switch (h->cmd) {
	case CMD_LOCK:
		memcpy(body, data, LOCK_BYTES);
		if (c->accepted)
			frame_put64(body + LOCK_KEY_BYTES, c->next_send_seq);
		break;
	case CMD_LOCK_RECOVER:
		frame_put64(body, 2); /* so many locks follow */
		frame_lock_write(1024 * 4096 * (uint64_t)c->node->slot, 1, MODE_READ, MODE_READ,
				 body + 8);
		frame_lock_write(1024 * (4096 * (uint64_t)c->node->slot + 1), 2, MODE_WRITE,
				 MODE_WRITE, body + 8 + LOCK_BYTES);
		break;
	case CMD_ALLOC_INODES:
		frame_put64(body, h->id * 10240);
		frame_put64(body + 8, 10240);
		break;
	case CMD_GET_LOG_MERGE:
		error = FRAME_ENOENT; /* nothing to merge, as nearly always */
		break;
	case CMD_OPEN_INO_MAP:
		memcpy(body, data, 16);
		break;
	case CMD_FAREWELL:
		c->flags |= CONN_SAW_FAREWELL;
		break;
	default:
		/* the rest of the data is for a file system that is not there */
		frame_put64(body, h->id);
		break;
	}
	queue_response(c, h, error, body);
}

static bool take_request(struct conn *c, uint64_t id, uint8_t cmd, uint64_t *ret_lock_first)
{
	for (struct request **p = &c->requests; *p; p = &(*p)->next) {
		struct request *r = *p;

		if (r->id != id || r->cmd != cmd)
			continue;
		*ret_lock_first = r->lock_first;
		*p = r->next;
		free(r);
		c->waiting--;
		return true;
	}
	return false;
}

static void server_recovered(struct conn *c)
{
	struct node *server = c->node;

	if (!c->recovering)
		return;
	c->recovering = false;
	if (server->to_recover && --server->to_recover == 0)
		say_kernel(c->sim, server, LINE_ROUTINE, LEVEL_INFO, "all clients recovered");
}

static void handle_response(struct conn *c, const struct frame_header *h, const uint8_t *data)
{
	uint64_t lock_first;

	if (!take_request(c, h->id, h->cmd, &lock_first)) {
		c->sim->protocol_errors++;
		return;
	}
	if (h->cmd == CMD_GREETING)
		client_greeted(c);
	else if (h->cmd == CMD_LOCK && !c->accepted)
		lock_event_granted(c, lock_first, frame_get64(data + LOCK_KEY_BYTES));
	else if (h->cmd == CMD_LOCK_RECOVER)
		server_recovered(c);
	else if (h->cmd == CMD_FAREWELL)
		c->farewell_answered = true;
}

/* False if the connection cannot go on. */
static bool handle_message(struct conn *c, const struct frame_header *h, const uint8_t *data)
{
	struct ev_message r = message_record(c, h);

	FIRE(net_recv_message, &r);
	if (h->cmd == CMD_GREETING && !(h->flags & FRAME_RESPONSE))
		return c->accepted && !c->client_up && server_greeted(c, h, data);
	if (h->cmd != CMD_GREETING) {
		if (h->seq <= c->recv_seq || !(c->flags & CONN_SAW_GREETING))
			return false;
		c->recv_seq = h->seq;
		if (h->recv_seq > c->acked_seq)
			c->acked_seq = h->recv_seq;
	}
	if (h->flags & FRAME_RESPONSE)
		handle_response(c, h, data);
	else
		answer(c, h, data);
	return true;
}

/* ---- how connections end ---- */

/* A client's end goes: by itself or because the server's went. */
static void client_shutdown(struct sim *s, struct conn *c)
{
	struct node *n = c->node;
	char name[ADDRESS_TEXT], peer[ADDRESS_TEXT];

	c->flags = (c->flags & ~(uint64_t)CONN_ESTABLISHED) | CONN_SHUTTING_DOWN;
	FIRE_CONN(conn_shutdown_queued, c);
	FIRE_WORK(net_shutdown_work_enter, s, n, 0);
	FIRE_CONN(conn_shutdown_start, c);
	address_text(&c->name, name);
	address_text(&c->peer, peer);
	say_kernel(s, n, LINE_TROUBLE, LEVEL_INFO, "client disconnected %s -> %s", name, peer);
	(void)shutdown(c->watch.fd, SHUT_RDWR); /* end in order even with answers unread */
	life_unwatch(s, &c->watch);
	conn_drop_queue(c);
	FIRE_WORK(net_recv_work_exit, s, n, -ECONNABORTED);
	FIRE_WORK(net_reconn_free_work_enter, s, n, 0);
	FIRE_WORK(net_reconn_free_work_exit, s, n, 0);
	c->flags = CONN_VALID_GREETING;
	FIRE_CONN(conn_shutdown_complete, c);
	FIRE_WORK(net_shutdown_work_exit, s, n, 0);
}

static void client_destroy(struct sim *s, struct conn *c)
{
	struct node *n = c->node;

	FIRE_WORK(net_destroy_work_enter, s, n, 0);
	FIRE_CONN(conn_destroy_start, c);
	FIRE_CONN(conn_destroy_free, c);
	FIRE_WORK(net_destroy_work_exit, s, n, 0);
	n->conn_known = false;
}

static void server_destroy_start(struct sim *s, struct conn *c)
{
	FIRE_WORK(net_destroy_work_enter, s, c->node, 0);
	FIRE_CONN(conn_destroy_start, c);
	if (c->client_up) {
		c->client_up = false;
		c->node->nr_clients--;
		client_event(s, c->node, c->c_rid, false);
	}
}

static void server_destroy_free(struct sim *s, struct conn *c)
{
	struct node *server = c->node;

	accepted_remove(server, c);
	FIRE_CONN(conn_destroy_free, c);
	FIRE_WORK(net_destroy_work_exit, s, server, 0);
}

static struct node *node_of_rid(struct sim *s, uint64_t rid)
{
	for (unsigned i = 0; i < s->set.nodes; i++)
		if (s->nodes[i].rid == rid)
			return &s->nodes[i];
	return NULL;
}

/*
 * The server's end goes. After a farewell, without a greeting, or when the server itself stops it
 * is destroyed at once; otherwise the client has its time to come back, and is fenced when that is
 * over.
 */
static void server_conn_shutdown(struct sim *s, struct conn *c, bool server_stops)
{
	struct node *server = c->node;
	char name[ADDRESS_TEXT], peer[ADDRESS_TEXT];
	bool wait = c->client_up && !(c->flags & CONN_SAW_FAREWELL) && !server_stops;

	c->flags = (c->flags & ~(uint64_t)CONN_ESTABLISHED) | CONN_SHUTTING_DOWN;
	FIRE_CONN(conn_shutdown_queued, c);
	FIRE_WORK(net_recv_work_exit, s, server, -ECONNABORTED);
	FIRE_WORK(net_shutdown_work_enter, s, server, 0);
	FIRE_CONN(conn_shutdown_start, c);
	address_text(&c->name, name);
	address_text(&c->peer, peer);
	say_kernel(s, server, LINE_TROUBLE, LEVEL_INFO, "server closing %s -> %s", name, peer);
	(void)shutdown(c->watch.fd, SHUT_RDWR);
	life_unwatch(s, &c->watch);
	conn_drop_queue(c);
	FIRE_WORK(net_reconn_free_work_enter, s, server, 0);
	FIRE_WORK(net_reconn_free_work_exit, s, server, 0);
	c->flags &= ~(uint64_t)CONN_SAW_GREETING;
	if (!wait) {
		FIRE_WORK(net_shutdown_work_exit, s, server, 0);
		server_destroy_start(s, c);
		server_destroy_free(s, c);
		conn_free(c);
		return;
	}
	c->flags |= CONN_RECONN_WAIT;
	c->deadline_ns = now_ns() + s->set.reconnect_ns;
	FIRE_CONN(conn_shutdown_complete, c);
	FIRE_WORK(net_shutdown_work_exit, s, server, 0);
	c->lost = node_of_rid(s, c->c_rid);
	if (c->lost)
		c->lost->fence_pending = true;
	c->stage = 0;
	timer_set(s, &c->step, c->deadline_ns);
}

static void fence_over(struct sim *s, struct conn *c)
{
	if (c->lost && c->lost->fence_pending) {
		c->lost->fence_pending = false;
		s->reclaims++;
	}
	c->lost = NULL;
}

static void fence_step(struct sim *s, void *arg)
{
	struct conn *c = arg;
	struct node *server = c->node;
	char peer[ADDRESS_TEXT];

	switch (c->stage++) {
	case 0:
		FIRE_WORK(net_reconn_free_work_enter, s, server, 0);
		timer_set(s, &c->step, c->step.due_ns + FENCE_LINE_NS);
		return;
	case 1:
		address_text(&c->peer, peer);
		s->fences++;
		say("fence %d rid %016" PRIx64, c->lost ? (int)c->lost->slot : -1, c->c_rid);
		say_kernel(s, server, LINE_FINAL, LEVEL_INFO,
			   "client %s reconnect timed out, fencing", peer);
		timer_set(s, &c->step, c->step.due_ns + FENCE_DESTROY_NS);
		return;
	case 2:
		FIRE_WORK(net_reconn_free_work_exit, s, server, 0);
		c->flags |= CONN_RECONN_FREEING;
		server_destroy_start(s, c);
		timer_set(s, &c->step, c->step.due_ns + FENCE_FREE_NS);
		return;
	case 3:
		FIRE_CONN(conn_destroy_free, c);
		FIRE_WORK(net_destroy_work_exit, s, server, 0);
		timer_set(s, &c->step, c->step.due_ns + s->set.reclaim_ns);
		return;
	default:
		/* The connection is long freed in the module; here it has carried the fence to its
		 * end. */
		accepted_remove(server, c);
		say_kernel(s, server, LINE_ROUTINE, LEVEL_INFO,
			   "successfully reclaimed resources for fenced rid %016" PRIx64, c->c_rid);
		say("reclaimed %d rid %016" PRIx64, c->lost ? (int)c->lost->slot : -1, c->c_rid);
		fence_over(s, c);
		conn_free(c);
		return;
	}
}

/* The socket of @c came to its end; @c is gone afterwards or waits for its client to come back. */
static void conn_ended(struct sim *s, struct conn *c)
{
	if (c->accepted) {
		server_conn_shutdown(s, c, false);
		return;
	}
	client_shutdown(s, c);
	c->node->client = NULL;
	conn_free(c);
}

/* Takes whole messages off the buffer; false if what came is no scoutfs message. */
static bool conn_parse(struct conn *c)
{
	size_t off = 0;

	while (c->in_bytes - off >= FRAME_HEADER_BYTES) {
		struct frame_header h;

		if (!frame_header_read(c->in + off, &h))
			return false;
		if (c->in_bytes - off < (size_t)FRAME_HEADER_BYTES + h.data_len)
			break;
		if (!handle_message(c, &h, c->in + off + FRAME_HEADER_BYTES))
			return false;
		off += (size_t)FRAME_HEADER_BYTES + h.data_len;
	}
	memmove(c->in, c->in + off, c->in_bytes - off);
	c->in_bytes -= off;
	return true;
}

static void conn_ready(struct sim *s, void *arg, uint32_t events)
{
	struct conn *c = arg;
	ssize_t n;

	if (events & EPOLLOUT) {
		c->blocked = false;
		life_rewatch(s, &c->watch, EPOLLIN);
	}
	n = recv(c->watch.fd, c->in + c->in_bytes, sizeof(c->in) - c->in_bytes, 0);
	if (n > 0) {
		c->in_bytes += (size_t)n;
		if (conn_parse(c)) {
			conn_flush(c);
			return;
		}
		s->protocol_errors++;
	} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		conn_flush(c);
		return;
	}
	conn_ended(s, c);
}

/* ---- servers ---- */

static void conn_opened(struct sim *s, struct conn *c, int fd)
{
	int one = 1, r;

	c->name.bytes = c->peer.bytes = sizeof(c->name.sa);
	(void)getsockname(fd, (struct sockaddr *)&c->name.sa, &c->name.bytes);
	(void)getpeername(fd, (struct sockaddr *)&c->peer.sa, &c->peer.bytes);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* as the module does */
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	c->watch.fd = fd;
	c->flags = CONN_ESTABLISHED;
	r = life_watch(s, &c->watch, EPOLLIN);
	if (r < 0) {
		fprintf(stderr, "sim: cannot watch a connection: %s\n", strerror(-r));
		s->life.failed = true;
	}
}

static void accept_one(struct sim *s, void *arg, uint32_t events)
{
	struct node *n = arg;
	char name[ADDRESS_TEXT], peer[ADDRESS_TEXT];
	int fd = accept4(n->listen.fd, NULL, NULL, SOCK_CLOEXEC);
	struct conn *c;

	(void)events;
	if (fd < 0)
		return;
	c = conn_new(s, n, true);
	if (!c) {
		close(fd);
		return;
	}
	/* at its allocation the connection belongs to no list yet and has no socket */
	c->accepted = false;
	struct ev_conn r = conn_record(c);

	r.connect_timeout_ms = 0;
	FIRE(conn_alloc, &r);
	c->accepted = true;
	c->next = n->accepted;
	n->accepted = c;
	conn_opened(s, c, fd);
	address_text(&c->name, name);
	address_text(&c->peer, peer);
	say_kernel(s, n, LINE_ROUTINE, LEVEL_INFO, "server accepted %s -> %s", name, peer);
	FIRE_CONN(conn_accept, c);
	FIRE_WORK(net_recv_work_enter, s, n, 0);
}

/**
 * net_server_start() - a new leader begins to be a server
 *
 * It listens from net_server_listening() on; what lies between is the fencing of previous leaders.
 */
int net_server_start(struct sim *s, struct node *n)
{
	FIRE_WORK(server_work_enter, s, n, 0);
	say_kernel(s, n, LINE_ROUTINE, LEVEL_INFO, "server starting at %s", n->text);
	n->listen = (struct watch){.fd = -1, .ready = accept_one, .arg = n};
	n->listen.fd =
		socket(n->address.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1;

	if (n->listen.fd < 0 ||
	    setsockopt(n->listen.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(n->listen.fd, (const struct sockaddr *)&n->address.sa, n->address.bytes) < 0) {
		fprintf(stderr,
			"sim: cannot use TCP %s: %s; another simulator may run: choose other ports "
			"with `port`.\n",
			n->text, strerror(errno));
		return -errno;
	}
	struct ev_conn r = listen_record(s, n, 0);

	r.sock = 0;
	r.sockname_addr = r.sockname_port = 0;
	FIRE(conn_alloc, &r);
	return 0;
}

void net_server_listening(struct sim *s, struct node *n)
{
	if (listen(n->listen.fd, SCENARIO_NODES_MAX) < 0 ||
	    life_watch(s, &n->listen, EPOLLIN) < 0) {
		fprintf(stderr, "sim: cannot listen at %s: %s\n", n->text, strerror(errno));
		s->life.failed = true;
		return;
	}
	say_kernel(s, n, LINE_ROUTINE, LEVEL_INFO, "server ready at %s", n->text);
	FIRE_WORK(net_listen_work_enter, s, n, 0);
}

/* @n asks every client that greets it for its locks, until as many as are mounted have answered. */
void net_server_recover(struct sim *s, struct node *n)
{
	n->to_recover = 0;
	for (unsigned i = 0; i < s->set.nodes; i++)
		n->to_recover += s->nodes[i].mounted;
}

static void listen_shutdown(struct sim *s, struct node *n)
{
	FIRE_LISTEN(conn_shutdown_queued, s, n, CONN_SHUTTING_DOWN);
	FIRE_WORK(net_shutdown_work_enter, s, n, 0);
	FIRE_LISTEN(conn_shutdown_start, s, n, CONN_SHUTTING_DOWN);
	life_unwatch(s, &n->listen);
	FIRE_WORK(net_listen_work_exit, s, n, -EINVAL);
	FIRE_WORK(net_reconn_free_work_enter, s, n, 0);
	FIRE_WORK(net_reconn_free_work_exit, s, n, 0);
	FIRE_LISTEN(conn_shutdown_complete, s, n, 0);
	FIRE_WORK(net_shutdown_work_exit, s, n, 0);
}

/* Clients that were waited for are let go without a fence: the next leader has to see to them. */
static void server_conn_abandon(struct sim *s, struct conn *c)
{
	timer_cancel(s, &c->step);
	if (c->stage < 3) {
		c->flags |= CONN_RECONN_FREEING;
		server_destroy_start(s, c);
	}
	if (c->stage < 4)
		server_destroy_free(s, c);
	else
		accepted_remove(c->node, c);
	fence_over(s, c);
	conn_free(c);
}

void net_server_stop(struct sim *s, struct node *n)
{
	if (n->listen.fd < 0)
		return;
	say_kernel(s, n, LINE_TROUBLE, LEVEL_INFO, "server shutting down at %s", n->text);
	while (n->accepted) {
		if (n->accepted->watch.fd >= 0)
			server_conn_shutdown(s, n->accepted, true);
		else
			server_conn_abandon(s, n->accepted);
	}
	listen_shutdown(s, n);
	say_kernel(s, n, LINE_ROUTINE, LEVEL_INFO, "server stopped at %s", n->text);
	FIRE_WORK(server_work_exit, s, n, 0);
	FIRE_WORK(net_destroy_work_enter, s, n, 0);
	FIRE_LISTEN(conn_destroy_start, s, n, 0);
	FIRE_LISTEN(conn_destroy_free, s, n, 0);
	FIRE_WORK(net_destroy_work_exit, s, n, 0);
	n->nr_clients = n->to_recover = 0;
}

/* ---- clients ---- */

/**
 * net_client_connect() - connect to the leader and send the greeting
 *
 * The node's first connection is allocated at its mount; to a new leader the same one connects
 * again, with seq and id from 1.
 *
 * Return: 0 or a negative errno, said on stderr.
 */
int net_client_connect(struct sim *s, struct node *n)
{
	struct conn *c = conn_new(s, n, false);
	char name[ADDRESS_TEXT];
	int fd;

	if (!c)
		return -ENOMEM;
	if (!n->conn_known)
		FIRE_CONN(conn_alloc, c);
	n->conn_known = true;
	c->next_send_seq = c->next_send_id = GREETING_ID;
	FIRE_CONN(conn_connect_result, c);
	FIRE_WORK(net_connect_work_enter, s, n, 0);
	FIRE_CONN(conn_connect_start, c);
	fd = socket(n->address.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&s->leader->address.sa,
			      s->leader->address.bytes) < 0) {
		int r = -errno;

		fprintf(stderr, "sim: node %u cannot connect to %s: %s\n", n->slot, s->leader->text,
			strerror(errno));
		if (fd >= 0)
			close(fd);
		conn_free(c);
		return r;
	}
	conn_opened(s, c, fd);
	n->client = c;
	address_text(&c->name, name);
	say_kernel(s, n, LINE_ROUTINE, LEVEL_INFO, "client connected %s -> %s", name,
		   s->leader->text);
	FIRE_CONN(conn_connect_complete, c);
	FIRE_WORK(net_connect_work_exit, s, n, 0);
	FIRE_CONN(conn_connect_result, c);
	FIRE_WORK(net_recv_work_enter, s, n, 0);
	client_greet(c);
	conn_flush(c);
	return 0;
}

/* Its greeting is answered and so are the three requests that follow it. */
bool net_client_greeted(const struct node *n)
{
	return n->client && n->client->flags & CONN_SAW_GREETING && !n->client->requests;
}

void net_client_farewell(struct sim *s, struct node *n)
{
	(void)s;
	client_request(n->client, CMD_FAREWELL);
	conn_flush(n->client);
}

bool net_client_unmounted(const struct node *n)
{
	return !n->client || n->client->farewell_answered;
}

/* The mount is over: after a farewell, or by force. */
void net_client_close(struct sim *s, struct node *n)
{
	struct conn *c = n->client;

	if (!c)
		return;
	n->client = NULL;
	client_shutdown(s, c);
	client_destroy(s, c);
	conn_free(c);
}

/* ---- traffic ---- */

/* One round of requests, in the proportions of a real workload; every command but the two ends of a
 * life is in it. */
static const struct {
	uint8_t cmd;
	bool from_server;
} mix[] = {
	{CMD_LOCK, false},
	{CMD_GET_ROOTS, false},
	{CMD_LOCK, false},
	{CMD_LOCK, true},
	{CMD_GET_LOG_TREES, false},
	{CMD_LOCK, false},
	{CMD_COMMIT_LOG_TREES, false},
	{CMD_LOCK, true},
	{CMD_OPEN_INO_MAP, false},
	{CMD_LOCK, false},
	{CMD_OPEN_INO_MAP, true},
	{CMD_GET_ROOTS, false},
	{CMD_LOCK, true},
	{CMD_ALLOC_INODES, false},
	{CMD_LOCK, false},
	{CMD_STATFS, false},
	{CMD_LOCK, true},
	{CMD_GET_LOG_MERGE, false},
	{CMD_LOCK, false},
	{CMD_GET_ROOTS, false},
	{CMD_SRCH_GET_COMPACT, false},
	{CMD_LOCK, true},
	{CMD_GET_LOG_TREES, false},
	{CMD_LOCK, false},
	{CMD_COMMIT_LOG_TREES, false},
	{CMD_GET_VOLOPT, false},
	{CMD_LOCK, true},
	{CMD_GET_LAST_SEQ, false},
	{CMD_LOCK, false},
	{CMD_SYNC_LOG_TREES, true},
	{CMD_LOCK, true},
	{CMD_SET_VOLOPT, false},
	{CMD_LOCK, false},
	{CMD_CLEAR_VOLOPT, false},
	{CMD_SRCH_COMMIT_COMPACT, false},
	{CMD_LOCK, true},
	{CMD_COMMIT_LOG_MERGE, false},
	{CMD_RESIZE_DEVICES, false},
	{CMD_LOCK, false},
	{CMD_GET_ROOTS, false},
};
#define MIX_COUNT (sizeof(mix) / sizeof(mix[0]))

static struct conn *server_end(struct sim *s, struct node *n)
{
	for (struct conn *c = s->leader->accepted; c; c = c->next)
		if (c->watch.fd >= 0 && c->client_up && c->c_rid == n->rid)
			return c;
	return NULL;
}

static bool talks(struct sim *s, const struct node *n)
{
	return s->leader && n->mounted && n->client && n->client->flags & CONN_SAW_GREETING &&
	       !n->client->farewell_answered;
}

/* Sends the next request of the mix on behalf of the next node that can talk. */
static void traffic_one(struct sim *s)
{
	for (unsigned tries = 0; tries < s->set.nodes; tries++) {
		struct node *n = &s->nodes[s->traffic_node++ % s->set.nodes];
		unsigned place = n->next_request % MIX_COUNT;
		struct conn *server = talks(s, n) ? server_end(s, n) : NULL;

		if (!server || n->client->waiting >= WAITING_MAX || server->waiting >= WAITING_MAX)
			continue;
		n->next_request++;
		if (mix[place].from_server)
			server_request(server, mix[place].cmd);
		else
			client_request(n->client, mix[place].cmd);
		return;
	}
}

static void flush_all(struct sim *s)
{
	for (unsigned i = 0; i < s->set.nodes; i++)
		if (s->nodes[i].client)
			conn_flush(s->nodes[i].client);
	for (struct conn *c = s->leader ? s->leader->accepted : NULL; c; c = c->next)
		conn_flush(c);
}

static void traffic_tick(struct sim *s, void *arg)
{
	uint64_t now = now_ns(), elapsed = now - s->traffic_from_ns, requests_per_s = s->set.rate;
	/* half of the messages are requests, the other half answers them */
	uint64_t due = (elapsed / NS_PER_S * requests_per_s +
			elapsed % NS_PER_S * requests_per_s / NS_PER_S) /
		       2;
	uint64_t period = 2 * NS_PER_S / requests_per_s;

	(void)arg;
	for (int n = 0; s->traffic_sent < due && n < TRAFFIC_BURST; n++, s->traffic_sent++)
		traffic_one(s);
	s->traffic_sent =
		due; /* what a stalled process could not send in time is not made up for */
	flush_all(s);
	timer_set(s, &s->traffic,
		  s->traffic.due_ns + (period > TRAFFIC_TICK_NS ? period : TRAFFIC_TICK_NS));
	if (s->traffic.due_ns + NS_PER_S < now)
		timer_set(s, &s->traffic, now);
}

/* Messages per second of all clients together, requests and answers alike; 0 for silence. */
void net_traffic_rate(struct sim *s, unsigned messages_per_s)
{
	s->set.rate = messages_per_s;
	s->traffic.fire = traffic_tick;
	timer_cancel(s, &s->traffic);
	if (!messages_per_s)
		return;
	s->traffic_from_ns = now_ns();
	s->traffic_sent = 0;
	timer_set(s, &s->traffic, s->traffic_from_ns);
}

/* Everything that is left, without a word: for the end after a failure. */
void net_free(struct sim *s)
{
	timer_cancel(s, &s->traffic);
	for (unsigned i = 0; i < SCENARIO_NODES_MAX; i++) {
		struct node *n = &s->nodes[i];

		conn_free(n->client);
		n->client = NULL;
		while (n->accepted) {
			struct conn *c = n->accepted;

			n->accepted = c->next;
			conn_free(c);
		}
		life_unwatch(s, &n->listen);
		quorum_close(s, n);
	}
}
