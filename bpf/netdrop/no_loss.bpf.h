/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * Packets that are freed like a dropped one although nothing was lost: the kernel frees what a
 * connection has no more use for by the same function as what it drops.
 */
#pragma once

#include "../lib/types.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

/* No number of the kernel's enum skb_drop_reason: this kernel gives none. */
#define REASON_UNKNOWN 0xffffffff

#define REASON_IS(number, name)                                                                    \
	(bpf_core_enum_value_exists(enum skb_drop_reason, name) &&                                 \
	 (number) == (u32)bpf_core_enum_value(enum skb_drop_reason, name))

/* include/uapi/linux/if_ether.h, in.h, skbuff.h, tcp.h, include/net/tcp_states.h */
#define ETH_P_IP	     0x0800
#define ETH_P_IPV6	     0x86dd
#define IPPROTO_TCP	     6
#define IPPROTO_UDP	     17
#define CHECKSUM_UNNECESSARY 1
#define CHECKSUM_PARTIAL     3
#define TCP_HEADER_MIN	     20
#define TCP_HEADER_MAX	     60
#define TCP_SYN		     0x02
#define TCP_STATE_CLOSE	     7

/* Kernel addresses are negative on every 64-bit architecture. */
static __always_inline bool is_kernel_address(const void *address)
{
	return (s64)address < 0;
}

/*
 * The protocol in whose hands the packet is: on the way in, the network header is pulled when IP
 * hands it on. 0: it has not come as far.
 */
static __always_inline u8 protocol_in_charge(struct sk_buff *skb)
{
	unsigned char *network = skb->head + skb->network_header;
	u8 protocol = 0;

	if (skb->data <= network)
		return 0;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		bpf_probe_read_kernel(&protocol, sizeof(protocol), network + 9);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		bpf_probe_read_kernel(&protocol, sizeof(protocol), network + 6);
	return protocol;
}

/* A wrong checksum has a reason of its own in newer kernels, but not in all of them. */
static __always_inline bool has_right_checksum(struct sk_buff *skb)
{
	u8 summed = BPF_CORE_READ_BITFIELD_PROBED(skb, ip_summed);

	return summed == CHECKSUM_UNNECESSARY || summed == CHECKSUM_PARTIAL ||
	       BPF_CORE_READ_BITFIELD_PROBED(skb, csum_valid);
}

/*
 * A segment that carries nothing, an ACK, a FIN or a RST: once TCP has it, it has done its work.
 * A SYN asks for something. TCP may have pulled its own header or not.
 */
static __always_inline bool is_bare_segment(struct sk_buff *skb)
{
	struct {
		u8 length; /* in the upper 4 bits, in units of 4 bytes */
		u8 flags;
	} header = {};
	unsigned char *transport = skb->head + skb->transport_header;

	if (bpf_probe_read_kernel(&header, sizeof(header), transport + 12) ||
	    header.flags & TCP_SYN)
		return false;
	return skb->data + skb->len == transport + (header.length >> 4) * 4;
}

/* In the queue of a socket that nobody has open any more, or that was disconnected. */
static __always_inline bool is_left_in_queue(struct sk_buff *skb)
{
	struct sock *sk = BPF_CORE_READ(skb, sk);

	if (!is_kernel_address(sk))
		return false;
	return !BPF_CORE_READ(sk, sk_socket) ||
	       BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_STATE_CLOSE;
}

/*
 * A received packet that was delivered to a socket, or was for the protocol itself. In the queue of
 * a socket it has no device: skb->dev is NULL, or what UDP keeps in its place.
 */
static __always_inline bool is_delivered(struct sk_buff *skb)
{
	struct net_device *device = skb->dev;
	bool queued = !is_kernel_address(device);
	u8 protocol;

	if (!skb->skb_iif)
		return false;
	/* Outside of a queue it can be a bare segment only, with its header. */
	if (!queued && (skb->len < TCP_HEADER_MIN || skb->len > TCP_HEADER_MAX))
		return false;
	protocol = protocol_in_charge(skb);
	if ((protocol == IPPROTO_TCP && is_bare_segment(skb)) ||
	    (protocol == IPPROTO_UDP && queued && device))
		return has_right_checksum(skb);
	return queued && is_left_in_queue(skb);
}

/*
 * Reasons that the kernel gives for both:
 *  - NOT_SPECIFIED, QUEUE_PURGE: a FIN to a closed socket (TIME_WAIT too), the queue of a closed
 * one;
 *  - NO_SOCKET, TCP_RESET, TCP_CLOSE: segments that crossed the peer's end of the connection;
 *  - TCP_OLD_ACK, TCP_TOO_OLD_ACK: ACKs that others overtook.
 */
static __always_inline bool may_be_delivered(u32 reason)
{
	return reason == REASON_UNKNOWN || REASON_IS(reason, SKB_DROP_REASON_NOT_SPECIFIED) ||
	       REASON_IS(reason, SKB_DROP_REASON_QUEUE_PURGE) ||
	       REASON_IS(reason, SKB_DROP_REASON_NO_SOCKET) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_RESET) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_CLOSE) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_OLD_ACK) ||
	       REASON_IS(reason, SKB_DROP_REASON_TCP_TOO_OLD_ACK);
}

/*
 * Freed, but nothing was lost:
 *  - SKB_NOT_DROPPED_YET: not a drop by its own name;
 *  - SKB_CONSUMED: delivered; freed through a path that serves drops too;
 *  - SKB_DROP_REASON_OTHERHOST: the frame was for another station and came here only because the
 *    device is promiscuous. Since 5.19 the kernel keeps it out of rx_dropped as well
 *    (794c24e9921f "net-core: rx_otherhost_dropped to core_stats");
 *  - TCP_OLD_SEQUENCE, TCP_OLD_DATA: received before; keepalive probes are made to look so.
 */
static __always_inline bool is_no_loss(struct sk_buff *skb, u32 reason)
{
	if (REASON_IS(reason, SKB_NOT_DROPPED_YET) || REASON_IS(reason, SKB_CONSUMED) ||
	    REASON_IS(reason, SKB_DROP_REASON_OTHERHOST) ||
	    REASON_IS(reason, SKB_DROP_REASON_TCP_OLD_SEQUENCE) ||
	    REASON_IS(reason, SKB_DROP_REASON_TCP_OLD_DATA))
		return true;
	return may_be_delivered(reason) && is_delivered(skb);
}
