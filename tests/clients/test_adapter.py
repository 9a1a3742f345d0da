"""Our own debug adapter, as editors use it: `coroner dap`.

What it answers is compared with the published schema of the protocol, and with the values that the demo's
source gives. A second part asks everything in the wrong order, with wrong arguments, and many times.
"""

import base64
import json
import pathlib
import random
import socket
import subprocess

import session
from dap import Adapter
from session import CRASH_LINE, FIRMWARE, FIXTURES, ROOT, coroner, expect, has, tool

DUMP = ROOT / "tests/data/demo/dump.core"
DEMO = {"dump": str(DUMP), "elf": str(FIRMWARE), "sourceDirs": [str(ROOT)]}


class Checked(Adapter):
    """An adapter whose every message is held against the protocol's schema."""

    def __init__(self, command):
        super().__init__(command)
        self.asked = {}
        self.checked = 0

    def send(self, command, **arguments):
        number = super().send(command, **arguments)
        self.asked[number] = command
        return number

    def _take(self):
        before = len(self.events)
        known = set(self.replies)
        super()._take()
        for event in self.events[before:]:
            self.check(event, event["event"] + "Event")
        for number in set(self.replies) - known:
            reply = self.replies[number]
            name = reply["command"] + "Response" if reply["success"] else "ErrorResponse"
            expect(reply["command"] == self.asked.get(number, reply["command"]), "the answer is of the request", str(reply))
            self.check(reply, name)

    def check(self, message, name):
        definition = name[0].upper() + name[1:]
        problem = SCHEMA.problem(message, definition)
        expect(problem is None, f"{definition} is as the schema has it", f"{problem}\n{json.dumps(message)[:2000]}")
        self.checked += 1


class Schema:
    """The protocol's schema, as debugpy brings it, asked in the Python that has it."""

    CHECKER = """
import json, sys, pathlib, importlib.util, jsonschema
root = pathlib.Path(importlib.util.find_spec("debugpy").origin).parent
schema = json.load(open(next(root.rglob("debugProtocol.json"))))
for line in sys.stdin:
    message, definition = json.loads(line)
    if definition not in schema["definitions"]:
        print(json.dumps("the schema has no " + definition), flush=True); continue
    validator = jsonschema.Draft4Validator({**schema["definitions"][definition], "definitions": schema["definitions"]})
    error = next(validator.iter_errors(message), None)
    print(json.dumps(error and error.message), flush=True)
"""

    def __init__(self):
        python = pathlib.Path(tool("dap-schema"))
        self.process = subprocess.Popen(
            [python, "-c", self.CHECKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def problem(self, message, definition):
        self.process.stdin.write(json.dumps([message, definition]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


SCHEMA = Schema()


def begin(properties, first=1):
    """A session that has come as far as the stop."""
    adapter = Checked([coroner(), "dap"])
    adapter.next = first
    adapter.ask("initialize", adapterID="coroner", linesStartAt1=True, columnsStartAt1=True)
    adapter.wait_for("initialized")
    attached = adapter.send("attach", **properties)
    marks = adapter.ask("setBreakpoints", source={"path": "demo.rs"}, breakpoints=[{"line": 5}])["breakpoints"]
    expect(marks and not marks[0]["verified"], "a breakpoint is none", str(marks))
    adapter.ask("configurationDone")
    expect(adapter.reply_to(attached)["success"], "attach works", adapter.console)
    adapter.stopped = adapter.wait_for("stopped")
    return adapter


def tree(adapter, reference, depth=0):
    """All of a branch, by name."""
    found = {}
    for variable in adapter.ask("variables", variablesReference=reference)["variables"]:
        inner = variable["variablesReference"]
        found[variable["name"]] = (variable, tree(adapter, inner, depth - 1) if inner and depth else {})
    return found


def the_demo_is_walked_through():
    with begin(DEMO) as adapter:
        expect(adapter.stopped["reason"] == "exception", "it stands at the crash", str(adapter.stopped))
        has(adapter.stopped["text"], "bus fault", "0xdeadbee0", "read_offset")
        threads = adapter.ask("threads")["threads"]
        expect(len(threads) == 3 and threads[0]["id"] == adapter.stopped["threadId"], "the crashed one is first", str(threads))
        has(threads[0]["name"], "sensor", "priority 2")
        one = adapter.ask("stackTrace", threadId=threads[0]["id"], startFrame=0, levels=1)
        rest = adapter.ask("stackTrace", threadId=threads[0]["id"], startFrame=1, levels=20)["stackFrames"]
        expect(one["totalFrames"] == 1 + len(rest) == 4, "frames come a few at a time", str(one))
        frame = one["stackFrames"][0]
        has(frame["name"], "read_offset")
        expect(frame["line"] == CRASH_LINE, "the line is known", str(frame))
        expect(pathlib.Path(frame["source"]["path"]).is_file(), "the source is found", str(frame))
        scopes = {s["name"]: s for s in adapter.ask("scopes", frameId=frame["id"])["scopes"]}
        arguments = tree(adapter, scopes["Arguments"]["variablesReference"], 1)
        pointer, behind = arguments["calibration"]
        has(pointer["value"], "0xdeadbee0")
        has(behind["offset"][0]["value"], "not in the dump")
        registers = tree(adapter, scopes["Registers"]["variablesReference"])
        has(registers["r0"][0]["value"], "0xdeadbee0")
        statics = tree(adapter, scopes["Globals of demo.rs"]["variablesReference"], 1)
        settings, parts = statics["demo::SETTINGS"]
        has(settings["value"], "channel: 2")
        expect(parts["channel"][0]["value"] == "2", "members are parts", str(parts))
        again = adapter.ask("evaluate", expression=parts["station"][0]["evaluateName"] + "[0]", frameId=frame["id"])
        expect(again["result"] == "114", "a part's name evaluates to it", str(again))
        has(statics["demo::_::DECLARED"][0]["value"], "not on the device")
        expect(scopes["All globals"]["expensive"], "all globals are asked for alone", str(scopes))
        info = adapter.ask("exceptionInfo", threadId=1)
        has(info["description"], "bus fault")
        has(adapter.ask("evaluate", expression="threads", context="repl")["result"], "sensor", "radio", "watch")
        hexed = adapter.ask("evaluate", expression="SETTINGS.interval_ms", format={"hex": True}, context="watch")
        expect(hexed["result"] == "0xbeef", "numbers in hexadecimal", str(hexed))
        memory = adapter.ask("readMemory", memoryReference=settings["memoryReference"], count=8)
        expect(len(base64.b64decode(memory["data"])) == 8, "memory is read", str(memory))
        none = adapter.ask("readMemory", memoryReference="0xdeadbee0", count=64)
        expect("data" not in none and none["unreadableBytes"] == 64, "what is missing is told", str(none))
        code = adapter.ask("disassemble", memoryReference=frame["instructionPointerReference"], instructionOffset=-3, instructionCount=8)
        code = code["instructions"]
        expect(len(code) == 8 and code[3]["address"] == frame["instructionPointerReference"], "instructions around the pc", str(code))
        has(code[3]["instruction"], "ldr")
        nowhere = adapter.ask("disassemble", memoryReference="0xdeadbee0", instructionCount=2)["instructions"]
        expect([one["presentationHint"] for one in nowhere] == ["invalid"] * 2, "where nothing is, nothing is shown", str(nowhere))
        modules = adapter.ask("modules")["modules"]
        has(modules[0]["symbolStatus"], "matches")
        has(str(adapter.ask("loadedSources")), "demo.rs")
        labels = [t["label"] for t in adapter.ask("completions", text="cal", column=4, frameId=frame["id"])["targets"]]
        expect("calibration" in labels, "names are completed", str(labels))
        for resume in ["continue", "next", "stepIn", "stepOut", "pause"]:
            adapter.ask(resume, threadId=1)
            expect(adapter.wait_for("stopped")["threadId"] == 1, f"{resume} stops again", "")
        has(adapter.console, "The device is dead")
        adapter.ask("restart")
        adapter.wait_for("stopped")
        has(adapter.ask("threads")["threads"][0]["name"], "sensor")
        adapter.ask("disconnect")
        adapter.wait_for("terminated")


def a_client_that_numbers_from_0_is_answered_in_order():
    with Checked([coroner(), "dap"]) as adapter:
        adapter.next = 0
        number = adapter.send("initialize", adapterID="coroner")
        adapter.wait_for("initialized")
        expect(number in adapter.replies, "the response came before the event", "")


def what_can_not_be_opened_is_said_and_another_try_is_free():
    with Checked([coroner(), "dap"]) as adapter:
        adapter.ask("initialize", adapterID="coroner")
        for properties, word in [
            ({}, "dump"),
            ({"dump": "/nowhere/at/all"}, "/nowhere/at/all"),
            ({"dump": str(FIRMWARE)}, "it is a program"),
            ({"dump": str(DUMP), "elf": str(DUMP)}, "dump.core"),
            ({"dump": str(DUMP), "pick": "seven"}, "pick"),
            ({"dump": {"a": 1}}, "dump"),
            ({"dump": str(DUMP), "sourceMap": [1]}, "sourceMap"),
        ]:
            reply = adapter.reply_to(adapter.send("launch", **properties))
            expect(not reply["success"], f"{properties} is no dump", str(reply))
            has(reply["message"], word)
            expect(reply["body"]["error"]["showUser"], "the user sees it", str(reply))
        expect(adapter.reply_to(adapter.send("launch", **DEMO))["success"], "the right one opens", "")


def the_exception_stands_between_the_frames():
    name = "probe-rs/nRF52833_xxAA_hardfault_from_busfault"
    paths = session.fixture(f"{name}.coredump", f"{name}.elf")
    if not paths:
        return
    core, elf = map(str, paths)
    with begin({"dump": core, "elf": elf}) as adapter:
        frames = adapter.ask("stackTrace", threadId=1)["stackFrames"]
        marks = [i for i, frame in enumerate(frames) if frame.get("presentationHint") == "label"]
        expect(marks, "the exception is marked", str([f["name"] for f in frames]))
        has(frames[marks[0]]["name"], "HardFault")


def every_fixture_of_espressif_is_walked_through():
    if not session.fixture("espressif"):
        return
    for elf in sorted((FIXTURES / "espressif").glob("*/*.elf")):
        dump = elf.parent / ("coredump_bin.raw" if elf.stem.endswith("_bin") else "coredump.raw")
        if elf.stem.endswith("saved-core") or not dump.exists():
            continue
        with begin({"dump": str(dump), "elf": str(elf)}) as adapter:
            for thread in adapter.ask("threads")["threads"]:
                frames = adapter.ask("stackTrace", threadId=thread["id"])["stackFrames"]
                for frame in frames[:4]:
                    for scope in adapter.ask("scopes", frameId=frame["id"])["scopes"]:
                        tree(adapter, scope["variablesReference"])
            names = " ".join(f["name"] for f in adapter.ask("stackTrace", threadId=1)["stackFrames"])
            has(names, "app_main")


def nothing_that_a_client_asks_ends_the_session():
    chance = random.Random(7)
    commands = [
        "initialize", "threads", "stackTrace", "scopes", "variables", "evaluate", "exceptionInfo", "readMemory",
        "source", "loadedSources", "modules", "completions", "continue", "next", "pause", "setBreakpoints", "cancel",
        "setVariable", "disassemble", "goto", "stepBack", "noSuchThing", "configurationDone", "setExceptionBreakpoints",
    ]
    keys = [
        "threadId", "frameId", "variablesReference", "expression", "memoryReference", "count", "offset", "start",
        "levels", "startFrame", "source", "sourceReference", "text", "column", "format", "filter", "requestId",
        "breakpoints", "context", "moduleCount", "instructionCount", "instructionOffset",
    ]
    values = [
        None, 0, 1, 2, -1, 1 << 62, 1.5, "", "x", "0x20000000", "*" * 5000, "a[" * 500, [], {}, [1], {"hex": True}, True,
        {"sourceReference": 1}, "SETTINGS", "'", "$pc", "(int)SETTINGS", "help", "\x1b[31m",
    ]
    for properties in [None, DEMO]:
        adapter = begin(DEMO) if properties else Checked([coroner(), "dap"])
        with adapter:
            numbers = []
            for _ in range(600):
                arguments = {chance.choice(keys): chance.choice(values) for _ in range(chance.randrange(5))}
                numbers.append(adapter.send(chance.choice(commands), **arguments))
                if len(numbers) >= 40:
                    for number in numbers:
                        adapter.reply_to(number)
                    numbers = []
            for number in numbers:
                adapter.reply_to(number)
            for bytes in [b"Content-Length: 3\r\n\r\n{]}", b"Content-Length: 4\r\n\r\nnull", b"\r\nContent-Length: 2\r\n\r\n[]"]:
                adapter.process.stdin.write(bytes)
            expect("threads" in adapter.ask("threads"), "it still answers", "")


def sessions_over_tcp_do_not_touch_each_other():
    server = subprocess.Popen([coroner(), "dap", "--listen", "127.0.0.1:0", str(DUMP), "--elf", str(FIRMWARE)], stderr=subprocess.PIPE, text=True)
    try:
        port = int(server.stderr.readline().rsplit(":", 1)[1])

        def speak(bytes):
            with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
                peer.sendall(bytes)
                peer.shutdown(socket.SHUT_WR)
                answer = b""
                while part := peer.recv(65536):
                    answer += part
                return answer

        def message(**fields):
            body = json.dumps({"type": "request", **fields}).encode()
            return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)

        attach = message(seq=1, command="attach", arguments={}) + message(seq=2, command="threads")
        has(speak(attach).decode(), "sensor")
        expect(speak(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b"", "a browser is hung up on", "")
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        has(speak(attach).decode(), "sensor")
        for peer in silent:
            peer.close()
        expect(server.poll() is None, "the server lives", "")
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    session.run(
        [
            the_demo_is_walked_through,
            a_client_that_numbers_from_0_is_answered_in_order,
            what_can_not_be_opened_is_said_and_another_try_is_free,
            the_exception_stands_between_the_frames,
            every_fixture_of_espressif_is_walked_through,
            nothing_that_a_client_asks_ends_the_session,
            sessions_over_tcp_do_not_touch_each_other,
        ]
    )
