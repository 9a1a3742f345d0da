# Two harts: capture/firmware/harts. The one that did not crash is a thread with live registers, or
# with none where it could not be stopped.
# shellcheck shell=bash

# harts BITS TARGET SCENE
harts() {
  elf=$(built "$2" demo)/harts sink=file
  rm -f "$work/core.elf"
  (cd "$work" && emulate 60 "qemu-system-riscv$1" -machine virt -smp 2 "${semihosting[@]}",arg=harts,arg="$3" \
    -bios "$elf" >console.txt)
}

harts_on() {
  local bits=$1 target=$2
  machine="RV$bits, two harts"
  build "$target" demo -p firmware-harts
  scene='one crashes, the other is stopped'
  harts "$bits" "$target" first
  opened $'bt\nthread 2\nbt' '#1 .*harts::sample .*round=11' '#[0-9] .*harts::filter \(samples=.*window=16\)' 'harts::second'
  harts "$bits" "$target" second
  opened $'bt\nthread 2\nbt' '#1 .*harts::sample .*round=22' '#[0-9] .*harts::wait \(ticks=4\)' 'harts::first'
  scene='the other crashes during the capture'
  harts "$bits" "$target" both
  opened $'bt\nthread 2\nbt' '#1 .*harts::sample .*round=11' '#1 .*harts::sample .*round=33' 'harts::second'
  scene='the other can not be stopped'
  harts "$bits" "$target" deaf
  opened $'bt\nx/xw &harts::ROUNDS' '#1 .*harts::sample .*round=11' 'ROUNDS.*0x'
  check "$machine: its registers are unknown, and why" \
    grep 'running on core 1, which did not stop' <("$coroner" info "$work/core.elf" --json)
  check "$machine: nothing is made up of it" \
    [ "$("$coroner" info "$work/core.elf" | grep -c 'made no sense')" = 0 ]
  check "$machine: GDB is told so" \
    grep 'unavailable' <("$coroner" gdb "$work/core.elf" --elf "$elf" -- -batch -ex 'thread 2' -ex 'p $pc' 2>&1)
}

harts_tests() {
  harts_on 32 "$rv32"
  harts_on 64 "$rv64"
}
