//! Values of variables, as a frame's registers and the dump's memory hold them.
//!
//! `scope.rs` finds the arguments and locals of a function at an address, `object.rs` where one
//! is, `entry.rs` what an argument was when the function was entered, `member.rs` what DWARF says
//! of the parts of types. `print.rs` writes a value down the way GDB does, with
//! `literal.rs` for numbers and texts; `value.rs` has it as a tree of parts. `globals.rs` finds variables by name and follows
//! expressions such as `queue.items[2].name`, which `expression.rs` takes apart;
//! `statics.rs` lists them.
//!
//! Everything is bounded: types may refer to themselves, lengths may be garbage.

mod entry;
mod expression;
mod globals;
mod literal;
mod member;
mod object;
mod print;
mod scope;
mod statics;
mod value;

pub use globals::Globals;
pub use print::Printer;
pub use scope::{InScope, Role, Scopes, Variable};
pub use statics::Static;
pub use value::{Branch, Value};

use crate::debug_info::{Entry, Unit};

type Offset = gimli::UnitOffset<usize>;
