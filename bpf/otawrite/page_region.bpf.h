/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* From a bio to the part of a file whose pages it writes. */
#pragma once

#include <linux/stat.h>
#include "../lib/compat.bpf.h"

/* 256 pages, 1 MiB: two writers of one device or file seldom meet within one. */
#define PAGE_REGION_SHIFT 8

struct page_region {
	u64 inode; /* 0: the block device itself */
	u64 number;
	u32 device; /* device number; of the file system for a file */
	u32 reserved;
};

/* A mapping that the tracepoint passed: its fields can be loaded. */
static __always_inline void region_of_mapping(struct address_space *mapping,
					      struct page_region *region)
{
	struct inode *inode = mapping->host;

	if ((inode->i_mode & S_IFMT) == S_IFBLK) {
		region->device = inode->i_rdev;
		return;
	}
	region->inode = inode->i_ino;
	region->device = inode->i_sb->s_dev;
}

/* The lower two bits of page.mapping: anonymous memory, or not a mapping at all. */
#define PAGE_MAPPING_FLAGS 3

/* `page` has its type, so that its fields can be loaded, and is no tail of a folio. */
static __always_inline bool region_of_head_page(struct page *page, struct page_region *region)
{
	struct address_space *mapping;
	struct inode *inode;
	u64 number = 0;

	/* Loaded, it would be a pointer, on which the verifier forbids arithmetic. */
	bpf_core_read(&number, sizeof(number), &page->mapping);
	if (!number || number & PAGE_MAPPING_FLAGS)
		return false;
	mapping = page->mapping;
	inode = mapping->host;
	/* In memory of the kernel's own these bytes mean something else. */
	if (!inode || inode->i_mapping != mapping)
		return false;
	region_of_mapping(mapping, region);
	region->number = folio_index(page) >> PAGE_REGION_SHIFT;
	return true;
}

static __always_inline bool region_of_page_at(struct page *page, struct page_region *region)
{
	u64 mapping = folio_mapping(page);
	struct inode *inode;

	if (!mapping || mapping & PAGE_MAPPING_FLAGS)
		return false;
	inode = BPF_CORE_READ((struct address_space *)mapping, host);
	if (!inode || (u64)BPF_CORE_READ(inode, i_mapping) != mapping)
		return false;
	region->number = folio_index(page) >> PAGE_REGION_SHIFT;
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFBLK) {
		region->device = BPF_CORE_READ(inode, i_rdev);
		return true;
	}
	region->inode = BPF_CORE_READ(inode, i_ino);
	region->device = BPF_CORE_READ(inode, i_sb, s_dev);
	return true;
}

/*
 * The region of the bio's first page. False when the page is not in a page cache, as for direct
 * I/O, whose pages are the process's own. Clones have no bi_vcnt, but share the vector.
 */
static __always_inline bool page_region_of_bio(struct bio *bio, struct page_region *region)
{
	u32 current = bio->bi_iter.bi_idx;
	struct bio_vec *vector = bio->bi_io_vec;
	struct page *page;
	u64 head = 0;

	/* What nobody has split or cloned yet: all but always. */
	if (!current && vector) {
		page = vector->bv_page;
		bpf_core_read(&head, sizeof(head), &page->compound_head);
		if (!(head & 1))
			return region_of_head_page(page, region);
	}
	vector = BPF_CORE_READ(bio, bi_io_vec);
	if (!vector)
		return false;
	vector += current;
	page = BPF_CORE_READ(vector, bv_page);
	head = BPF_CORE_READ(page, compound_head);
	if (head & 1)
		page = (void *)(head - 1);
	return region_of_page_at(page, region);
}
