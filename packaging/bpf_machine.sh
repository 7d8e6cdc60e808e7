# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by ./run and ./test: can this machine run BPF programs?

# Prints what keeps it from doing so, a line a reason; nothing when it can. Capabilities are read, since the
# root of a container may lack them, and one call is made, since a seccomp filter may refuse bpf().
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
    mount -t "$type" "$type" "$directory" || echo "cannot mount $type on $directory; going on without" >&2
  fi
}

mount_kernel_file_systems() {
  mount_once tracefs /sys/kernel/tracing
  mount_once bpf /sys/fs/bpf
}
