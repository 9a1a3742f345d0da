//! Addresses as constants: also of linker symbols, whose value only the linker knows.

/// An address. Never dereferenced here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Address(*const u8);

// SAFETY: the pointer is only compared and turned into a number.
unsafe impl Sync for Address {}
// SAFETY: as above.
unsafe impl Send for Address {}

impl Address {
    /// A number known at compile time.
    pub const fn new(address: usize) -> Self {
        Address(core::ptr::without_provenance(address))
    }

    /// Where something lies.
    pub const fn of(place: *const u8) -> Self {
        Address(place)
    }

    /// As a number.
    pub fn get(self) -> usize {
        self.0.addr()
    }
}
