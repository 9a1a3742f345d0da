# Kills QEMU at random moments of a flash write. What the next run finds is the old dump or the
# new one, both checked by GDB; or the old one because the new one is torn.
# shellcheck shell=bash

power_loss_tests() {
  local rounds=${POWER_LOSS_ROUNDS:-12} old=0 new=0 torn=0 wrong=0 begin end span delay written said
  build "$rv32" demo -p firmware-riscv
  rm -f "$work/flash.img" "$work/good.img"
  # The first dump, which has to survive.
  riscv 32 "$rv32" bus norflash
  cp "$work/flash.img" "$work/good.img"
  begin=$(date +%s%N)
  riscv 32 "$rv32" undefined norflash
  end=$(date +%s%N)
  span=$(((end - begin) / 1000))
  for _ in $(seq "$rounds"); do
    cp "$work/good.img" "$work/flash.img"
    delay=$((span / 10 + RANDOM * (span + span / 10) / 32768))
    (cd "$work" && timeout -s KILL "$(printf '%d.%06d' $((delay / 1000000)) $((delay % 1000000)))" \
      qemu-system-riscv32 -machine virt "${semihosting[@]}",arg=faults,arg=undefined,arg=norflash \
      -bios "$elf" -drive if=pflash,format=raw,unit=1,file=flash.img >/dev/null 2>&1 </dev/null) 2>/dev/null || true
    # Bytes of the second slot that are not erased.
    written=$(dd if="$work/flash.img" bs=128k skip=4 count=1 status=none | LC_ALL=C tr -d '\377' | wc -c)
    riscv 32 "$rv32" look norflash
    core=$work/core.elf
    said=$(plain_gdb -ex bt)
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
  check 'RV32: QEMU killed while the flash is written' [ "$wrong" = 0 -a $((old + torn)) -gt 0 ]
}
