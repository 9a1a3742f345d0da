# What each selection of memory takes: capture/firmware/cortex-m/src/bin/selections.rs has a variable
# in every kind of memory, and each run takes another kind. Prints the table.
# shellcheck shell=bash

selections_tests() {
  local target=thumbv7m-none-eabi name='selections: each takes what it names and nothing else'
  build $target demo -p firmware-cortex-m --features mps2 --bin selections
  if python3 "$firmware/tests/selections.py" "$(built $target demo)/selections" "$coroner" "$work"; then
    pass "$name"
  else
    fail "$name" 'see above'
  fi
}
