# The same on RISC-V, 32 and 64 bits: capture/firmware/riscv/src/bin/faults.rs.
# shellcheck shell=bash

rv32=riscv32imac-unknown-none-elf
rv64=riscv64gc-unknown-none-elf

# riscv BITS TARGET WAY [SINK]: leaves core.elf or console.txt in $work; the flash is flash.img there.
riscv() {
  sink=${4:-file}
  elf=$(built "$2" demo)/faults
  rm -f "$work/core.elf"
  [ -f "$work/flash.img" ] || truncate -s 32M "$work/flash.img"
  (cd "$work" && emulate 60 "qemu-system-riscv$1" -machine virt "${semihosting[@]}",arg=faults,arg="$3",arg="$sink" \
    -bios "$elf" -drive if=pflash,format=raw,unit=1,file=flash.img >console.txt)
  if [ "$sink" = uart ]; then to_core; input=$work/console.txt; fi
}

riscv_chain='#0 .*follow \(value=0xf0000000\)'

# riscv_ways BITS TARGET MACHINE WAY...
riscv_ways() {
  local bits=$1 target=$2 way
  machine=$3
  shift 3
  for way in "$@"; do
    case $way in
      bus)
        scene='bus fault'
        riscv "$bits" "$target" bus
        opened $'bt\np faults::SCENARIO\nx/xw &faults::STARTS' "$riscv_chain" 'in faults::sample .*round=3' \
          '__riscv_rt_main' '\(98\)|98 .b.' '0x00005ea5' ;;
      undefined)
        scene='undefined instruction'
        riscv "$bits" "$target" undefined
        opened 'bt' 'SIGILL' '#0 .*faults::undefined \(round=4\)' ;;
      interrupt)
        scene='fault in an interrupt'
        riscv "$bits" "$target" interrupt
        opened 'bt' "$riscv_chain" 'round=77' 'MachineSoft' ;;
      masked)
        scene='fault with interrupts masked'
        riscv "$bits" "$target" masked
        opened 'bt' "$riscv_chain" 'round=5' ;;
      panic)
        scene=panic
        riscv "$bits" "$target" panic
        opened 'bt' 'SIGABRT' 'faults::regulate' '__riscv_rt_main' ;;
      overflow)
        scene='stack overflow into a guard'
        riscv "$bits" "$target" overflow
        opened 'bt' '#[01] .*faults::dive' '#3 .*faults::dive' ;;
      float)
        scene='live floating point registers'
        riscv "$bits" "$target" float
        opened $'bt\np $fs2' '#0 .*filter' '1\.5' ;;
      retry)
        scene='fault inside the capture'
        riscv "$bits" "$target" retry
        opened 'bt' "$riscv_chain" 'round=3' ;;
      uart)
        scene='bus fault'
        riscv "$bits" "$target" bus uart
        opened 'bt' "$riscv_chain" ;;
      norflash)
        scene='bus fault'
        rm -f "$work/flash.img"
        riscv "$bits" "$target" bus norflash
        riscv "$bits" "$target" look norflash
        opened 'bt' "$riscv_chain" ;;
    esac
  done
}

# tags BITS TARGET: capture/firmware/riscv/src/bin/tags.rs.
tags() {
  elf=$(built "$2" demo)/tags sink=file scene=abort
  rm -f "$work/core.elf"
  (cd "$work" && emulate 60 "qemu-system-riscv$1" -machine virt "${semihosting[@]}" -bios "$elf" >console.txt)
  opened $'bt\nx/xw &tags::LAST_ERROR\nx/xw &tags::BOOTS\nx/xw &tags::WAKE_UPS\nx/xw &tags::FAST_WAKE_UPS' \
    '__riscv_rt_main' 'LAST_ERROR.*0x00000017' 'BOOTS.*0x00000009' 'WAKE_UPS.*0x0000002a' 'FAST_WAKE_UPS.*0x00000035'
  secrets_are_absent tags::KEY
}

riscv_tests() {
  build "$rv32" demo -p firmware-riscv
  build "$rv64" demo -p firmware-riscv
  local common='bus undefined interrupt masked panic overflow retry uart norflash'
  # shellcheck disable=SC2086
  {
    riscv_ways 32 "$rv32" 'RV32 (virt)' $common
    tags 32 "$rv32"
    riscv_ways 64 "$rv64" 'RV64 (virt)' $common float
    tags 64 "$rv64"
  }
}
