# Part of scripts/firmware: RISC-V, its flash, and power that goes while the flash is written.
# shellcheck shell=bash

riscv_chain='#0 .*follow \(value=0xf0000000\)'

riscv_ways() {
  local bits=$1 target=$2 name=$3 ways=$4
  for way in $ways; do
    case $way in
      bus)
        riscv "$bits" "$target" bus file
        gdb_says "$name: access fault" $'bt\np faults::SCENARIO\np/x faults::STARTS' "$riscv_chain" \
          'in faults::sample .*round=3' '__riscv_rt_main' '\(98\)|98 .b.' '0x5ea5' ;;
      undefined)
        riscv "$bits" "$target" undefined file
        gdb_says "$name: illegal instruction" 'bt' 'SIGILL' '#0 .*faults::undefined \(round=4\)' ;;
      panic)
        riscv "$bits" "$target" panic file
        gdb_says "$name: panic" 'bt' 'SIGABRT' 'faults::regulate' '__riscv_rt_main' ;;
      overflow)
        riscv "$bits" "$target" overflow file
        gdb_says "$name: stack overflow into a guard" 'bt' '#[01] .*faults::dive' '#3 .*faults::dive' ;;
      float)
        riscv "$bits" "$target" float file
        gdb_says "$name: live floating point registers" $'bt\np $fs2' '#0 .*filter' '1\.5' ;;
      retry)
        riscv "$bits" "$target" retry file
        gdb_says "$name: fault inside the capture" 'bt' "$riscv_chain" 'round=3' ;;
      uart)
        riscv "$bits" "$target" bus uart
        gdb_says "$name: lines of text on the UART" 'bt' "$riscv_chain" ;;
      flash)
        rm -f "$work/flash.img"
        riscv "$bits" "$target" bus norflash
        riscv "$bits" "$target" look norflash
        gdb_says "$name: NOR flash, read out by the next run" 'bt' "$riscv_chain" ;;
    esac
  done
}

# Kills QEMU at random moments of a flash write. What the next run finds is the old dump or the
# new one, both checked by GDB; or nothing, because the new one is torn.
power_loss() {
  local rounds=$1 old=0 new=0 torn=0 wrong=0 round begin end span delay written
  rm -f "$work/flash.img" "$work/good.img"
  # The first dump, which has to survive.
  riscv 32 "$rv32" bus norflash
  cp "$work/flash.img" "$work/good.img"
  begin=$(date +%s%N)
  riscv 32 "$rv32" undefined norflash
  end=$(date +%s%N)
  span=$(((end - begin) / 1000))
  for round in $(seq "$rounds"); do
    cp "$work/good.img" "$work/flash.img"
    delay=$((span / 10 + RANDOM * (span + span / 10) / 32768))
    (cd "$work" && timeout -s KILL "$(printf '%d.%06d' $((delay / 1000000)) $((delay % 1000000)))" \
      qemu-system-riscv32 -machine virt "${semihosting[@]}",arg=faults,arg=undefined,arg=norflash \
      -bios "$elf" -drive if=pflash,format=raw,unit=1,file=flash.img >/dev/null 2>&1 </dev/null) 2>/dev/null || true
    # Bytes of the second slot that are not erased.
    written=$(dd if="$work/flash.img" bs=128k skip=4 count=1 status=none | LC_ALL=C tr -d '\377' | wc -c)
    riscv 32 "$rv32" look norflash
    local said
    said=$(timeout 60 gdb-multiarch -q -batch -ex bt "$elf" "$work/core.elf" 2>&1 || true)
    if grep -q '#0 .*faults::undefined (round=4)' <<<"$said"; then
      new=$((new + 1))
    elif grep -Eq "$riscv_chain" <<<"$said"; then
      if [ "$written" -gt 0 ]; then torn=$((torn + 1)); else old=$((old + 1)); fi
    else
      wrong=$((wrong + 1))
      echo "$said"
    fi
  done
  echo "power loss: $rounds kills: $old before the first write, $torn torn (the old dump is found), $new whole new ones, $wrong wrong"
  if [ "$wrong" = 0 ] && [ $((old + torn)) -gt 0 ]; then pass 'RV32: QEMU killed while the flash is written'; else
    fail 'RV32: QEMU killed while the flash is written' "$wrong wrong"; fi
}

riscv_tests() {
  rv32=riscv32imac-unknown-none-elf
  local rv64=riscv64gc-unknown-none-elf
  build $rv32 demo -p firmware-riscv
  build $rv64 demo -p firmware-riscv
  riscv_ways 32 $rv32 'RV32 (virt)' 'bus undefined panic overflow retry uart flash'
  riscv_ways 64 $rv64 'RV64 (virt)' 'bus undefined panic overflow float retry uart flash'
  power_loss "${POWER_LOSS_ROUNDS:-12}"
}
