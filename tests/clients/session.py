"""What the client tests share: a server, time limits, and plain words when something is missing.

Each test is a function whose name is a sentence; `run` calls all of a module. The server is the
real `coroner` binary over its built-in dump, so that nothing outside the repository is needed, and
over fixtures of other projects where they are there.
"""

import json
import os
import pathlib
import subprocess
import sys
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "tests/data/demo/firmware.elf"
FIXTURES = ROOT.parent / "shared/fixtures"
DEMO_SOURCE = ROOT / "capture/firmware/cortex-m/src/bin/demo.rs"
# Where the demo crashes.
CRASH_LINE = 1 + DEMO_SOURCE.read_text().splitlines().index("    table.offset * table.gain_percent / 100")


class Failure(Exception):
    """Something that a test expected and did not get."""


def coroner():
    """The program under test: $CORONER, or the debug build."""
    return os.environ.get("CORONER", str(ROOT / "target/debug/coroner"))


def end_of_data():
    """The address behind the data of the built-in dump: it changes when the demo is made anew."""
    dump = ROOT / "tests/data/demo/dump.core"
    shown = subprocess.run([coroner(), "info", "--json", dump], capture_output=True, check=True).stdout
    end = 0x2000_0000
    for region in json.loads(shown)["memory"]:
        if int(region["start"], 0) == end:
            end += region["len"]
    return end


class Server:
    """`coroner ARGS` on a free port, until the `with` block ends."""

    def __init__(self, *args):
        self.args = args or ("demo",)

    def __enter__(self):
        command = [coroner(), *map(str, self.args), "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        said = ""
        for line in self.process.stderr:
            said += line
            if line.startswith("listening on 127.0.0.1:"):
                self.port = int(line.rsplit(":", 1)[1])
                return self
        raise Failure(f"the server ended before it listened:\n{said}")

    def __exit__(self, *_):
        alive = self.process.poll() is None
        self.process.terminate()
        self.process.wait(10)
        self.process.stderr.close()
        expect(alive, "the server outlives its clients")


def expect(condition, words, shown=""):
    """Fails with `words` unless `condition` holds."""
    if not condition:
        raise Failure(f"{words}\n{shown}")


def has(text, *parts):
    """Fails unless all of `parts` are in `text`."""
    for part in parts:
        expect(part in text, f"'{part}' is missing in:", text)


def output_of(command, seconds, stdin=""):
    """What a command prints on both streams; fails if it takes longer than `seconds`."""
    try:
        done = subprocess.run(
            list(map(str, command)),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as late:
        shown = (late.stdout or b"").decode(errors="replace")
        raise Failure(f"{command[0]} took more than {seconds} s:\n{shown}") from None
    return done.stdout


def tool(name):
    """The path of a client, installed by scripts/tool when it is missing."""
    done = subprocess.run([ROOT / "scripts/tool", name], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def fixture(*names):
    """Paths of fixtures; None, with a visible word, where they are absent. In CI they must be there."""
    paths = [FIXTURES / name for name in names]
    if all(path.exists() for path in paths):
        return paths
    if os.environ.get("CI"):
        raise Failure(f"in CI {paths[0]} must be there")
    print(f"SKIPPED: {paths[0]} is absent")
    return None


def run(tests):
    """Runs the given test functions and exits with 1 if one fails."""
    failed = 0
    for test in tests:
        start = time.monotonic()
        name = test.__name__.replace("_", " ")
        try:
            test()
        except Exception:  # a broken test counts as a failed one
            failed += 1
            print(f"FAILED {name}")
            traceback.print_exc(file=sys.stdout)
        else:
            print(f"ok     {name} ({time.monotonic() - start:.1f} s)")
    sys.exit(1 if failed else 0)
