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
    ///
    /// Where the address is that of a variable, the variable's provenance is exposed with it: the
    /// capture goes on with numbers and comes back through `with_exposed_provenance`
    /// ([`super::live`]). Between two linker symbols lie other variables than these two; theirs is
    /// exposed by nobody, and need not be: the linker put them there, outside of what the compiler
    /// knows of its own allocations, like the registers of a peripheral.
    pub fn get(self) -> usize {
        self.0.expose_provenance()
    }
}
