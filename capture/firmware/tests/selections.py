"""Runs selections.rs once per selection and asks plain GDB and coroner + GDB for every variable.

    selections.py ELF CORONER FOLDER

What a selection takes has its last value in both; what it does not take is unknown to coroner (plain
GDB would show the ELF's initial value). Prints a table; the sizes are those of `coroner info --json`.
"""

import json
import re
import subprocess
import sys

elf, coroner, folder = sys.argv[1:]

# What GDB is asked for, and the last value that the program gave it.
VARIABLES = {
    "IN_DATA": 0xDA7A0001,
    "IN_BSS": 0x0B550002,
    "IN_NOINIT": 0x40140003,
    "OTHER_STACK": 0x57AC0004,
    "CAMERA": 0xCA3E0005,
    "LATE": 0x1A7E0006,
    "TAGGED": 0x7A660007,
    "TAGGED_NOINIT": 0x7A660008,
    "TAGGED_RTC": 0x47C00009,
    "TAGGED_RTC_FAST": 0x47CF000A,
    "heap": 0x4EA9000B,
    "BAUDDIV": 0x0000000C,
    "PASSWORD": 0x9A555EC2,
    "KEY": 0x0E115EC2,
}
SYMBOLS = subprocess.run(["nm", elf], capture_output=True, text=True, check=True).stdout
PLACES = {"heap": "0x" + re.search(r"(\w+) \w __sheap$", SYMBOLS, re.MULTILINE)[1], "BAUDDIV": "0x40004010"}
# .bss holds what has no initial value; .data what has one, the tagged and the secret ones with it.
BSS = {"IN_BSS", "OTHER_STACK", "CAMERA", "LATE", "PASSWORD"}
DATA = {"IN_DATA", "TAGGED", "KEY"}
DRAM = set(VARIABLES) - {"TAGGED_RTC", "TAGGED_RTC_FAST", "BAUDDIV"}
TAKES = {
    "nothing": set(),
    "dram": DRAM,
    "bss": BSS,
    "data": DATA,
    "heap": {"heap"},
    "rtc": {"TAGGED_RTC"},
    "rtc_fast": {"TAGGED_RTC_FAST"},
    "noinit": {"IN_NOINIT"},
    "stack": {"OTHER_STACK"},
    "tagged": {"TAGGED", "TAGGED_NOINIT"},
    "mmio": {"BAUDDIV"},
    "custom": {"CAMERA"},
    "added": {"LATE"},
    "excluding": DRAM - {"KEY", "PASSWORD"},
}
COMMANDS = [f"x/xw {PLACES.get(name, '&selections::' + name)}" for name in VARIABLES]


def run(*command):
    # One stream, so that an error stands where it belongs.
    done = subprocess.run(
        command, check=False, cwd=folder, text=True, timeout=60,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.stdout


def values(output):
    """Each variable's word, or None where GDB could not read it."""
    words = re.findall(r"^MARK (\w+)\n(?:0x[0-9a-f]+[^\n:]*:\s*(0x[0-9a-f]+))?", output, re.MULTILINE)
    return {name: int(word, 16) if word else None for name, word in words}


def ask(*gdb):
    arguments = []
    for name, command in zip(VARIABLES, COMMANDS):
        arguments += ["-ex", f"echo MARK {name}\\n", "-ex", command]
    return values(run(*gdb, *arguments))


wrong = []
rows = []
for selection, takes in TAKES.items():
    run("rm", "-f", "core.elf")
    run(
        "qemu-system-arm", "-machine", "mps2-an385", "-nographic", "-kernel", elf,
        "-semihosting-config", f"enable=on,target=native,arg=selections,arg={selection}",
    )  # fmt: skip
    plain = ask("gdb-multiarch", "-q", "-batch", elf, "core.elf")
    served = ask(coroner, "gdb", "core.elf", "--elf", elf, "--", "-batch")
    if set(plain) != set(VARIABLES) or set(served) != set(VARIABLES):
        sys.exit(f"{selection}: GDB did not answer for every variable: {plain} {served}")
    for name, value in VARIABLES.items():
        expected = value if name in takes else None
        if served[name] != expected:
            wrong.append(f"{selection}: {name}: coroner + GDB say {served[name]}, not {expected}")
        if name in takes and plain[name] != value:
            wrong.append(f"{selection}: {name}: plain GDB says {plain[name]}, not {value}")
    info = json.loads(run(coroner, "info", "core.elf", "--json"))
    dumped = [region["len"] for region in info["memory"] if region["origin"] == "dump"]
    with open(f"{folder}/core.elf", "rb") as core:
        size = len(core.read())
    left_out = sum(missing["len"] for missing in info["missing"])
    there = [name for name in VARIABLES if served[name] is not None]
    rows.append((selection, ", ".join(there) or "-", sum(dumped), len(dumped), left_out, size))

columns = ["selection", "variables in it", "memory", "regions", "left out", "file"]
width = max(len(row[1]) for row in rows)
print(f"{columns[0]:<10} {columns[1]:<{width}} " + " ".join(f"{name:>8}" for name in columns[2:]))
for selection, there, *numbers in rows:
    print(f"{selection:<10} {there:<{width}} " + " ".join(f"{number:>8}" for number in numbers))
print(f"(bytes; of {len(VARIABLES)} variables; the crashed stack and the registers are in each of them)")
# An exclusion costs nothing else: both dumps are of all RAM.
sizes = {row[0]: row[2] for row in rows}
if sizes["dram"] - sizes["excluding"] != 2 * 64:
    wrong.append("the exclusions took more or less than the two secrets")
print("\n".join(wrong), end="\n" if wrong else "", file=sys.stderr)
sys.exit(bool(wrong))
