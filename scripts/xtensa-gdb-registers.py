#!/usr/bin/env python3
"""Writes GDB's Xtensa register table for one chip.

    xtensa-gdb-registers.py targets/arch/xtensa-esp32.toml ORIGINAL.c OUTPUT.c

GDB's Xtensa port has one table of registers compiled in (gdb/xtensa-config.c). This puts the
registers of an architecture file into it; what stands before and after the table in ORIGINAL.c, the
file as GDB ships it, is kept.

A row is XTREG(index, offset, bits, bytes, alignment, target number, flags, coprocessor, type, group,
name, fetch, store, mask, ctype, x, y). The values come from gdb/xtensa-tdep.h (GDB 13.1) and from
what xtensa_derive_tdep in gdb/xtensa-tdep.c does with them:

* The index is the number of a `p` packet.
* By its target number GDB knows pc, ar0, a0, ps, windowbase and the like, and DWARF its registers. It
  is 0x20 for pc, n for a<n>, 0x100 + n for ar<n>, 0x200 + n for special register n, 0x300 + n for user
  register n, 0x30 + n for f<n>.
* The first row with a mask ends the registers that GDB asks the target for; it must come after a0..a15.
"""

import pathlib
import re
import sys
import tomllib

# enum xtensa_register_type_t
AR_FILE, SPECIAL, USER, TIE_FILE, MAPPED, WINDOW, VIRTUAL = 1, 2, 3, 4, 6, 8, 9
# enum xtensa_register_group_t
ADDRESS, STATE, GENERAL, FLOAT, VECTOR, SYSTEM = 0x0002, 0x0010, 0x0100, 0x0400, 0x0800, 0x1000
GROUPS = {"general": GENERAL, "float": FLOAT, "vector": VECTOR, None: 0}
# XTENSA_REGISTER_FLAGS_*
PRIVILEGED, READABLE, WRITABLE = 0x1, 0x2, 0x4

# The one user register that GDB looks for (xtensa_derive_tdep).
THREADPTR_USER_REGISTER = 231

# Target number of a register that neither GDB nor DWARF knows (TIE state, the debug module): any
# number will do that nothing looks up. Here: this + the index.
PLACEHOLDER = 0x3000

# Fields of PS as (name, lowest bit, bits): Xtensa ISA Reference Manual, "Processor Status Register".
PS_FIELDS = [
    ("psintlevel", 0, 4),
    ("psexcm", 4, 1),
    ("psum", 5, 1),
    ("psring", 6, 2),
    ("psowb", 8, 4),
    ("pscallinc", 16, 2),
    ("pswoe", 18, 1),
]

RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


def expand(entry):
    """`ar{0..63}` is ar0 to ar63; regnum and sr rise with it."""
    found = RANGE.search(entry["name"])
    if not found:
        yield entry
        return
    first, last = int(found[1]), int(found[2])
    for step, number in enumerate(range(first, last + 1)):
        one = dict(entry, name=RANGE.sub(str(number), entry["name"]))
        for rising in ("regnum", "sr"):
            if rising in entry:
                one[rising] = entry[rising] + step
        yield one


def registers_of(arch):
    """All registers in the order of their numbers, which must run from 0 without a gap."""
    registers = [
        one
        for feature in arch["feature"]
        for entry in feature["registers"]
        for one in expand(entry)
    ]
    registers.sort(key=lambda register: register["regnum"])
    numbers = [register["regnum"] for register in registers]
    if numbers != list(range(len(numbers))):
        wrong = next(want for want, number in enumerate(numbers) if want != number)
        raise SystemExit(f"register numbers leave {wrong} out or have one twice")
    names = [register["name"] for register in registers]
    if len(set(names)) != len(names):
        raise SystemExit(f"two registers of the name {max(names, key=names.count)}")
    return registers


def kind_of(register, g_registers):
    """(target number, type, group) of a register."""
    name, number = register["name"], register["regnum"]
    group = GROUPS[register.get("group")]
    if number >= g_registers:
        group |= SYSTEM
    if name == "pc":
        return 0x0020, VIRTUAL, GENERAL
    if found := re.fullmatch(r"ar(\d+)", name):
        return 0x0100 + int(found[1]), AR_FILE, ADDRESS
    if found := re.fullmatch(r"a(\d+)", name):
        return int(found[1]), WINDOW, GENERAL
    if found := re.fullmatch(r"f(\d+)", name):
        return 0x0030 + int(found[1]), TIE_FILE, group
    if "sr" in register:
        return 0x0200 + register["sr"], SPECIAL, group
    if name == "threadptr":
        return 0x0300 + THREADPTR_USER_REGISTER, USER, group
    return PLACEHOLDER + number, TIE_FILE if re.fullmatch(r"q\d+", name) else USER, group


def row(index, offset, bits, target_number, flags, kind, group, name, mask="0"):
    return (
        f"  XTREG({index},{offset},{bits},{bits // 8 if mask == '0' else 4},4,{target_number:#06x},"
        f"{flags:#06x},-2,{kind},{group:#06x},{name},0,0,{mask},0,0,0)"
    )


def table_of(arch):
    """The C text of masks and register table."""
    registers = registers_of(arch)
    masks, rows, offset = [], [], 0
    for register in registers:
        target_number, kind, group = kind_of(register, arch["g_registers"])
        flags = READABLE | WRITABLE
        if register["regnum"] >= arch["g_registers"] and kind != WINDOW:
            flags |= PRIVILEGED
        bits = register.get("bits", arch["word_bits"])
        rows.append(
            row(register["regnum"], offset, bits, target_number, flags, kind, group, register["name"])
        )
        offset += bits // 8
    ps = next(register["regnum"] for register in registers if register["name"] == "ps")
    for field, (name, low, bits) in enumerate(PS_FIELDS):
        index = len(registers) + field
        masks.append(
            f"static xtensa_reg_mask_t {name}_bits[] = {{ {{ {ps}, {low}, {bits} }} }};\n"
            f"static const xtensa_mask_t {name}_mask = {{ 1, {name}_bits }};"
        )
        rows.append(
            row(index, offset, bits, PLACEHOLDER + index, READABLE | WRITABLE, MAPPED,
                STATE | SYSTEM, name, f"&{name}_mask")
        )
        offset += 4
    lines = [*masks, "", "static xtensa_register_t rmap[] =", "{", *rows, "  XTREG_END", "};", ""]
    return "\n".join(lines)


def main(arch_file, original_file, output_file):
    arch = tomllib.loads(pathlib.Path(arch_file).read_text())
    original = pathlib.Path(original_file).read_text()
    # From the first mask (or the table, if there is none) to the end of the table.
    shipped = re.search(
        r"(?:/\* Masked registers\.|/\* Register map\.).*?XTREG_END\s*\};\n", original, re.DOTALL
    )
    if not shipped or "rmap" not in original[shipped.end():]:
        raise SystemExit(f"{original_file}: no register table as in GDB 13.1")
    generated = original[: shipped.start()] + table_of(arch) + original[shipped.end():]
    output = pathlib.Path(output_file)
    # An unchanged file keeps its time, so that make has nothing to do.
    if not output.exists() or output.read_text() != generated:
        output.write_text(generated)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__.split("\n\n")[1].strip())
    main(*sys.argv[1:])
