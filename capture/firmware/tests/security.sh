# ARMv8-M's two security states: the secure program of firmware/cortex-m/src/bin/secure.rs starts
# faults.rs in the non-secure state. Faults of that state in its own handler, in the secure one, and faults of
# secure code in the non-secure handler.
# shellcheck shell=bash

security_tests() {
  local target=thumbv8m.main-none-eabihf info
  build $target demo -p firmware-cortex-m --features nonsecure --bin faults
  cp "$(built $target demo)/faults" "$work/nonsecure.elf"
  build $target demo -p firmware-cortex-m --features secure --bin secure
  secure=$(built $target demo)/secure
  ways_to_die mps2-an505 $target 'M33 non-secure (an505)' bus undefined interrupt masked panic retry overflow float

  scene='secure memory from the non-secure side'
  cortex_m mps2-an505 $target secret
  # The dump is the secure program's, the crash the other one's: GDB takes that one's code from its file.
  elf=$secure
  opened "set trust-readonly-sections on"$'\n'"add-symbol-file $work/nonsecure.elf"$'\nbt' '#0 .*follow \(sensor=0x30000000' 'in faults::sample .*round=8' \
    '__cortex_m_rt_main'
  info=$("$coroner" info "$work/core.elf")
  check "$machine: the secure fault in words" grep 'secure fault: secure memory from the non-secure side at pc' <<<"$info"
  check "$machine: the stack pointers of both states" \
    [ "$(grep -Ec 'msp +0x2800.* msp_s +0x3000' <<<"$info")" = 1 ]

  scene='secure code fails'
  cortex_m mps2-an505 $target call
  opened 'x/xw &faults::STARTS' '0x00005ea5'
  info=$("$coroner" info "$work/core.elf")
  check "$machine: a non-secure handler knows nothing of secure code" \
    grep 'crashed in secure code, of which a non-secure handler sees nothing' <<<"$info"
  check "$machine: the address that secure code could not read" \
    grep 'bus fault: precise data access: 0x90000000 (SIG' <<<"$info"
  secure=''
}
