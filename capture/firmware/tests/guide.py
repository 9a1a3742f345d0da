"""Does what the guide of a README says, in an empty folder.

    guide.py README FOLDER TARGET

A fenced block whose language is followed by a file name is a file, or the next part of it. In a block
of `console`, lines that begin with `$ ` are commands; every other line must be in the output of the command
above it, addresses apart. A command that fails, fails the test. The folder that the guide goes into gets
TARGET as its `target`, so that the next run need not build it all again.
"""

import os
import re
import subprocess
import sys

readme, folder, target = sys.argv[1:]
with open(readme, encoding="utf-8") as file:
    text = file.read()
begun = set()


def plain(line):
    """Without addresses and repeated blanks: compilers differ in them."""
    return re.sub(r"\s+", " ", re.sub(r"0x[0-9a-f]+", "0x", line)).strip()


def run(command):
    done = subprocess.run(
        ["bash", "-c", command], check=False, cwd=folder, text=True, timeout=300,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode != 0:
        sys.exit(f"$ {command}\n{done.stdout}\nexit status {done.returncode}")
    return done.stdout


def console(block):
    global folder
    command, output = None, ""
    for line in block.splitlines():
        if line.startswith("$ cd "):
            folder = os.path.join(folder, line[5:])
            os.symlink(target, os.path.join(folder, "target"))
        elif line.startswith("$ "):
            command = line[2:]
            output = run(command)
        elif not any(plain(line) in plain(said) for said in output.splitlines()):
            sys.exit(f"$ {command}\n{output}\ndid not say: {line}")


for language, file, block in re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
    if file:
        path = os.path.join(folder, file)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        # The first part replaces what `cargo new` has left.
        with open(path, "a" if file in begun else "w", encoding="utf-8") as part:
            part.write(("\n" if file in begun else "") + block)
        begun.add(file)
    elif language == "console":
        console(block)
