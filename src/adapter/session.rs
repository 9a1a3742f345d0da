//! The life of a session: from `initialize` over `attach` to `disconnect`.

use super::launch::{Opener, Target};
use super::view::{After, View};
use super::wire::{self, Message};
use crate::display;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::io::{self, BufRead, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// As many requests may wait.
const MOST_WAITING: usize = 1024;

/// A request of the client.
pub(super) struct Request {
    seq: i64,
    pub(super) command: String,
    pub(super) arguments: Value,
}

/// What the client says of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    /// The number that it gives to the first line of a file.
    pub(super) first_line: u32,
    /// The same of columns.
    pub(super) first_column: u32,
}

/// Requests that the client wants no more answer to.
type Cancelled = Arc<Mutex<HashSet<i64>>>;

/// Reads requests until the connection ends, and remembers at once which are cancelled. `greeted` is called
/// when the first one was read.
pub(super) fn listen<R: BufRead>(
    mut from: R,
    to: &SyncSender<Request>,
    cancelled: &Cancelled,
    greeted: impl FnOnce(&mut R),
) {
    let mut greeted = Some(greeted);
    loop {
        let value = match wire::read(&mut from) {
            Ok(Some(Message::Json(value))) => value,
            Ok(Some(Message::Garbage(why))) => {
                tracing::debug!("a message that is no JSON: {why}");
                continue;
            }
            Ok(None) => return,
            Err(error) => {
                tracing::info!("the client is lost: {error}");
                return;
            }
        };
        let Some(request) = request(value) else { continue };
        if let Some(greeted) = greeted.take() {
            greeted(&mut from);
        }
        if request.command == "cancel"
            && let Some(id) = request.arguments.get("requestId").and_then(Value::as_i64)
        {
            let mut all = cancelled.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() < MOST_WAITING {
                all.insert(id);
            }
        }
        if to.send(request).is_err() {
            return;
        }
    }
}

/// A request out of a message; responses and events of a client are nothing to us.
fn request(value: Value) -> Option<Request> {
    let Value::Object(mut message) = value else { return None };
    // Some clients number from 0, some give no number at all.
    let seq = message.get("seq").and_then(Value::as_i64).unwrap_or(0);
    let kind = message.get("type").and_then(Value::as_str).unwrap_or("request");
    let command = message.get("command").and_then(Value::as_str).filter(|_| kind == "request")?;
    let command = command.to_string();
    let arguments = message.remove("arguments").unwrap_or_default();
    Some(Request { seq, command, arguments })
}

/// A session in progress.
pub(super) struct Session<'s, W> {
    out: W,
    seq: i64,
    inbox: Receiver<Request>,
    cancelled: Cancelled,
    opener: &'s dyn Opener,
    client: Client,
    configured: bool,
    /// What `restart` opens again.
    properties: Map<String, Value>,
}

/// Where requests come from: for the thread that reads them.
pub(super) type Inlet = (SyncSender<Request>, Cancelled);

impl<'s, W: Write> Session<'s, W> {
    /// A session that has heard nothing yet.
    pub(super) fn new(out: W, opener: &'s dyn Opener) -> (Self, Inlet) {
        let (to, inbox) = sync_channel(MOST_WAITING);
        let cancelled = Cancelled::default();
        let session = Session {
            out,
            seq: 0,
            inbox,
            cancelled: Arc::clone(&cancelled),
            opener,
            client: Client { first_line: 1, first_column: 1 },
            configured: false,
            properties: Map::new(),
        };
        (session, (to, cancelled))
    }

    /// Answers until the client goes.
    ///
    /// # Errors
    /// What the operating system says if the client takes no answers.
    pub(super) fn run(&mut self) -> io::Result<()> {
        while let Some(request) = self.next()? {
            match request.command.as_str() {
                "launch" | "attach" => {
                    let Some(mut target) = self.open(&request)? else { continue };
                    self.respond(&request, Ok(Value::Null))?;
                    while let Some(again) = self.look(target)? {
                        target = again;
                    }
                    return Ok(());
                }
                _ => {
                    if self.common(&request)? {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// What can be answered with and without a dump. Whether the session ends.
    fn common(&mut self, request: &Request) -> io::Result<bool> {
        match request.command.as_str() {
            "initialize" => {
                let starts_at = |name: &str| {
                    let at_1 = request.arguments.get(name).and_then(Value::as_bool);
                    u32::from(at_1.unwrap_or(true))
                };
                self.client = Client {
                    first_line: starts_at("linesStartAt1"),
                    first_column: starts_at("columnsStartAt1"),
                };
                self.respond(request, Ok(capabilities()))?;
                self.event("initialized", Value::Null)?;
            }
            "configurationDone" => {
                self.configured = true;
                self.respond(request, Ok(Value::Null))?;
            }
            "cancel" => self.respond(request, Ok(Value::Null))?,
            "setBreakpoints"
            | "setFunctionBreakpoints"
            | "setInstructionBreakpoints"
            | "setDataBreakpoints"
            | "setExceptionBreakpoints" => {
                self.respond(request, Ok(refused_breakpoints(&request.arguments)))?;
            }
            "disconnect" | "terminate" => {
                self.respond(request, Ok(Value::Null))?;
                self.event("terminated", json!({}))?;
                return Ok(true);
            }
            "threads" => self.respond(request, Ok(json!({ "threads": [] })))?,
            other => {
                let why = match KNOWN.contains(&other) {
                    true => format!("{other}: no dump is open yet; launch or attach names one"),
                    false => format!("{other}: a dump can't answer this"),
                };
                self.respond(request, Err(why))?;
            }
        }
        Ok(false)
    }

    /// Opens what a request names, or says why that can't be.
    fn open(&mut self, request: &Request) -> io::Result<Option<Target>> {
        if let Value::Object(properties) = &request.arguments {
            self.properties.clone_from(properties);
        }
        match self.opener.open(&self.properties) {
            Ok(target) => Ok(Some(target)),
            Err(error) => {
                self.respond(request, Err(error.to_string()))?;
                Ok(None)
            }
        }
    }

    /// Answers about one dump. What is to be opened next, unless the client goes.
    fn look(&mut self, target: Target) -> io::Result<Option<Target>> {
        let parts = super::view::Parts::of(target);
        let modules = parts.served.modules();
        let mut view = View::new(&parts, &modules, self.client);
        self.say(&view.greeting(), "console")?;
        let mut told = false;
        loop {
            if self.configured && !told {
                told = true;
                self.event("stopped", view.stopped("exception"))?;
            }
            let Some(request) = self.next()? else { return Ok(None) };
            match request.command.as_str() {
                "launch" | "attach" => {
                    self.respond(&request, Err("a dump is open already".into()))?;
                }
                "restart" => {
                    let again = Request {
                        arguments: request.arguments.get("arguments").cloned().unwrap_or_default(),
                        ..request
                    };
                    let Some(target) = self.open(&again)? else { continue };
                    self.respond(&again, Ok(Value::Null))?;
                    return Ok(Some(target));
                }
                command if command != "threads" && !KNOWN.contains(&command) => {
                    if self.common(&request)? {
                        return Ok(None);
                    }
                }
                _ => {
                    let (answer, after) = view.answer(&request);
                    self.respond(&request, answer)?;
                    if let After::Stopped(reason) = after {
                        self.say(CANNOT_RUN, "console")?;
                        self.event("stopped", view.stopped(reason))?;
                    }
                }
            }
        }
    }

    /// The next request that somebody still wants an answer to; `None` at the end.
    fn next(&mut self) -> io::Result<Option<Request>> {
        loop {
            let Ok(request) = self.inbox.recv() else { return Ok(None) };
            let unwanted = {
                let mut all = self.cancelled.lock().unwrap_or_else(PoisonError::into_inner);
                all.remove(&request.seq)
            };
            if !unwanted {
                return Ok(Some(request));
            }
            self.respond(&request, Err("cancelled".into()))?;
        }
    }

    fn respond(&mut self, request: &Request, answer: Result<Value, String>) -> io::Result<()> {
        let mut message = json!({
            "type": "response",
            "request_seq": request.seq,
            "command": request.command,
            "success": answer.is_ok(),
        });
        let (name, body) = match answer {
            Ok(Value::Null) => return self.send(message),
            Ok(body) => ("body", body),
            Err(why) => {
                let why = display::line(&why).into_owned();
                message["message"] = why.as_str().into();
                // Editors show `format`, some of them only `message`.
                let escaped = why.replace('{', "(").replace('}', ")");
                let error = json!({ "id": 1, "format": escaped, "showUser": is_worth_showing(&request.command) });
                ("body", json!({ "error": error }))
            }
        };
        message[name] = body;
        self.send(message)
    }

    fn event(&mut self, event: &str, body: Value) -> io::Result<()> {
        let mut message = json!({ "type": "event", "event": event });
        if !body.is_null() {
            message["body"] = body;
        }
        self.send(message)
    }

    /// Shows `text` on the client's console.
    fn say(&mut self, text: &str, category: &str) -> io::Result<()> {
        self.event("output", json!({ "category": category, "output": text }))
    }

    fn send(&mut self, mut message: Value) -> io::Result<()> {
        self.seq += 1;
        message["seq"] = self.seq.into();
        wire::write(&mut self.out, &message)
    }
}

/// Whether the failure of a request is worth a box on the user's screen.
fn is_worth_showing(command: &str) -> bool {
    matches!(command, "launch" | "attach" | "restart")
}

const CANNOT_RUN: &str = "The device is dead: this is what it left behind, and nothing in it can \
                          run, step or stop anywhere else.\n";

/// Requests that need an open dump.
const KNOWN: &[&str] = &[
    "threads",
    "stackTrace",
    "scopes",
    "variables",
    "evaluate",
    "exceptionInfo",
    "readMemory",
    "disassemble",
    "source",
    "loadedSources",
    "modules",
    "completions",
    "continue",
    "next",
    "stepIn",
    "stepOut",
    "pause",
    "restart",
];

/// What works, and nothing else.
fn capabilities() -> Value {
    json!({
        "supportsConfigurationDoneRequest": true,
        "supportsEvaluateForHovers": true,
        "supportsDelayedStackTraceLoading": true,
        "supportsExceptionInfoRequest": true,
        "supportsReadMemoryRequest": true,
        "supportsDisassembleRequest": true,
        "supportsLoadedSourcesRequest": true,
        "supportsModulesRequest": true,
        "supportsCompletionsRequest": true,
        "supportsRestartRequest": true,
        "supportsTerminateRequest": true,
        "supportsCancelRequest": true,
        "supportsValueFormattingOptions": true,
        "supportsClipboardContext": true,
    })
}

/// Every breakpoint that was asked for, and that it is none.
fn refused_breakpoints(arguments: &Value) -> Value {
    let wanted = arguments.get("breakpoints").and_then(Value::as_array).map_or(0, Vec::len);
    let refused = json!({
        "verified": false,
        "message": "the device is dead: nothing in it runs to a breakpoint",
    });
    json!({ "breakpoints": vec![refused; wanted] })
}
