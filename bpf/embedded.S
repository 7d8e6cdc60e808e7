/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* 16 bytes, because libelf reads the headers in place. */
	.section .rodata
	.balign 16
	.global kernel_exporter_bpf_object_start
	.global kernel_exporter_bpf_object_end
kernel_exporter_bpf_object_start:
	.incbin BPF_OBJECT_FILE
kernel_exporter_bpf_object_end:
	.section .note.GNU-stack, "", %progbits
