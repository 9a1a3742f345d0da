"""A real Emacs with dap-mode looks at the built-in dump through `coroner dap`."""

import os
import subprocess

from session import CRASH_LINE, DEMO_SOURCE, FIRMWARE, ROOT, coroner, expect, run, tool


def emacs_shows_the_crash_its_source_and_values():
    call_line = 1 + next(
        n for n, line in enumerate(DEMO_SOURCE.read_text().splitlines()) if "read_offset(" in line and "fn " not in line
    )
    environment = dict(
        os.environ,
        CORONER=coroner(),
        DUMP=str(ROOT / "tests/data/demo/dump.core"),
        ELF=str(FIRMWARE),
        SOURCES=str(ROOT / "capture/firmware"),
    )
    script = str(ROOT / "tests/clients/emacs.el")
    command = [tool("emacs"), "--batch", "-l", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    lines = done.stdout.splitlines()
    said = done.stdout + done.stderr
    name = DEMO_SOURCE.name
    crash = f"frame demo::read_offset {CRASH_LINE} {name} {CRASH_LINE}"
    expect(lines[:1] == [crash], "the crash and its line in a buffer", said)
    expect(lines[1:2] == [f"frame demo::calibrate {call_line} {name} {call_line}"], "the caller", said)
    expect("calibration: 0xdeadbee0" in lines[2], "a value of the caller", said)
    expect(lines[3:4] == [crash], "after `continue` it is the crash again", said)
    expect(lines[4:5] == ["ended t"], "it ends", said)


if __name__ == "__main__":
    run([emacs_shows_the_crash_its_source_and_values])
