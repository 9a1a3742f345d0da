"""GDB 13.1 and 18.1 at the command line: a session without `file`, every way to go on, the gdbinit."""

import concurrent.futures

import session
from session import (
    CRASH_LINE,
    FIRMWARE,
    ROOT,
    Server,
    coroner,
    end_of_data,
    expect,
    fixture,
    has,
    output_of,
    tool,
)

LIMIT = 30
GDBINIT = ROOT / "gdbinit"


def gdb(version, *commands, arguments=()):
    """What GDB prints over `commands`."""
    command = [tool(version), "-nx", "-batch", "-iex", "set debuginfod enabled off", *arguments]
    for line in commands:
        command += ["-ex", line]
    return output_of(command, LIMIT)


def each(check):
    """Runs `check` with every version."""
    for version in ("gdb-multiarch", "gdb-18"):
        check(version)


def a_bare_gdb_shows_symbols_lines_and_threads():
    def check(version):
        with Server() as server:
            output = gdb(
                version,
                f"target remote :{server.port}",
                "bt",
                "info threads",
                "print *settings",
                "frame 1",
                "info locals",
            )
        has(output, "Reading /demo/firmware.elf from remote target", f"demo.rs:{CRASH_LINE}", "calibrate (raw=2121")
        has(output, '"sensor" (crashed (SIGSEGV)', '"radio"', '"watch"')
        expect("No executable has been specified" not in output, "the ELF comes by itself", output)

    each(check)


def a_pipe_is_as_good_as_a_socket():
    def check(version):
        output = gdb(
            version, f"target remote | {coroner()} demo --stdio", "bt 1", "continue", "monitor crash"
        )
        has(output, "read_offset", "The device is dead", "bus fault: precise data access")

    each(check)


def several_gdbs_at_a_time_do_not_disturb_each_other():
    with Server() as server, concurrent.futures.ThreadPoolExecutor(8) as pool:
        versions = ["gdb-multiarch", "gdb-18"] * 4
        commands = (
            f"target remote :{server.port}",
            "bt",
            "stepi",
            "thread apply all bt 1",
            "set var $r5 = 7",
            "print $r5",
        )
        for output in pool.map(lambda version: gdb(version, *commands), versions):
            has(output, "calibrate (raw=2121", '"watch"', "= 7")


def a_gdb_with_the_file_given_works_as_well():
    def check(version):
        with Server() as server:
            output = gdb(version, f"target remote :{server.port}", "bt", arguments=[FIRMWARE])
        has(output, "read_offset (calibration=0xdeadbee0)", "sensor_task")

    each(check)


def everything_that_resumes_comes_back():
    def check(version):
        for command in (
            "step",
            "next",
            "finish",
            "until",
            "advance demo::sensor_task",
            "stepi",
            "nexti",
            "continue",
            f"jump {CRASH_LINE}",
            "call 1",
            "return",
        ):
            with Server() as server:
                output = gdb(
                    version,
                    f"target remote :{server.port}",
                    "set confirm off",
                    command,
                    "info threads",
                    "bt 1",
                )
            has(output, '"radio"', "read_offset" if command != "return" else "calibrate")
            if command not in ("call 1", "return"):
                has(output, "The device is dead", "SIGSEGV")

    each(check)


def sections_compare_and_memory_dumps():
    def check(version):
        with Server() as server:
            commands = (
                "compare-sections .text",
                f"dump binary memory /dev/null 0x20000000 {end_of_data():#x}",
                "info mem",
                f"find /b 0x20000000, {end_of_data() - 1:#x}, 0x72, 0x61, 0x64, 0x69, 0x6f",
            )
            output = gdb(version, f"target remote :{server.port}", *commands)
        has(output, "Section .text, range 0x400 -- 0x", ": matched.", "0x20000000", "1 pattern found")
        expect("Cannot access" not in output, "all of it is readable", output)

    each(check)


def breakpoints_watchpoints_load_and_run_are_answered():
    def check(version):
        with Server() as server:
            commands = (
                "break demo::read_offset",
                "set language c",
                "watch *(int *) 0x20000000",
                "tbreak main",
                "continue",
                "load",
                "interrupt",
                "kill",
                "run",
            )
            output = gdb(version, f"target extended-remote :{server.port}", "set confirm off", *commands)
        has(output, "Breakpoint 1 at", "atchpoint 2", "SIGSEGV", "killed")
        expect("Transfer rate" not in output, "load does not replace the variables of the crash", output)
        # GDB 13 and 18 word it differently.
        expect("Load failed" in output or "takes no program" in output, "load is refused", output)

    each(check)


def the_gdbinit_gives_short_commands():
    def check(version):
        with Server() as server:
            commands = (
                "crash",
                "tasks",
                "regions",
                "regions 0x20000000",
                "fault",
                "notes",
                "find-word 0xdeadbee0",
                "revert",
                "help coroner",
                "help tasks",
            )
            output = gdb(version, f"coroner :{server.port}", *commands, arguments=["-x", GDBINIT])
        has(
            output,
            "bus fault: precise data access: 0xdeadbee0",
            "sensor",
            "radio",
            "CFSR",
            "0x20000000..",
            "type 'help NAME'",
        )
        for complaint in ("Undefined command", "Error in sourced", "No symbol"):
            expect(complaint not in output, f"'{complaint}' must not be there", output)

    each(check)


def the_gdbinit_loads_without_a_session():
    def check(version):
        output = gdb(version, "crash", arguments=["-x", GDBINIT])
        has(output, '"monitor" command not supported by this target')

    each(check)


def riscv_shows_exception_registers():
    paths = fixture("espressif/esp32c3/coredump.b64", "espressif/esp32c3/esp32c3.elf")
    if paths is None:
        return

    def check(version):
        with Server(paths[0], "--elf", paths[1]) as server:
            output = gdb(
                version,
                f"target remote :{server.port}",
                "thread apply all bt 3",
                "info registers mcause mtval",
                "next",
                "finish",
                "continue",
            )
        has(output, "panic_abort", '"IDLE"', '"esp_timer"', "mcause         0x7", "The device is dead")

    each(check)


def esp32_in_its_own_gdb_resumes_and_comes_back():
    paths = fixture("espressif/esp32/coredump.b64", "espressif/esp32/esp32.elf")
    if paths is None:
        return
    with Server(paths[0], "--elf", paths[1]) as server:
        for command in ("stepi", "nexti", "next", "finish", "continue"):
            connect = f"target remote :{server.port}"
            output = gdb(
                "xtensa-gdb-esp32",
                connect,
                command,
                "info threads",
                "info registers exccause",
                arguments=[paths[1]],
            )
            has(output, "The device is dead", '"IDLE', "exccause")


if __name__ == "__main__":
    session.run(
        [
            a_bare_gdb_shows_symbols_lines_and_threads,
            a_pipe_is_as_good_as_a_socket,
            several_gdbs_at_a_time_do_not_disturb_each_other,
            a_gdb_with_the_file_given_works_as_well,
            everything_that_resumes_comes_back,
            sections_compare_and_memory_dumps,
            breakpoints_watchpoints_load_and_run_are_answered,
            the_gdbinit_gives_short_commands,
            the_gdbinit_loads_without_a_session,
            riscv_shows_exception_registers,
            esp32_in_its_own_gdb_resumes_and_comes_back,
        ]
    )
