# Every way to die that capture/firmware/cortex-m/src/bin/faults.rs knows, on five machines.
# shellcheck shell=bash

# A program that starts first, in the secure state, and then gives way to the one that crashes.
secure=''

# cortex_m BOARD TARGET WAY [SINK]: leaves core.elf or console.txt in $work.
cortex_m() {
  local boot
  sink=${4:-file}
  elf=$(built "$2" demo)/faults
  boot=(-kernel "$elf")
  if [ -n "$secure" ]; then
    elf=$work/nonsecure.elf
    boot=(-kernel "$secure" -device "loader,file=$elf")
  fi
  rm -f "$work/core.elf"
  (cd "$work" && emulate 60 qemu-system-arm -machine "$1" "${semihosting[@]}",arg=faults,arg="$3",arg="$sink" \
    "${boot[@]}" >console.txt)
  if [ "$sink" = uart ]; then to_core; input=$work/console.txt; fi
}

chain='#0 .*follow \(sensor=0x[9a]0000000\).*#?'
tagged=$'p faults::SCENARIO\nx/xw &faults::STARTS'

# ways_to_die BOARD TARGET MACHINE WAY...
ways_to_die() {
  local board=$1 target=$2 way
  machine=$3
  shift 3
  for way in "$@"; do
    case $way in
      bus)
        scene='bus fault'
        cortex_m "$board" "$target" bus
        opened $'bt\nx/2xw 0xe000ed28\n'"$tagged" "$chain" 'in faults::sample .*round=3' '__cortex_m_rt_main' \
          '\(98\)|98 .b.' '0x00005ea5' '0xe000ed28:' ;;
      undefined)
        scene='undefined instruction'
        cortex_m "$board" "$target" undefined
        opened 'bt' '#0 .*faults::undefined \(round=4\)' ;;
      interrupt)
        scene='fault in an interrupt'
        cortex_m "$board" "$target" interrupt
        opened 'bt' "$chain" 'round=77' 'PendSV' 'signal handler called' '__cortex_m_rt_main' ;;
      masked)
        scene='fault with interrupts masked'
        cortex_m "$board" "$target" masked
        opened 'bt' "$chain" 'round=5' ;;
      overflow)
        scene='stack overflow into a guard'
        cortex_m "$board" "$target" overflow
        opened 'bt' 'SIGSEGV' '#0 .*faults::dive' '#9 .*faults::dive' 'dive_in' ;;
      float)
        scene='live floating point registers'
        cortex_m "$board" "$target" float
        opened $'bt\np $s0\np $s16' '#0 .*filter .*gain=1.5' '\$1 = 1.5' '\$2 = 1.5' ;;
      panic)
        scene=panic
        cortex_m "$board" "$target" panic
        opened 'bt' 'SIGABRT' 'faults::regulate' '__cortex_m_rt_main'
        check "$machine: panic message" grep -a 'pressure above limit' "$work/core.elf"
        check "$machine: panic's place" grep -a 'src/bin/faults.rs' "$work/core.elf" ;;
      watchdog)
        scene='early warning of the watchdog'
        cortex_m "$board" "$target" watchdog
        opened 'bt' 'SIG(TRAP|INT)' 'faults::hang \(reason=1\)' ;;
      retry)
        scene='fault inside the capture'
        cortex_m "$board" "$target" retry
        opened 'bt' "$chain" 'in faults::sample .*round=3' ;;
      third)
        cortex_m "$board" "$target" Retry
        local status=0
        (cd "$work" && timeout 60 qemu-system-arm -machine "$board" "${semihosting[@]}",arg=faults,arg=R,arg=file \
          -kernel "$elf" >/dev/null 2>&1 </dev/null) || status=$?
        check "$machine: a third fault resets" [ "$status" = 4 ] ;;
      # compact: kept packed, more than the 4 KiB of memory would hold otherwise.
      uart | retained | compact | nvmc)
        scene='bus fault'
        cortex_m "$board" "$target" bus "$way"
        opened 'bt' "$chain" '__cortex_m_rt_main' ;;
    esac
  done
}

cortex_m_tests() {
  local target m0=thumbv6m-none-eabi m3=thumbv7m-none-eabi m4=thumbv7em-none-eabihf m33=thumbv8m.main-none-eabihf
  for target in $m0 $m3 $m4 $m33; do
    build "$target" demo -p firmware-cortex-m --bin faults
  done
  local common='bus undefined interrupt masked panic retry third uart retained'
  # shellcheck disable=SC2086
  {
    ways_to_die microbit $m0 'M0 (microbit)' $common nvmc
    ways_to_die mps2-an385 $m3 'M3 (an385)' $common compact overflow watchdog
    ways_to_die mps2-an386 $m4 'M4F (an386)' $common compact overflow watchdog float
    ways_to_die mps2-an500 $m4 'M7 (an500)' $common compact overflow watchdog float
    ways_to_die mps2-an505 $m33 'M33 (an505)' $common compact overflow float
  }
}
