//! x86 of 32 and 64 bits: iced-x86's decoder behind our interface.
//!
//! The text is AT&T's, as objdump and GDB show it by default.

use super::{Access, Instruction, Kind};
use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Formatter, GasFormatter, InstructionInfoFactory,
    MemorySize, OpAccess, OpKind, Register,
};

/// Decodes the instruction that `bytes` begin with.
pub(super) fn decode(bytes: &[u8], addr: u64, is_64: bool) -> Option<Instruction> {
    let mut decoder =
        Decoder::with_ip(if is_64 { 64 } else { 32 }, bytes, addr, DecoderOptions::NONE);
    let found = decoder.decode();
    (!found.is_invalid()).then_some(())?;
    let mut out = Instruction::new(addr, found.len());
    let mut text = String::new();
    formatter().format(&found, &mut text);
    (out.mnemonic, out.operands) = match text.split_once(' ') {
        Some((mnemonic, operands)) => (mnemonic.to_string(), operands.trim().to_string()),
        None => (text, String::new()),
    };
    out.kind = match found.flow_control() {
        FlowControl::Next | FlowControl::XbeginXabortXend => Kind::Other,
        FlowControl::UnconditionalBranch | FlowControl::IndirectBranch => Kind::Jump,
        FlowControl::ConditionalBranch => Kind::Branch,
        FlowControl::Return => Kind::Return,
        FlowControl::Call | FlowControl::IndirectCall => Kind::Call,
        FlowControl::Interrupt | FlowControl::Exception => Kind::Trap,
    };
    let is_near = matches!(
        found.op0_kind(),
        OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64
    );
    out.target = is_near.then(|| found.near_branch_target());

    let mut factory = InstructionInfoFactory::new();
    let info = factory.info(&found);
    for used in info.used_registers() {
        let name = format!("{:?}", used.register()).to_lowercase();
        let (reads, writes) = ways(used.access());
        if reads {
            out.reads.push(name.clone());
        }
        if writes {
            out.writes.push(name);
        }
    }
    // With a segment of its own the address is unknown, and of two places nobody knows which one failed.
    if let [used] = info.used_memory()
        && !matches!(used.segment(), Register::FS | Register::GS)
    {
        let (load, store) = ways(used.access());
        let name = |register: Register| match register {
            Register::None => None,
            register => Some(format!("{register:?}").to_lowercase()),
        };
        let (base, index) = (name(used.base()), name(used.index()));
        let displacement = used.displacement();
        out.memory = Some(Access {
            load,
            store,
            width: (used.memory_size() != MemorySize::Unknown)
                .then(|| u8::try_from(used.memory_size().size()).ok())
                .flatten(),
            absolute: (base.is_none() && index.is_none()).then_some(displacement),
            offset: if is_64 { displacement as i64 } else { i64::from(displacement as u32 as i32) },
            index: index.map(|name| (name, used.scale().trailing_zeros() as u8)),
            base,
        });
    }
    Some(out)
}

fn formatter() -> GasFormatter {
    let mut formatter = GasFormatter::new();
    let options = formatter.options_mut();
    options.set_uppercase_hex(false);
    options.set_branch_leading_zeros(false);
    options.set_small_hex_numbers_in_decimal(false);
    options.set_gas_show_mnemonic_size_suffix(false);
    options.set_space_after_operand_separator(false);
    options.set_rip_relative_addresses(true);
    options.set_signed_immediate_operands(false);
    options.set_show_useless_prefixes(true);
    formatter
}

fn ways(access: OpAccess) -> (bool, bool) {
    match access {
        OpAccess::Read | OpAccess::CondRead => (true, false),
        OpAccess::Write | OpAccess::CondWrite => (false, true),
        OpAccess::ReadWrite | OpAccess::ReadCondWrite => (true, true),
        _ => (false, false),
    }
}
