//! The one file that debuggers may fetch from here: the firmware's ELF.
//!
//! GDB asks for its path (`qXfer:exec-file`) and reads it through `vFile` packets, so that nobody
//! has to tell it which file belongs to the dump. No other file of this machine can be had.
//!
//! Source: GDB 13.1 manual, appendix E.7 "Host I/O Packets".

use super::client::Client;
use super::target::copy_piece;
use gdbstub::target::ext::host_io::{
    FsKind, HostIo, HostIoClose, HostIoCloseOps, HostIoErrno, HostIoError, HostIoFstat,
    HostIoFstatOps, HostIoOpen, HostIoOpenFlags, HostIoOpenMode, HostIoOpenOps, HostIoPread,
    HostIoPreadOps, HostIoResult, HostIoSetfs, HostIoSetfsOps, HostIoStat,
};

/// The one descriptor. It stays open; closing it does nothing.
const FIRMWARE: u32 = 1;

impl Client {
    fn file(&self, descriptor: u32) -> HostIoResult<&[u8], Self> {
        match &self.served.firmware {
            Some(elf) if descriptor == FIRMWARE => Ok(&elf.bytes),
            _ => Err(HostIoError::Errno(HostIoErrno::EBADF)),
        }
    }
}

impl HostIo for Client {
    fn support_open(&mut self) -> Option<HostIoOpenOps<'_, Self>> {
        Some(self)
    }

    fn support_close(&mut self) -> Option<HostIoCloseOps<'_, Self>> {
        Some(self)
    }

    fn support_pread(&mut self) -> Option<HostIoPreadOps<'_, Self>> {
        Some(self)
    }

    fn support_fstat(&mut self) -> Option<HostIoFstatOps<'_, Self>> {
        Some(self)
    }

    fn support_setfs(&mut self) -> Option<HostIoSetfsOps<'_, Self>> {
        Some(self)
    }
}

impl HostIoOpen for Client {
    fn open(
        &mut self,
        path: &[u8],
        flags: HostIoOpenFlags,
        _: HostIoOpenMode,
    ) -> HostIoResult<u32, Self> {
        if self.served.firmware_path().map(str::as_bytes) != Some(path) {
            return Err(HostIoError::Errno(HostIoErrno::ENOENT));
        }
        let writing = HostIoOpenFlags::O_WRONLY
            | HostIoOpenFlags::O_RDWR
            | HostIoOpenFlags::O_CREAT
            | HostIoOpenFlags::O_TRUNC;
        match flags.intersects(writing) {
            true => Err(HostIoError::Errno(HostIoErrno::EROFS)),
            false => Ok(FIRMWARE),
        }
    }
}

impl HostIoClose for Client {
    fn close(&mut self, descriptor: u32) -> HostIoResult<(), Self> {
        self.file(descriptor).map(drop)
    }
}

impl HostIoPread for Client {
    fn pread(
        &mut self,
        descriptor: u32,
        count: usize,
        offset: u64,
        buf: &mut [u8],
    ) -> HostIoResult<usize, Self> {
        Ok(copy_piece(self.file(descriptor)?, offset, count, buf))
    }
}

impl HostIoFstat for Client {
    fn fstat(&mut self, descriptor: u32) -> HostIoResult<HostIoStat, Self> {
        const BLOCK: u64 = 512;
        let size = self.file(descriptor)?.len() as u64;
        Ok(HostIoStat {
            st_dev: 0,
            st_ino: 1,
            st_mode: HostIoOpenMode::S_IFREG | HostIoOpenMode::S_IRUSR,
            st_nlink: 1,
            st_uid: 0,
            st_gid: 0,
            st_rdev: 0,
            st_size: size,
            st_blksize: BLOCK,
            st_blocks: size.div_ceil(BLOCK),
            st_atime: 0,
            st_mtime: 0,
            st_ctime: 0,
        })
    }
}

impl HostIoSetfs for Client {
    fn setfs(&mut self, _: FsKind) -> HostIoResult<(), Self> {
        Ok(())
    }
}
