// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* Dropped packets by network namespace, device and reason, at the kernel's kfree_skb tracepoint. */
#include "lib/types.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "lib/lost.bpf.h"
#include "lib/needs.bpf.h"
#include "netdrop.h"
#include "netdrop/no_loss.bpf.h"

#define AF_INET	 2
#define AF_INET6 10

/* Where the exporter runs; 0: not known. */
const volatile u32 netdrop_own_netns = 0;
/* Whether packets of other network namespaces are told apart, in netdrop_netns. */
const volatile bool netdrop_by_netns = false;

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

/*
 * Other network namespaces than the exporter's have a map of their own, because any user can make
 * them and fill it. What finds no room there is not told apart.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct netdrop_key);
	__type(value, struct netdrop_stats);
} netdrop_netns SEC(".maps");

LOST_MAP(netdrop, NETDROP_LOST_MAP_FULL);

/* Where to look for a name; 0: nowhere. */
struct netdrop_place {
	u64 device; /* struct net_device */
	u64 net;    /* struct net, by the index of the device */
};

static __always_inline bool is_told_apart(u32 netns)
{
	return netns == netdrop_own_netns || netdrop_by_netns;
}

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
static __always_inline bool find_device(struct sk_buff *skb, struct netdrop_key *key,
					struct netdrop_place *place)
{
	struct net_device *device = skb->dev;

	if (!is_kernel_address(device))
		return false;
	key->netns = namespace_of_device(device);
	if (!key->netns)
		return false;
	if (is_told_apart(key->netns)) {
		key->ifindex = device->ifindex;
		place->device = (u64)device;
	}
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
					struct netdrop_key *key, struct netdrop_place *place)
{
	struct net *net;
	u16 family = 0;

	if (!is_kernel_address(sk))
		return false;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family != AF_INET && family != AF_INET6)
		return false;
	net = BPF_CORE_READ(sk, __sk_common.skc_net.net);
	key->netns = namespace_inode(net);
	if (key->netns && is_told_apart(key->netns)) {
		key->ifindex = skb->skb_iif;
		place->net = (u64)net;
	}
	return true;
}

/* `receiver`: where the tracepoint passes the receiving socket, NULL before 6.11. */
static __always_inline bool find_place(struct sk_buff *skb, const void *receiver,
				       struct netdrop_key *key, struct netdrop_place *place)
{
	struct sock *sk = NULL;

	if (find_device(skb, key, place) || find_socket(skb, BPF_CORE_READ(skb, sk), key, place))
		return true;
	if (receiver)
		bpf_probe_read_kernel(&sk, sizeof(sk), receiver);
	/*
	 * Neither a device nor an inet socket: messages of AF_UNIX, AF_NETLINK and their like,
	 * which are sk_buffs but no packets. They are left out, unless one was received through a
	 * device.
	 */
	return find_socket(skb, sk, key, place) || skb->skb_iif;
}

#define DEVICE_TABLE_SIZE 256 /* NETDEV_HASHENTRIES, the same from 5.10 to 6.18 */
#define DEVICES_LOOKED_AT 16  /* that share an entry of the table */

static __always_inline struct net_device *find_by_index(struct net *net, u32 ifindex)
{
	struct hlist_head *table = BPF_CORE_READ(net, dev_index_head);
	struct hlist_node *node = NULL;
	struct net_device *device;

	bpf_probe_read_kernel(&node, sizeof(node), table + ifindex % DEVICE_TABLE_SIZE);
	for (int i = 0; i < DEVICES_LOOKED_AT && node; i++) {
		device = (void *)node - bpf_core_field_offset(struct net_device, index_hlist);
		if ((u32)BPF_CORE_READ(device, ifindex) == ifindex)
			return device;
		bpf_probe_read_kernel(&node, sizeof(node), node);
	}
	return NULL;
}

static __always_inline void *add_key(void *map, const struct netdrop_key *key,
				     const struct netdrop_place *place, bool other)
{
	struct netdrop_stats stats = {.device = "unknown"};
	struct net_device *device = (void *)place->device;

	if (other)
		__builtin_memcpy(stats.device, "other_netns", sizeof("other_netns"));
	else if (!device && place->net && key->ifindex)
		device = find_by_index((void *)place->net, key->ifindex);
	if (!other && device)
		BPF_CORE_READ_INTO(&stats.device, device, name);
	/* Another CPU may have added it in between. */
	bpf_map_update_elem(map, key, &stats, BPF_NOEXIST);
	return bpf_map_lookup_elem(map, key);
}

/* NULL: the map is full. */
static __always_inline struct netdrop_stats *stats_of(struct netdrop_key *key,
						      struct netdrop_place *place)
{
	bool other = key->netns && key->netns != netdrop_own_netns;
	struct netdrop_stats *stats;

	if (other) {
		if (netdrop_by_netns) {
			stats = bpf_map_lookup_elem(&netdrop_netns, key);
			if (!stats)
				stats = add_key(&netdrop_netns, key, place, false);
			if (stats)
				return stats;
		}
		key->netns = 0;
		key->ifindex = NETDROP_OTHER_NETNS;
	}
	stats = bpf_map_lookup_elem(&netdrop, key);
	return stats ? stats : add_key(&netdrop, key, place, other);
}

static __always_inline void count_drop(struct sk_buff *skb, const void *receiver, u32 reason)
{
	struct netdrop_key key = {.reason = reason};
	struct netdrop_place place = {};
	struct netdrop_stats *stats;

	if (is_no_loss(skb, reason) || !find_place(skb, receiver, &key, &place))
		return;
	stats = stats_of(&key, &place);
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
