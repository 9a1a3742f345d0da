//! What an address is: functions, lines and inlined calls, a variable, a name of a ROM, or nothing.
//!
//! Whoever asks has an address and ELF files, and no dump. Two ELF files may both have code there (a
//! bootloader and the program behind it): then each gives its answer. What is only near is marked,
//! and an address that a call leaves behind says so: its line is the one after the call.

use crate::debug_info::{Module, NamedAddr, Place};
use crate::firmware::Firmware;
use crate::memory::{Memory, Origin};
use crate::targets::{Arch, Family, Targets};
use crate::unwind;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

/// ELF files that know names of addresses.
pub struct Names {
    elves: Vec<Known>,
}

/// An ELF file, and how calls look in its code.
struct Known {
    elf: Arc<Firmware>,
    arch: Option<Arc<Arch>>,
    code: OnceLock<Memory>,
    /// Functions by name: addresses and lengths.
    functions: OnceLock<HashMap<String, Vec<(u64, u64)>>>,
}

/// What one ELF file has at an address.
#[derive(Clone, Debug)]
pub struct Named {
    /// The address that was asked for.
    pub addr: u64,
    /// Which ELF file it is, as an index into those of [`Names`]; `None` where none knows it.
    pub elf: Option<usize>,
    /// What is there.
    pub what: What,
    /// Whether it is an address that a call leaves behind.
    pub call: Call,
}

/// What is at an address.
#[derive(Clone, Debug)]
pub enum What {
    /// Code: the functions that it belongs to, the innermost inlined one first.
    Code(Vec<Place>),
    /// Code of which no function is described: what the symbol table has there, and the line, where one
    /// is known (of assembly).
    Symbol(Option<NamedAddr>, Option<Place>),
    /// A variable.
    Variable(NamedAddr),
    /// A section that is not code: its name.
    Section(String),
    /// Outside of the ELF files, at or after a name that the linker was told: of a ROM.
    Told(NamedAddr),
    /// Nothing that these ELF files know.
    Nothing,
}

/// Whether an address is one that a call leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// No call stands before it, or nobody knows.
    No,
    /// A call stands before it: if it is a return address, this is the place of the call.
    May(Option<Place>),
    /// It is one: what is shown is the call.
    Is,
}

/// What is known of an address beforehand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    #[default]
    Any,
    /// It is what a call leaves behind: a register that holds a return address, the user's word.
    Return,
}

impl Names {
    /// Of these ELF files, the most important first.
    pub fn of(elves: Vec<Arc<Firmware>>) -> Names {
        let targets = Targets::built_in();
        let known = |elf: Arc<Firmware>| {
            // Only Thumb code is looked at for calls, which both kinds of ARM have.
            let family = Family::of_elf(elf.machine, elf.class, true);
            let arch = family.and_then(|family| targets.arch(family.usual_arch()).ok());
            Known { elf, arch, code: OnceLock::new(), functions: OnceLock::new() }
        };
        Names { elves: elves.into_iter().map(known).collect() }
    }

    /// Its ELF files.
    pub fn elves(&self) -> impl Iterator<Item = &Firmware> {
        self.elves.iter().map(|known| &*known.elf)
    }

    /// Whether some ELF file has code at `addr`, or at what a return address of `addr` leads to.
    pub fn is_code(&self, addr: u64) -> bool {
        self.elves.iter().any(|known| known.code_addr(addr).is_some())
    }

    /// What is at `addr`: an answer of each ELF file that has code there; where none has, the best one.
    pub fn at(&self, addr: u64, kind: Kind) -> Vec<Named> {
        let code: Vec<Named> = (0..)
            .zip(&self.elves)
            .filter_map(|(index, known)| known.code_at(addr, kind, index))
            .collect();
        if !code.is_empty() {
            return code;
        }
        let mut found = (0..).zip(&self.elves).filter_map(|(index, known)| {
            let what = known.data_at(addr)?;
            Some(Named { addr, elf: Some(index), what, call: Call::No })
        });
        let nothing = Named { addr, elf: None, what: What::Nothing, call: Call::No };
        vec![found.next().or_else(|| self.told(addr)).unwrap_or(nothing)]
    }

    /// A name that the linker was told. Nothing is called at address 0 but what a file has there.
    fn told(&self, addr: u64) -> Option<Named> {
        let mut found =
            (0..).zip(&self.elves).filter(|_| addr != 0).filter_map(|(index, known)| {
                let name = Module::of(&known.elf).symbols().absolute_at(known.even(addr))?;
                Some(Named { addr, elf: Some(index), what: What::Told(name), call: Call::No })
            });
        found.next()
    }

    /// The address `offset` bytes into the function called `name`: `None` unless there is exactly one
    /// such function, of `len` bytes where that is said.
    pub fn within(&self, name: &str, offset: u64, len: Option<u64>) -> Option<u64> {
        let all = self.elves.iter().filter_map(|known| known.functions().get(name)).flatten();
        let mut fits = all.filter(|(_, own)| len.is_none_or(|len| len == *own));
        let (start, own) = fits.next()?;
        (fits.next().is_none() && (*own == 0 || offset <= *own)).then(|| start.wrapping_add(offset))
    }
}

impl Known {
    /// Without what Thumb's addresses of functions have set.
    fn even(&self, addr: u64) -> u64 {
        let is_thumb = self.arch.as_ref().is_some_and(|arch| arch.family.is_arm32());
        if is_thumb { addr & !1 } else { addr }
    }

    /// The address of the code that `addr` means, and whether it can only be a return address: those of
    /// Xtensa's windows have the size of the window in their upper bits.
    fn code_addr(&self, addr: u64) -> Option<(u64, bool)> {
        if addr == 0 {
            return None;
        }
        if self.elf.holds_code(self.even(addr)) {
            return Some((self.even(addr), false));
        }
        let arch = self.arch.as_ref().filter(|arch| arch.family == Family::Xtensa)?;
        let at = unwind::return_address(arch, addr, self.elf.entry)?;
        let is_call = || unwind::follows_call(arch, self.code(), addr, self.elf.entry);
        (self.elf.holds_code(at) && is_call() == Some(true)).then_some((at, true))
    }

    fn code(&self) -> &Memory {
        self.code.get_or_init(|| {
            let mut code = Memory::new();
            self.elf.add_constants(&mut code, Origin::Elf, None);
            code
        })
    }

    /// Whether a call stands before the code at `addr`.
    fn follows_call(&self, addr: u64) -> bool {
        let Some(arch) = &self.arch else { return false };
        let near = self.elf.entry;
        let is = |word| unwind::follows_call(arch, self.code(), word, near) == Some(true);
        match arch.family {
            // Nobody knows which of the calls: they differ by the size of the window.
            Family::Xtensa => (1..=3).any(|size| is((addr & 0x3fff_ffff) | (size << 30))),
            family if family.is_arm32() => is(addr | 1),
            _ => is(addr),
        }
    }

    fn code_at(&self, addr: u64, kind: Kind, index: usize) -> Option<Named> {
        let (at, is_return) = self.code_addr(addr)?;
        let module = Module::of(&self.elf);
        let follows = is_return || self.follows_call(at);
        let is_return = is_return || (follows && kind == Kind::Return);
        let lookup = if is_return { at.saturating_sub(1) } else { at };
        let places = module.places(lookup);
        let what = match places.iter().any(|place| place.function.is_some()) {
            true => What::Code(places),
            false => What::Symbol(module.symbols().at(lookup), places.into_iter().next()),
        };
        let call = match (is_return, follows) {
            (true, _) => Call::Is,
            (false, true) => Call::May(module.places(at.saturating_sub(1)).into_iter().next()),
            (false, false) => Call::No,
        };
        Some(Named { addr, elf: Some(index), what, call })
    }

    fn data_at(&self, addr: u64) -> Option<What> {
        let holds = |start: u64, len| addr.checked_sub(start).is_some_and(|offset| offset < len);
        let mut sections = self.elf.sections.iter().filter(|section| section.alloc);
        let section = sections.find(|section| holds(section.addr, section.len))?;
        let variable = Module::of(&self.elf).symbols().data_at(addr);
        Some(match variable {
            Some(name) => What::Variable(name),
            None => What::Section(section.name.clone()),
        })
    }

    fn functions(&self) -> &HashMap<String, Vec<(u64, u64)>> {
        self.functions.get_or_init(|| {
            let mut all: HashMap<String, Vec<(u64, u64)>> = HashMap::new();
            for symbol in self.elf.symbols().filter(|symbol| symbol.function && !symbol.absolute) {
                all.entry(symbol.name).or_default().push((self.even(symbol.addr), symbol.len));
            }
            all
        })
    }
}

/// `main.c:12`, as far as it is known.
fn source(place: &Place) -> Option<String> {
    let file = place.file.as_ref()?;
    Some(place.line.map_or_else(|| format!("{file}:?"), |line| format!("{file}:{line}")))
}

impl Named {
    /// All of it in one line: `sum at main.c:12 (inlined by) main at main.c:20`.
    pub fn words(&self) -> String {
        let mut words = match &self.what {
            What::Code(places) => {
                let places = places.iter().map(place_words).collect::<Vec<_>>();
                places.join(" (inlined by) ")
            }
            What::Symbol(name, place) => {
                let at = place.as_ref().and_then(source);
                let is_known = at.is_some();
                let at = at.map_or(String::new(), |at| format!(" at {at}"));
                let line = if is_known { "" } else { " (no line known)" };
                match name {
                    Some(NamedAddr { name, offset: 0, .. }) => format!("{name}{at}{line}"),
                    Some(NamedAddr { name, offset, covers: true }) => {
                        format!("{name}+{offset:#x}{at}{line}")
                    }
                    Some(NamedAddr { name, offset, .. }) => {
                        format!("??{at} ({name}, {offset} bytes before, is nearest)")
                    }
                    None => format!("??{at} (code without a name)"),
                }
            }
            What::Variable(name) => format!("not code: {}+{:#x}", name.name, name.offset),
            What::Section(name) => format!("not code: in section {name}"),
            What::Told(NamedAddr { name, offset: 0, .. }) => {
                format!("{name} (outside of the ELF file, as the linker was told)")
            }
            What::Told(name) => format!(
                "?? (outside of the ELF file; {}, {} bytes before, is nearest)",
                name.name, name.offset
            ),
            What::Nothing => "?? (outside of all code)".into(),
        };
        match &self.call {
            Call::No => {}
            Call::Is => words.push_str(" (return address: the call)"),
            Call::May(call) => {
                words.push_str(" (after a call");
                if let Some(call) = call {
                    self.push_call(call, &mut words);
                }
                words.push(')');
            }
        }
        words
    }

    /// Where the call is, as far as it is elsewhere. The last call of a function that never returns has
    /// the next function behind it.
    fn push_call(&self, call: &Place, words: &mut String) {
        let here = match &self.what {
            What::Code(places) => places.first(),
            _ => None,
        };
        // Writing to a string can't fail.
        if call.function.is_some() && here.is_none_or(|here| here.function != call.function) {
            let _ = write!(words, " in {}", place_words(call));
        } else if let Some(line) = call.line
            && here.is_some_and(|here| here.file == call.file)
        {
            let _ = write!(words, " in line {line}");
        } else if let Some(at) = source(call) {
            let _ = write!(words, " at {at}");
        }
    }

    /// Whether some name is known.
    pub fn has_name(&self) -> bool {
        !matches!(self.what, What::Nothing | What::Symbol(None, None) | What::Section(_))
    }
}

/// `sum at main.c:12`.
fn place_words(place: &Place) -> String {
    let function = place.function.as_deref().unwrap_or("??");
    source(place).map_or_else(|| function.to_string(), |at| format!("{function} at {at}"))
}
