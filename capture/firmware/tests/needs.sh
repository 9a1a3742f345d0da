# Sizes that `coroner needs` foretells, against the dumps that came.
# shellcheck shell=bash

# needs_says NAME TASKS STACK: the last dump, core.elf of $elf, is no bigger than foretold, and the
# bound is close: at most a third and 1 KiB more.
needs_says() {
  local name=$1 said length size at_most
  said=$("$coroner" needs "$elf" --json --tasks "$2" --stack "$3")
  size=$(sed -n 's/^  "size": \([0-9]*\).*/\1/p' <<<"$said")
  at_most=$(sed -n 's/^  "at_most": \([0-9]*\).*/\1/p' <<<"$said")
  # The length in the trailer: the last 8 bytes but 4 of block 0.
  length=$(od -An -tu4 -j "$([ "$(od -An -tu1 -j4 -N1 "$work/core.elf")" -eq 2 ] && echo 88 || echo 56)" -N4 \
    "$work/core.elf" | tr -d ' ')
  if [ "$length" -le "$at_most" ] && [ "$at_most" -le $((length * 4 / 3 + 1024)) ]; then
    pass "$name: $length bytes; foretold $size, at most $at_most"
  else
    fail "$name" "$length bytes; foretold $size, at most $at_most"
  fi
}

needs_tests() {
  local target
  for target in mps2-an385/thumbv7m-none-eabi mps2-an386/thumbv7em-none-eabihf; do
    build "${target#*/}" demo -p firmware-cortex-m --bin faults
    cortex_m "${target%/*}" "${target#*/}" bus file
    needs_says "needs: ${target%/*}" 1 256
  done
  for target in riscv32imac-unknown-none-elf riscv64gc-unknown-none-elf; do
    build $target demo -p firmware-riscv --bin faults
  done
  riscv 32 riscv32imac-unknown-none-elf bus file
  needs_says 'needs: RV32' 1 256
  riscv 64 riscv64gc-unknown-none-elf bus file
  needs_says 'needs: RV64' 1 256
}
