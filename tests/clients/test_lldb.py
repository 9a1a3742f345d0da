"""LLDB 14 and 19: attach, threads, backtraces, variables, regions, every button; disassembly on every
architecture that LLDB has a disassembler for (Xtensa is none of them)."""

import json
import pathlib
import re
import struct
import tempfile

import session
from session import FIRMWARE, ROOT, Server, end_of_data, expect, fixture, has, output_of, tool

LIMIT = 60
# LLDB reads memory in aligned lines and gives up on a line whose beginning is missing.
CACHE_OFF = "settings set target.process.disable-memory-cache true"


def lldb(version, port, elf, commands, after_stop=()):
    """What LLDB prints over `commands`. It leaves its list at the first stop by a signal and goes on
    with `after_stop`."""
    command = [
        tool(version),
        "--no-lldbinit",
        "-b",
        "-o",
        CACHE_OFF,
        "-o",
        f"file {elf}",
        "-o",
        f"gdb-remote {port}",
    ]
    for line in commands:
        command += ["-o", line]
    for line in after_stop:
        command += ["-k", line]
    return output_of(command, LIMIT)


def each(check):
    """Runs `check` with every version."""
    for version in ("lldb-14", "lldb-19"):
        check(version)


def threads_backtraces_variables_and_the_reason_on_arm():
    def check(version):
        with Server() as server:
            commands = ["thread list", "bt all", "frame variable", "register read", "register read CFSR BFAR"]
            output = lldb(version, server.port, FIRMWARE, commands)
        has(output, "stop reason = bus fault: precise data access", "name = 'radio'", "name = 'watch'")
        has(
            output,
            "demo::read_offset(calibration=0xdeadbee0)",
            "demo::calibrate(raw=2121",
            "demo::sensor_task",
        )
        has(output, "demo::radio_task", "demo::watch_task", "BFAR = 0xdeadbee0")

    each(check)


def threads_and_backtraces_on_riscv():
    paths = fixture("espressif/esp32c3/coredump.b64", "espressif/esp32c3/esp32c3.elf")
    if paths is None:
        return

    def check(version):
        with Server(paths[0], "--elf", paths[1]) as server:
            output = lldb(version, server.port, paths[1], ["bt all", "register read mcause zero"])
        has(
            output,
            "stop reason = abort() was called",
            "`panic_abort(",
            "`esp_system_abort(",
            "`abort at abort.c",
        )
        has(
            output,
            "name = 'IDLE'",
            "name = 'esp_timer'",
            "`ulTaskGenericNotifyTake(",
            "mcause = 0x00000007",
            "zero = 0x00000000",
        )
        # LLDB got to know RISC-V's calling convention in version 16.
        if version != "lldb-14":
            has(output, "`fail_once(", "`timer_task(")

    each(check)


def unknown_registers_are_unavailable():
    paths = fixture("espressif/esp32c3/coredump.b64", "espressif/esp32c3/esp32c3.elf")
    if paths is None:
        return

    def check(version):
        with Server(paths[0], "--elf", paths[1]) as server:
            output = lldb(version, server.port, paths[1], ["thread select 2", "register read mcause"])
        has(output, "error: unavailable")
        expect("0xcccccccc" not in output, "no filler is shown", output)

    each(check)


def a_program_counter_is_read_where_register_0_is_not_known():
    paths = fixture("qemu-m4-fault/dumps/raw-ram@0x20000000.bin", "qemu-m4-fault/fx.elf")
    if paths is None:
        return

    def check(version):
        with tempfile.TemporaryDirectory() as folder:
            text = pathlib.Path(folder) / "registers.txt"
            text.write_text("pc = 0x72\nsp = 0x20001fa0\n")
            with Server("serve", text, paths[0], "--elf", paths[1]) as server:
                output = lldb(version, server.port, paths[1], ["register read", "register read r0"])
        has(output, "pc = 0x00000072", "`poke")
        expect("0xcccccccc" not in output, "no filler is shown", output)

    each(check)


def monitor_regions_writes_and_reading_into_a_hole():
    def check(version):
        with Server() as server:
            commands = [
                "process plugin packet monitor crash",
                "memory region 0x20000000",
                "memory region 0x30000000",
                "memory write 0x20000000 0x55",
                "memory read -c 2 0x20000000",
                "register write r5 0x1234",
                "register read r5",
                "process plugin packet monitor revert",
                f"memory read -c 64 {end_of_data() - 24:#x}",
            ]
            output = lldb(version, server.port, FIRMWARE, commands)
        has(output, "bus fault: precise data access", "rw- data", "0x20000000: 55 00", "r5 = 0x00001234")
        has(output, "Dropped 1 bytes of memory and 1 registers", "Not all bytes (24/64)")

    each(check)


def every_button_stops_again():
    def check(version):
        for button in (
            "continue",
            "thread step-inst",
            "thread step-inst-over",
            "thread step-over",
            "thread step-in",
            "thread step-out",
        ):
            with Server() as server:
                output = lldb(version, server.port, FIRMWARE, [button], ["thread list"])
            has(output, "The device is dead", "name = 'radio'")

    each(check)


def detach_kill_and_coming_back():
    def check(version):
        with Server() as server:
            again = f"gdb-remote {server.port}"
            commands = ["detach", again, "breakpoint set -n read_offset", "kill", again, "thread list"]
            output = lldb(version, server.port, FIRMWARE, commands)
        # Whether LLDB still prints "Process 1 detached" in batch mode is a matter of timing.
        has(output, "Breakpoint 1: ")
        expect(output.count("Process 1 stopped") >= 4, "all three connections show the stop", output)

    each(check)


def entry_of(elf):
    """Where the program begins: an address that holds code for certain."""
    head = pathlib.Path(elf).read_bytes()[:32]
    return struct.unpack_from("<Q" if head[4] == 2 else "<I", head, 24)[0] & ~1


def disassembles(version, port, elf, function):
    # Of a function of the compiler's: LLDB 14 takes hand-written Thumb code for Arm code.
    output = lldb(version, port, elf, [f"disassemble -n {function} -c 4"])
    # `->  0x80000000 <+0>:  addi   sp, sp, -0x10`
    lines = re.findall(r"^(?:->)?\s*0x[0-9a-f]+(?: <\+\d+>)?:\s+([a-z][\w.]*)", output, re.M)
    expect(len(lines) == 4, f"{version} shows four instructions", output)
    shown = output.rsplit("(lldb) disassemble", 1)[-1]
    expect("unknown" not in shown and "error:" not in shown, f"{version} knows them", output)


def code_is_disassembled_on_the_demo_s_processor():
    def check(version):
        with Server() as server:
            output = lldb(version, server.port, FIRMWARE, ["disassemble --pc -c 1"])
            # The instruction that crashed: a load through the broken pointer.
            expect(re.search(r"^->.*\bldr", output, re.M), f"{version} shows the load", output)
            disassembles(version, server.port, FIRMWARE, "demo::sensor_task")

    each(check)


def code_is_disassembled_on_every_architecture():
    """RAM of our own firmware that ran under QEMU, with a program counter."""
    targets = {
        "cortex-m4": ("cortex-m", "pc", "sp"),
        "cortex-m4f": ("cortex-m", "pc", "sp"),
        "riscv32": ("riscv32", "pc", "sp"),
        "riscv64": ("riscv64", "pc", "sp"),
        "aarch64": ("aarch64", "pc", "sp"),
        "x86": ("i386", "eip", "esp"),
    }
    for name, (target, counter, stack) in targets.items():
        folder = ROOT / "tests/data/zephyr" / name
        elf = folder / "firmware.elf"
        base = json.loads((folder / "state.json").read_text())["ram"]
        with tempfile.TemporaryDirectory() as scratch:
            registers = pathlib.Path(scratch) / "registers.txt"
            registers.write_text(f"{counter} {entry_of(elf):#x}\n{stack} {base + 0x100:#x}\n")
            image = folder / "ram.bin"
            options = ["--target", target, "--elf", elf]

            def check(version):
                # LLDB 14 does not switch on compressed instructions, whatever the ELF file says.
                if name.startswith("riscv") and version == "lldb-14":
                    return
                with Server(f"{image}@{base:#x}", registers, *options) as server:
                    disassembles(version, server.port, elf, "process")

            each(check)


if __name__ == "__main__":
    session.run(
        [
            threads_backtraces_variables_and_the_reason_on_arm,
            threads_and_backtraces_on_riscv,
            unknown_registers_are_unavailable,
            monitor_regions_writes_and_reading_into_a_hole,
            every_button_stops_again,
            detach_kill_and_coming_back,
        ]
    )
