//! How much a directory and all that will be below it may take: project quotas of ext4 and xfs.
//!
//! Purpose: volumes with a size. Inputs: an open empty directory, a number for its project, bytes. May not touch: anything
//! else; whoever wants the quota gone sets it to nothing before the directory goes.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::sys::check;

/// New files belong to the project of their directory (linux/fs.h).
const FS_XFLAG_PROJINHERIT: u32 = 0x200;
/// `FS_IOC_FSGETXATTR` and `FS_IOC_FSSETXATTR` (linux/fs.h).
const GET_ATTRIBUTES: libc::Ioctl = 0x801c_581f;
const SET_ATTRIBUTES: libc::Ioctl = 0x401c_5820;
/// `QCMD(Q_SETQUOTA, PRJQUOTA)` and `QCMD(Q_GETQUOTA, PRJQUOTA)` (linux/quota.h).
const SET_PROJECT: libc::c_uint = (0x0080_0008 << 8) | 2;
const GET_PROJECT: libc::c_uint = (0x0080_0007 << 8) | 2;
/// Only the limits of space are set (`QIF_BLIMITS`).
const SPACE_LIMITS: u32 = 1;
/// In which the kernel counts limits of space (`QIF_DQBLKSIZE`).
const BLOCK_BYTES: u64 = 1024;

/// `struct fsxattr` (linux/fs.h).
#[repr(C)]
#[derive(Default)]
struct Attributes {
    flags: u32,
    extent_size: u32,
    extents: u32,
    project: u32,
    cow_extent_size: u32,
    padding: [u8; 8],
}

/// `struct if_dqblk` (linux/quota.h).
#[repr(C)]
#[derive(Default)]
struct Limits {
    hard_blocks: u64,
    soft_blocks: u64,
    bytes: u64,
    hard_inodes: u64,
    soft_inodes: u64,
    inodes: u64,
    block_time: u64,
    inode_time: u64,
    valid: u32,
}

/// Whether nothing counts in this project yet.
///
/// # Errors
/// If this kernel or the file system has no project quotas.
pub fn is_free(directory: BorrowedFd<'_>, project: u32) -> io::Result<bool> {
    let mut limits = Limits::default();
    match control(directory, GET_PROJECT, project, &mut limits) {
        Ok(()) => Ok(limits.bytes == 0 && limits.inodes == 0 && limits.hard_blocks == 0),
        // Switched on, but nobody has asked for this one.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Makes a directory, and all that will be made below it, a project that can take so many bytes.
///
/// # Errors
/// If this kernel or the file system has no project quotas.
pub fn limit(directory: BorrowedFd<'_>, project: u32, bytes: u64) -> io::Result<()> {
    let mut attributes = Attributes::default();
    fault::point("quota: set project");
    // SAFETY: the structure is the kernel's, initialised, and lives through both calls.
    unsafe {
        check(libc::ioctl(directory.as_raw_fd(), GET_ATTRIBUTES, &raw mut attributes).into())?;
    }
    attributes.flags |= FS_XFLAG_PROJINHERIT;
    attributes.project = project;
    // SAFETY: as above.
    unsafe {
        check(libc::ioctl(directory.as_raw_fd(), SET_ATTRIBUTES, &raw const attributes).into())?;
    }
    set(directory, project, bytes)
}

/// Takes the limit of a project away.
///
/// # Errors
/// As [`limit`].
pub fn lift(directory: BorrowedFd<'_>, project: u32) -> io::Result<()> {
    set(directory, project, 0)
}

fn set(directory: BorrowedFd<'_>, project: u32, bytes: u64) -> io::Result<()> {
    let blocks = bytes.div_ceil(BLOCK_BYTES);
    let mut limits =
        Limits { hard_blocks: blocks, soft_blocks: blocks, valid: SPACE_LIMITS, ..Limits::default() };
    fault::point("quota: set limit");
    control(directory, SET_PROJECT, project, &mut limits)
}

fn control(
    directory: BorrowedFd<'_>,
    command: libc::c_uint,
    project: u32,
    limits: &mut Limits,
) -> io::Result<()> {
    // SAFETY: the structure is the kernel's, initialised, and lives through the call.
    check(unsafe {
        libc::syscall(
            libc::SYS_quotactl_fd,
            directory.as_raw_fd(),
            command,
            project,
            std::ptr::from_mut(limits),
        )
    })
    .map(drop)
}
