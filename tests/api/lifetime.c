// SPDX-License-Identifier: MIT
/*
 * Who may go first: sockets, ports, memory, processes, the module.  Whatever
 * the order, ops end once, and teardown() finds nothing left.
 */
#include "helpers_ring.h"

#include <netinet/udp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef UDP_ENCAP_ESPINUDP
#define UDP_ENCAP_ESPINUDP 2
#endif

/* a34, invariant 2 */
static void a34_close_of_the_socket_aborts_its_ops(void **state)
{
	struct fix *f = *state;

	want(post_n(&f->p, f->rx, f->op, 3), 3);
	send_str(f->tx, f->rx, "before");
	settle();
	close(f->rx);
	f->rx = -1;
	reap_data(&f->p, &f->op[0], "before", 6);
	reap_status(&f->p, &f->op[1], -ECANCELED);
	reap_status(&f->p, &f->op[2], -ECANCELED);
	want_none(&f->p);
	want(port_stats(&f->p).aborted, 2);
	want(cancel_id(&f->p, f->op[1].r.id), -ENOENT);
}

static void close_of_one_of_two_descriptors_does_nothing(void **state)
{
	struct fix *f = *state;
	int other = (int)sys(dup(f->rx));

	post_pending(&f->p, f->rx, &f->op[0]);
	close(f->rx);
	f->rx = other;
	want_none(&f->p);
	send_str(f->tx, f->rx, "alive");
	reap_data(&f->p, &f->op[0], "alive", 5);
	row("posts through both are of one socket");
	other = (int)sys(dup(f->rx));
	post_pending(&f->p, f->rx, &f->op[1]);
	post_pending(&f->p, other, &f->op[2]);
	want(cancel_socket(&f->p, other), 2);
	reap_status(&f->p, &f->op[1], -ECANCELED);
	reap_status(&f->p, &f->op[2], -ECANCELED);
	close(other);
}

static void the_port_number_is_free_at_once(void **state)
{
	struct fix *f = *state;
	union sockaddr_any a;
	socklen_t len = addr_of(f->rx, &a);

	for (int i = 0; i < 10; i++) {
		op_init(&f->op[0]);
		post_pending(&f->p, f->rx, &f->op[0]);
		close(f->rx);
		f->rx = udp_unbound(f->family);
		sys(bind(f->rx, &a.sa, len));
		reap_status(&f->p, &f->op[0], -ECANCELED);
	}
}

static void close_of_the_port_drops_its_ops_alone(void **state)
{
	struct fix *f = *state;
	struct port p;

	port_open(&p, 8, 0);
	post_pending(&p, f->rx, &f->op[0]);
	post_pending(&f->p, f->rx, &f->op[1]);
	post_pending(&p, f->rx, &f->op[2]);
	port_close(&p);
	want(sock_stats(&f->p, f->rx).depth, 1);
	send_str(f->tx, f->rx, "yours");
	reap_data(&f->p, &f->op[1], "yours", 5);
	row("the dropped ones take nothing");
	send_queued(f->tx, f->rx, "queue", 5);
	native_recv(f->rx, "queue", 5);
	want_true(is_poison(f->op[0].data, OP_DATA));
	want_true(is_poison(f->op[2].data, OP_DATA));
	want_stats_sum(&f->p, f->rx);
}

static void close_of_the_port_with_completions_unread(void **state)
{
	struct fix *f = *state;
	struct port p;

	port_open(&p, 8, 0);
	want(post_n(&p, f->rx, f->op, 4), 4);
	send_str(f->tx, f->rx, "unread");
	wait_arrived(&f->p, f->rx, 1);
	port_close(&p);
	want(sock_stats(&f->p, f->rx).depth, 0);
}

/* A mapping holds the port as a descriptor does. */
static void a_mapping_keeps_the_port(void **state)
{
	struct fix *f = *state;
	struct port p;

	port_open(&p, 8, 0);
	post_pending(&p, f->rx, &f->op[0]);
	close(p.fd);
	p.fd = -1;
	send_str(f->tx, f->rx, "mapped");
	eventually(port_unread(&p) == 1);
	want_data(port_entry(&p, 0), &f->op[0], "mapped", 6);
	port_close(&p);
}

static void the_ports_descriptor_can_be_duplicated(void **state)
{
	struct fix *f = *state;
	int fd = (int)sys(fcntl(f->p.fd, F_DUPFD_CLOEXEC, 0));

	post_pending(&f->p, f->rx, &f->op[0]);
	close(f->p.fd);
	f->p.fd = fd;
	send_str(f->tx, f->rx, "x");
	reap_data(&f->p, &f->op[0], "x", 1);
}

/* --- unbind ------------------------------------------------------------ */

static void unbind(void **state)
{
	struct fix *f = *state;

	want(odg_unbind(&f->p, f->rx), -ENOENT);
	want(odg_bind(&f->p, f->rx, 0), 0);
	row("bound again: only the flags change");
	want(odg_bind(&f->p, f->rx, 0), 0);
	post_pending(&f->p, f->rx, &f->op[0]);
	row("with an op posted");
	want(odg_unbind(&f->p, f->rx), -EBUSY);
	send_str(f->tx, f->rx, "still");
	reap_data(&f->p, &f->op[0], "still", 5);
	row("with a datagram queued");
	send_queued(f->tx, f->rx, "stays", 5);
	want(odg_unbind(&f->p, f->rx), 0);
	native_recv(f->rx, "stays", 5);
	send_str(f->tx, f->rx, "native");
	native_recv(f->rx, "native", 6);
	row("twice");
	want(odg_unbind(&f->p, f->rx), -ENOENT);
	row("and back");
	post_pending(&f->p, f->rx, &f->op[1]);
	send_str(f->tx, f->rx, "back");
	reap_data(&f->p, &f->op[1], "back", 4);
}

static void unbind_with_another_ports_op_is_EBUSY(void **state)
{
	struct fix *f = *state;
	struct port p;

	port_open(&p, 8, 0);
	post_pending(&p, f->rx, &f->op[0]);
	want(odg_unbind(&f->p, f->rx), -EBUSY);
	port_close(&p);
	want(odg_unbind(&f->p, f->rx), 0);
}

static void binding_and_unbinding_many_times(void **state)
{
	struct fix *f = *state;

	for (int i = 0; i < 100; i++) {
		row("round %d", i);
		op_init(&f->op[0]);
		post_pending(&f->p, f->rx, &f->op[0]);
		send_to(f->tx, f->rx, &i, sizeof(i));
		reap_data(&f->p, &f->op[0], &i, sizeof(i));
		want(odg_unbind(&f->p, f->rx), 0);
		send_str(f->tx, f->rx, "native");
		native_recv(f->rx, "native", 6);
	}
}

/* A ring as long as its socket and its port may end at the same time. */
#define LONG_RING 4096U

static void *close_it(void *arg)
{
	close(*(int *)arg);
	return NULL;
}

static void long_ring_at_the_end(void **state)
{
	struct fix *f = *state;
	pthread_t thread;
	struct port p;
	struct ring r;
	int s;

	for (int i = 0; i < 8; i++) {
		port_open(&p, LONG_RING, 0);
		s = udp(f->family);
		ring_open(&r, &p, s, LONG_RING);
		for (uint32_t n = 0; n < LONG_RING; n++)
			ring_write(&r, n, 0, 0, 8);
		ring_submit(&r);
		if (!i) {
			row("of the socket");
			close(s);
			want(port_unread(&p), LONG_RING);
			for (uint32_t n = 0; n < LONG_RING; n++) {
				const struct odg_cqe *c = reap(&p);

				want(c->user_data, n);
				want(c->status, -ECANCELED);
			}
			want(port_stats(&p).aborted, LONG_RING);
			ring_close(&r);
			port_close(&p);
		} else {
			row("of both");
			ring_close(&r);
			want(pthread_create(&thread, NULL, close_it, &s), 0);
			port_close(&p);
			pthread_join(thread, NULL);
		}
	}
}

/* --- a program that works against us ------------------------------------ */

/*
 * UDP_ENCAP may be set at any time, also on a socket that is bound to odgram,
 * and replaces the hook or turns it off.  What remains must be a clean end.
 */
static void hostile_encap_then_close(struct fix *f, int type)
{
	want(post_n(&f->p, f->rx, f->op, 3), 3);
	set_opt(f->rx, IPPROTO_UDP, UDP_ENCAP, type);
	send_str(f->tx, f->rx, "whatever happens to this");
	want(cancel_id(&f->p, f->op[2].r.id), 1);
	close(f->rx);
	f->rx = -1;
	eventually(port_stats(&f->p).outstanding == 0);
	want(port_unread(&f->p), 3);
	want(reap(&f->p)->seq, 0);
	want(reap(&f->p)->seq, 1);
	want(reap(&f->p)->seq, 2);
	want_none(&f->p);
}

static void hostile_encap_off_then_close(void **state)
{
	hostile_encap_then_close(*state, 0);
}

static void hostile_encap_esp_then_close(void **state)
{
	hostile_encap_then_close(*state, UDP_ENCAP_ESPINUDP);
}

static void hostile_encap_then_unbind_and_rebind(void **state)
{
	static const int types[] = { 0, UDP_ENCAP_ESPINUDP, 3 };
	struct fix *f = *state;
	struct port p;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		int s = udp(f->family);

		row("UDP_ENCAP %d", types[i]);
		port_open(&p, 8, 0);
		want(post_n(&p, s, f->op, 2), 2);
		set_opt(s, IPPROTO_UDP, UDP_ENCAP, types[i]);
		/* Any answer is right but for a lie about what is pending. */
		odg_bind(&p, s, 0);
		post(&p, s, &f->op[2]);
		want(cancel_id(&p, f->op[0].r.id), 1);
		cancel_socket(&p, s);
		eventually(port_stats(&p).outstanding == 0);
		odg_unbind(&p, s);
		port_close(&p);
		close(s);
	}
}

static void buffer_unmapped_while_pending(void **state)
{
	struct fix *f = *state;
	uint8_t *m = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *other;

	want_true(m != MAP_FAILED);
	f->op[0].seg[0].addr = (uintptr_t)m;
	f->op[0].seg[0].len = 2 * PAGE;
	post_pending(&f->p, f->rx, &f->op[0]);
	sys(munmap(m, 2 * PAGE));
	/* What comes to stand there now must not be written to. */
	other = mmap(m, 2 * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	want_true(other == m);
	memset(other, POISON, 2 * PAGE);
	send_str(f->tx, f->rx, "into the void");
	want(reap(&f->p)->len, 13);
	want_true(is_poison(other, 2 * PAGE));
	munmap(other, 2 * PAGE);
}

/* --- processes ---------------------------------------------------------- */

static void die(void *arg)
{
	struct fix *f = arg;
	struct port p;
	int s = udp(f->family);

	/* A port of its own, and ops on sockets that outlive it and that do not. */
	port_open(&p, 16, 0);
	want(post_n(&p, s, f->op, 4), 4);
	want(post_n(&p, f->rx, &f->op[4], 4), 4);
	send_str(f->tx, f->rx, "unread");
	settle();
	/* No close, no munmap: exit does it all. */
}

static void exit_without_closing_anything(void **state)
{
	struct fix *f = *state;

	for (int i = 0; i < 5; i++)
		in_child(die, f);
	want(sock_stats(&f->p, f->rx).depth, 0);
	post_pending(&f->p, f->rx, &f->op[0]);
	send_str(f->tx, f->rx, "x");
	reap_data(&f->p, &f->op[0], "x", 1);
}

static void socket_held_by_a_child(void **state)
{
	struct fix *f = *state;
	int pipe_fd[2], status;
	char c;
	pid_t pid;

	post_pending(&f->p, f->rx, &f->op[0]);
	post_pending(&f->p, f->rx, &f->op[1]);
	sys(pipe(pipe_fd));
	pid = (pid_t)sys(fork());
	if (!pid) {
		now_in_child();
		close(pipe_fd[1]);
		/* Keeps rx until told; sends to it, so that the address is right. */
		want(read(pipe_fd[0], &c, 1), 1);
		send_str(f->tx, f->rx, "from the child");
		want(read(pipe_fd[0], &c, 1), 1);
		_exit(0);
	}
	close(pipe_fd[0]);
	close(f->rx);
	f->rx = -1;
	want_none(&f->p);
	want(sys(write(pipe_fd[1], "g", 1)), 1);
	reap_data(&f->p, &f->op[0], "from the child", 14);
	want_none(&f->p);
	row("the child's exit is the last close");
	want(sys(write(pipe_fd[1], "g", 1)), 1);
	reap_status(&f->p, &f->op[1], -ECANCELED);
	sys(waitpid(pid, &status, 0));
	want(status, 0);
	close(pipe_fd[1]);
}

static void post_into_own_memory(void *arg)
{
	struct fix *f = arg;

	post_pending(&f->p, f->rx, &f->op[0]);
}

/* An inherited port: the op's pages are the child's, who is gone. */
static void op_of_a_child_that_has_exited(void **state)
{
	struct fix *f = *state;

	in_child(post_into_own_memory, f);
	want(port_stats(&f->p).outstanding, 1);
	send_str(f->tx, f->rx, "to nobody");
	want(reap(&f->p)->len, 9);
	want_true(is_poison(f->op[0].data, OP_DATA));
	row("the parent's next op is fine");
	post_pending(&f->p, f->rx, &f->op[1]);
	send_str(f->tx, f->rx, "x");
	reap_data(&f->p, &f->op[1], "x", 1);
}

/* --- the module --------------------------------------------------------- */

static int rmmod(void)
{
	return syscall(SYS_delete_module, "odgram", O_NONBLOCK) ? -errno : 0;
}

static void inv7_rmmod_with_a_port_open_fails(void **state)
{
	struct fix *f = *state;
	int fd;

	/* A port that has nothing yet, no socket bound: the file alone. */
	port_close(&f->p);
	fd = (int)sys(open("/dev/odgram", O_RDWR | O_CLOEXEC));
	want(rmmod(), -EWOULDBLOCK);
	close(fd);
	port_open(&f->p, 8, 0);
}

static void inv7_rmmod_with_a_socket_bound_fails(void **state)
{
	struct fix *f = *state;

	want(odg_bind(&f->p, f->rx, 0), 0);
	port_close(&f->p);
	want(rmmod(), -EWOULDBLOCK);
	row("the bound socket works natively without any port");
	send_str(f->tx, f->rx, "x");
	native_recv(f->rx, "x", 1);
	port_open(&f->p, 8, 0);
	post_pending(&f->p, f->rx, &f->op[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T46(a34_close_of_the_socket_aborts_its_ops),
		T(close_of_one_of_two_descriptors_does_nothing),
		T46(the_port_number_is_free_at_once),
		T(close_of_the_port_drops_its_ops_alone),
		T(close_of_the_port_with_completions_unread),
		T(a_mapping_keeps_the_port),
		T(the_ports_descriptor_can_be_duplicated),
		T46(unbind),
		T(unbind_with_another_ports_op_is_EBUSY),
		T(binding_and_unbinding_many_times),
		T46(hostile_encap_off_then_close),
		T46(hostile_encap_esp_then_close),
		T(hostile_encap_then_unbind_and_rebind),
		T46(long_ring_at_the_end),
		T(buffer_unmapped_while_pending),
		T(exit_without_closing_anything),
		T(socket_held_by_a_child),
		T(op_of_a_child_that_has_exited),
		T(inv7_rmmod_with_a_port_open_fails),
		T(inv7_rmmod_with_a_socket_bound_fails),
	};
	return cmocka_run_group_tests_name("lifetime", tests, NULL, NULL);
}
