"""Plays the debug probe: runs an emulator and reads the RTT channel of the program in it.

    rtt.py RAM-START RAM-LEN FOLDER EMULATOR ARGUMENT...

As a probe does, it looks for the control block in the program's memory, takes what the ring holds, and
moves the read offset on, while the program keeps running. Writes the bytes to FOLDER/console.txt. What
the control block looks like is said in SEGGER's own words here, not by the crate under test.
"""

import os
import pathlib
import socket
import subprocess
import sys
import time

start, length, folder = int(sys.argv[1], 0), int(sys.argv[2], 0), sys.argv[3]
path = os.path.join(folder, "gdb.sock")
stub = ["-chardev", f"socket,id=gdb,path={path},server=on,wait=off", "-gdb", "chardev:gdb"]


class Gdb:
    """As much of GDB's remote protocol as it takes to read and write memory."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)
        self.rest = b""

    def receive(self):
        while self.rest.count(b"#") == 0 or len(self.rest.split(b"#", 1)[1]) < 2:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError
            self.rest += more
        packet, rest = self.rest.split(b"#", 1)
        self.rest = rest[2:]
        self.socket.sendall(b"+")
        return packet.split(b"$", 1)[1].decode()

    def send(self, packet):
        self.socket.sendall(f"${packet}#{sum(packet.encode()) & 255:02x}".encode())

    def ask(self, packet):
        self.send(packet)
        reply = self.receive()
        # That it stopped, at the connection or by Ctrl-C, is told in between.
        while reply.startswith("T"):
            reply = self.receive()
        return reply

    def read(self, at, count):
        got = b""
        while len(got) < count:
            got += bytes.fromhex(self.ask(f"m{at + len(got):x},{min(1024, count - len(got)):x}"))
        return got

    def word(self, at):
        return int.from_bytes(self.read(at, 4), "little")

    def write_word(self, at, value):
        assert self.ask(f"M{at:x},4:{value.to_bytes(4, 'little').hex()}") == "OK"

    def run_for(self, seconds):
        self.send("c")
        time.sleep(seconds)
        self.socket.sendall(b"\x03")
        self.receive()


def drain(gdb):
    """Until the program ends: all that it sends."""
    said, control = b"", None
    while True:
        if control is None:
            # SEGGER_RTT_CB: 16 bytes of id, number of up and down channels, then the first up
            # channel: name, buffer, size, write offset, read offset, flags.
            found = gdb.read(start, length).find(b"SEGGER RTT\0\0\0\0\0\0")
            control = start + found if found >= 0 else None
        if control is not None:
            buffer, size, write, read = (gdb.word(control + at) for at in (28, 32, 36, 40))
            if write != read:
                ring = gdb.read(buffer, size)
                said += ring[read:write] if read < write else ring[read:] + ring[:write]
                gdb.write_word(control + 40, write)
        try:
            gdb.run_for(0.02)
        except (EOFError, ConnectionError):
            return said


emulator = subprocess.Popen(sys.argv[4:] + stub, cwd=folder, stdin=subprocess.DEVNULL)
try:
    while not os.path.exists(path):
        time.sleep(0.02)
    text = drain(Gdb(path))
finally:
    emulator.kill()
    emulator.wait()
    pathlib.Path(path).unlink(missing_ok=True)
with open(os.path.join(folder, "console.txt"), "wb") as file:
    file.write(text)
