// VS Code's side of `coroner dap`: finds the program, starts it, and opens the report beside the session. What the
// dump says is the program's business alone.

import { execFile } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import * as vscode from "vscode";

const TYPE = "coroner";

/** The program: as the settings say, on the PATH, or where cargo installs. */
function program(): string | undefined {
  const named = vscode.workspace.getConfiguration(TYPE).get<string>("path");
  if (named) {
    return named;
  }
  const file = process.platform === "win32" ? "coroner.exe" : "coroner";
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  folders.push(join(homedir(), ".cargo", "bin"));
  return folders.map((folder) => join(folder, file)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function foundProgram(): string {
  const found = program();
  if (found === undefined) {
    throw new Error('The program coroner is not on the PATH: set "coroner.path" in the settings');
  }
  return found;
}

class Adapters implements vscode.DebugAdapterDescriptorFactory {
  createDebugAdapterDescriptor(session: vscode.DebugSession): vscode.DebugAdapterDescriptor {
    const cwd = session.workspaceFolder?.uri.fsPath;
    return new vscode.DebugAdapterExecutable(foundProgram(), ["dap"], cwd === undefined ? {} : { cwd });
  }
}

class Configurations implements vscode.DebugConfigurationProvider {
  async resolveDebugConfiguration(
    folder: vscode.WorkspaceFolder | undefined,
    configuration: vscode.DebugConfiguration,
  ): Promise<vscode.DebugConfiguration | undefined> {
    // F5 without a launch.json.
    if (!configuration.type && !configuration.request) {
      Object.assign(configuration, { type: TYPE, request: "attach", name: "Crash" });
    }
    if (!configuration.dump || configuration.dump.length === 0) {
      const picked = await vscode.window.showOpenDialog({
        canSelectMany: true,
        title: "The dump: its files, if it has several",
        defaultUri: folder?.uri,
      });
      if (picked === undefined || picked.length === 0) {
        return undefined;
      }
      configuration.dump = picked.map((uri) => uri.fsPath);
    }
    return configuration;
  }
}

/** A session on a file of the explorer; the ELF file is looked for where builds usually put it. */
async function openDump(uri: vscode.Uri | undefined, selected?: vscode.Uri[]): Promise<void> {
  const files = selected !== undefined && selected.length > 0 ? selected : uri === undefined ? [] : [uri];
  const folder = files.length > 0 ? vscode.workspace.getWorkspaceFolder(files[0]) : vscode.workspace.workspaceFolders?.[0];
  const configuration: vscode.DebugConfiguration = {
    type: TYPE,
    request: "attach",
    name: files.length > 0 ? basename(files[0].fsPath) : "Crash",
    dump: files.map((file) => file.fsPath),
  };
  const roots = [folder?.uri.fsPath, files.length > 0 ? dirname(files[0].fsPath) : undefined];
  const builds = roots.flatMap((root) => (root === undefined ? [] : [join(root, "build")]));
  const found = [...new Set(builds)].filter((build) => statSync(build, { throwIfNoEntry: false })?.isDirectory());
  if (found.length > 0) {
    configuration.elfDir = found;
  }
  await vscode.debug.startDebugging(folder, configuration);
}

/** The report of a session's dump, in a tab beside it. */
async function showReport(): Promise<void> {
  const session = vscode.debug.activeDebugSession;
  if (session?.type !== TYPE) {
    void vscode.window.showInformationMessage("No crash dump is open.");
    return;
  }
  const list = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : value ? [String(value)] : []);
  const { dump, elf, elfDir, pick, anyElf, force } = session.configuration;
  const words = ["report", "--html", "-"];
  words.push(...list(elf).map((file) => `--elf=${file}`), ...list(elfDir).map((file) => `--elf-dir=${file}`));
  words.push(...list(pick).map((number) => `--pick=${number}`));
  words.push(...(anyElf ? ["--any-elf"] : []), ...(force ? ["--force"] : []), "--", ...list(dump));
  const cwd = session.workspaceFolder?.uri.fsPath;
  const limits = { cwd, maxBuffer: 64 << 20, timeout: 60_000 };
  execFile(foundProgram(), words, limits, (error, page, said) => {
    if (error !== null) {
      void vscode.window.showErrorMessage(said.trim() || error.message);
      return;
    }
    const panel = vscode.window.createWebviewPanel(TYPE, `Report: ${session.name}`, vscode.ViewColumn.Beside, {});
    panel.webview.html = page;
  });
}

export function activate(context: vscode.ExtensionContext): void {
  context.subscriptions.push(
    vscode.debug.registerDebugAdapterDescriptorFactory(TYPE, new Adapters()),
    vscode.debug.registerDebugConfigurationProvider(TYPE, new Configurations()),
    vscode.commands.registerCommand("coroner.openDump", openDump),
    vscode.commands.registerCommand("coroner.showReport", showReport),
  );
}
