# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by ./run and ./test: can this machine run BPF programs?

# Prints the reasons why it cannot, one per line; nothing if it can. Checks the capabilities, because root in a
# container may lack them, and makes one call, because a seccomp filter may deny bpf().
bpf_obstacles() {
  local effective answer
  effective=$((16#$(awk '/^CapEff:/ {print $2}' /proc/self/status)))
  local admin=$((effective >> 21 & 1)) bpf=$((effective >> 39 & effective >> 38 & 1))
  if ((!admin && !bpf)); then
    echo "no privilege: run as root or with CAP_BPF and CAP_PERFMON (in a container: --privileged)"
  elif [[ -x /usr/sbin/bpftool ]] && ! answer=$(/usr/sbin/bpftool prog show 2>&1); then
    echo "bpf() is refused: ${answer##*Error: }"
  fi
  [[ -r /sys/kernel/btf/vmlinux ]] ||
    echo "no /sys/kernel/btf/vmlinux: the kernel needs CONFIG_DEBUG_INFO_BTF (Debian's have it)"
}

mount_once() {
  local type=$1 directory=$2
  if ! awk -v t="$type" -v d="$directory" '$2 == d && $3 == t {n++} END {exit !n}' /proc/self/mounts; then
    mount -t "$type" "$type" "$directory" || echo "cannot mount $type on $directory; continuing without it" >&2
  fi
}

mount_kernel_file_systems() {
  mount_once tracefs /sys/kernel/tracing
  mount_once bpf /sys/fs/bpf
}
