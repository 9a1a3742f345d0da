//! `coroner dap`: a dump for editors that speak the Debug Adapter Protocol.
//!
//! The properties of `launch` and `attach` are the options of the command line in an editor's spelling:
//! `elfDir` is `--elf-dir`. They are turned into words and read by the same definition.

use super::{Blame, Talk, options::listen_addresses};
use crate::adapter::{self, Doors, Opener, Target};
use crate::error::{Error, Result};
use crate::open::{self, Options};
use clap::{Args, Command, CommandFactory, FromArgMatches, Parser};
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) const EXAMPLES: &str = "\
Examples:
  coroner dap                                     what an editor starts; attach names the dump
  coroner dap crash.bin --elf-dir build           the dump where attach names none
  coroner dap --listen :4711                      several sessions over TCP

Properties of launch and attach: dump (a file or a list), and every option above in an editor's
spelling: elf, elfDir, romElf, pick, target, anyElf, force, initialData, maxMemory...;
sourceMap ({\"/build\": \"/home/me/src\"}), sourceDirs, skip, appRules. docs/ide.md has examples.";

/// Arguments of `coroner dap`.
#[derive(Debug, Args)]
pub struct DapArgs {
    /// Where to listen: HOST:PORT or :PORT; port 0 takes a free one
    /// [default: standard input and output]
    #[arg(long, value_name = "ADDR")]
    pub listen: Vec<String>,

    /// The dump, for clients that name none
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,

    /// What the library is told, where clients say nothing else.
    #[command(flatten)]
    pub options: Options,

    /// Whom to blame.
    #[command(flatten)]
    pub blame: Blame,

    /// How much is told.
    #[command(flatten)]
    pub talk: Talk,
}

/// `said` are the options of opening that the command line has, as words.
pub(super) fn run(args: &DapArgs, said: &[OsString]) -> Result<()> {
    let words = said.iter().take_while(|word| *word != "--").cloned();
    let words = words.chain(args.blame.words()).collect();
    let opener = FromProperties { inputs: args.inputs.clone(), words };
    if args.listen.is_empty() {
        return adapter::serve_stdio(&opener);
    }
    let doors = Doors::bind(&listen_addresses(&args.listen)?)?;
    eprintln!("coroner: debug adapter listening on {}", doors.addresses().join(" and "));
    doors.serve(Arc::new(opener));
    Ok(())
}

/// Opens what `launch` and `attach` name, and what the command line says where they say nothing.
struct FromProperties {
    inputs: Vec<PathBuf>,
    words: Vec<OsString>,
}

/// The options that a client may say as properties.
#[derive(Debug, Parser)]
#[command(
    name = "launch",
    no_binary_name = true,
    disable_help_flag = true,
    args_override_self = true
)]
struct Properties {
    #[arg(long)]
    dump: Vec<PathBuf>,

    #[command(flatten)]
    options: Options,

    #[command(flatten)]
    blame: Blame,

    #[arg(long)]
    source_dirs: Vec<PathBuf>,
}

/// What editors add on their own accord.
const OF_EDITORS: &[&str] = &[
    "type",
    "request",
    "name",
    "noDebug",
    "presentation",
    "internalConsoleOptions",
    "debugServer",
    "preLaunchTask",
    "postDebugTask",
    "serverReadyAction",
    "console",
    "cwd",
    "stopOnEntry",
    "debugAdapter",
    "command",
    "args",
    "env",
    "port",
    "host",
    "suppressMultipleSessionWarning",
    "debugOptions",
    "compilationCommand",
    "tasks",
    "adapter",
];

impl Opener for FromProperties {
    fn open(&self, properties: &Map<String, Value>) -> Result<Target> {
        let command = Properties::command();
        let (said, unknown) = words(&command, properties)?;
        let all = self.words.iter().cloned().chain(said);
        let matches = command.try_get_matches_from(all);
        let read = matches.and_then(|matches| Properties::from_arg_matches(&matches));
        let mut read = read.map_err(|error| {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            Error::Usage(line.trim_start_matches("error: ").to_string())
        })?;
        if let Some(folder) = properties.get("cwd").and_then(Value::as_str) {
            read.dump.iter_mut().for_each(|path| *path = Path::new(folder).join(&*path));
        }
        read.options.elves = read.options.elves.or_of_this_project();
        let inputs = if read.dump.is_empty() { &self.inputs } else { &read.dump };
        if inputs.is_empty() {
            return Err(Error::Usage("\"dump\" names the file to open, and it is missing".into()));
        }
        Ok(Target {
            source_map: source_map(properties.get("sourceMap"))?,
            opened: open::open(inputs, &read.options)?,
            rules: read.blame.rules()?,
            source_dirs: read.source_dirs,
            unknown,
        })
    }
}

/// Properties as words of a command line, and those that mean nothing.
fn words(
    command: &Command,
    properties: &Map<String, Value>,
) -> Result<(Vec<OsString>, Vec<String>)> {
    let (mut words, mut unknown) = (Vec::new(), Vec::new());
    for (name, value) in properties {
        let long = kebab(name);
        let own = command.get_arguments().find(|arg| arg.get_long() == Some(long.as_str()));
        let Some(own) = own else {
            let is_known = name == "sourceMap" || OF_EDITORS.contains(&name.as_str());
            unknown.extend((!is_known && !name.starts_with("__")).then(|| name.clone()));
            continue;
        };
        let wrong = |expected: &str| {
            Err(Error::Usage(format!("\"{name}\": expected {expected}, found {value}")))
        };
        if !own.get_action().takes_values() {
            match value {
                Value::Bool(true) => words.push(format!("--{long}").into()),
                Value::Bool(false) | Value::Null => {}
                _ => return wrong("true or false"),
            }
            continue;
        }
        let list = match value {
            Value::Array(list) => list.as_slice(),
            Value::Null => &[],
            one => std::slice::from_ref(one),
        };
        for one in list {
            match one {
                // An empty text is how forms say that nothing was entered.
                Value::String(text) if text.is_empty() => {}
                Value::String(text) => words.push(format!("--{long}={text}").into()),
                Value::Number(number) => words.push(format!("--{long}={number}").into()),
                _ => return wrong("a text, a number, or a list of them"),
            }
        }
    }
    Ok((words, unknown))
}

/// `elfDir` is `elf-dir`.
fn kebab(name: &str) -> String {
    let mut long = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            long.push('-');
        }
        long.push(c.to_ascii_lowercase());
    }
    long
}

fn source_map(value: Option<&Value>) -> Result<Vec<(String, String)>> {
    let map = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(map)) => map,
        Some(other) => {
            let expected = "expected an object such as {\"/build\": \"/home/me/src\"}";
            return Err(Error::Usage(format!("\"sourceMap\": {expected}, found {other}")));
        }
    };
    let pair = |(from, to): (&String, &Value)| match to {
        Value::String(to) => Ok((from.clone(), to.clone())),
        other => Err(Error::Usage(format!("\"sourceMap\": expected a folder, found {other}"))),
    };
    map.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(properties: Value) -> Result<(String, Vec<String>)> {
        let Value::Object(properties) = properties else { unreachable!("an object") };
        let (words, unknown) = words(&Properties::command(), &properties)?;
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        Ok((words.join(" "), unknown))
    }

    #[test]
    fn properties_are_the_options_of_the_command_line() {
        let (words, unknown) = said(json!({
            "type": "coroner", "request": "attach", "__sessionId": "x", "dump": ["a", "b"],
            "elfDir": "build", "pick": 2, "anyElf": true, "force": false, "maxMemory": "1G",
            "target": "", "elves": "typo",
        }))
        .expect("properties");
        assert_eq!(words, "--any-elf --dump=a --dump=b --elf-dir=build --max-memory=1G --pick=2");
        assert_eq!(unknown, ["elves"]);
        for wrong in [json!({"force": "yes"}), json!({"elf": {"a": 1}}), json!({"elf": [true]})] {
            assert!(said(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_option_of_opening_is_a_property() {
        let command = Properties::command();
        let own = super::super::OpenArgs::augment_args(Command::new(""));
        let talk = Talk::augment_args(Command::new(""));
        for arg in own.get_arguments().filter_map(|arg| arg.get_long()) {
            let is_talk = talk.get_arguments().any(|other| other.get_long() == Some(arg));
            let is_property = command.get_arguments().any(|own| own.get_long() == Some(arg));
            assert!(is_talk || is_property, "--{arg}");
        }
    }

    #[test]
    fn the_extension_s_properties_are_these() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("editors/vscode/package.json");
        let text = std::fs::read_to_string(path).expect("the extension's manifest");
        let manifest: Value = serde_json::from_str(&text).expect("JSON");
        for request in ["launch", "attach"] {
            let at =
                format!("/contributes/debuggers/0/configurationAttributes/{request}/properties");
            let Some(Value::Object(properties)) = manifest.pointer(&at) else { panic!("{at}") };
            let mut there: Vec<String> = properties.keys().map(|name| kebab(name)).collect();
            let command = Properties::command();
            let own = command.get_arguments().filter_map(|arg| arg.get_long());
            let mut own: Vec<String> = own.chain(["source-map"]).map(str::to_string).collect();
            there.sort_unstable();
            own.sort_unstable();
            assert_eq!(there, own, "{request}");
        }
    }
}
