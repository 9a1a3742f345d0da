"""Editors: Eclipse CDT's debug adapter over gdb-multiarch, and GDB 18's own."""

import base64
import json
import re

import session
from dap import Adapter
from session import CRASH_LINE, FIRMWARE, ROOT, Server, expect, has, tool


def configuration(name, port):
    """A configuration of docs/launch.json, for this firmware and this port."""
    text = (ROOT / "docs/launch.json").read_text()
    plain = re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
    found = next(c for c in json.loads(plain)["configurations"] if c["name"] == f"Crash ({name})")
    found["program"] = str(FIRMWARE)
    found["target"]["port"] = str(port)
    found["gdb"] = tool("gdb-multiarch")
    return found


def walk(adapter, resumes):
    """What an editor does once it is attached: threads, stacks, variables, memory, every button."""
    threads = adapter.ask("threads")["threads"]
    names = " ".join(thread["name"] for thread in threads)
    expect(len(threads) == 3, "three tasks are listed", str(threads))
    has(names, "sensor", "radio", "watch")
    crashed = next(thread["id"] for thread in threads if "sensor" in thread["name"])
    for thread in threads:
        frames = adapter.ask("stackTrace", threadId=thread["id"], startFrame=0, levels=20)["stackFrames"]
        expect(len(frames) >= 2, f"{thread['name']} has callers", str(frames))
    frames = adapter.ask("stackTrace", threadId=crashed, startFrame=0, levels=20)["stackFrames"]
    has(frames[0]["name"], "read_offset")
    expect(
        frames[0]["line"] == CRASH_LINE and frames[0]["source"]["path"].endswith("demo.rs"),
        "the line is known",
        str(frames),
    )
    scopes = adapter.ask("scopes", frameId=frames[0]["id"])["scopes"]
    variables = []
    for scope in scopes:
        if "register" not in scope["name"].lower():
            variables += adapter.ask("variables", variablesReference=scope["variablesReference"])["variables"]
    values = {variable["name"]: variable["value"] for variable in variables}
    has(values.get("calibration", ""), "0xdeadbee0")
    value = adapter.ask("evaluate", expression="1 + 1", frameId=frames[0]["id"], context="watch")["result"]
    expect(value == "2", "expressions are evaluated", value)
    memory = adapter.ask("readMemory", memoryReference="0x20000000", count=8)
    expect(len(base64.b64decode(memory["data"])) == 8, "memory is read", str(memory))

    adapter.events.clear()
    for resume in resumes:
        adapter.ask(resume, threadId=crashed)
        stopped = adapter.wait_for("stopped")
        expect(
            stopped["reason"] in ("SIGSEGV", "signal", "exception", "step"),
            f"{resume} stops again",
            str(stopped),
        )
        frames = adapter.ask("stackTrace", threadId=crashed, startFrame=0, levels=1)["stackFrames"]
        has(frames[0]["name"], "read_offset")
    adapter.wait_for_console("The device is dead")


def cdt_gdb_adapter_attaches_walks_and_survives_every_button():
    with Server() as server, Adapter(["node", tool("cdt-gdb-adapter")]) as adapter:
        adapter.ask(
            "initialize", adapterID="gdbtarget", linesStartAt1=True, columnsStartAt1=True, pathFormat="path"
        )
        attached = adapter.send("attach", **configuration("CDT GDB", server.port))
        adapter.wait_for("initialized")
        adapter.ask("configurationDone")
        expect(adapter.reply_to(attached)["success"], "attach works", adapter.console)
        # The adapter lets the target run right after the attach; it stops at once.
        adapter.wait_for("stopped")
        walk(adapter, ["next", "stepIn", "continue"])
        adapter.ask("disconnect")


def cdt_gdb_adapter_accepts_what_the_esp_idf_extension_sends():
    with Server() as server, Adapter(["node", tool("cdt-gdb-adapter")]) as adapter:
        adapter.ask(
            "initialize", adapterID="gdbtarget", linesStartAt1=True, columnsStartAt1=True, pathFormat="path"
        )
        commands = ["set remote hardware-watchpoint-limit 2", "mon reset halt", "thb main"]
        arguments = configuration("ESP-IDF", server.port)
        arguments["initCommands"] += commands
        attached = adapter.send("attach", **arguments)
        adapter.wait_for("initialized")
        adapter.ask("configurationDone")
        expect(adapter.reply_to(attached)["success"], "attach works", adapter.console)
        adapter.wait_for("stopped")
        walk(adapter, ["continue"])


def gdbs_own_adapter_attaches_walks_and_survives_every_button():
    command = [tool("gdb-18"), "-nx", "-iex", "set debuginfod enabled off", "-i=dap"]
    with Server() as server, Adapter(command) as adapter:
        adapter.ask(
            "initialize", adapterID="gdb", linesStartAt1=True, columnsStartAt1=True, pathFormat="path"
        )
        attached = adapter.send("attach", target=f"127.0.0.1:{server.port}", program=str(FIRMWARE))
        adapter.wait_for("initialized")
        adapter.ask("configurationDone")
        expect(adapter.reply_to(attached)["success"], "attach works", adapter.console)
        adapter.wait_for("stopped")
        walk(adapter, ["next", "stepIn", "stepOut", "continue"])
        adapter.ask("disconnect", terminateDebuggee=False)


if __name__ == "__main__":
    session.run(
        [
            cdt_gdb_adapter_attaches_walks_and_survives_every_button,
            cdt_gdb_adapter_accepts_what_the_esp_idf_extension_sends,
            gdbs_own_adapter_attaches_walks_and_survives_every_button,
        ]
    )
