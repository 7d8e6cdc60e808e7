// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* Dropped packets by network namespace, device and reason, at the kernel's kfree_skb tracepoint. */
#include "lib/types.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "lib/lost.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/needs.bpf.h"
#include "netdrop/no_loss.bpf.h"

#define AF_INET	 2
#define AF_INET6 10

struct netdrop_key {
	u32 netns;   /* inode number; 0: not known */
	u32 ifindex; /* 0: no device, or not known */
	u32 reason;  /* the running kernel's enum skb_drop_reason */
};

struct netdrop_stats {
	u64 packets;
	u64 bytes; /* from the layer that dropped the packet upwards */
};

enum netdrop_lost_reason {
	NETDROP_LOST_MAP_FULL,
};

/*
 * Preallocated on purpose: packets are dropped in every context, and before 6.1 allocating in a
 * tracepoint could deadlock.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 2048);
	__type(key, struct netdrop_key);
	__type(value, struct netdrop_stats);
} netdrop SEC(".maps");

LOST_MAP(netdrop, NETDROP_LOST_MAP_FULL);

static const struct netdrop_stats no_drops;

/*
 * The inode of a device's namespace; 0 when this is no device. Every namespace has a loopback
 * device that points back at it, which nothing else that the pointers may lead to has. Plain loads:
 * what the kernel's types lead to is read with a guard, and reads as 0 where there is nothing.
 */
static __always_inline u32 namespace_of_device(struct net_device *device)
{
	struct net_device *loopback;
	struct net *net = device->nd_net.net;

	if (!is_kernel_address(net))
		return 0;
	loopback = net->loopback_dev;
	if (!is_kernel_address(loopback) || loopback->nd_net.net != net)
		return 0;
	return net->ns.inum;
}

/*
 * skb->dev shares its memory with a red-black node (TCP) and with scratch space (UDP): it is a
 * device only if it leads to a network namespace.
 */
static __always_inline bool find_device(struct sk_buff *skb, struct netdrop_key *key)
{
	struct net_device *device = skb->dev;

	if (!is_kernel_address(device))
		return false;
	key->netns = namespace_of_device(device);
	if (!key->netns)
		return false;
	key->ifindex = device->ifindex;
	return true;
}

/* The same of a namespace that is to be one. */
static __always_inline u32 namespace_inode(struct net *net)
{
	struct net_device *loopback = NULL;
	struct net *back = NULL;

	if (!is_kernel_address(net) || BPF_CORE_READ_INTO(&loopback, net, loopback_dev) ||
	    !is_kernel_address(loopback))
		return 0;
	if (BPF_CORE_READ_INTO(&back, loopback, nd_net.net) || back != net)
		return 0;
	return BPF_CORE_READ(net, ns.inum);
}

/*
 * A packet in a socket's hands: its namespace, and the device it came in by, if any. skb->sk
 * shares its memory with an offset while fragments are put together, and yet the verifier takes it
 * for a socket from 6.4 on, to be read without a guard. So sockets are numbers here: `sk` is read
 * by a helper.
 */
static __always_inline bool find_socket(struct sk_buff *skb, struct sock *sk,
					struct netdrop_key *key)
{
	u16 family = 0;

	if (!is_kernel_address(sk))
		return false;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family != AF_INET && family != AF_INET6)
		return false;
	key->netns = namespace_inode(BPF_CORE_READ(sk, __sk_common.skc_net.net));
	key->ifindex = key->netns ? skb->skb_iif : 0;
	return true;
}

/* `receiver`: where the tracepoint passes the receiving socket, NULL before 6.11. */
static __always_inline bool find_place(struct sk_buff *skb, const void *receiver,
				       struct netdrop_key *key)
{
	struct sock *sk = NULL;

	if (find_device(skb, key) || find_socket(skb, BPF_CORE_READ(skb, sk), key))
		return true;
	if (receiver)
		bpf_probe_read_kernel(&sk, sizeof(sk), receiver);
	/*
	 * Neither a device nor an inet socket: messages of AF_UNIX, AF_NETLINK and their like,
	 * which are sk_buffs but no packets. They are left out, unless one was received through a
	 * device.
	 */
	return find_socket(skb, sk, key) || skb->skb_iif;
}

static __always_inline void count_drop(struct sk_buff *skb, const void *receiver, u32 reason)
{
	struct netdrop_key key = {.reason = reason};
	struct netdrop_stats *stats;

	if (is_no_loss(skb, reason) || !find_place(skb, receiver, &key))
		return;
	stats = lookup_or_insert(&netdrop, &key, &no_drops);
	if (!stats) {
		count_lost(&netdrop_lost, NETDROP_LOST_MAP_FULL);
		return;
	}
	stats->packets += 1;
	stats->bytes += skb->len;
}

/*
 * 6.11, "net: add rx_sk to trace_kfree_skb": whose queue was full, while skb->sk is not set yet.
 * Most drops have no receiver, but the verifier of 6.11 and 6.12 takes it for one that is there.
 */
SEC("tp_btf/kfree_skb")
int BPF_PROG(netdrop_kfree_skb__rx_sk, struct sk_buff *skb, void *location, u32 reason)
{
	count_drop(skb, &ctx[3], reason);
	return 0;
}
NEEDS(netdrop_kfree_skb__rx_sk, "args kfree_skb 4");

/* 5.17, c504e5c2f964 ("net: skb: introduce kfree_skb_reason()"). */
SEC("tp_btf/kfree_skb")
int BPF_PROG(netdrop_kfree_skb__reason, struct sk_buff *skb, void *location, u32 reason)
{
	count_drop(skb, NULL, reason);
	return 0;
}
NEEDS(netdrop_kfree_skb__reason, "args kfree_skb 3");

/* Delete when 5.17 is the oldest kernel. */
SEC("tp_btf/kfree_skb")
int BPF_PROG(netdrop_kfree_skb__plain, struct sk_buff *skb)
{
	count_drop(skb, NULL, REASON_UNKNOWN);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
