#!/usr/bin/env bash
# Makes plain `cargo build --target TARGET` work for bare-metal targets.
#
#     ( eval "$(scripts/device-env.sh thumbv7m-none-eabi)"; cargo build --target thumbv7m-none-eabi )
#
# Prints `export` lines, or nothing when there is nothing to set up:
#  1. every TARGET is installed in the active toolchain (`rustup target add` was run once): nothing to do;
#  2. otherwise, on a Debian machine: Debian's rustc-web and rust-web-src of the same version, with
#     `core` and `alloc` built together with the project, linked by the active toolchain's rust-lld.
# Use it in a subshell: RUSTC would otherwise be used for host builds as well.
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: device-env.sh TARGET..." >&2; exit 2; }

has_target() {
  local dir
  dir=$(rustc --print target-libdir --target "$1" 2>/dev/null) && ls "$dir"/libcore-*.rlib >/dev/null 2>&1
}
missing=()
for target in "$@"; do has_target "$target" || missing+=("$target"); done
[ ${#missing[@]} -eq 0 ] && exit 0
command -v apt-get >/dev/null || { echo "device-env: run: rustup target add ${missing[*]}" >&2; exit 1; }

rustc_web=/usr/bin/rustc
core_source=/usr/lib/rustlib/src/rust/library/core/src/lib.rs   # behind a link of rust-web-src
if ! { [ -x "$rustc_web" ] && [ -f "$core_source" ]; }; then
  "$(dirname "$0")/apt" rustc-web rust-web-src >&2
fi
version=$("$rustc_web" --version | cut -d' ' -f2)
source_dir=$(readlink -f /usr/lib/rustlib/src/rust)
case "$source_dir" in
  *"$version"*) ;;
  *) echo "device-env: rustc is $version, its library source is $source_dir" >&2; exit 1 ;;
esac
host=$(rustc -vV | sed -n 's/^host: //p')
lld_dir=$(rustc --print sysroot)/lib/rustlib/$host/bin
[ -x "$lld_dir/rust-lld" ] || { echo "device-env: no rust-lld in $lld_dir" >&2; exit 1; }
cat <<EXPORTS
export RUSTC=$rustc_web RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_BUILD_STD=core,alloc
export PATH="\$PATH:$lld_dir"
export CARGO_TARGET_DIR="\${CARGO_TARGET_DIR:-\$PWD/target}/device"
EXPORTS
