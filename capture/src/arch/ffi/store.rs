//! `coroner_store`: a place for dumps that a C program describes, a flash behind three functions or memory that
//! outlives a reset, and all that is done with it after the reset.

use core::ffi::c_void;

use crate::arch::kept::Kept;
use crate::layout::Class;
use crate::sink::flash::{Chip, FlashSlot, Keep, Partition};
use crate::sink::text::Text;
use crate::sink::{Sink, SinkError};
use crate::stored::{self, Eraser, Medium, Stored};

/// `coroner_store`.
#[repr(C)]
pub struct CStore {
    read: Option<extern "C" fn(*mut c_void, u32, *mut u8, usize) -> bool>,
    write: Option<extern "C" fn(*mut c_void, u32, *const u8, usize) -> bool>,
    erase: Option<extern "C" fn(*mut c_void, u32) -> bool>,
    feed: Option<extern "C" fn(*mut c_void)>,
    context: *mut c_void,
    start: u32,
    len: u32,
    erase_unit: u32,
    slots: u32,
    keep: u8,
}

/// `CORONER_KEEP_FIRST`.
const FIRST: u8 = 1;

/// `coroner_answer`.
const NO: u8 = 0;
const YES: u8 = 1;
const ERROR: u8 = 2;

fn answer(result: Result<bool, SinkError>) -> u8 {
    match result {
        Ok(false) => NO,
        Ok(true) => YES,
        Err(_) => ERROR,
    }
}

/// `coroner_stored`.
#[repr(C)]
pub struct CStored {
    length: u32,
    slot: u32,
    sequence: u16,
    flags: u8,
    sent: bool,
    truncated: bool,
    class: u8,
}

impl CStored {
    fn of(slot: u32, dump: &Stored) -> Self {
        let Stored { length, flags, sequence, uploaded, class } = *dump;
        let truncated = dump.truncated();
        CStored { length, slot, sequence, flags, sent: uploaded, truncated, class: class.ident() }
    }

    fn dump(&self) -> Stored {
        let class = if self.class == Class::Elf64.ident() { Class::Elf64 } else { Class::Elf32 };
        let CStored { length, flags, sequence, sent: uploaded, .. } = *self;
        Stored { length, flags, sequence, uploaded, class }
    }
}

/// `coroner_eraser`: zeros are an eraser that has not begun.
#[repr(C)]
pub struct CEraser {
    busy: bool,
    slot: u32,
    at: u32,
}

impl CEraser {
    fn state(&self) -> Option<(u32, Eraser)> {
        self.busy.then_some((self.slot, Eraser { at: self.at }))
    }

    fn keep(&mut self, state: Option<(u32, Eraser)>) {
        self.busy = state.is_some();
        if let Some((slot, eraser)) = state {
            (self.slot, self.at) = (slot, eraser.at);
        }
    }
}

/// A store as a flash.
#[derive(Clone, Copy)]
pub(super) struct Driver<'a>(&'a CStore);

impl<'s> Driver<'s> {
    pub(super) fn new(store: &'s CStore) -> Self {
        Driver(store)
    }

    /// `None` where the sizes are none.
    pub(super) fn partition(&mut self) -> Option<Partition<'_, Self>> {
        let CStore { start, len, slots, .. } = *self.0;
        // Memory is one slot, whatever is said of it.
        let (start, slots) = if self.0.is_memory() { (0, 1) } else { (start, slots) };
        Partition::new(self, start, len, slots)
    }

    /// For the handler: where the dump goes. Memory is forgotten before, unless the first dump is to stay and
    /// nobody has taken it.
    pub(super) fn blank_slot(&mut self) -> Option<FlashSlot<'_, Self>> {
        if self.0.is_memory() {
            let newest = self.partition()?.newest(|| {});
            if self.0.keep == FIRST && matches!(newest, Ok(Some(_))) {
                return None;
            }
            self.kept().fill(0xff);
        }
        self.partition()?.into_blank_slot()
    }

    /// See [`CStore::clean`].
    pub(super) fn clean(&self) {
        self.0.clean();
    }

    fn kept(&self) -> Kept {
        // SAFETY: the program's room for dumps, which no other code touches.
        unsafe { Kept::at(self.0.context.cast(), self.0.len as usize) }
    }
}

fn done(done: bool) -> Result<(), SinkError> {
    if done { Ok(()) } else { Err(SinkError) }
}

impl Chip for Driver<'_> {
    fn erase_unit(&self) -> u32 {
        if self.0.is_memory() { self.0.len } else { self.0.erase_unit }
    }

    fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), SinkError> {
        match self.0.read {
            Some(read) => done(read(self.0.context, at, bytes.as_mut_ptr(), bytes.len())),
            None => done(self.kept().read(at as usize, bytes)),
        }
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        match self.0.write {
            Some(write) => done(write(self.0.context, at, bytes.as_ptr(), bytes.len())),
            None if self.0.is_memory() => done(self.kept().write(at as usize, bytes)),
            None => Err(SinkError),
        }
    }

    fn erase(&mut self, at: u32) -> Result<(), SinkError> {
        match self.0.erase {
            Some(erase) => done(erase(self.0.context, at)),
            None if self.0.is_memory() => {
                self.kept().fill(0xff);
                Ok(())
            }
            None => Err(SinkError),
        }
    }
}

impl CStore {
    /// Memory that outlives a reset, not a flash with its driver.
    pub(super) fn is_memory(&self) -> bool {
        self.read.is_none()
    }

    fn feed(&self) {
        if let Some(feed) = self.feed {
            feed(self.context);
        }
    }

    fn policy(&self) -> Keep {
        if self.keep == FIRST { Keep::First } else { Keep::Last }
    }

    /// Writes back the data cache over memory that is to outlive a reset.
    pub(super) fn clean(&self) {
        if self.is_memory() {
            Driver(self).kept().clean();
        }
    }
}

/// `coroner_find`: the newest whole dump that has not been sent.
#[unsafe(no_mangle)]
pub extern "C" fn coroner_find(store: &CStore, found: &mut CStored) -> u8 {
    let mut driver = Driver(store);
    let Some(mut partition) = driver.partition() else { return ERROR };
    match partition.newest(|| store.feed()) {
        Ok(Some((slot, dump))) => {
            *found = CStored::of(slot, &dump);
            YES
        }
        Ok(None) => NO,
        Err(_) => ERROR,
    }
}

/// `coroner_read`: a piece of a dump; answers the bytes, 0 at the end, -1 for an error.
///
/// # Safety
/// `bytes` points to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coroner_read(
    store: &CStore,
    dump: &CStored,
    at: u32,
    bytes: *mut u8,
    len: usize,
) -> i32 {
    let mut driver = Driver(store);
    let Some(mut partition) = driver.partition() else { return -1 };
    if at >= dump.length {
        return 0;
    }
    if (at as usize | len) & 31 != 0 || dump.slot >= partition.slots() {
        return -1;
    }
    // SAFETY: the caller's word.
    let bytes = unsafe { core::slice::from_raw_parts_mut(bytes, len) };
    let read = stored::read_at(&mut partition.slot(dump.slot), &dump.dump(), at, bytes);
    read.map_or(-1, |len| len as i32)
}

/// `coroner_print`: a dump as lines of text, block 0 last.
#[unsafe(no_mangle)]
pub extern "C" fn coroner_print(
    store: &CStore,
    dump: &CStored,
    put: extern "C" fn(*mut c_void, *const u8, usize) -> bool,
    context: *mut c_void,
) -> bool {
    let mut driver = Driver(store);
    let Some(mut partition) = driver.partition() else { return false };
    if dump.slot >= partition.slots() {
        return false;
    }
    let stored = dump.dump();
    let mut slot = partition.slot(dump.slot);
    let mut text = Text::new(|bytes: &[u8]| done(put(context, bytes.as_ptr(), bytes.len())));
    let mut send = |from: u32, to: u32| {
        let mut bytes = [0; 32];
        for at in (from..to).step_by(bytes.len()) {
            store.feed();
            slot.read(at, &mut bytes)?;
            text.put(at, &bytes)?;
        }
        Ok::<(), SinkError>(())
    };
    let all = send(stored.class.phoff(), stored.length)
        .and_then(|()| send(0, stored.class.block0_len() as u32));
    text.finish();
    all.is_ok()
}

/// `coroner_mark_sent`: remembers that a dump has been taken away.
#[unsafe(no_mangle)]
pub extern "C" fn coroner_mark_sent(store: &CStore, dump: &mut CStored) -> bool {
    let mut driver = Driver(store);
    let Some(mut partition) = driver.partition() else { return false };
    if dump.slot >= partition.slots() {
        return false;
    }
    dump.sent = stored::mark_uploaded(&mut partition.slot(dump.slot), &dump.dump()).is_ok();
    store.clean();
    dump.sent
}

/// `coroner_prepare`: one step towards a blank slot for the next crash.
#[unsafe(no_mangle)]
pub extern "C" fn coroner_prepare(store: &CStore, eraser: &mut CEraser) -> u8 {
    let mut driver = Driver(store);
    let Some(mut partition) = driver.partition() else { return ERROR };
    partition.erasing = eraser.state();
    let more = partition.prepare(store.policy(), || store.feed());
    eraser.keep(partition.erasing);
    answer(more)
}

/// `coroner_erase`: one step towards a store without any dump.
#[unsafe(no_mangle)]
pub extern "C" fn coroner_erase(store: &CStore, eraser: &mut CEraser) -> u8 {
    let mut driver = Driver(store);
    let Some(mut partition) = driver.partition() else { return ERROR };
    let (mut slot, mut step) = eraser.state().unwrap_or_default();
    while slot < partition.slots() {
        store.feed();
        let more = step.step(&mut partition.slot(slot));
        if more != Ok(false) {
            eraser.keep(more.is_ok().then_some((slot, step)));
            return answer(more);
        }
        (slot, step) = (slot.wrapping_add(1), Eraser::default());
    }
    eraser.keep(None);
    NO
}

/// `coroner_move`: copies a dump into a blank slot of another store, and then gives up the first one.
#[unsafe(no_mangle)]
pub extern "C" fn coroner_move(from: &CStore, dump: &mut CStored, to: &CStore) -> bool {
    let (mut source, mut target) = (Driver(from), Driver(to));
    let (Some(mut source), Some(mut target)) = (source.partition(), target.partition()) else {
        return false;
    };
    if dump.slot >= source.slots() {
        return false;
    }
    let Some(mut slot) = target.blank_slot() else { return false };
    let mut medium = source.slot(dump.slot);
    if stored::persist(&mut medium, &dump.dump(), &mut slot, || to.feed()).is_err() {
        return false;
    }
    to.clean();
    coroner_mark_sent(from, dump)
}
