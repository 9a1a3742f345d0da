//! Registers as a client asks for them: `g`, `p`, `G`, `P`.
//!
//! A register that the dump doesn't hold is `xx` for each of its bytes, not zero. LLDB is an
//! exception: it reads `xx` in a `p` reply as 0xcc, so it gets an error there, which it shows as
//! "unavailable". The other one is the program counter that GDB can't do without.

use super::client::Client;
use super::hex;
use super::reply::{Answer, Fault, Reply};
use crate::targets::{Endian, Register};

/// The bytes of a register in the target's order.
pub(crate) fn to_bytes(register: &Register, endian: Endian, value: u128) -> Vec<u8> {
    let mut bytes = value.to_le_bytes()[..register.byte_len().min(16)].to_vec();
    if endian == Endian::Big {
        bytes.reverse();
    }
    bytes
}

/// The value of a register from its bytes in the target's order; `None` if they are too many or
/// too few.
fn from_bytes(register: &Register, endian: Endian, bytes: &[u8]) -> Option<u128> {
    if bytes.len() != register.byte_len() || bytes.len() > 16 {
        return None;
    }
    let mut value = [0; 16];
    value[..bytes.len()].copy_from_slice(bytes);
    if endian == Endian::Big {
        value[..bytes.len()].reverse();
    }
    Some(u128::from_le_bytes(value))
}

impl Client {
    /// The bytes of a `g` reply, `None` for each one that is unknown.
    pub(super) fn general_registers(&self, thread: usize) -> Option<Vec<Option<u8>>> {
        let registers = self.registers(thread)?;
        let arch = &self.served.dump.arch;
        let mut bytes = Vec::new();
        for index in &self.served.layout.general {
            let register = &arch.registers[*index];
            match registers.get(*index) {
                Some(value) => {
                    bytes.extend(to_bytes(register, arch.endian, value).iter().map(|b| Some(*b)))
                }
                None => {
                    let byte = self.needs_some_pc(thread, *index).then_some(0);
                    bytes.extend(std::iter::repeat_n(byte, register.byte_len()));
                }
            }
        }
        Some(bytes)
    }

    /// GDB (13 to 18) gives up a connection whose thread has no program counter, "PC register is
    /// not available": nobody could look at a dump without registers then. So that one register of
    /// the thread that a client begins with reads as 0 where it is unknown, and `state_text` says so.
    fn needs_some_pc(&self, thread: usize, index: usize) -> bool {
        thread == self.served.crashed && index == self.served.dump.arch.pc && !self.offers.lldb
    }

    /// `p number`, as far as gdbstub can't do it: it has no way to say that a register whose width
    /// it doesn't know at compile time is unknown.
    pub(super) fn read_register(&mut self, args: &[u8]) -> Result<Answer, Fault> {
        // LLDB (14 to 19) asks for register 0 to learn whether there is such a packet, and asks for no
        // other one that way if that is an error.
        let first = !std::mem::replace(&mut self.asked_register, true);
        let is_question = first && args == b"0";
        let index = self.register_by_number(args)?;
        let registers = self.registers(self.selected).ok_or(Fault::Thread)?;
        let register = &self.served.dump.arch.registers[index];
        match registers.get(index) {
            Some(_) => Ok(Answer::Pass),
            None if self.needs_some_pc(self.selected, index) => {
                Ok(Answer::Reply(vec![b'0'; register.byte_len() * 2]))
            }
            None if self.offers.lldb && !is_question => {
                Err(Fault::Register("not in the dump".into()))
            }
            None => Ok(Answer::Reply(vec![b'x'; register.byte_len() * 2])),
        }
    }

    fn register_by_number(&self, digits: &[u8]) -> Result<usize, Fault> {
        let number = hex::number(digits).ok_or(Fault::Syntax)?;
        let known = u32::try_from(number).ok();
        let index = known.and_then(|number| self.served.dump.arch.register_by_regnum(number));
        index.ok_or_else(|| Fault::Register(format!("there is no register {number}")))
    }

    /// `P number=digits`: into the scratch registers.
    pub(super) fn write_register(&mut self, args: &[u8]) -> Reply {
        let (number, digits) = hex::split(args, b'=').ok_or(Fault::Syntax)?;
        let index = self.register_by_number(number)?;
        let bytes = hex::bytes(digits).ok_or(Fault::Syntax)?;
        self.set_register(index, &bytes)?;
        Ok(b"OK".to_vec())
    }

    /// `G digits`: all of them; those with `x` among their digits stay as they are.
    pub(super) fn write_registers(&mut self, digits: &[u8]) -> Reply {
        let mut rest = digits;
        let mut values = Vec::new();
        for index in &self.served.layout.general {
            let len = self.served.dump.arch.registers[*index].byte_len() * 2;
            let (own, behind) = rest.split_at_checked(len).ok_or(Fault::Syntax)?;
            rest = behind;
            if !own.contains(&b'x') {
                values.push((*index, hex::bytes(own).ok_or(Fault::Syntax)?));
            }
        }
        if !rest.is_empty() {
            return Err(Fault::Syntax);
        }
        for (index, bytes) in values {
            self.set_register(index, &bytes)?;
        }
        Ok(b"OK".to_vec())
    }

    fn set_register(&mut self, index: usize, bytes: &[u8]) -> Result<(), Fault> {
        let thread = self.threads().get(self.selected).ok_or(Fault::Thread)?;
        let arch = thread.registers.arch();
        let register = &arch.registers[index];
        let Some(value) = from_bytes(register, arch.endian, bytes) else {
            let (name, len) = (&register.name, register.byte_len());
            let words = format!("{name} has {len} bytes, not {}", bytes.len());
            return Err(Fault::Register(words));
        };
        let dumped = &self.served.dump.threads[self.selected].registers;
        self.scratch.set_register(self.selected, dumped, index, value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::Targets;

    #[test]
    fn values_keep_the_byte_order_of_the_target() {
        let arch = Targets::built_in().arch("riscv32").expect("a built-in set");
        let pc = &arch.registers[arch.pc];
        for (endian, bytes) in [(Endian::Little, [4, 3, 2, 1]), (Endian::Big, [1, 2, 3, 4])] {
            assert_eq!(to_bytes(pc, endian, 0x0102_0304), bytes);
            assert_eq!(from_bytes(pc, endian, &bytes), Some(0x0102_0304));
        }
        assert_eq!(from_bytes(pc, Endian::Little, &[1, 2, 3]), None);
    }
}
