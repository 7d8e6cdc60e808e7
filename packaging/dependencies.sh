#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The Debian packages that this project needs, by purpose.
set -euo pipefail

build=(
  g++ cmake ninja-build pkg-config ccache
  clang-14 llvm-14 bpftool libbpf-dev libelf-dev zlib1g-dev
  libcli11-dev libspdlog-dev libexpected-dev libyaml-cpp-dev libmnl-dev libre2-dev nlohmann-json3-dev
  libcivetweb-dev prometheus-cpp-dev libcap-dev libseccomp-dev libsystemd-dev
)
# In addition to those of build.
test=(
  libgtest-dev clang-format-14 clang-tidy-14 libclang-rt-14-dev shellcheck python3 python3-yaml
  qemu-system-x86 busybox-static kmod cpio xz-utils debian-archive-keyring
  iproute2 iputils-ping procps util-linux mount e2fsprogs dmsetup curl
  strace prometheus prometheus-alertmanager prometheus-node-exporter libbpf-tools python3-prometheus-client
  chromium fonts-dejavu-core
  lintian dpkg-dev mmdebstrap systemd
  rauc dbus-daemon dbus-bin openssl squashfs-tools libfuse3-dev swupdate libubootenv-tool
)
# Node.js from another source includes npm and conflicts with Debian's.
command -v npm >/dev/null || test+=(nodejs npm)

usage() {
  cat <<'EOF'
usage: packaging/dependencies.sh build|test
Installs the Debian packages that are missing for building (build) or testing (test).
Needs neither root nor a network if nothing is missing.
EOF
}

fail() {
  echo "packaging/dependencies.sh: $*" >&2
  exit 1
}

missing_of() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done
}

# Debian starts a service when its package is installed, and at every boot. A build or a test must do neither: units
# that were not there before are masked during the installation and disabled afterwards. Without systemd, nothing is
# started in runlevel 1.
services=(
  prometheus.service prometheus-alertmanager.service prometheus-node-exporter.service
  swupdate.service swupdate.socket swupdate-progress.service
)
masked=()
mask_services() {
  [[ -d /run/systemd/system ]] || return 0
  local service
  for service in "${services[@]}"; do
    if systemctl cat "$service" >/dev/null 2>&1; then continue; fi
    systemctl mask --runtime --quiet "$service"
    masked+=("$service")
  done
}
unmask_services() {
  local service
  for service in "${masked[@]}"; do
    systemctl unmask --runtime --quiet "$service"
    if systemctl cat "$service" >/dev/null 2>&1; then systemctl disable --quiet "$service"; fi
  done
}

install_packages() {
  local log=$1
  shift
  apt-get -q -o Acquire::Retries=3 update &&
    apt-get -q -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 \
      -o Dpkg::Options::=--force-confold install --no-install-recommends "$@"
} >"$log" 2>&1

main() {
  case ${1-} in
    build) wanted=("${build[@]}") ;;
    test) wanted=("${build[@]}" "${test[@]}") ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  command -v dpkg-query >/dev/null || fail "not a Debian machine; needed: ${wanted[*]}"
  mapfile -t missing < <(missing_of "${wanted[@]}")
  [[ ${#missing[@]} -gt 0 ]] || return 0
  [[ $EUID -eq 0 ]] || fail "not root: run as root or install: ${missing[*]}"

  echo "installing ${#missing[@]} packages: ${missing[*]}"
  log=$(mktemp)
  trap 'unmask_services; rm -f "$log"' EXIT
  mask_services
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
  local attempt
  for attempt in 1 2 3; do
    if install_packages "$log" "${missing[@]}"; then return 0; fi
    echo "attempt $attempt of 3 failed: $(grep '^E:' "$log" | head -n 1)"
  done
  cat "$log" >&2
  fail "apt-get cannot install: ${missing[*]}"
}

main "$@"
