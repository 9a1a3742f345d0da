"""The extension for VS Code: that it compiles, and starts what it should.

VS Code itself is not run here. The extension's module is loaded with a stand-in for the editor's interface, and the
program that it names is spoken to.
"""

import json
import os
import shutil
import subprocess
import tempfile

import session
from dap import Adapter
from session import ROOT, coroner, expect, tool

EXTENSION = ROOT / "editors/vscode"

STAND_IN = """
const registered = {};
const vscode = {
  workspace: { getConfiguration: () => ({ get: (name) => process.env["SETTING_" + name] }), workspaceFolders: [],
               getWorkspaceFolder: () => undefined },
  window: { showOpenDialog: async () => [{ fsPath: "/picked" }] },
  debug: {
    registerDebugAdapterDescriptorFactory: (type, it) => { registered.type = type; registered.adapters = it; },
    registerDebugConfigurationProvider: (type, it) => { registered.configurations = it; },
  },
  commands: { registerCommand: (name) => name },
  DebugAdapterExecutable: class { constructor(command, args) { this.command = command; this.args = args; } },
};
const Module = require("module");
const load = Module._load;
Module._load = (name, ...more) => (name === "vscode" ? vscode : load(name, ...more));
require(process.argv[1]).activate({ subscriptions: [] });
(async () => {
  let adapter, why;
  try { adapter = registered.adapters.createDebugAdapterDescriptor({}); } catch (error) { why = error.message; }
  const asked = await registered.configurations.resolveDebugConfiguration(undefined, {});
  console.log(JSON.stringify({ type: registered.type, adapter, why, asked }));
})();
"""


def compiled():
    """The extension, compiled in a folder of its own that outlives the run."""
    cache = os.environ.get("CORONER_CACHE") or os.path.expanduser("~/.cache/coroner")
    folder = os.path.join(cache, "vscode-extension")
    os.makedirs(folder, exist_ok=True)
    shutil.rmtree(os.path.join(folder, "out"), ignore_errors=True)
    for name in ["package.json", "tsconfig.json", "src"]:
        target = os.path.join(folder, name)
        (shutil.rmtree if os.path.isdir(target) else lambda path: os.path.exists(path) and os.remove(path))(target)
        (shutil.copytree if (EXTENSION / name).is_dir() else shutil.copy)(EXTENSION / name, target)
    tool("cdt-gdb-adapter")  # brings Node.js and npm
    if not os.path.exists(os.path.join(folder, "node_modules/typescript/bin/tsc")):
        subprocess.run(["npm", "install", "--silent", "--no-fund", "--no-audit", "--no-package-lock"], cwd=folder, check=True)
    done = subprocess.run(["npm", "run", "--silent", "compile"], cwd=folder, capture_output=True, text=True)
    expect(done.returncode == 0, "the extension compiles", done.stdout + done.stderr)
    return os.path.join(folder, "out/extension.js")


def asked(script, **environment):
    """What the extension does in a stand-in for VS Code."""
    done = subprocess.run(
        ["node", "-e", STAND_IN, script], capture_output=True, text=True, env={**os.environ, **environment}, timeout=60
    )
    expect(done.returncode == 0, "the extension loads", done.stderr)
    return json.loads(done.stdout)


def the_extension_compiles_and_starts_the_adapter():
    script = compiled()
    said = asked(script, SETTING_path=coroner())
    expect(said["type"] == "coroner", "the type is registered", str(said))
    expect(said["asked"]["dump"] == ["/picked"] and said["asked"]["type"] == "coroner", "F5 asks for a dump", str(said))
    with Adapter([said["adapter"]["command"], *said["adapter"]["args"]]) as adapter:
        adapter.ask("initialize", adapterID=said["type"])
    with tempfile.TemporaryDirectory() as empty:
        node = os.path.dirname(shutil.which("node"))
        lost = asked(script, PATH=node, HOME=empty)
    # The program may lie beside Node.js on a developer's machine.
    expect("coroner.path" in (lost["why"] or "") or lost["adapter"]["command"].startswith(node), "it says what is missing", str(lost))


if __name__ == "__main__":
    session.run([the_extension_compiles_and_starts_the_adapter])
