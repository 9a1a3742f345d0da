//! Finds the ELF files that belong to a dump, checks them, and adds their memory.

use super::elf_cache::{self, Search};
use super::fit::{self, Judgement};
use super::found::{Found, MaybeElf};
use super::paired::Elves;
use super::{Options, build_id, builds, slide};
use crate::dump::{Dump, FirmwareId, Fit, Note, Verdict};
use crate::error::{Error, Result};
use crate::firmware::Firmware;
use crate::memory::Origin;
use std::cmp::Reverse;
use std::path::PathBuf;
use std::sync::Arc;

/// Of more files in a folder it is not told why they were not taken.
const MOST_TOLD: usize = 8;

/// The ELF files of `dump`, and their memory in it.
pub(super) fn find(dump: &mut Dump, found: &mut Found<'_>) -> Result<Elves> {
    let options = found.options;
    let mut embedded = Vec::new();
    let chosen = match chosen(dump, options, &mut found.named)? {
        Some(firmware) => Some(firmware),
        None => beside(dump, &found.beside),
    };
    let firmware = match chosen {
        Some(firmware) => Some(firmware),
        None => match in_folders(dump, options)? {
            Some(firmware) => Some(firmware),
            None => {
                embedded = of_dump(dump);
                match embedded.is_empty() {
                    true => in_builds(dump, options).or_else(|| from_servers(dump, options)),
                    false => Some(embedded.remove(0)),
                }
            }
        },
    };
    let firmware = firmware.map(|firmware| slide::at_run_time(firmware, dump));
    if let Some(firmware) = &firmware {
        if firmware.uses_float_registers() {
            dump.features.push("org.gnu.gdb.riscv.fpu".into());
        }
        let chip = dump.chip.clone();
        firmware.add_constants(&mut dump.memory, Origin::Elf, chip.as_deref());
    }
    let mut rom = Vec::new();
    for path in rom_paths(dump, options) {
        let elf = options.elves.cache.open(&path, !options.place.no_mmap)?;
        if elf.machine != dump.arch.elf_machine {
            return Err(other_machine(&elf, dump));
        }
        elf.add_constants(&mut dump.memory, Origin::RomElf, None);
        rom.push(elf);
    }
    if let Some(firmware) = firmware.as_ref().filter(|_| options.trust.initial_data) {
        firmware.add_initial_values(&mut dump.memory);
        dump.notes.push(Note::warning("variables that the dump lacks show their values from before the start (--initial-data)").code("initial-data"));
    }
    Ok(Elves { firmware, rom, embedded })
}

/// The ELF files that travel in the dump, the one that was running first.
fn of_dump(dump: &mut Dump) -> Vec<Arc<Firmware>> {
    let mut all = Vec::new();
    for file in &dump.embedded {
        match Firmware::parse(file.name.clone(), file.bytes.clone()) {
            Ok(elf) if elf.machine == dump.arch.elf_machine => {
                elf.add_constants(&mut dump.memory, Origin::Elf, None);
                all.push(Arc::new(elf));
            }
            Ok(_) => {}
            Err(error) => dump.notes.push(Note::warning(error.to_string()).code("unreadable-elf")),
        }
    }
    if let Some(first) = all.first()
        && dump.embedded.len() > 1
    {
        let names: Vec<&str> = dump.embedded.iter().map(|file| file.name.as_str()).collect();
        dump.notes.push(
            Note::info(format!(
                "the dump brings its ELF files ({}); {} is the one that was running",
                names.join(", "),
                first.path
            ))
            .code("embedded-elf"),
        );
    }
    all
}

/// The one of the user's ELF files that is the dump's.
fn chosen(
    dump: &mut Dump,
    options: &Options,
    named: &mut Vec<MaybeElf>,
) -> Result<Option<Arc<Firmware>>> {
    let mut all = Vec::new();
    if let Some(bad) = named.iter().position(Result::is_err) {
        named.remove(bad)?;
    }
    for elf in named.iter().flatten() {
        if elf.machine != dump.arch.elf_machine {
            return Err(other_machine(elf, dump));
        }
        all.push(elf.clone());
    }
    let Some(first) = all.first() else { return Ok(None) };
    let ids = dump.identity.firmware.clone();
    if ids.is_empty() {
        return by_fit(dump, options, all).map(Some);
    }
    if let Some(index) = all.iter().position(|elf| matches(elf, &ids)) {
        dump.identity.fit = Some(matching(&ids));
        return Ok(Some(all.swap_remove(index)));
    }
    let why = ids
        .first()
        .map(|id| format!("{} is not the dump's {id}", first.own_id(id)))
        .unwrap_or_default();
    if !options.trust.any_elf {
        return Err(Error::WrongElf { elf: first.path.clone(), why });
    }
    dump.identity.fit = Some(Fit { verdict: Verdict::DoesNotFit, evidence: vec![why.clone()] });
    dump.notes.push(wrong_elf(&first.path, &why));
    Ok(Some(all.swap_remove(0)))
}

/// The one of the user's ELF files that goes best with a dump that does not name its build.
fn by_fit(
    dump: &mut Dump,
    options: &Options,
    mut all: Vec<Arc<Firmware>>,
) -> Result<Arc<Firmware>> {
    let judged: Vec<Judgement> = all.iter().map(|elf| fit::judgement(dump, elf)).collect();
    let order = [Verdict::Fits, Verdict::Unknown, Verdict::Doubtful, Verdict::DoesNotFit];
    let rank = |judged: &Judgement| {
        let place = order.iter().position(|verdict| *verdict == judged.fit.verdict);
        (place, judged.contradictions, Reverse(judged.agreements))
    };
    // Of several that fit alike the user's first one is taken, as ever.
    let index = (0..judged.len()).min_by_key(|n| judged.get(*n).map(rank)).unwrap_or_default();
    let elf = all.swap_remove(index);
    let Some(Judgement { fit, .. }) = judged.into_iter().nth(index) else { return Ok(elf) };
    let why = fit::evidence(&fit);
    match fit.verdict {
        Verdict::Matches | Verdict::Fits => dump.notes.push(
            Note::info(format!("the dump does not say which build it is of; this one fits: {why}"))
                .at(&*elf.path)
                .code("elf-fits"),
        ),
        Verdict::Unknown => dump.notes.push(
            Note::info("the dump does not say which build it is of: used unverified")
                .at(&*elf.path)
                .code("elf-on-trust"),
        ),
        Verdict::Doubtful => dump.notes.push(
            Note::doubt(format!(
                "hardly of this build: {why}: names, lines and variables may be wrong"
            ))
            .at(&*elf.path)
            .code("doubtful-elf"),
        ),
        Verdict::DoesNotFit if options.trust.any_elf => dump.notes.push(wrong_elf(&elf.path, &why)),
        Verdict::DoesNotFit => {
            let why = format!("is of another build: {why}");
            return Err(Error::WrongElf { elf: elf.path.clone(), why });
        }
    }
    dump.identity.fit = Some(fit);
    Ok(elf)
}

fn wrong_elf(elf: &str, why: &str) -> Note {
    let words = format!("wrong ELF: {why}: names, lines and variables may be wrong (--any-elf)");
    Note::doubt(words).at(elf).code("wrong-elf")
}

fn matching(ids: &[FirmwareId]) -> Fit {
    let evidence = ids.iter().map(ToString::to_string).collect();
    Fit { verdict: Verdict::Matches, evidence }
}

/// Whether one of the user's ELF files goes with `dump`: whether another dump of the input is the
/// one that was meant.
pub(super) fn goes_with(dump: &Dump, named: &[MaybeElf]) -> bool {
    let ids = &dump.identity.firmware;
    let files = named.iter().flatten().filter(|elf| elf.machine == dump.arch.elf_machine);
    files.into_iter().any(|elf| match ids.is_empty() {
        true => fit::judge(dump, elf).verdict == Verdict::Fits,
        false => matches(elf, ids),
    })
}

/// The one of the ELF files beside the dump that is the dump's.
fn beside(dump: &mut Dump, files: &[MaybeElf]) -> Option<Arc<Firmware>> {
    let mut all = Vec::new();
    for file in files {
        match file {
            Ok(elf) if elf.machine == dump.arch.elf_machine => all.push(elf.clone()),
            Ok(_) => {}
            Err(error) => dump.notes.push(Note::warning(error.to_string()).code("unreadable-elf")),
        }
    }
    all.first()?;
    let more = all.len() > 1;
    let ids = dump.identity.firmware.clone();
    if let Some(index) = all.iter().position(|elf| !ids.is_empty() && matches(elf, &ids)) {
        dump.identity.fit = Some(matching(&ids));
        return Some(all.swap_remove(index));
    }
    if ids.is_empty() && !dump.embedded.is_empty() {
        // What travels in the dump is its own for certain.
        return None;
    }
    let names = all.iter().map(|elf| elf.path.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(id) = ids.first() {
        let words = format!("next to the dump, but not its {id}: not taken");
        dump.notes.push(Note::info(words).at(names).code("elf-not-taken"));
        return None;
    }
    let judged: Vec<Fit> = all.iter().map(|elf| fit::judge(dump, elf)).collect();
    let mut fitting = (0..all.len()).filter(|n| judged[*n].verdict == Verdict::Fits);
    let index =
        match (fitting.next(), fitting.next()) {
            (Some(one), None) => one,
            (None, None) if !more => 0,
            _ => {
                dump.notes.push(Note::info(
                "next to the dump, which does not say which build it is of: --elf names one"
            ).at(names).code("elf-not-taken"));
                return None;
            }
        };
    let why = fit::evidence(&judged[index]);
    let path = all[index].path.clone();
    dump.notes.push(match judged[index].verdict {
        Verdict::Matches | Verdict::Fits => {
            let words = "next to the dump, which does not say which build it is of: fits";
            Note::info(format!("{words}: {why}")).at(path).code("elf-fits")
        }
        Verdict::Unknown => {
            let words =
                "next to the dump, which does not say which build it is of: used unverified";
            Note::info(words).at(path).code("elf-on-trust")
        }
        Verdict::Doubtful | Verdict::DoesNotFit => {
            let words = format!("next to the dump, but hardly of its build: {why}: not taken");
            dump.notes.push(Note::warning(words).at(path).code("elf-not-taken"));
            return None;
        }
    });
    dump.identity.fit = judged.into_iter().nth(index);
    Some(all.swap_remove(index))
}

fn matches(elf: &Firmware, ids: &[FirmwareId]) -> bool {
    ids.iter().all(|id| elf.is(id))
}

fn other_machine(elf: &Firmware, dump: &Dump) -> Error {
    let name = |machine| goblin::elf::header::machine_to_str(machine);
    Error::Usage(format!(
        "{}: is for {}, the dump for {}",
        elf.path,
        name(elf.machine),
        name(dump.arch.elf_machine)
    ))
}

/// The ELF file below the user's folders that is the dump's: by its id, or where the dump has none
/// by what it holds.
fn in_folders(dump: &mut Dump, options: &Options) -> Result<Option<Arc<Firmware>>> {
    let folders = &options.elves.elf_dir;
    if folders.is_empty() {
        return Ok(None);
    }
    let ids = dump.identity.firmware.clone();
    if ids.is_empty() {
        return fitting_in_folders(dump, options);
    }
    let map = !options.place.no_mmap;
    for path in folders.iter().flat_map(|folder| build_id::paths(folder, &ids)) {
        if let Some(elf) = options.elves.cache.try_open(&path, map).filter(|elf| matches(elf, &ids))
        {
            dump.identity.fit = Some(matching(&ids));
            return Ok(Some(elf));
        }
    }
    let cache = if options.elves.remember { elf_cache::folder() } else { None };
    for folder in folders {
        let (machine, cache) = (dump.arch.elf_machine, cache.as_deref());
        if let Search::This(elf) = options.elves.cache.search(folder, machine, &ids, map, cache)? {
            dump.identity.fit = Some(matching(&ids));
            return Ok(Some(elf));
        }
    }
    let id = ids.first().map(ToString::to_string).unwrap_or_default();
    let files = looked_at(dump, options, |elf| match ids.first() {
        Some(id) => elf.own_id(id),
        None => String::new(),
    })?;
    let words = format!("no ELF file in {} is the dump's ({id}): {files}", named(folders));
    dump.notes.push(Note::warning(words).code("no-elf"));
    Ok(None)
}

/// The one ELF file below the user's folders that fits a dump without an id.
fn fitting_in_folders(dump: &mut Dump, options: &Options) -> Result<Option<Arc<Firmware>>> {
    let mut fitting: Vec<(Arc<Firmware>, Judgement)> = Vec::new();
    for folder in &options.elves.elf_dir {
        for path in options.elves.cache.list(folder)?.iter() {
            let elf = options.elves.cache.try_open(path, !options.place.no_mmap);
            let Some(elf) = elf.filter(|elf| elf.machine == dump.arch.elf_machine) else {
                continue;
            };
            let judged = fit::judgement(dump, &elf);
            if judged.fit.verdict == Verdict::Fits {
                fitting.push((elf, judged));
            }
        }
    }
    keep_best(&mut fitting);
    let named = named(&options.elves.elf_dir);
    let words = match fitting.len() {
        1 => {
            let (elf, Judgement { fit, .. }) = fitting.swap_remove(0);
            let (path, why) = (elf.path.clone(), fit::evidence(&fit));
            dump.notes.push(
                Note::info(format!(
                    "the dump does not say which build it is of; of the files in {named} this one \
                     fits: {why}"
                ))
                .at(path)
                .code("elf-fits"),
            );
            dump.identity.fit = Some(fit);
            return Ok(Some(elf));
        }
        0 => {
            let files = looked_at(dump, options, |elf| fit::evidence(&fit::judge(dump, elf)))?;
            format!(
                "the dump does not say which build it is of, and nothing in {named} fits it for \
                 certain: {files}"
            )
        }
        _ => {
            let names = fitting.iter().map(|(elf, _)| elf.path.as_str()).collect::<Vec<_>>();
            format!(
                "the dump does not say which build it is of, and several files in {named} fit it \
                 ({}): --elf names one",
                names.join(", ")
            )
        }
    };
    dump.notes.push(Note::warning(words).code("no-elf"));
    Ok(None)
}

/// The ELF file in the build folders of the user's projects that is the dump's: by its id, or the
/// only one that fits. Nobody named it, so nothing is taken on trust.
fn in_builds(dump: &mut Dump, options: &Options) -> Option<Arc<Firmware>> {
    let files = builds::files(&options.elves.projects);
    let open = |path: &PathBuf| options.elves.cache.try_open(path, !options.place.no_mmap);
    let all = files.iter().filter_map(open);
    let all: Vec<_> = all.filter(|elf| elf.machine == dump.arch.elf_machine).collect();
    let ids = dump.identity.firmware.clone();
    if let Some(elf) = all.iter().find(|elf| !ids.is_empty() && matches(elf, &ids)) {
        dump.identity.fit = Some(matching(&ids));
        let words = "nobody named it: found in a build folder, by its id";
        dump.notes.push(Note::info(words).at(&*elf.path).code("elf-found"));
        return Some(elf.clone());
    }
    let newest = all.first()?.path.clone();
    let not_taken = match ids.first() {
        Some(id) => format!("no ELF file in the build folders here is the dump's ({id})"),
        None => {
            let judged = all.into_iter().map(|elf| (fit::judgement(dump, &elf), elf));
            let fits = |judged: &Judgement| judged.fit.verdict == Verdict::Fits;
            let judged = judged.map(|(judged, elf)| (elf, judged));
            let mut fitting: Vec<_> = judged.filter(|(_, judged)| fits(judged)).collect();
            keep_best(&mut fitting);
            if fitting.len() == 1
                && let Some((elf, Judgement { fit, .. })) = fitting.pop()
            {
                let why = fit::evidence(&fit);
                dump.notes.push(
                    Note::info(format!(
                        "nobody named it, and the dump does not say which build it is of: found \
                         in a build folder, and fits: {why}"
                    ))
                    .at(&*elf.path)
                    .code("elf-found"),
                );
                dump.identity.fit = Some(fit);
                return Some(elf);
            }
            match fitting.len() {
                0 => "nothing in the build folders here fits the dump for certain".to_string(),
                several => format!("{several} files in the build folders here fit the dump alike"),
            }
        }
    };
    let words = format!("{not_taken}; the newest is {newest}: --elf names one");
    dump.notes.push(Note::info(words).code("no-elf"));
    None
}

/// Keeps the files that contradict the dump least.
fn keep_best(fitting: &mut Vec<(Arc<Firmware>, Judgement)>) {
    let rank = |judged: &Judgement| (judged.contradictions, Reverse(judged.agreements));
    if let Some(best) = fitting.iter().map(|(_, judged)| rank(judged)).min() {
        fitting.retain(|(_, judged)| rank(judged) == best);
    }
}

fn named(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Which ELF files below the user's folders were looked at, and what keeps each from being taken.
fn looked_at(dump: &Dump, options: &Options, why: impl Fn(&Firmware) -> String) -> Result<String> {
    let (mut told, mut more, mut others) = (Vec::new(), 0, 0);
    for folder in &options.elves.elf_dir {
        for path in options.elves.cache.list(folder)?.iter() {
            // Opening hundreds of files to count them would take longer than all else.
            if told.len() >= MOST_TOLD {
                more += 1;
                continue;
            }
            let Some(elf) = options.elves.cache.try_open(path, !options.place.no_mmap) else {
                others += 1;
                continue;
            };
            if elf.machine == dump.arch.elf_machine {
                told.push(format!("{} is {}", path.display(), why(&elf)));
            } else {
                let machine = goblin::elf::header::machine_to_str(elf.machine);
                told.push(format!("{} is for {machine}", path.display()));
            }
        }
    }
    let mut words = match told.is_empty() {
        true => "there is no ELF file of a program in it".to_string(),
        false => told.join("; "),
    };
    if more > 0 {
        words.push_str(&format!("; and {more} more files"));
    }
    if others > 0 {
        words.push_str(&format!("; {others} files are no programs"));
    }
    Ok(words)
}

/// The ELF file that a debuginfod server has for the dump's build id.
fn from_servers(dump: &mut Dump, options: &Options) -> Option<Arc<Firmware>> {
    let ids = dump.identity.firmware.clone();
    match build_id::from_servers(&ids)? {
        Ok(path) => {
            let elf = options.elves.cache.try_open(&path, !options.place.no_mmap);
            let fitting = elf.filter(|elf| matches(elf, &ids));
            if fitting.is_none() {
                dump.notes.push(Note::warning(
                    "from the debuginfod servers, but no program of the dump's build: not taken"
                ).at(path.display().to_string()).code("elf-not-taken"));
            }
            fitting
        }
        Err(why) => {
            dump.notes.push(Note::info(why).code("no-elf"));
            None
        }
    }
}

/// The user's ROM ELF files, or the one in the user's folder for the chip's revision: the exact
/// one, or the next lower that there is.
fn rom_paths(dump: &mut Dump, options: &Options) -> Vec<PathBuf> {
    if !options.elves.rom_elf.is_empty() {
        return options.elves.rom_elf.clone();
    }
    let Some(folder) = &options.elves.rom_elf_dir else { return Vec::new() };
    let Some(esp) = dump.chip.as_ref().and_then(|chip| chip.esp_idf.clone()) else {
        return Vec::new();
    };
    let Some(pattern) = esp.rom_elf else { return Vec::new() };
    let revision = dump.identity.chip_revision;
    let (head, tail) = pattern.split_once("{}").unwrap_or((&pattern, ""));
    let mut there: Vec<(u16, PathBuf)> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?;
            let number = name.strip_prefix(head)?.strip_suffix(tail)?.parse().ok()?;
            Some((number, path))
        })
        .filter(|(number, _)| revision.is_none_or(|revision| *number <= revision))
        .collect();
    there.sort();
    match there.pop() {
        Some((_, path)) => vec![path],
        None => {
            let words = format!("no ROM ELF of this chip ({pattern})");
            let place = folder.display().to_string();
            dump.notes.push(Note::warning(words).at(place).code("no-rom-elf"));
            Vec::new()
        }
    }
}
