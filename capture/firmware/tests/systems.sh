# FreeRTOS, Embassy, RTIC, and a small kernel of our own: several tasks, each of them a thread.
# shellcheck shell=bash

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

# system BOARD ELF [WORD]: runs a program that leaves core.elf.
system() {
  elf=$2 sink=file
  rm -f "$work/core.elf"
  (cd "$work" && emulate 60 qemu-system-arm -machine "$1" "${semihosting[@]}",arg=program,arg="${3:-}" \
    -kernel "$elf" >console.txt)
}

freertos_tests() {
  build_freertos
  machine='M3, FreeRTOS in C'
  scene='bus fault'
  system mps2-an385 "$work/freertos.elf" motor
  opened $'bt\nthread apply all bt\np doors_opened\np last_command' \
    '#0 .*drive \(motor=0x90000000, target=.*93\)' '#1 .*open_door \(door=.*target=.*93\)' '#2 .*motor_task' \
    'vTaskDelay' 'sensor_task' 'log_task' 'prvIdleTask' ' = 45' ' = 93'
  scene='fault in an interrupt'
  system mps2-an385 "$work/freertos.elf" interrupt
  opened $'bt\nthread apply all bt' '#0 .*drive \(motor=.*0x90000000, target=.*77\)' '#1 .*tick' 'prvIdleTask' \
    'sensor_task'
  scene='bus fault, tasks found in the lists of the kernel'
  system mps2-an385 "$work/freertos.elf" lists
  opened $'bt\nthread apply all bt' '#0 .*drive \(motor=0x90000000, target=.*93\)' '#2 .*motor_task' 'vTaskDelay' \
    'sensor_task' 'log_task' 'prvIdleTask'
  scene='bus fault, a list of the kernel is broken'
  system mps2-an385 "$work/freertos.elf" broken
  opened $'bt\nthread apply all bt' '#2 .*motor_task' 'sensor_task' 'prvIdleTask' '!log_task'
  check "$machine: the dump says that the list is damaged" grep 'list of tasks was damaged after' <<<"$("$coroner" info "$work/core.elf")"
}

# The drop-in of capture/freertos, with two of the kernel's own ports. freertos_product MACHINE CORE PORT GCC-ARGUMENT...
freertos_product() {
  local board=$1 core=$2 port=$3 directory=$root/capture/freertos kernel status=0
  shift 3
  kernel=$(echo "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/freertos-next-0*/FreeRTOS-Kernel)
  "$root/capture/c/build" "$core" "$work/packages" >/dev/null
  elf=$work/product-$core.elf machine="$core, FreeRTOS drop-in" sink=retained
  arm-none-eabi-gcc "$@" -mthumb -Og -g -Wall -Wextra -Werror -Wno-unused-parameter -ffunction-sections \
    -ffile-prefix-map="$kernel=freertos" -ffile-prefix-map="$root=." \
    -I "$directory" -I "$directory/example" -I "$root/capture/include" -I "$kernel/include" -I "$kernel/portable/GCC/$port" \
    -nostartfiles --specs=nano.specs --specs=nosys.specs -T "$root/capture/c/example/mps2.ld" -L "$root/capture/c/example" \
    -L "$root/capture/link" -Wl,--build-id -Wl,--gc-sections -Wl,-z,noexecstack \
    "$directory/example/main.c" "$directory/coroner_freertos_product.c" "$kernel"/{tasks,list,queue}.c \
    "$kernel/portable/GCC/$port/port.c" "$kernel/portable/MemMang/heap_4.c" \
    "$work/packages/lib/$core/libcoroner_capture.a" -o "$elf"
  rm -f "$work"/{first,second}.elf
  (cd "$work" && timeout 60 qemu-system-arm -machine "$board" "${semihosting[@]}" -kernel "$elf" </dev/null >console.txt 2>&1) || status=$?
  check "$machine: it sends both dumps ($status)" [ "$status" = 0 ]
  scene='bus fault'
  cp "$work/first.elf" "$work/core.elf"
  opened $'bt\nthread apply all bt\np doors_opened' '#0 .*drive .*0x90000000, target=.*93' '#1 .*motor_task' 'vTaskDelay' 'pump_task' \
    'prvIdleTask' ' = 41'
  check "$machine: the secret is absent" grep 'Cannot access memory' <<<"$("$coroner" gdb "$work/core.elf" --elf "$elf" -- -batch -ex 'x/xw &key' 2>&1)"
  scene='stack overflow'
  cp "$work/second.elf" "$work/core.elf"
  opened $'bt\nthread apply all bt' 'vApplicationStackOverflowHook' 'motor_task' 'prvIdleTask'
  check "$machine: the kernel's own words" \
    says coroner "$("$coroner" info "$work/core.elf")" 'a task has overflowed its stack' 'serial +SN-7'
}

rust_systems_tests() {
  local target=thumbv7m-none-eabi
  build $target demo -p firmware-rtos --features embassy --bin embassy
  build $target demo -p firmware-rtos --features rtic --bin rtic
  scene=panic
  machine='M3, Embassy'
  system mps2-an385 "$(built $target demo)/embassy"
  opened $'bt\np embassy::ROUNDS' 'SIGABRT' 'embassy::heat \(.*limit=60\)' 'heater_task' 'Executor' \
    '= \{v = \{value = \{__0 = 5|\(5\)'
  machine='M3, RTIC'
  system lm3s6965evb "$(built $target demo)/rtic"
  opened $'bt\np rtic::LITRES' 'SIGABRT' 'rtic::flow' 'GPIOA' 'measure' '\(5\)|__0 = 5'
  check 'RTIC: the task is told by its interrupt and priority' \
    grep -E '^\* .*interrupt 000 .*prio 1 ' <<<"$("$coroner" info "$work/core.elf")"
  check 'RTIC: formatted panic message' grep -a 'index out of bounds: the len is 4 but the index is 7' "$work/core.elf"
}

# The demo, which `coroner demo` serves: three tasks of firmware/cortex-m/src/kernel.rs.
demo_tests() {
  demo "$work/demo" >/dev/null
  machine='M4F, own kernel' scene='bus fault' sink=file
  elf=$work/demo/firmware.elf
  cp "$work/demo/dump.core" "$work/core.elf"
  opened $'bt\nthread apply all bt\np LAST_ERROR\np BOOT_COUNT\np demo::SETTINGS' \
    '#0 .*read_offset \(calibration=0xdeadbee0\)' '#1 .*calibrate \(raw=2121' '#2 .*measure .*sample=3' \
    '#3 .*sensor_task' 'radio_task' 'watch_task' '\(23\)' '\(8\)' 'interval_ms: 48879'
  check 'demo: no path of this machine in it' [ "$(strings "$elf" | grep -cF "$root")" = 0 ]
}

systems_tests() {
  rust_systems_tests
  freertos_tests
  freertos_product mps2-an385 cortex-m3 ARM_CM3 -mcpu=cortex-m3
  freertos_product mps2-an386 cortex-m4+fp ARM_CM4F -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16
  demo_tests
}
