"""`coroner watch` on a serial port: a pseudo terminal that is unplugged and comes back."""

import os
import pathlib
import pty
import select
import signal
import subprocess
import tempfile
import termios
import time

import session
from session import coroner, expect, has

PANIC = (
    b"Guru Meditation Error: Core  0 panic'ed (Load access fault). Exception was unhandled.\r\n"
    b"\r\nCore  0 register dump:\r\n"
    b"MEPC    : 0x42013c20  RA      : 0x42009354  SP      : 0x3fc9a6f0  GP      : 0x3fc8c000  \r\n"
    b"TP      : 0x3fc9a8f0  T0      : 0x3d4b3e22  T1      : 0x000000cb  T2      : 0x00000001  \r\n"
    b"MSTATUS : 0x00001881  MTVEC   : 0x40380001  MCAUSE  : 0x00000005  MTVAL   : 0x00000002  \r\n\r\n"
)
LIMIT = 30


class Port:
    """A device at the other end of a serial port; `path` is a link, as udev makes them."""

    def __init__(self, path):
        self.path = path
        self.plug()

    def plug(self):
        self.device, port = pty.openpty()
        self.settings = port
        os.symlink(os.ttyname(port), self.path)

    def unplug(self):
        os.unlink(self.path)
        os.close(self.settings)
        os.close(self.device)

    def opened(self):
        """Waits until somebody has set it to pass bytes as they are."""
        end = time.monotonic() + LIMIT
        while termios.tcgetattr(self.settings)[3] & termios.ICANON:
            expect(time.monotonic() < end, "the port is opened")
            time.sleep(0.01)

    def prints(self, text):
        os.write(self.device, text)

    def reads(self, count):
        got = b""
        while len(got) < count:
            ready, _, _ = select.select([self.device], [], [], LIMIT)
            if not ready:
                break
            got += os.read(self.device, count - len(got))
        return got


class Watch:
    """The program in a folder, with a terminal as its standard input."""

    def __init__(self, folder, *arguments):
        self.keyboard, ours = pty.openpty()
        self.terminal = ours
        command = [coroner(), "watch", *arguments]
        self.process = subprocess.Popen(command, cwd=folder, stdin=ours, stdout=subprocess.PIPE)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.shown = b""

    def until(self, words, count=1):
        end = time.monotonic() + LIMIT
        while self.shown.count(words) < count:
            left = end - time.monotonic()
            ready, _, _ = select.select([self.process.stdout], [], [], max(left, 0))
            expect(ready, f"{words!r} is shown {count} times", repr(self.shown[-600:]))
            self.shown += self.process.stdout.read() or b""

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(LIMIT)


def a_port_passes_its_console_and_keys_and_comes_back():
    with tempfile.TemporaryDirectory() as folder:
        port = Port(os.path.join(folder, "port"))
        watch = Watch(folder, "port", "--baud", "921600")
        try:
            port.opened()
            port.prints(b"\x1b[32mbooting\x1b[0m\r\n> ")
            watch.until(b"\x1b[32mbooting\x1b[0m\r\n> ")
            speed = termios.tcgetattr(port.settings)[4]
            expect(speed == termios.B921600, "the port has its speed", str(speed))
            os.write(watch.keyboard, b"r")
            expect(port.reads(1) == b"r", "a key goes to the device at once, without a line feed")
            port.prints(PANIC)
            watch.until(b"kept as crashes/")
            has(watch.shown.decode(), "--- coroner: ", "0x42013c20")
            for round in range(1, 4):
                port.unplug()
                watch.until(b"not there; waiting for it", round)
                time.sleep(0.05 * round)
                port.plug()
                watch.until(b": there", round)
                port.opened()
                port.prints(b"ESP-ROM:esp32c3-api1-20210207\r\n" + PANIC)
                watch.until(b": seen %d times" % (round + 1))
            modes = termios.tcgetattr(watch.terminal)[3]
            expect(not modes & termios.ECHO, "our terminal does not echo keys")
            expect(watch.stop() == 3, "the exit status tells of the crash")
            modes = termios.tcgetattr(watch.terminal)[3]
            expect(modes & termios.ECHO and modes & termios.ICANON, "our terminal is as before")
        finally:
            watch.process.kill()
            watch.process.wait()
        kept = list(pathlib.Path(folder, "crashes").iterdir())
        expect(len(kept) == 1, "a crash that repeats is kept once", str(kept))


def lines_pass_at_once():
    with tempfile.TemporaryDirectory() as folder:
        port = Port(os.path.join(folder, "port"))
        watch = Watch(folder, "port")
        took = []
        try:
            port.opened()
            port.prints(b"ready\r\n")
            watch.until(b"ready")
            for number in range(300):
                start = time.perf_counter()
                port.prints(b"I (1) app: line %d\r\n" % number)
                watch.until(b"line %d\r\n" % number)
                took.append(time.perf_counter() - start)
        finally:
            watch.process.kill()
            watch.process.wait()
        took.sort()
        # What a busy machine adds is not ours to test.
        print(f"    a line takes {took[150] * 1e3:.2f} ms, the slowest of 300 {took[-1] * 1e3:.2f} ms")


if __name__ == "__main__":
    session.run([a_port_passes_its_console_and_keys_and_comes_back, lines_pass_at_once])
