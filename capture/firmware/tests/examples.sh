# The programs that README.md points to; those of Embassy, RTIC and FreeRTOS are in systems.sh.
# shellcheck shell=bash

examples_tests() {
  local m0=thumbv6m-none-eabi program
  scene=example sink=file
  build $m0 demo -p firmware-cortex-m --features microbit
  machine='M0 (microbit)'
  for program in flash_then_upload retained_then_flash; do
    elf=$(built $m0 demo)/$program scene="example $program"
    rm -f "$work/core.elf"
    (cd "$work" && emulate 60 qemu-system-arm -machine microbit "${semihosting[@]}" -kernel "$elf" >console.txt)
    opened 'bt' 'control \(' '__cortex_m_rt_main'
  done
  elf=$(built $m0 demo)/smallest scene='example smallest' sink=retained
  rm -f "$work/core.elf"
  (cd "$work" && emulate 20 qemu-system-arm -machine microbit "${semihosting[@]}" -kernel "$elf" >console.txt)
  opened $'bt\np smallest::STROKES' 'smallest::pump \(' '__cortex_m_rt_main' '= .*17'
  build "$rv32" demo -p firmware-riscv
  machine='RV32 (virt)' scene='example uart' sink=uart
  elf=$(built "$rv32" demo)/uart
  rm -f "$work/core.elf"
  (cd "$work" && emulate 60 qemu-system-riscv32 -machine virt "${semihosting[@]}" -bios "$elf" >console.txt)
  to_core
  input=$work/console.txt
  opened 'bt' '#0 .*level \(tank=0xf0000000\)' '__riscv_rt_main'
}
