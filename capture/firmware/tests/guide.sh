# Follows the guide of capture/README.md word by word: an empty folder, its files, its commands.
# shellcheck shell=bash

guide_tests() {
  local place
  place=$(mktemp -d)
  # What the guide does not say: the crate comes from this tree, and what was built is kept for the next time.
  mkdir -p "$place/.cargo" "$root/target/guide"
  printf '[patch.crates-io]\ncoroner-capture = { path = "%s" }\n' "$root/capture" >"$place/.cargo/config.toml"
  if (
    eval "$("$root/scripts/device-env.sh" thumbv7m-none-eabi)"
    unset CARGO_TARGET_DIR
    export PATH="$root/target/debug:$PATH"
    python3 "$firmware/tests/guide.py" "$root/capture/README.md" "$place" "$root/target/guide"
  ); then
    pass "guide: from an empty project to the first backtrace"
    ran+=("guide of the README|M3 (an385)|file")
  else
    fail "guide: from an empty project to the first backtrace" 'see above'
  fi
  rm -rf "$place"
}
