/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* Operations and results of block I/O in terms that read the same on every kernel. */
#pragma once

#include "compat.bpf.h"
#include "../block.h"

/* The low byte of request.cmd_flags and bio.bi_opf. */
#define REQ_OP_MASK 0xff

/* The same from 4.10 to 6.18, unlike the zone operations. From 32 on: passthrough. */
enum {
	REQ_OP_READ = 0,
	REQ_OP_WRITE = 1,
	REQ_OP_FLUSH = 2,
	REQ_OP_DISCARD = 3,
	REQ_OP_SECURE_ERASE = 5,
	REQ_OP_WRITE_ZEROES = 9,
	REQ_OP_PASSTHROUGH = 32,
};

static __always_inline enum block_operation block_operation(u32 operation)
{
	switch (operation) {
	case REQ_OP_READ:
		return BLOCK_READ;
	case REQ_OP_WRITE:
		return BLOCK_WRITE;
	case REQ_OP_FLUSH:
		return BLOCK_FLUSH;
	case REQ_OP_DISCARD:
		return BLOCK_DISCARD;
	case REQ_OP_SECURE_ERASE:
		return BLOCK_SECURE_ERASE;
	case REQ_OP_WRITE_ZEROES:
		return BLOCK_WRITE_ZEROES;
	default:
		return BLOCK_OTHER;
	}
}

/* A flush travels as an empty write until a driver makes a request of it. */
static __always_inline enum block_operation bio_operation(u32 operation, u32 bytes)
{
	if (operation == REQ_OP_WRITE && !bytes)
		return BLOCK_FLUSH;
	return block_operation(operation);
}

/* blk_status_t of include/linux/blk_types.h, by the table in block/blk-core.c. */
static __always_inline enum block_status status_of_block(u32 status)
{
	switch (block_status_number(status)) {
	case 1:
		return BLOCK_STATUS_NOT_SUPPORTED;
	case 2:
		return BLOCK_STATUS_TIMEOUT;
	case 3:
		return BLOCK_STATUS_NO_SPACE;
	case 4:
		return BLOCK_STATUS_TRANSPORT;
	case 5:
		return BLOCK_STATUS_TARGET;
	case 6:
		return BLOCK_STATUS_RESERVATION;
	case 7:
		return BLOCK_STATUS_MEDIUM;
	case 8:
		return BLOCK_STATUS_PROTECTION;
	case 9:
		return BLOCK_STATUS_RESOURCE;
	case 10:
		return BLOCK_STATUS_IO;
	case 11:
		return BLOCK_STATUS_REQUEUE;
	case 12:
		return BLOCK_STATUS_AGAIN;
	case 13:
		return BLOCK_STATUS_DEVICE_RESOURCE;
	case 14:
		return BLOCK_STATUS_ZONE_OPEN;
	case 15:
		return BLOCK_STATUS_ZONE_ACTIVE;
	case 16:
		return BLOCK_STATUS_OFFLINE;
	case 17:
		return BLOCK_STATUS_DURATION_LIMIT;
	case 19:
		return BLOCK_STATUS_INVALID;
	default:
		return BLOCK_STATUS_OTHER;
	}
}

static __always_inline enum block_status status_of_errno(u32 number)
{
	switch (number) {
	case BLOCK_STATUS_IO:
	case BLOCK_STATUS_AGAIN:
	case BLOCK_STATUS_RESOURCE:
	case BLOCK_STATUS_DEVICE_RESOURCE:
	case BLOCK_STATUS_OFFLINE:
	case BLOCK_STATUS_INVALID:
	case BLOCK_STATUS_NO_SPACE:
	case BLOCK_STATUS_RESERVATION:
	case BLOCK_STATUS_MEDIUM:
	case BLOCK_STATUS_DURATION_LIMIT:
	case BLOCK_STATUS_TRANSPORT:
	case BLOCK_STATUS_ZONE_ACTIVE:
	case BLOCK_STATUS_REQUEUE:
	case BLOCK_STATUS_PROTECTION:
	case BLOCK_STATUS_NOT_SUPPORTED:
	case BLOCK_STATUS_ZONE_OPEN:
	case BLOCK_STATUS_TIMEOUT:
	case BLOCK_STATUS_TARGET:
		return number;
	default:
		return BLOCK_STATUS_OTHER;
	}
}

/*
 * No error for anybody: a device that cannot discard or write zeroes (the caller then writes them
 * itself), and a submitter that asked not to wait.
 */
static __always_inline bool is_harmless(enum block_operation operation, enum block_status status)
{
	if (status == BLOCK_STATUS_AGAIN)
		return true;
	return status == BLOCK_STATUS_NOT_SUPPORTED &&
	       (operation == BLOCK_DISCARD || operation == BLOCK_SECURE_ERASE ||
		operation == BLOCK_WRITE_ZEROES);
}

/* As many bios as requests have, or nearly: what more the kernel merges is reported as lost. */
#define REQUEST_BIOS 512
