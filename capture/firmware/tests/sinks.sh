# The ways out that no other part takes: RTT, a tee, a function of the program; and what a program in
# C tags.
# shellcheck shell=bash

# bare_c LINKER-SCRIPT GCC-ARGUMENT...: capture/firmware/bare-c, whose function sends Intel HEX.
bare_c() {
  local directory=$firmware/bare-c script=$1
  shift
  elf=$work/${script%.ld}.elf sink=function scene='bus fault'
  arm-none-eabi-gcc -mcpu=cortex-m3 -mthumb -Og -g -Wall -Wextra -ffile-prefix-map="$root=." \
    -I "$root/capture/include" -nostartfiles --specs=nano.specs --specs=nosys.specs \
    -T "$directory/$script" -L "$root/capture/link" -Wl,--build-id -Wl,-z,noexecstack "$@" "$directory/main.c" \
    "$(built thumbv7m-none-eabi demo)/libcoroner_capture_c.a" -o "$elf"
  rm -f "$work/core.elf"
  (cd "$work" && emulate 60 qemu-system-arm -machine mps2-an385 "${semihosting[@]}" -kernel "$elf" >console.txt)
  # What a host does with the records: block 0 is the last of them.
  arm-none-eabi-objcopy -I ihex -O binary "$work/console.txt" "$work/core.elf"
  opened $'bt\np last_error\np wake_ups\np fast_wake_ups\np boot_count' '#0 .*follow \(sensor=.*0x90000000, round=.*7\)' \
    '#1 .*Reset_Handler' '\$1 = 23' '\$2 = 42' '\$3 = 53' '\$4 = 9'
  secrets_are_absent key password
}

# capture/firmware/bare-c/product.c: everything that the C library offers, over three starts with a real flash.
c_product_tests() {
  local directory=$firmware/bare-c status=0
  build thumbv6m-none-eabi demo -p coroner-capture-c
  elf=$work/product.elf machine='M0, C' sink=flash
  arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb -Og -g -Wall -Wextra -Werror -ffile-prefix-map="$root=." \
    -I "$root/capture/include" -nostartfiles --specs=nano.specs --specs=nosys.specs \
    -T "$directory/microbit.ld" -L "$root/capture/link" -Wl,--build-id -Wl,-z,noexecstack -Wl,--gc-sections \
    "$directory/product.c" "$(built thumbv6m-none-eabi demo)/libcoroner_capture_c.a" -o "$elf"
  rm -f "$work"/{first,second,none}.elf
  (cd "$work" && timeout 60 qemu-system-arm -machine microbit "${semihosting[@]}" -kernel "$elf" </dev/null >console.txt 2>&1) || status=$?
  check "$machine: every call answered as it should ($status)" [ "$status" = 0 ]
  scene='abort, moved from memory to flash'
  cp "$work/first.elf" "$work/core.elf"
  opened $'bt\np pumps\np/x buffer[3]' '#2 .*pump' 'Reset_Handler' '\$1 = 1' '0x5a5a5a5a'
  check "$machine: strings, clock and reset reason" \
    says coroner "$("$coroner" info "$work/first.elf")" 'serial +SN-0042' 'firmware +1.2.3' 'uptime +1.234567 s' 'reset reason 0x3' 'product.c:77: dry pump'
  scene='fault, caught by a handler of its own'
  cp "$work/second.elf" "$work/core.elf"
  opened $'bt\np pumps' '#0 .*measure .*0x90000000' '#1 .*pump' 'Reset_Handler' '\$1 = 2'
}

# rtt RAM RAM-LEN EMULATOR ARGUMENT...: a probe reads while the program crashes.
rtt() {
  local start=$1 len=$2
  shift 2
  rm -f "$work/core.elf"
  timeout 60 python3 "$firmware/tests/rtt.py" "$start" "$len" "$work" "$@" 2>"$work/rtt.txt" || cat "$work/rtt.txt"
  to_core
  input=$work/console.txt sink=RTT scene='bus fault'
}

rtt_tests() {
  machine='M0 (microbit)'
  elf=$(built thumbv6m-none-eabi demo)/faults
  rtt 0x20000000 0x4000 qemu-system-arm -machine microbit "${semihosting[@]}",arg=faults,arg=bus,arg=probe -kernel "$elf"
  opened 'bt' "$chain"
  machine='M3 (an385)'
  elf=$(built thumbv7m-none-eabi demo)/faults
  rtt 0x20000000 0x10000 qemu-system-arm -machine mps2-an385 "${semihosting[@]}",arg=faults,arg=bus,arg=probe -kernel "$elf"
  opened 'bt' "$chain"
  machine='RV32 (virt)'
  elf=$(built "$rv32" demo)/faults
  rtt 0x80080000 0x10000 qemu-system-riscv32 -machine virt "${semihosting[@]}",arg=faults,arg=bus,arg=probe -bios "$elf"
  opened 'bt' "$riscv_chain"
}

# Both branches of a tee: lines on the UART, and memory that is read after the reset.
tee_tests() {
  machine='M3 (an385)' scene='bus fault'
  cortex_m mps2-an385 thumbv7m-none-eabi bus tee
  opened 'bt' "$chain"
  cp "$work/core.elf" "$work/kept.elf"
  rm "$work/core.elf"
  to_core
  input=$work/console.txt sink='tee:uart'
  opened 'bt' "$chain"
  # The mark, which is not sent, tells them apart: 32 bytes from 64 on.
  check 'tee: both branches are the same dump' \
    [ "$(cmp -l "$work/core.elf" "$work/kept.elf" 2>/dev/null | awk '$1 <= 64 || $1 > 96' | wc -l)" = 0 ]
}

# What a byte of the dump costs: the emulator counts the instructions, and the program ends with their number.
speed_tests() {
  local status=0
  build thumbv7m-none-eabi release -p firmware-cortex-m --features mps2 --bin speed
  timeout 60 qemu-system-arm -machine mps2-an385 "${semihosting[@]}" -icount shift=0 \
    -kernel "$(built thumbv7m-none-eabi release)/speed" </dev/null >/dev/null 2>&1 || status=$?
  # Reached: 33. The goal is 30.
  check "speed: $status instructions a byte, no more than 34" [ "$status" -gt 0 ] && [ "$status" -le 34 ]
}

sinks_tests() {
  speed_tests
  build thumbv6m-none-eabi demo -p firmware-cortex-m --bin faults
  build thumbv7m-none-eabi demo -p firmware-cortex-m --bin faults
  build "$rv32" demo -p firmware-riscv
  rtt_tests
  tee_tests
  c_product_tests
  build thumbv7m-none-eabi demo -p coroner-capture-c
  machine='M3, C, no system'
  bare_c link.ld
  machine="M3, C, ESP-IDF's sections"
  bare_c like-esp-idf.ld -DLIKE_ESP_IDF -T "$root/capture/link/coroner-esp-idf.ld"
}
