# The CMake package: a fresh project, built with the package that capture/c/build makes, and another one that takes
# the sources in; both crash, and what they keep over the reset is opened.
# shellcheck shell=bash

# project NAME CMAKE-ARGUMENT...: a copy of capture/c/example, configured and built. Leaves $elf.
project() {
  local directory=$work/$1
  shift
  rm -rf "$directory"
  cp -r "$root/capture/c/example" "$directory"
  elf=$directory/build/pump.elf
  check "$machine: the project builds" cmake_builds "$directory" "$@"
}
cmake_builds() {
  local directory=$1
  shift
  # The build does not see the variables that a whole run of the tests has set.
  cmake -S "$directory" -B "$directory/build" "$@" >"$directory/cmake.txt" 2>&1 &&
    cmake --build "$directory/build" >>"$directory/cmake.txt" 2>&1 || { tail -20 "$directory/cmake.txt" >&2; return 1; }
}

cmake_tests() {
  local packages=$work/packages
  sink=retained scene='bus fault'
  machine='M3, CMake package'
  check "$machine: the library" "$root/capture/c/build" cortex-m3 "$packages"
  project found --toolchain "$root/capture/c/example/cortex-m3.cmake" "-Dcoroner_capture_DIR=$packages/lib/cmake/coroner_capture"
  rm -f "$work/core.elf"
  (cd "$work" && emulate 30 qemu-system-arm -machine mps2-an385 "${semihosting[@]}" -kernel "$elf" >console.txt)
  opened $'bt\np litres' '#0 .*measure .*0x90000000, round=.*7' '#1 .*start' '\$1 = 3'
  machine='RV32, CMake with the sources'
  project inside --toolchain "$root/capture/c/example/rv32imac.cmake" "-DCORONER_SOURCE=$root/capture/c"
  rm -f "$work/core.elf"
  (cd "$work" && emulate 30 qemu-system-riscv32 -machine virt "${semihosting[@]}" -bios "$elf" >console.txt)
  opened $'bt\np litres' '#0 .*measure .*0xf0000000, round=.*7' '#1 .*start' '\$1 = 3'
  check 'CMake: a core without a library is named' grep -q 'no library for cortex-m4' <<<"$(
    cmake -S "$work/found" -B "$work/found/other" --toolchain "$root/capture/c/example/cortex-m3.cmake" \
      -DCORONER_CORE=cortex-m4 "-Dcoroner_capture_DIR=$packages/lib/cmake/coroner_capture" 2>&1)"
}
