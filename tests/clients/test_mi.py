"""GDB/MI, which every other IDE speaks, with the requests of Cortex-Debug, cppdbg and Eclipse."""

import queue
import subprocess
import threading

import session
from session import FIRMWARE, Failure, Server, end_of_data, expect, has, tool

LIMIT = 20


class Mi:
    """A GDB in MI mode; every wait has a time limit."""

    def __init__(self, version):
        command = [tool(version), "-nx", "-iex", "set debuginfod enabled off", "-i=mi3"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines = queue.Queue()
        self.seen = []
        self.next = 1
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip())

    def wait_for(self, start):
        """The next line that starts with `start`."""
        while True:
            try:
                line = self.lines.get(timeout=LIMIT)
            except queue.Empty:
                tail = "\n".join(self.seen[-20:])
                raise Failure(f"no line '{start}...' within {LIMIT} s:\n{tail}") from None
            self.seen.append(line)
            if line.startswith(start):
                return line

    def ask(self, request):
        """Sends a request and returns its result line."""
        number, self.next = self.next, self.next + 1
        self.process.stdin.write(f"{number}{request}\n")
        self.process.stdin.flush()
        return self.wait_for(f"{number}^")

    def done(self, *requests):
        """Sends requests that must succeed; returns the last result."""
        line = ""
        for request in requests:
            line = self.ask(request)
            expect("^error" not in line, f"{request} works", line)
        return line

    def resumes(self, request):
        """Sends a request that resumes the target, which must stop again."""
        self.done(request)
        return self.wait_for("*stopped")

    def console(self):
        """Everything that was printed so far."""
        return "\n".join(self.seen)


def each(check):
    """Runs `check` with every version."""
    for version in ("gdb-multiarch", "gdb-18"):
        check(version)


def walk(mi):
    """What every IDE does after the attach."""
    has(mi.done("-thread-info"), "sensor", "radio", "watch")
    has(mi.done("-stack-list-frames --thread 1 0 100"), "read_offset", "calibrate")
    has(mi.done("-stack-list-variables --thread 1 --frame 0 --simple-values"), "calibration", "0xdeadbee0")
    has(mi.done("-data-list-register-values --thread 1 --frame 0 x"), "0xdeadbee0")
    has(mi.done("-data-list-register-values --thread 2 --frame 0 x"), "<unavailable>")
    has(mi.done("-data-read-memory-bytes 0x20000000 16"), "contents=")
    has(mi.done('-data-disassemble -s $pc -e "$pc + 8" -- 0'), "asm_insns")
    has(mi.ask("-data-read-memory-bytes 0x30000000 16"), "^error")
    end = end_of_data()
    part = mi.done(f"-data-read-memory-bytes {end - 8:#x} 64")
    has(part, f'end="{end:#x}"')


def cortex_debug_external_server():
    def check(version):
        with Server() as server, Mi(version) as mi:
            mi.done(
                "-gdb-set mi-async on",
                f'-file-exec-and-symbols "{FIRMWARE}"',
                f"-target-select extended-remote 127.0.0.1:{server.port}",
                '-interpreter-exec console "monitor halt"',
                '-interpreter-exec console "set stack-cache off"',
                '-interpreter-exec console "set remote interrupt-on-connect off"',
                '-interpreter-exec console "monitor reset halt"',
                "-enable-pretty-printing",
            )
            walk(mi)
            # Live watch: a second GDB beside the first.
            with Mi(version) as second:
                second.done(f"-target-select extended-remote 127.0.0.1:{server.port}")
                has(second.done("-data-evaluate-expression 1+1"), '"2"')
                second.done("-target-detach")
            for button in (
                "-exec-next --thread 1",
                "-exec-step --thread 1",
                "-exec-finish --thread 1",
                "-exec-continue --all",
            ):
                has(mi.resumes(button), 'signal-name="SIGSEGV"')
            mi.done("-exec-interrupt --all")
            for word in ("reset", "gdb_sync", "swdp_scan", "rtt setup 0x20000000 1024", "SWO enable"):
                mi.done(f'-interpreter-exec console "monitor {word}"')
            mi.done("-break-insert -f demo::read_offset", "-target-detach")

    each(check)


def cppdbg_continues_whatever_one_says():
    def check(version):
        with Server() as server, Mi(version) as mi:
            mi.done(
                "-gdb-set target-async on",
                f'-file-exec-and-symbols "{FIRMWARE}"',
                f"-target-select remote 127.0.0.1:{server.port}",
                '-interpreter-exec console "info sharedlibrary"',
                "-stack-list-frames 0 1000",
            )
            has(mi.resumes("-exec-continue"), 'signal-name="SIGSEGV"')
            walk(mi)

    each(check)


def eclipse_loads_sets_breakpoints_and_resets():
    def check(version):
        with Server() as server, Mi(version) as mi:
            mi.done(f'-file-exec-and-symbols "{FIRMWARE}"', f"-target-select remote 127.0.0.1:{server.port}")
            mi.done('-interpreter-exec console "monitor reset"', '-interpreter-exec console "monitor halt"')
            has(mi.ask("-target-download"), "^error")
            mi.done("-break-insert -t main")
            has(mi.resumes("-exec-continue"), 'signal-name="SIGSEGV"')
            walk(mi)
            has(mi.console(), "The device is dead")

    each(check)


def edits_reach_only_this_session_and_can_be_dropped():
    def check(version):
        with Server() as server, Mi(version) as mi, Mi(version) as other:
            for one in (mi, other):
                one.done(f"-target-select remote 127.0.0.1:{server.port}")
            before = mi.done("-data-read-memory-bytes 0x20000000 2").split("^")[1]
            mi.done("-data-write-memory-bytes 0x20000000 5577")
            has(mi.done("-data-read-memory-bytes 0x20000000 2"), "5577")
            has(other.done("-data-read-memory-bytes 0x20000000 2"), before)
            mi.done(
                '-interpreter-exec console "monitor revert"',
                '-interpreter-exec console "maintenance flush dcache"',
            )
            has(mi.done("-data-read-memory-bytes 0x20000000 2"), before)

    each(check)


if __name__ == "__main__":
    session.run(
        [
            cortex_debug_external_server,
            cppdbg_continues_whatever_one_says,
            eclipse_loads_sets_breakpoints_and_resets,
            edits_reach_only_this_session_and_can_be_dropped,
        ]
    )
