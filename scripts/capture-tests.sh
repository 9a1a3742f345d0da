# Part of scripts/firmware: crashes programs under QEMU and asks GDB what their dumps say.
# shellcheck shell=bash

passed=0
failed=0
work=$root/target/capture-tests

pass() { passed=$((passed + 1)); echo "ok      $1"; }
fail() { failed=$((failed + 1)); echo "FAILED  $1: $2"; }

# cortex_m MACHINE TARGET SCENARIO SINK: leaves core.elf or console.txt in $work; sets `elf`.
cortex_m() {
  elf=$(built "$2" demo)/faults
  rm -f "$work/core.elf"
  (cd "$work" && emulate 20 qemu-system-arm -machine "$1" "${semihosting[@]}",arg=faults,arg="$3",arg="$4" \
    -kernel "$elf" >console.txt)
  [ "$4" != uart ] || to_core
}

# riscv BITS TARGET SCENARIO SINK: the same; the flash is $work/flash.img.
riscv() {
  elf=$(built "$2" demo)/faults
  rm -f "$work/core.elf"
  [ -f "$work/flash.img" ] || truncate -s 32M "$work/flash.img"
  (cd "$work" && emulate 20 "qemu-system-riscv$1" -machine virt "${semihosting[@]}",arg=faults,arg="$3",arg="$4" \
    -bios "$elf" -drive if=pflash,format=raw,unit=1,file=flash.img >console.txt)
  [ "$4" != uart ] || to_core
}

to_core() { "$root/target/debug/examples/text_to_core" "$work/console.txt" "$work/core.elf"; }

# gdb_says NAME GDB-COMMANDS PATTERN...: GDB opens the core; each pattern (extended regular
# expression) must be in what it prints. A pattern that begins with ! must not.
gdb_says() {
  local name=$1 commands=$2 said pattern arguments=()
  shift 2
  if [ ! -s "$work/core.elf" ]; then
    fail "$name" "no dump was left; the console: $(head -c 300 "$work/console.txt" | tr '\n' ' ')"
    return
  fi
  while IFS= read -r command; do arguments+=(-ex "$command"); done <<<"$commands"
  said=$(timeout 60 gdb-multiarch -q -batch -ex 'set pagination off' -ex 'set width 0' "${arguments[@]}" \
    "$elf" "$work/core.elf" 2>&1 || true)
  for pattern in "$@"; do
    if [[ $pattern == !* ]]; then
      if grep -Eq -- "${pattern#!}" <<<"$said"; then fail "$name" "GDB said ${pattern#!}"; echo "$said"; return; fi
    elif ! grep -Eq -- "$pattern" <<<"$said"; then
      fail "$name" "GDB did not say $pattern"
      echo "$said"
      return
    fi
  done
  pass "$name"
}

chain='#0 .*follow \(sensor=0x90000000\).*#?'
tagged=$'p faults::SCENARIO\np/x faults::STARTS'

# Every way to die that the machine knows; arguments: MACHINE TARGET NAME WAYS.
ways_to_die() {
  local machine=$1 target=$2 name=$3 ways=$4
  for way in $ways; do
    case $way in
      bus)
        cortex_m "$machine" "$target" bus file
        gdb_says "$name: bus fault" $'bt\n'"$tagged" "$chain" 'in faults::sample .*round=3' \
          '__cortex_m_rt_main' '\(98\)|98 .b.' '0x5ea5' ;;
      undefined)
        cortex_m "$machine" "$target" undefined file
        gdb_says "$name: undefined instruction" 'bt' '#0 .*faults::undefined \(round=4\)' ;;
      interrupt)
        cortex_m "$machine" "$target" interrupt file
        gdb_says "$name: fault in an interrupt" 'bt' "$chain" 'round=77' 'PendSV' 'signal handler called' \
          '__cortex_m_rt_main' ;;
      masked)
        cortex_m "$machine" "$target" masked file
        gdb_says "$name: fault with interrupts masked" 'bt' "$chain" 'round=5' ;;
      overflow)
        cortex_m "$machine" "$target" overflow file
        gdb_says "$name: stack overflow into a guard" 'bt' 'SIGSEGV' '#0 .*faults::dive' '#9 .*faults::dive' \
          'dive_in' ;;
      float)
        cortex_m "$machine" "$target" float file
        gdb_says "$name: live floating point registers" $'bt\np $s0\np $s16' '#0 .*filter .*gain=1.5' \
          '\$1 = 1.5' '\$2 = 1.5' ;;
      panic)
        cortex_m "$machine" "$target" panic file
        gdb_says "$name: panic" 'bt' 'SIGABRT' 'faults::regulate' '__cortex_m_rt_main'
        grep -aq 'pressure above limit' "$work/core.elf" && grep -aq 'src/bin/faults.rs' "$work/core.elf" \
          && pass "$name: panic message and place" || fail "$name: panic message and place" "not in the dump" ;;
      watchdog)
        cortex_m "$machine" "$target" watchdog file
        gdb_says "$name: early warning of the watchdog" 'bt' 'SIGALRM' 'faults::hang \(reason=1\)' ;;
      retry)
        cortex_m "$machine" "$target" retry file
        gdb_says "$name: fault inside the capture" 'bt' "$chain" 'in faults::sample .*round=3' ;;
      third)
        cortex_m "$machine" "$target" Retry file
        local status=0
        (cd "$work" && timeout 20 qemu-system-arm -machine "$machine" "${semihosting[@]}",arg=faults,arg=R,arg=file \
          -kernel "$elf" >/dev/null 2>&1 </dev/null) || status=$?
        if [ "$status" = 4 ]; then pass "$name: a third fault resets"; else fail "$name: a third fault resets" "status $status"; fi ;;
      uart)
        cortex_m "$machine" "$target" bus uart
        gdb_says "$name: lines of text on the UART" 'bt' "$chain" '__cortex_m_rt_main' ;;
      retained)
        cortex_m "$machine" "$target" bus retained
        gdb_says "$name: kept over a reset, then read out" 'bt' "$chain" '__cortex_m_rt_main' ;;
      packed)
        # More than the 4 KiB of memory would hold otherwise.
        cortex_m "$machine" "$target" bus packed
        gdb_says "$name: kept packed over a reset, then read out" 'bt' "$chain" '__cortex_m_rt_main' ;;
      flash)
        cortex_m "$machine" "$target" bus nvmc
        gdb_says "$name: NVMC flash, then read out" 'bt' "$chain" '__cortex_m_rt_main' ;;
      regions)
        cortex_m "$machine" "$target" bus file
        regions "$name" ;;
    esac
  done
}

# What was asked for is there, what was excluded is not, what was added at run time is.
regions() {
  local secret around='' address len
  secret=$((16#$(nm "$elf" | awk '$3 == "SECRET" { print $1 }')))
  while read -r _ _ address _ len _; do
    [ $((address)) -le "$secret" ] && [ "$secret" -lt $((address + len)) ] && around=$address
  done < <(readelf -lW "$work/core.elf" | grep LOAD)
  if [ -z "$around" ]; then pass "$1: the excluded secret is in no segment"; else fail "$1: the excluded secret" "is in $around"; fi
  if od -An -v -tx1 "$work/core.elf" | tr -d ' \n' | grep -q 5ee7c25e; then
    fail "$1: the excluded secret" "its value is in the file"
  fi
  gdb_says "$1: a region added at run time" 'p/x faults::LATE' '0x1a7e1a7e'
  gdb_says "$1: registers as memory" 'x/2xw 0xe000ed28' '0xe000ed28:'
}

# The C program: FreeRTOS from crates.io, GCC, and the static library. Leaves $work/freertos.elf.
build_freertos() {
  local directory=$firmware/freertos kernel target=thumbv7m-none-eabi
  build $target demo -p coroner-capture-c
  kernel=$(cargo metadata --format-version 1 --manifest-path "$directory/Cargo.toml" |
    sed -n 's#.*"manifest_path":"\([^"]*\)/freertos-next-0[^"]*/Cargo.toml".*#\1#p')
  kernel=$(echo "$kernel"/freertos-next-0*/FreeRTOS-Kernel)
  arm-none-eabi-gcc -mcpu=cortex-m3 -mthumb -Og -g -Wall -Wextra -Wno-unused-parameter -Wno-unused-variable \
    -ffile-prefix-map="$kernel=freertos" -ffile-prefix-map="$root=." \
    -I "$directory" -I "$root/capture/include" -I "$kernel/include" -I "$kernel/portable/GCC/ARM_CM3" \
    -nostartfiles --specs=nano.specs --specs=nosys.specs -T "$directory/link.ld" -L "$root/capture/link" \
    -Wl,--build-id -Wl,-z,noexecstack \
    "$directory/main.c" "$kernel"/{tasks,list,queue}.c "$kernel/portable/GCC/ARM_CM3/port.c" \
    "$kernel/portable/MemMang/heap_4.c" "$(built $target demo)/libcoroner_capture_c.a" -o "$work/freertos.elf"
}

freertos() {
  elf=$work/freertos.elf
  rm -f "$work/core.elf"
  (cd "$work" && emulate 20 qemu-system-arm -machine mps2-an385 "${semihosting[@]}",arg=freertos,arg="$1" \
    -kernel "$elf" >console.txt)
}

freertos_tests() {
  build_freertos
  freertos motor
  gdb_says 'FreeRTOS in C: fault in a task' $'bt\nthread apply all bt\np doors_opened\np last_command' \
    '#0 .*drive \(motor=0x90000000, target=.*93\)' '#1 .*open_door \(door=.*target=.*93\)' '#2 .*motor_task' \
    'vTaskDelay' 'sensor_task' 'log_task' 'prvIdleTask' ' = 45' ' = 93'
  freertos interrupt
  gdb_says 'FreeRTOS in C: fault in an interrupt' $'bt\nthread apply all bt' \
    '#0 .*drive \(motor=.*0x90000000, target=.*77\)' '#1 .*tick' 'prvIdleTask' 'sensor_task'
  freertos lists
  gdb_says 'FreeRTOS in C: tasks found in the lists of the kernel' $'bt\nthread apply all bt' \
    '#0 .*drive \(motor=0x90000000, target=.*93\)' '#2 .*motor_task' 'vTaskDelay' 'sensor_task' 'log_task' 'prvIdleTask'
  freertos broken
  gdb_says 'FreeRTOS in C: a broken list costs the tasks behind the break' $'bt\nthread apply all bt' \
    '#2 .*motor_task' 'sensor_task' 'prvIdleTask' '!log_task'
  if "$root/target/debug/coroner" info "$work/core.elf" | grep -q 'list of tasks was damaged after'; then
    pass 'FreeRTOS in C: the dump says that the list is damaged'
  else
    fail 'FreeRTOS in C: the dump says that the list is damaged' "$("$root/target/debug/coroner" info "$work/core.elf" | head -20)"
  fi
}

# rust_rtos FEATURE MACHINE: the program of that name in capture/firmware/rtos.
rust_rtos() {
  local target=thumbv7m-none-eabi
  build $target demo -p firmware-rtos --features "$1" --bin "$1"
  elf=$(built $target demo)/$1
  rm -f "$work/core.elf"
  (cd "$work" && emulate 20 qemu-system-arm -machine "$2" "${semihosting[@]}" -kernel "$elf" >console.txt)
}

rust_rtos_tests() {
  rust_rtos embassy mps2-an385
  gdb_says 'Embassy: panic in a task' $'bt\np embassy::ROUNDS' 'SIGABRT' 'embassy::heat \(.*limit=60\)' \
    'heater_task' 'Executor' '= \{v = \{value = \{__0 = 5|\(5\)'
  rust_rtos rtic lm3s6965evb
  gdb_says 'RTIC: panic in a software task' $'bt\np rtic::LITRES' 'SIGABRT' 'rtic::flow' 'GPIOA' \
    'measure' '\(5\)|__0 = 5'
  if grep -aq 'index out of bounds: the len is 4 but the index is 7' "$work/core.elf"; then
    pass 'RTIC: formatted panic message'
  else
    fail 'RTIC: formatted panic message' 'not in the dump'
  fi
  if "$root/target/debug/coroner" info "$work/core.elf" | grep -Eq '^\* .*interrupt 000 .*prio 1 '; then
    pass 'RTIC: the task is told by its interrupt and priority'
  else
    fail 'RTIC: the task is told by its interrupt and priority' \
      "$("$root/target/debug/coroner" info "$work/core.elf" | grep -A3 Threads:)"
  fi
}

# The examples that README.md points to; the C program and Embassy are tested above.
examples() {
  local m0=thumbv6m-none-eabi program
  build $m0 demo -p firmware-cortex-m --features microbit
  for program in flash_then_upload retained_then_flash; do
    elf=$(built $m0 demo)/$program
    rm -f "$work/core.elf"
    (cd "$work" && emulate 20 qemu-system-arm -machine microbit "${semihosting[@]}" -kernel "$elf" >console.txt)
    gdb_says "example: $program" 'bt' 'control \(' '__cortex_m_rt_main'
  done
  elf=$(built riscv32imac-unknown-none-elf demo)/uart
  rm -f "$work/core.elf"
  (cd "$work" && emulate 20 qemu-system-riscv32 -machine virt "${semihosting[@]}" -bios "$elf" >console.txt)
  to_core
  gdb_says 'example: uart' 'bt' '#0 .*level \(tank=0xf0000000\)' '__riscv_rt_main'
}

run_tests() {
  mkdir -p "$work"
  rm -rf "${work:?}"/*
  (cd "$root" && cargo build -q -p coroner-capture --example text_to_core)
  local target m4=thumbv7em-none-eabihf
  for target in thumbv6m-none-eabi thumbv7m-none-eabi $m4 thumbv8m.main-none-eabihf; do
    build "$target" demo -p firmware-cortex-m --bin faults
  done
  local common='bus undefined interrupt masked panic retry third uart retained packed regions'
  ways_to_die microbit thumbv6m-none-eabi 'M0 (microbit)' 'bus interrupt masked panic retry third uart retained flash regions'
  ways_to_die mps2-an385 thumbv7m-none-eabi 'M3 (an385)' "$common overflow watchdog"
  ways_to_die mps2-an386 $m4 'M4F (an386)' "$common overflow watchdog float"
  ways_to_die mps2-an500 $m4 'M7 (an500)' "$common overflow watchdog float"
  ways_to_die mps2-an505 thumbv8m.main-none-eabihf 'M33 (an505)' "$common overflow float"
  rust_rtos_tests
  freertos_tests
  demo "$work/demo" >/dev/null
  elf=$work/demo/firmware.elf
  cp "$work/demo/dump.core" "$work/core.elf"
  gdb_says 'demo: three tasks and a story' $'bt\nthread apply all bt\np LAST_ERROR\np BOOT_COUNT\np demo::SETTINGS' \
    '#0 .*read_offset \(calibration=0xdeadbee0\)' '#1 .*calibrate \(raw=2121' '#2 .*measure .*sample=3' \
    '#3 .*sensor_task' 'radio_task' 'watch_task' '\(23\)' '\(8\)' 'interval_ms: 48879'
  if strings "$elf" | grep -qF "$root"; then
    fail 'demo: no path of this machine in it' "$root"
  else
    pass 'demo: no path of this machine in it'
  fi
  source "$root/scripts/capture-tests-riscv.sh"
  riscv_tests
  source "$root/scripts/capture-tests-needs.sh"
  needs_tests
  examples
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
}
