// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* Who asks for a reboot while an update is open. */
#include "lib/types.bpf.h"
#include <linux/reboot.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "lib/lost.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/process.bpf.h"
#include "lib/syscall.bpf.h"
#include "reboot.h"

#define CAP_SYS_BOOT 22

struct reboot_key {
	enum reboot_command command;
};

enum reboot_lost_reason {
	REBOOT_LOST_MAP_FULL,
	REBOOT_LOST_RING_FULL,
};

const volatile struct reboot_syscalls reboot_syscalls = {-1};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 8);
	__type(key, struct reboot_key);
	__type(value, u64);
} reboot_triggers SEC(".maps");

/* Of a size that is a multiple of any kernel's page. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} reboot_events SEC(".maps");

LOST_MAP(reboot, REBOOT_LOST_RING_FULL);

static const u64 nothing;

static __always_inline bool may_reboot(struct task_struct *task)
{
	u64 capabilities = 0;
	const struct cred *cred = BPF_CORE_READ(task, cred);

	bpf_core_read(&capabilities, sizeof(capabilities), &cred->cap_effective);
	return capabilities >> CAP_SYS_BOOT & 1;
}

/* False for those that only say what Ctrl-Alt-Del shall do. */
static __always_inline bool command_of(u32 number, enum reboot_command *command)
{
	switch (number) {
	case LINUX_REBOOT_CMD_RESTART:
	case LINUX_REBOOT_CMD_RESTART2:
		*command = REBOOT_RESTART;
		return true;
	case LINUX_REBOOT_CMD_HALT:
		*command = REBOOT_HALT;
		return true;
	case LINUX_REBOOT_CMD_POWER_OFF:
		*command = REBOOT_POWER_OFF;
		return true;
	case LINUX_REBOOT_CMD_KEXEC:
		*command = REBOOT_KEXEC;
		return true;
	case LINUX_REBOOT_CMD_SW_SUSPEND:
		*command = REBOOT_SUSPEND;
		return true;
	}
	return false;
}

static __always_inline void report(struct task_struct *task, enum reboot_command command)
{
	struct reboot_event event = {
		.at_ns = bpf_ktime_get_boot_ns(),
		.command = command,
		.pid = bpf_get_current_pid_tgid() >> 32,
		.machine = !BPF_CORE_READ(task, thread_pid, level),
	};

	process_name(event.comm, task);
	if (bpf_ringbuf_output(&reboot_events, &event, sizeof(event), 0))
		count_lost(&reboot_lost, REBOOT_LOST_RING_FULL);
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(reboot_enter, struct pt_regs *regs, long number)
{
	struct task_struct *task;
	struct reboot_key key;
	u64 *triggers;

	if (number != reboot_syscalls.reboot || is_compat_syscall())
		return 0;
	task = (void *)bpf_get_current_task();
	if (!command_of(syscall_third(regs), &key.command) || !may_reboot(task))
		return 0;
	triggers = lookup_or_insert(&reboot_triggers, &key, &nothing);
	if (triggers)
		*triggers += 1;
	else
		count_lost(&reboot_lost, REBOOT_LOST_MAP_FULL);
	report(task, key.command);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
