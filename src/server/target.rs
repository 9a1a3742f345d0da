//! The dump as gdbstub sees it: one target type for all architectures, chosen at run time.
//!
//! gdbstub fixes address width and register layout at compile time. Ours are 64 bits wide for
//! everybody, registers are bare bytes of which each may be unknown, and the real layout comes
//! from the target description.

use super::client::Client;
use super::monitor;
use super::registers::to_bytes;
use gdbstub::arch::{self, RegId};
use gdbstub::common::{Endianness, Tid};
use gdbstub::target::ext::auxv::{Auxv, AuxvOps};
use gdbstub::target::ext::base::BaseOps;
use gdbstub::target::ext::base::multithread::MultiThreadBase;
use gdbstub::target::ext::base::single_register_access::{
    SingleRegisterAccess, SingleRegisterAccessOps,
};
use gdbstub::target::ext::exec_file::{ExecFile, ExecFileOps};
use gdbstub::target::ext::host_info::{HostInfo, HostInfoOps, HostInfoResponse};
use gdbstub::target::ext::host_io::HostIoOps;
use gdbstub::target::ext::memory_map::{MemoryMap, MemoryMapOps};
use gdbstub::target::ext::monitor_cmd::{ConsoleOutput, MonitorCmd, MonitorCmdOps};
use gdbstub::target::ext::process_info::{ProcessInfo, ProcessInfoOps, ProcessInfoResponse};
use gdbstub::target::ext::target_description_xml_override::{
    TargetDescriptionXmlOverride, TargetDescriptionXmlOverrideOps,
};
use gdbstub::target::ext::thread_extra_info::{ThreadExtraInfo, ThreadExtraInfoOps};
use gdbstub::target::{Target, TargetError, TargetResult};
use std::convert::Infallible;
use std::num::NonZeroUsize;

/// `ESRCH`, `EFAULT`, `ENOENT`, `EROFS`.
const NO_THREAD: u8 = 3;
const NO_MEMORY: u8 = 14;
const NO_FILE: u8 = 2;
const READ_ONLY: u8 = 30;

/// Any architecture.
#[derive(Debug)]
pub(crate) enum AnyArch {}

impl arch::Arch for AnyArch {
    type Usize = u64;
    type Registers = RegisterBytes;
    type BreakpointKind = usize;
    type RegId = RegisterNumber;
}

/// The bytes of a `g` reply; those that are unknown are `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RegisterBytes(Vec<Option<u8>>);

impl arch::Registers for RegisterBytes {
    type ProgramCounter = u64;

    fn pc(&self) -> u64 {
        // Only asked for by gdbstub's breakpoint helpers, which are not in use.
        0
    }

    fn gdb_serialize(&self, write_byte: impl FnMut(Option<u8>)) {
        self.0.iter().copied().for_each(write_byte);
    }

    fn gdb_deserialize(&mut self, bytes: &[u8]) -> Result<(), ()> {
        self.0 = bytes.iter().map(|byte| Some(*byte)).collect();
        Ok(())
    }
}

/// A register by its number in the protocol.
#[derive(Debug)]
pub(crate) struct RegisterNumber(u32);

impl RegId for RegisterNumber {
    fn from_raw_id(id: usize) -> Option<(Self, Option<NonZeroUsize>)> {
        Some((RegisterNumber(u32::try_from(id).ok()?), None))
    }
}

impl Target for Client {
    type Arch = AnyArch;
    type Error = Infallible;

    fn base_ops(&mut self) -> BaseOps<'_, AnyArch, Infallible> {
        BaseOps::MultiThread(self)
    }

    /// Breakpoints are the front's, which accepts all of them.
    fn guard_rail_implicit_sw_breakpoints(&self) -> bool {
        true
    }

    /// The session encodes what it sends.
    fn use_rle(&self) -> bool {
        false
    }

    fn use_resume_stub(&self) -> bool {
        false
    }

    fn use_fork_stop_reason(&self) -> bool {
        false
    }

    fn use_vfork_stop_reason(&self) -> bool {
        false
    }

    fn use_vforkdone_stop_reason(&self) -> bool {
        false
    }

    fn support_monitor_cmd(&mut self) -> Option<MonitorCmdOps<'_, Self>> {
        Some(self)
    }

    fn support_target_description_xml_override(
        &mut self,
    ) -> Option<TargetDescriptionXmlOverrideOps<'_, Self>> {
        match self.served.target_xml {
            Some(_) => Some(self),
            None => None,
        }
    }

    fn support_auxv(&mut self) -> Option<AuxvOps<'_, Self>> {
        // GDB moves a position-independent program to where it ran by this.
        self.served.auxv().is_some().then_some(self)
    }

    fn support_memory_map(&mut self) -> Option<MemoryMapOps<'_, Self>> {
        // GDB warns of a map without any region in it.
        (self.served.dump.memory.region_count() > 0).then_some(self as _)
    }

    fn support_exec_file(&mut self) -> Option<ExecFileOps<'_, Self>> {
        match self.served.firmware {
            Some(_) => Some(self),
            None => None,
        }
    }

    fn support_host_io(&mut self) -> Option<HostIoOps<'_, Self>> {
        match self.served.firmware {
            Some(_) => Some(self),
            None => None,
        }
    }

    fn support_host_info(&mut self) -> Option<HostInfoOps<'_, Self>> {
        Some(self)
    }

    fn support_process_info(&mut self) -> Option<ProcessInfoOps<'_, Self>> {
        Some(self)
    }
}

impl MultiThreadBase for Client {
    fn read_registers(&mut self, regs: &mut RegisterBytes, tid: Tid) -> TargetResult<(), Self> {
        let index = self.index_of(tid)?;
        regs.0 = self.general_registers(index).ok_or(TargetError::Errno(NO_THREAD))?;
        Ok(())
    }

    fn write_registers(&mut self, _: &RegisterBytes, _: Tid) -> TargetResult<(), Self> {
        // `G` is the front's: gdbstub can't read one with unknown registers in it.
        Err(TargetError::Errno(READ_ONLY))
    }

    fn support_single_register_access(&mut self) -> Option<SingleRegisterAccessOps<'_, Tid, Self>> {
        Some(self)
    }

    fn read_addrs(&mut self, addr: u64, data: &mut [u8], _: Tid) -> TargetResult<usize, Self> {
        match self.scratch.read(&self.served.dump.memory, addr, data) {
            0 => Err(TargetError::Errno(NO_MEMORY)),
            n => Ok(n),
        }
    }

    fn write_addrs(&mut self, addr: u64, data: &[u8], _: Tid) -> TargetResult<(), Self> {
        let written = self.scratch.write(&self.served.dump.memory, addr, data);
        written.map_err(|_| TargetError::Errno(NO_MEMORY))
    }

    fn list_active_threads(&mut self, active: &mut dyn FnMut(Tid)) -> Result<(), Infallible> {
        let ids = self.served.wire_ids.iter().filter(|_| self.attached);
        ids.filter_map(|id| Tid::new(usize::try_from(*id).ok()?)).for_each(active);
        Ok(())
    }

    fn support_thread_extra_info(&mut self) -> Option<ThreadExtraInfoOps<'_, Self>> {
        Some(self)
    }
}

impl Client {
    fn index_of(&self, tid: Tid) -> TargetResult<usize, Self> {
        let index = self.served.thread_index(tid.get() as u64);
        index.filter(|_| self.attached).ok_or(TargetError::Errno(NO_THREAD))
    }
}

impl SingleRegisterAccess<Tid> for Client {
    fn read_register(
        &mut self,
        tid: Tid,
        RegisterNumber(number): RegisterNumber,
        buf: &mut [u8],
    ) -> TargetResult<usize, Self> {
        let arch = &self.served.dump.arch;
        let index = arch.register_by_regnum(number).ok_or(TargetError::NonFatal)?;
        let registers = self.registers(self.index_of(tid)?).ok_or(TargetError::NonFatal)?;
        // An unknown one does not come here: the front answers for it.
        let value = registers.get(index).ok_or(TargetError::NonFatal)?;
        let bytes = to_bytes(&arch.registers[index], arch.endian, value);
        let buf = buf.get_mut(..bytes.len()).ok_or(TargetError::NonFatal)?;
        buf.copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn write_register(&mut self, _: Tid, _: RegisterNumber, _: &[u8]) -> TargetResult<(), Self> {
        // `P` is the front's, for the words of its errors.
        Err(TargetError::Errno(READ_ONLY))
    }
}

impl ThreadExtraInfo for Client {
    fn thread_extra_info(&self, tid: Tid, buf: &mut [u8]) -> Result<usize, Infallible> {
        let index = self.served.thread_index(tid.get() as u64);
        let Some(thread) = index.and_then(|index| self.threads().get(index)) else { return Ok(0) };
        let state = self.served.state_text(thread);
        let text = match &thread.name {
            Some(name) if state.is_empty() => name.clone(),
            Some(name) => format!("{name}: {state}"),
            None => state,
        };
        // Two digits a byte must fit the packet as well.
        let room = buf.len() / 4;
        Ok(copy_piece(text.as_bytes(), 0, room, buf))
    }
}

impl TargetDescriptionXmlOverride for Client {
    fn target_description_xml(
        &self,
        annex: &[u8],
        offset: u64,
        length: usize,
        buf: &mut [u8],
    ) -> TargetResult<usize, Self> {
        match &self.served.target_xml {
            Some(xml) if annex == b"target.xml" => {
                Ok(copy_piece(xml.as_bytes(), offset, length, buf))
            }
            _ => Err(TargetError::Errno(NO_FILE)),
        }
    }
}

impl Auxv for Client {
    fn get_auxv(&self, offset: u64, length: usize, buf: &mut [u8]) -> TargetResult<usize, Self> {
        let auxv = self.served.auxv().map(|auxv| &**auxv).unwrap_or_default();
        Ok(copy_piece(auxv, offset, length, buf))
    }
}

impl MemoryMap for Client {
    fn memory_map_xml(
        &self,
        offset: u64,
        length: usize,
        buf: &mut [u8],
    ) -> TargetResult<usize, Self> {
        Ok(copy_piece(self.served.memory_map.as_bytes(), offset, length, buf))
    }
}

impl ExecFile for Client {
    fn get_exec_file(
        &self,
        _: Option<gdbstub::common::Pid>,
        offset: u64,
        length: usize,
        buf: &mut [u8],
    ) -> TargetResult<usize, Self> {
        let path = self.served.firmware_path().ok_or(TargetError::Errno(NO_FILE))?;
        Ok(copy_piece(path.as_bytes(), offset, length, buf))
    }
}

/// Copies the piece of `document` from `offset` on that fits into `length` and `buf`.
pub(super) fn copy_piece(document: &[u8], offset: u64, length: usize, buf: &mut [u8]) -> usize {
    let rest = usize::try_from(offset).ok().and_then(|offset| document.get(offset..));
    let rest = rest.unwrap_or_default();
    let n = rest.len().min(length).min(buf.len());
    buf[..n].copy_from_slice(&rest[..n]);
    n
}

impl HostInfo for Client {
    fn host_info(&self, write: &mut dyn FnMut(&HostInfoResponse<'_>)) -> Result<(), Infallible> {
        let arch = &self.served.dump.arch;
        if let Some(triple) = &arch.triple {
            write(&HostInfoResponse::Triple(triple));
        }
        write(&HostInfoResponse::PointerSize(arch.word_bits.div_ceil(8) as usize));
        // Last, as gdbstub writes a second semicolon behind it.
        write(&HostInfoResponse::Endianness(self.endianness()));
        Ok(())
    }
}

impl ProcessInfo for Client {
    fn process_info(
        &self,
        write: &mut dyn FnMut(&ProcessInfoResponse<'_>),
    ) -> Result<(), Infallible> {
        let arch = &self.served.dump.arch;
        write(&ProcessInfoResponse::Pid(NonZeroUsize::MIN));
        if let Some(triple) = &arch.triple {
            write(&ProcessInfoResponse::Triple(triple));
        }
        write(&ProcessInfoResponse::PointerSize(arch.word_bits.div_ceil(8) as usize));
        write(&ProcessInfoResponse::Endianness(self.endianness()));
        Ok(())
    }
}

impl Client {
    fn endianness(&self) -> Endianness {
        match self.served.dump.arch.endian {
            crate::targets::Endian::Little => Endianness::Little,
            crate::targets::Endian::Big => Endianness::Big,
        }
    }
}

impl MonitorCmd for Client {
    fn handle_monitor_cmd(
        &mut self,
        command: &[u8],
        mut out: ConsoleOutput<'_>,
    ) -> Result<(), Infallible> {
        let text = monitor::run(self, &String::from_utf8_lossy(command));
        for piece in text.as_str().as_bytes().chunks(monitor::PIECE) {
            out.write_raw(piece);
            out.flush();
        }
        Ok(())
    }
}
