//! Making a process, and taking away what it may do.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::check;

/// Since Linux 5.7. The constant of libc does not fit its type.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Which side of a clone we are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The caller, with the new process' id.
    Parent(i32),
    /// The new process.
    Child,
}

/// Clones this process like fork, with new namespaces, and on cgroup v2 directly into a cgroup. With `CLONE_PARENT` among
/// the flags the clone is a child of this process' parent.
///
/// # Safety
/// The process has one thread, so that no lock is held by a thread that the clone lacks.
pub(crate) unsafe fn clone(namespaces: u64, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Side> {
    // SAFETY: `clone_args` is plain numbers, for which all zeros is a valid value.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = namespaces;
    // A sibling takes over the signal that this process itself ends with.
    let is_sibling = namespaces & libc::CLONE_PARENT as u64 != 0;
    arguments.exit_signal = if is_sibling { 0 } else { libc::SIGCHLD as u64 };
    if let Some(cgroup) = cgroup {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: no memory, stack or descriptor table is shared (none of those flags), and by this function's
    // contract there is one thread; the arguments live through the call.
    let pid = check(unsafe {
        libc::syscall(libc::SYS_clone3, &raw const arguments, size_of::<libc::clone_args>())
    })?;
    Ok(match pid {
        0 => Side::Child,
        pid => Side::Parent(pid as i32),
    })
}

/// Sets a resource limit of another process.
pub(crate) fn set_limit_of(pid: i32, resource: u32, soft: u64, hard: u64) -> io::Result<()> {
    let limit = libc::rlimit64 { rlim_cur: soft, rlim_max: hard };
    // SAFETY: the new limit lives through the call, and no old one is asked for.
    check(unsafe {
        libc::syscall(
            libc::SYS_prlimit64,
            pid,
            resource,
            &raw const limit,
            std::ptr::null::<libc::rlimit64>(),
        )
    })?;
    Ok(())
}

/// The hard resource limit of another process.
pub(crate) fn hard_limit_of(pid: i32, resource: u32) -> io::Result<u64> {
    let mut limit = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: no new limit is given, and the old one is written to a structure that lives through the call.
    check(unsafe {
        libc::syscall(libc::SYS_prlimit64, pid, resource, std::ptr::null::<libc::rlimit64>(), &raw mut limit)
    })?;
    Ok(limit.rlim_max)
}

/// Closes all descriptors from 3 up but those in `keep`; negative ones are none.
pub(crate) fn close_all_but(keep: &mut [RawFd]) -> io::Result<()> {
    keep.sort_unstable();
    let mut next = 3;
    for fd in keep.iter().filter_map(|fd| libc::c_uint::try_from(*fd).ok()) {
        if fd < next {
            continue;
        }
        if fd > next {
            close_range(next, fd - 1)?;
        }
        next = fd + 1;
    }
    close_range(next, libc::c_uint::MAX)
}

fn close_range(first: libc::c_uint, last: libc::c_uint) -> io::Result<()> {
    // SAFETY: takes no pointers. The caller is about to exec and uses no descriptor but those it named.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) })?;
    Ok(())
}

/// A call of prctl(2) with numbers only.
pub(crate) fn prctl(option: libc::c_int, argument: u64) -> io::Result<i32> {
    // SAFETY: only options with numeric arguments are passed in this room.
    check(unsafe { libc::prctl(option, argument, 0, 0, 0) }.into()).map(|answer| answer as i32)
}

/// Adds a capability to the ambient set.
pub(crate) fn raise_ambient(capability: u64) -> io::Result<()> {
    // SAFETY: numbers only.
    check(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, capability, 0, 0) }.into())?;
    Ok(())
}

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilityData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// The permitted set of this process.
pub(crate) fn permitted_capabilities() -> io::Result<u64> {
    let mut header = CapabilityHeader { version: CAPABILITY_VERSION_3, pid: 0 };
    let mut data = [CapabilityData::default(); 2];
    // SAFETY: version 3 of the interface writes two elements, which is what `data` has.
    check(unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) })?;
    Ok(u64::from(data[0].permitted) | (u64::from(data[1].permitted) << 32))
}

/// Makes every permitted capability of this process effective.
pub(crate) fn raise_permitted() -> io::Result<()> {
    let permitted = permitted_capabilities()?;
    set_capabilities(permitted, permitted, 0)
}

/// Sets the three classic sets of this process.
pub(crate) fn set_capabilities(effective: u64, permitted: u64, inheritable: u64) -> io::Result<()> {
    let header = CapabilityHeader { version: CAPABILITY_VERSION_3, pid: 0 };
    let half = |shift: u32| CapabilityData {
        effective: (effective >> shift) as u32,
        permitted: (permitted >> shift) as u32,
        inheritable: (inheritable >> shift) as u32,
    };
    let data = [half(0), half(32)];
    // SAFETY: version 3 of the interface reads two elements, which is what `data` has.
    check(unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) })?;
    Ok(())
}

/// One instruction of classic BPF, as the kernel has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Instruction {
    pub(crate) code: u16,
    pub(crate) jt: u8,
    pub(crate) jf: u8,
    pub(crate) k: u32,
}

/// Installs a system call filter on this process, for good. With `SECCOMP_FILTER_FLAG_NEW_LISTENER` gives what the calls that
/// are left to others can be decided through.
pub(crate) fn install_filter(program: &[Instruction], flags: u32) -> io::Result<Option<OwnedFd>> {
    #[repr(C)]
    struct Program {
        length: u16,
        instructions: *const Instruction,
    }
    let length = u16::try_from(program.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let program = Program { length, instructions: program.as_ptr() };
    // SAFETY: `Program` has the layout of sock_fprog, and the instructions live through the call.
    let answer = check(unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    })?;
    let has_listener = flags & libc::SECCOMP_FILTER_FLAG_NEW_LISTENER as u32 != 0;
    // SAFETY: with the flag the answer is a descriptor that the kernel has just made, and nobody else knows of it.
    Ok(has_listener.then(|| unsafe { OwnedFd::from_raw_fd(answer as RawFd) }))
}

/// Default action for every signal, and none of them blocked: a program must not inherit what its parent ignores.
pub(crate) fn reset_signals() {
    /// `struct sigaction` as the kernel, not libc, has it: handler, flags, restorer, mask. All zeros: default.
    const DEFAULT: [u64; 4] = [0; 4];
    const MASK_BYTES: usize = 8;
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: the action is read and lives through the call, and no old one is asked for. By system call, since
        // libc refuses the two that it uses itself; the two that nobody can set answer an error without consequence.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                DEFAULT.as_ptr(),
                std::ptr::null::<u64>(),
                MASK_BYTES,
            )
        };
    }
    // An empty set is always valid, so that this cannot fail.
    let _ = nix::sys::signal::SigSet::empty().thread_set_mask();
}

/// Ends this process at once, without what the caller it was cloned from has registered for its own end.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: never returns, touches no memory.
    unsafe { libc::_exit(code) }
}

/// A session keyring of its own, so that a container neither sees nor fills the caller's.
pub(crate) fn join_new_keyring() -> io::Result<()> {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_int = 1;
    // SAFETY: a null name asks for an anonymous keyring.
    let answer = check(unsafe {
        libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, std::ptr::null::<libc::c_char>())
    });
    match answer {
        // A kernel without keys.
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => Ok(()),
        other => other.map(drop),
    }
}

/// Forks, for the built-in init. Not by clone3, which the default filter does not have.
///
/// # Safety
/// The process has one thread.
pub(crate) unsafe fn fork() -> io::Result<Side> {
    // SAFETY: by this function's contract there is no thread that could hold a lock.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Child => Ok(Side::Child),
        nix::unistd::ForkResult::Parent { child } => Ok(Side::Parent(child.as_raw())),
    }
}

/// Sets the interface `lo` of this network namespace up.
pub(crate) fn raise_loopback() -> io::Result<()> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: `ifreq` is plain data, for which all zeros is a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads one ifreq, which lives through the call.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) }.into())?;
    Ok(())
}

/// Sets the domain name of this UTS namespace.
pub(crate) fn set_domain_name(name: &str) -> io::Result<()> {
    // SAFETY: the name lives through the call, and its length is passed with it.
    check(unsafe { libc::setdomainname(name.as_ptr().cast(), name.len()) }.into())?;
    Ok(())
}

/// A new time namespace, for children of this process. nix has no name for the flag.
pub(crate) fn unshare_time() -> io::Result<()> {
    // SAFETY: a number only; nothing of this process changes.
    check(unsafe { libc::unshare(libc::CLONE_NEWTIME) }.into())?;
    Ok(())
}

/// Moves this process, which has one thread, into a namespace of the kind `flag` (`CLONE_NEW*`).
pub(crate) fn join(namespace: BorrowedFd<'_>, flag: libc::c_int) -> io::Result<()> {
    // SAFETY: numbers only.
    check(unsafe { libc::setns(namespace.as_raw_fd(), flag) }.into())?;
    Ok(())
}
