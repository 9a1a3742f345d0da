# Opens a dump twice, by plain GDB as a core and by coroner with GDB, and asks both the same.
# shellcheck shell=bash

# The crash that is being looked at: who died how, and the way its dump came out.
machine='' scene='' sink=file
# The program, its dump as a core, and what coroner opens; all in $work.
elf='' core='' input=''

to_core() { "$root/target/debug/examples/text_to_core" "$work/console.txt" "$work/core.elf"; }

plain_gdb() {
  timeout 60 gdb-multiarch -q -batch -ex 'set pagination off' -ex 'set width 0' "$@" "$elf" "$core" 2>&1 || true
}

coroner_gdb() {
  timeout 60 "$coroner" gdb "$input" --elf "$elf" -- -batch -ex 'set pagination off' -ex 'set width 0' "$@" 2>&1 || true
}

# says WHO OUTPUT PATTERN...: each pattern (extended regular expression) is in the output; one that
# begins with ! is not.
says() {
  local who=$1 said=$2 pattern
  shift 2
  for pattern in "$@"; do
    if [[ $pattern == !* ]]; then
      if grep -Eq -- "${pattern#!}" <<<"$said"; then complaint="$who said ${pattern#!}"; return 1; fi
    elif ! grep -Eq -- "$pattern" <<<"$said"; then
      complaint="$who did not say $pattern"
      return 1
    fi
  done
}

# opened COMMANDS PATTERN...: both say what the patterns ask for. COMMANDS is one GDB command a line.
opened() {
  local commands=$1 name="$machine: $scene" said arguments=() complaint=''
  shift
  [ "$sink" = file ] || name+=", $sink"
  core=$work/core.elf
  : "${input:=$core}"
  if [ ! -s "$core" ]; then
    fail "$name" "no dump was left; the console: $(head -c 300 "$work/console.txt" | tr '\n' ' ')"
    input=''
    return
  fi
  while IFS= read -r command; do arguments+=(-ex "$command"); done <<<"$commands"
  said=$(plain_gdb "${arguments[@]}")
  if says GDB "$said" "$@"; then
    said=$(coroner_gdb "${arguments[@]}")
    says coroner "$said" "$@" || true
  fi
  input=''
  if [ -n "$complaint" ]; then
    fail "$name" "$complaint"
    echo "$said"
    return
  fi
  ran+=("$scene|$machine|$sink")
  pass "$name"
}

# secrets_are_absent EXPRESSION...: coroner does not know them, and their values are nowhere.
secrets_are_absent() {
  local said expression
  for expression in "$@"; do
    said=$("$coroner" gdb "$work/core.elf" --elf "$elf" -- -batch -ex "x/xw &$expression" 2>&1 || true)
    check "$machine: $expression is absent" grep 'Cannot access memory' <<<"$said"
  done
  check "$machine: no secret's value in the file" \
    [ "$(od -An -v -tx1 "$work/core.elf" | tr -d ' \n' | grep -c -e c25e110e -e c25e559a)" = 0 ]
}
