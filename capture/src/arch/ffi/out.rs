//! Where the dump of a C program goes: all kinds of sinks in one, so that the writer is in the library once.

use core::ffi::c_void;

use super::store::{CStore, Driver};
use crate::sink::flash::FlashSlot;
use crate::sink::semihosting::Semihosting;
use crate::sink::text::{Progress, Text};
use crate::sink::{Sink, SinkError};

/// `coroner_sink`.
#[repr(C)]
pub struct CSink {
    kind: u8,
    capacity: u32,
    put: Option<extern "C" fn(*mut c_void, u32, *const u8, usize) -> bool>,
    context: *mut c_void,
}

const TEXT: u8 = 1;
const SEMIHOSTING: u8 = 2;
const STORE: u8 = 3;

/// A sink that is open.
pub(super) struct Out<'a> {
    sink: &'a CSink,
    text: Progress,
    file: Option<Semihosting>,
    slot: Option<FlashSlot<'a, Driver<'a>>>,
    pace: Option<extern "C" fn() -> bool>,
}

impl<'a> Out<'a> {
    /// Opens the file, or finds the place in the store; `None` where that can't be.
    #[inline(never)]
    pub(super) fn open(
        sink: &'a CSink,
        pace: Option<extern "C" fn() -> bool>,
        store: Option<&'a mut Driver<'a>>,
    ) -> Option<Self> {
        let mut out = Out { sink, text: Progress::NOTHING, file: None, slot: None, pace };
        match (sink.kind, store) {
            (SEMIHOSTING, _) => out.file = Some(Semihosting::create(c"core.elf").ok()?),
            (STORE, Some(store)) => out.slot = Some(store.blank_slot()?),
            (STORE, None) => return None,
            _ => {}
        }
        Some(out)
    }

    fn send(&self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        match self.sink.put {
            Some(put) if put(self.sink.context, at, bytes.as_ptr(), bytes.len()) => Ok(()),
            _ => Err(SinkError),
        }
    }

    // Apart, so that the memory that one needs does not lie under the other.
    #[inline(never)]
    fn put_text(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        let mut text = self.text();
        let (put, progress) = (text.put(at, bytes), text.progress());
        drop(text);
        self.text = progress;
        put
    }

    fn text(&self) -> Text<impl FnMut(&[u8]) -> Result<(), SinkError>> {
        Text::resume(|bytes: &[u8]| self.send(0, bytes), self.text)
    }
}

#[inline(never)]
fn put_slot(slot: &mut FlashSlot<'_, Driver<'_>>, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
    slot.put(at, bytes)
}

impl CSink {
    /// The store that it names.
    ///
    /// # Safety
    /// The context of a sink for a store points to one.
    pub(super) unsafe fn store(&self) -> Option<&CStore> {
        // SAFETY: the caller's word.
        if self.kind == STORE { unsafe { self.context.cast::<CStore>().as_ref() } } else { None }
    }
}

impl Sink for Out<'_> {
    fn capacity(&self) -> u32 {
        match &self.slot {
            Some(slot) => Sink::capacity(slot),
            None if self.sink.kind == TEXT || self.file.is_some() => u32::MAX,
            None => self.sink.capacity,
        }
    }

    fn sequence(&self) -> u16 {
        self.slot.as_ref().map_or(0, Sink::sequence)
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        // Block 0 is sent whatever the clock says: it makes a dump of all the rest.
        if at != 0 && self.pace.is_some_and(|pace| !pace()) {
            return Err(SinkError);
        }
        if let Some(file) = &mut self.file {
            return file.put(at, bytes);
        }
        if let Some(slot) = &mut self.slot {
            return put_slot(slot, at, bytes);
        }
        if self.sink.kind == TEXT { self.put_text(at, bytes) } else { self.send(at, bytes) }
    }

    fn finish(&mut self) {
        match (&mut self.file, &mut self.slot) {
            (Some(file), _) => file.finish(),
            (_, Some(slot)) => slot.chip().clean(),
            _ if self.sink.kind == TEXT => self.text().finish(),
            _ => {}
        }
    }
}
