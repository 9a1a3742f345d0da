//! `coroner where`: addresses to functions, lines and inlined calls, without a dump.
//!
//! What binutils' `addr2line -fipC`, Linux' `decode_stacktrace.sh` and the exception decoders of IDEs
//! are used for.

use super::{Talk, print, print_json};
use crate::debug_info::Place;
use crate::display::{self, Lines};
use crate::error::{Error, Result};
use crate::firmware::Firmware;
use crate::query::{Call, Kind, Mention, Named, Names, What, mentions};
use clap::Args;
use serde::Serialize;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  coroner where 0x42013c20 --elf build/app.elf              function, line, inlined calls
  coroner where --elf build/app.elf 0x400d1234:0x3ffb5470 0x400d2345:0x3ffb5490
  coroner where --elf build/app.elf < backtrace.txt         the addresses of a text, one after the other
  coroner where --elf build/app.elf --log monitor.log       the log, with names at the ends of its lines
  coroner where --elf app.elf --elf bootloader.elf 0x3fff0000
  coroner where --elf u-boot@0x7e1f000 0x7e9a1234           a program that ran above its link address
  coroner where --elf vmlinux 'schedule+0x10/0x2c0'         as kernels print it
  coroner where --elf app.elf --addr2line 0x42013c20        as `addr2line -fipC` prints it

Addresses are hexadecimal. `after a call` marks what may be a return address: the line shown is the one
after the call. --returns shows the calls instead.";

/// A line of a log that is longer is passed on without names.
const LONGEST_LINE: u64 = 64 << 10;

/// Arguments of `coroner where`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct WhereArgs {
    /// Addresses, or text with addresses in it; read from standard input if there is none
    #[arg(value_name = "ADDR")]
    pub addresses: Vec<String>,

    /// The firmware's ELF file; several may be given. FILE@OFFSET is a program that ran OFFSET above
    /// the addresses it was linked for
    #[arg(long, value_name = "FILE", required = true)]
    pub elf: Vec<PathBuf>,

    /// Print a log, with names at the ends of the lines that mention addresses of code; `-` is standard
    /// input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["addresses", "json", "addr2line"])]
    pub log: Option<PathBuf>,

    /// The addresses are return addresses: show the calls before them
    #[arg(long)]
    pub returns: bool,

    /// Print one JSON object an address, for programs
    #[arg(long)]
    pub json: bool,

    /// Print as binutils' `addr2line -fipC` does
    #[arg(long, conflicts_with = "json")]
    pub addr2line: bool,

    /// How much is told.
    #[command(flatten)]
    pub talk: Talk,
}

pub(super) fn run(args: &WhereArgs) -> Result<()> {
    let names = open(&args.elf)?;
    if let Some(path) = &args.log {
        let out = BufWriter::new(io::stdout().lock());
        return match path.as_os_str() == "-" {
            true => name_log(BufReader::new(io::stdin().lock()), out, &names, args.returns),
            false => {
                let file = std::fs::File::open(path).map_err(|e| Error::io(path, e))?;
                name_log(BufReader::new(file), out, &names, args.returns)
            }
        };
    }
    let done = answer(args, &names);
    // The process ends now: to take thousands of small pieces apart takes longer than one look-up.
    std::mem::forget(names);
    done
}

/// Answers for the addresses of the command line, or those that come by standard input.
fn answer(args: &WhereArgs, names: &Names) -> Result<()> {
    if args.addresses.is_empty() {
        return of_pipe(args, names);
    }
    let mut found = Vec::new();
    for word in &args.addresses {
        let here = of_word(word, names);
        if here.is_empty() {
            let why = format!("{word}: is no address; expected one such as 0x42013c20");
            return Err(Error::Usage(why));
        }
        found.extend(here);
    }
    let mut out = Answers::new(args, names);
    found.into_iter().try_for_each(|mention| out.add(mention))?;
    out.flush()
}

/// Opens the ELF files; `FILE@OFFSET` moves one.
pub(super) fn open(paths: &[PathBuf]) -> Result<Names> {
    let elves = paths.iter().map(|path| Firmware::open(path, true).map(Arc::new));
    Ok(Names::of(elves.collect::<Result<_>>()?))
}

/// Answers as they are asked for, line by line: another program may wait for each.
fn of_pipe(args: &WhereArgs, names: &Names) -> Result<()> {
    let mut out = Answers::new(args, names);
    let mut input = BufReader::new(io::stdin().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        let stdin = |e| Error::io("standard input", e);
        if (&mut input).take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(stdin)? == 0 {
            return out.flush();
        }
        for mention in of_word(&String::from_utf8_lossy(&line), names) {
            out.add(mention)?;
        }
        if input.buffer().is_empty() {
            out.flush()?;
        }
    }
}

/// The addresses that a word or a line of text asks for: a number alone is one whatever is there, text
/// is searched for those of code.
fn of_word(word: &str, names: &Names) -> Vec<Mention> {
    let word = word.trim();
    let alone = |word: &str| {
        mentions::hex_after_0x(word.as_bytes()).or_else(|| mentions::hex(word.as_bytes()))
    };
    // A frame of ESP-IDF's backtrace: the program counter, then the stack pointer.
    let first = word.trim_end_matches([',', ';']).split(':').next().unwrap_or_default();
    if let Some(addr) = alone(first).filter(|_| !word.contains(char::is_whitespace)) {
        return vec![Mention { addr, kind: Kind::Any }];
    }
    let found = mentions::in_line(word.as_bytes(), names);
    if !found.is_empty() || word.contains(char::is_whitespace) {
        return found;
    }
    let of_name = names.within(word, 0, None).map(|addr| Mention { addr, kind: Kind::Any });
    of_name.into_iter().collect()
}

/// Where answers go.
struct Answers<'a> {
    args: &'a WhereArgs,
    names: &'a Names,
    out: String,
}

impl<'a> Answers<'a> {
    fn new(args: &'a WhereArgs, names: &'a Names) -> Self {
        Answers { args, names, out: String::new() }
    }

    fn add(&mut self, mention: Mention) -> Result<()> {
        let kind = if self.args.returns { Kind::Return } else { mention.kind };
        let all = self.names.at(mention.addr, kind);
        if self.args.json {
            let answer = Answer::of(mention.addr, &all, self.names);
            // Strings and numbers can always be written to a string.
            self.out.push_str(&serde_json::to_string(&answer).unwrap_or_default());
            self.out.push('\n');
        } else if self.args.addr2line {
            if let Some(first) = all.first() {
                self.out.push_str(&like_addr2line(first));
            }
        } else {
            self.out.push_str(for_people(&all, self.names).as_str());
        }
        // A pipe with thousands of addresses is no reason to keep all answers.
        if self.out.len() > 1 << 16 { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let text = std::mem::take(&mut self.out);
        if self.args.json {
            return print_json(&text);
        }
        print(&text)?;
        io::stdout().flush().map_err(|e| Error::io("standard output", e))
    }
}

/// The answer in lines: the address, and below it the functions that it was inlined into.
fn for_people(all: &[Named], names: &Names) -> Lines {
    let mut lines = Lines::new();
    // Writing lines can't fail.
    for named in all {
        let words = named.words();
        let mut parts = words.split(" (inlined by) ");
        let first = parts.next().unwrap_or_default();
        let elf = named.elf.filter(|_| names.elves().count() > 1);
        let elf = elf.and_then(|index| names.elves().nth(index));
        let of = elf.map_or(String::new(), |elf| format!("  [{}]", elf.path));
        let addr = format!("{:#010x}", named.addr);
        let _ = writeln!(lines, "{addr}  {first}{of}");
        for part in parts {
            let _ = writeln!(lines, "{:width$}  (inlined by) {part}", "", width = addr.len());
        }
    }
    lines
}

/// As `addr2line -fipC` prints it.
fn like_addr2line(named: &Named) -> String {
    let line = |place: &Place| {
        let function = place.function.as_deref().unwrap_or("??");
        let file = place.file.as_deref().unwrap_or("??");
        let line = place.line.map_or_else(
            || if place.file.is_some() { "?".to_string() } else { "0".to_string() },
            |line| line.to_string(),
        );
        format!("{function} at {file}:{line}")
    };
    let mut text = String::new();
    match &named.what {
        What::Code(places) => {
            for (index, place) in places.iter().enumerate() {
                text.push_str(if index > 0 { " (inlined by) " } else { "" });
                text.push_str(&display::line(&line(place)));
                text.push('\n');
            }
        }
        What::Symbol(name, at) => {
            let function = name.as_ref().map(|name| name.name.clone());
            let known = Place { function, ..at.clone().unwrap_or_default() };
            text = match known.file {
                Some(_) => format!("{}\n", display::line(&line(&known))),
                None => {
                    let name = known.function.as_deref().unwrap_or("??");
                    format!("{} at ??:?\n", display::line(name))
                }
            };
        }
        _ => text.push_str("?? ??:0\n"),
    }
    text
}

/// One address in the form for programs (docs/where.md).
#[derive(Serialize)]
struct Answer<'a> {
    schema: u32,
    address: String,
    /// One of each ELF file that has code there.
    found: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    elf: Option<&'a str>,
    /// `code`, `symbol`, `variable`, `section`, `outside`.
    what: &'static str,
    /// Innermost first.
    functions: Vec<Function<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    /// The name is only the nearest one before the address.
    nearest: bool,
    /// `no`, `maybe` (a call stands before it), `yes` (what is shown is the call).
    return_address: &'static str,
    /// Where the call is, if it may be a return address.
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<Function<'a>>,
}

#[derive(Serialize)]
struct Function<'a> {
    function: Option<&'a str>,
    file: Option<&'a str>,
    line: Option<u32>,
    column: Option<u32>,
    /// Into the next one.
    inlined: bool,
}

impl<'a> Function<'a> {
    fn of(place: &'a Place) -> Self {
        Function {
            function: place.function.as_deref(),
            file: place.file.as_deref(),
            line: place.line,
            column: place.column,
            inlined: place.inlined,
        }
    }
}

impl<'a> Answer<'a> {
    fn of(addr: u64, all: &'a [Named], names: &'a Names) -> Self {
        let found = all.iter().map(|named| {
            let elf = named.elf.and_then(|index| names.elves().nth(index));
            let (what, name) = match &named.what {
                What::Code(_) => ("code", None),
                What::Symbol(name, _) => ("symbol", name.as_ref()),
                What::Variable(name) => ("variable", Some(name)),
                What::Section(_) => ("section", None),
                What::Told(name) => ("outside", Some(name)),
                What::Nothing => ("outside", None),
            };
            let functions = match &named.what {
                What::Code(places) => places.iter().map(Function::of).collect(),
                What::Symbol(_, Some(place)) => vec![Function::of(place)],
                _ => Vec::new(),
            };
            let section = match &named.what {
                What::Section(name) => Some(name.as_str()),
                _ => None,
            };
            let (return_address, call) = match &named.call {
                Call::No => ("no", None),
                Call::May(place) => ("maybe", place.as_ref().map(Function::of)),
                Call::Is => ("yes", None),
            };
            Found {
                elf: elf.map(|elf| elf.path.as_str()),
                what,
                functions,
                name: name.map(|name| name.name.as_str()).or(section),
                offset: name.map(|name| name.offset),
                nearest: name.is_some_and(|name| !name.covers),
                return_address,
                call,
            }
        });
        Answer { schema: 1, address: format!("{addr:#x}"), found: found.collect() }
    }
}

/// Copies a log, with names at the ends of its lines; all else stays as it is, to the byte.
fn name_log(
    mut log: impl BufRead,
    mut out: impl Write,
    names: &Names,
    returns: bool,
) -> Result<()> {
    let mut line = Vec::new();
    let (read, written) =
        (|e| Error::io(Path::new("the log"), e), |e| Error::io("standard output", e));
    loop {
        line.clear();
        if (&mut log).take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(read)? == 0 {
            return out.flush().map_err(written);
        }
        let end = line.iter().rposition(|byte| !b"\r\n".contains(byte)).map_or(0, |at| at + 1);
        let (text, ending) = line.split_at(end);
        out.write_all(text).map_err(written)?;
        if let Some(tail) = tail(text, names, returns) {
            out.write_all(tail.as_bytes()).map_err(written)?;
        }
        out.write_all(ending).map_err(written)?;
        if log.fill_buf().map_err(read)?.is_empty() {
            out.flush().map_err(written)?;
        }
    }
}

/// What stands behind a line that mentions addresses of code.
pub(super) fn tail(line: &[u8], names: &Names, returns: bool) -> Option<String> {
    let mentions = mentions::in_line(line, names);
    let words = |mention: &Mention| {
        let kind = if returns { Kind::Return } else { mention.kind };
        let all = names.at(mention.addr, kind);
        let words: Vec<String> =
            all.iter().filter(|named| named.has_name()).map(Named::words).collect();
        let words = (!words.is_empty()).then(|| words.join(" or "))?;
        Some(match mentions.len() {
            1 => words,
            _ => format!("{:#x} {words}", mention.addr),
        })
    };
    let all: Vec<String> = mentions.iter().filter_map(words).collect();
    (!all.is_empty()).then(|| display::line(&format!("  <- {}", all.join("; "))).into_owned())
}
