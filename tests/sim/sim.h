/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of the simulator and what they share: one struct sim, owned by main(), worked on by one
 * thread.
 */
#ifndef SIM_H
#define SIM_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "frame.h"
#include "hook.h"
#include "scenario.h"

#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull
#define NS_PER_US 1000ull

struct sim;

/* ---- life.c: one epoll loop and its timers, on CLOCK_MONOTONIC ---- */

struct watch {
	int fd;
	void (*ready)(struct sim *s, void *arg, uint32_t events);
	void *arg;
};

struct timer {
	uint64_t due_ns;
	void (*fire)(struct sim *s, void *arg);
	void *arg;
	struct timer *next;
	bool armed;
};

struct life {
	int epoll_fd, timer_fd, signal_fd;
	struct timer *timers; /* soonest first */
	bool stopping;	      /* a signal came */
	unsigned goes;	      /* SIGUSR1 that no `await` has taken yet */
	bool failed;	      /* a part cannot go on; it has said why */
};

uint64_t now_ns(void);
int life_init(struct sim *s);
void life_done(struct sim *s);
int life_watch(struct sim *s, struct watch *w, uint32_t events);
void life_rewatch(struct sim *s, struct watch *w, uint32_t events);
void life_unwatch(struct sim *s, struct watch *w);
void timer_set(struct sim *s, struct timer *t, uint64_t due_ns);
void timer_cancel(struct sim *s, struct timer *t);
bool life_until(struct sim *s, uint64_t deadline_ns, bool (*done)(struct sim *s, void *arg),
		void *arg);

/* ---- say.c: standard output, the kernel log, counts ---- */

/* Each class has its own /dev/kmsg descriptor, so that chatter cannot use up what the kernel grants
 * a fence line. */
enum line_class { LINE_ROUTINE, LINE_TROUBLE, LINE_FINAL, LINE_CLASSES };
#define KMSG_BURST 10

struct say {
	int kmsg_fd[LINE_CLASSES]; /* -1 without --kmsg */
	bool kmsg_limited; /* the kernel drops more than KMSG_BURST lines in 5 s on one descriptor
			    */
	uint64_t kmsg_sent_ns[LINE_CLASSES][KMSG_BURST]; /* when the last lines went out; a ring */
	unsigned kmsg_next[LINE_CLASSES];
	uint64_t lines, held;
};

enum line_level { LEVEL_INFO, LEVEL_WARNING, LEVEL_ERROR };

struct node;

int say_init(struct sim *s, bool kmsg);
void say_done(struct sim *s);
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_kernel(struct sim *s, const struct node *n, enum line_class class, enum line_level level,
		const char *format, ...) __attribute__((format(printf, 5, 6)));
void say_kernel_raw(struct sim *s, enum line_class class, enum line_level level, const char *text);
void say_summary(struct sim *s);

/* ---- net.c: addresses, TCP connections, what servers and clients say to each other ---- */

struct address {
	struct sockaddr_storage sa;
	socklen_t bytes;
};
#define ADDRESS_TEXT 64

struct message {
	struct message *next;
	struct frame_header header;
	uint8_t data[];
};

struct request {
	struct request *next;
	uint64_t id;
	uint8_t cmd;
	uint64_t lock_first;
};

#define CONN_VALID_GREETING 1
#define CONN_ESTABLISHED 2
#define CONN_SHUTTING_DOWN 4
#define CONN_SAW_GREETING 8
#define CONN_SAW_FAREWELL 16
#define CONN_RECONN_WAIT 32
#define CONN_RECONN_FREEING 64

#define CONN_IN_BYTES (16 * (FRAME_HEADER_BYTES + FRAME_DATA_MAX))
#define CONN_OUT_BYTES CONN_IN_BYTES
#define MESSAGES_PER_SEND 16

struct conn {
	struct conn *next; /* of the server that accepted it */
	struct sim *sim;
	struct node *node;	/* at whose end it is */
	bool accepted;		/* the server's end */
	bool client_up;		/* server: counted in nr_clients */
	bool farewell_answered; /* client: may close now */
	struct node *lost; /* server: whose connection this was, while its fence is on the way */
	bool recovering;   /* server: asked for its locks by a new leader */
	struct watch watch;
	struct address name, peer;
	uint64_t flags, deadline_ns, c_rid, greeting_id;
	uint64_t next_send_seq, next_send_id, recv_seq, acked_seq;
	struct message *queue, **queue_tail;
	struct request *requests; /* unanswered; @waiting of them */
	unsigned waiting;
	uint8_t in[CONN_IN_BYTES], out[CONN_OUT_BYTES];
	size_t in_bytes, out_bytes, out_sent;
	bool blocked;	   /* the socket takes no more for now */
	struct timer step; /* the next step of its fence */
	int stage;
};

/* ---- a node: one quorum slot, one mount, perhaps the leader ---- */

enum role { ROLE_FOLLOWER, ROLE_CANDIDATE, ROLE_LEADER };

struct node {
	struct sim *sim;
	unsigned slot;
	bool mounted;
	uint64_t rid;
	struct address address;
	char text[ADDRESS_TEXT];

	struct watch udp;
	uint64_t term;
	enum role role;
	int vote_for;
	uint64_t vote_bits;
	struct timer heartbeat;
	uint64_t last_sent_ns, last_heard_ns, longest_sent_s, longest_heard_s;

	struct conn *client;   /* NULL while not connected */
	bool conn_known;       /* its connection outlives a change of server, as in the module */
	bool fence_pending;    /* lost, and not yet reclaimed */
	unsigned next_request; /* place in the mix of requests */

	struct watch listen; /* fd -1 unless it is the server */
	struct conn *accepted;
	unsigned nr_clients, to_recover;
	unsigned next_lock;
};

struct sim {
	struct settings set; /* as of the statement being played */
	struct life life;
	struct say say;
	uint64_t fsid;
	struct node nodes[SCENARIO_NODES_MAX];
	struct node *leader;
	bool silent; /* the leader sends no heartbeats */

	struct timer traffic;
	uint64_t traffic_from_ns, traffic_due, traffic_sent;
	unsigned traffic_node;

	/* the truth for the tests */
	uint64_t tcp_sent[CMD_COUNT][2], tcp_bytes, udp_sent[QUORUM_TYPES], protocol_errors;
	unsigned fences, reclaims;
};

void address_text(const struct address *a, char *buf);
uint64_t random64(void);

int net_server_start(struct sim *s, struct node *n);
void net_server_listening(struct sim *s, struct node *n);
void net_server_stop(struct sim *s, struct node *n);
int net_client_connect(struct sim *s, struct node *n);
bool net_client_greeted(const struct node *n);
bool net_client_unmounted(const struct node *n);
void net_client_farewell(struct sim *s, struct node *n);
void net_client_close(struct sim *s, struct node *n);
void net_server_recover(struct sim *s, struct node *n);
void net_traffic_rate(struct sim *s, unsigned messages_per_s);
void net_free(struct sim *s);

/* ---- quorum.c: UDP ---- */

int quorum_open(struct sim *s, struct node *n);
void quorum_close(struct sim *s, struct node *n);
void quorum_campaign(struct sim *s, struct node *n);
void quorum_resign(struct sim *s, struct node *n, bool on_the_wire);
void quorum_silence(struct sim *s, bool silent);

/* ---- storm.c: events from every CPU ---- */

struct storm;
int storm_start(struct sim *s, uint64_t per_s, uint64_t from_ns, uint64_t until_ns,
		struct storm **ret);
uint64_t storm_join(struct storm *storm, bool early);

/* ---- play.c: the scenario ---- */

int play(struct sim *s, const struct scenario *sc);

#endif
