//! Compressing a rotated file, in a child that lives only for it: the shim's own memory stays small, and the container's
//! output never waits for a compressor. The child has the lowest priority and dies with its shim.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use ::shim::LogFormat;
use ::shim::block::{BLOCK_BYTES, HEADER_BYTES, Header};
use ::shim::record::{self, Record};
use flate2::{Compression, GzBuilder, write::DeflateEncoder};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::file::numbered;

/// The first argument of the child, before the format and the number of the file's inode.
pub(crate) const ARGUMENT: &str = "--squeeze";
/// What the gzip header's comment begins with; then the inode of what was compressed, by which a reader that follows
/// knows the file it has read already.
const INODE: &str = "inode ";
/// Read at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// The lowest priority.
const NICENESS: libc::c_int = 19;

/// A child at work.
#[derive(Debug)]
pub(super) struct Squeeze {
    pid: i32,
    /// Of the file it reads; rotations meanwhile count it up.
    number: u32,
}

impl Squeeze {
    /// Where the child writes until it is done.
    pub(super) fn unfinished(path: &Path) -> PathBuf {
        let mut name = path.to_owned().into_os_string();
        name.push(".squeeze");
        name.into()
    }

    /// Starts a child for the rotated file with this number.
    pub(super) fn start(path: &Path, format: LogFormat, number: u32) -> io::Result<Squeeze> {
        let input = File::open(numbered(path, number, ""))?;
        let inode = input.metadata()?.ino();
        fault::point("log: start compressing");
        let output = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o640)
            .custom_flags(libc::O_NOFOLLOW)
            .open(Squeeze::unfinished(path))?;
        let child = Command::new("/proc/self/exe")
            .args([ARGUMENT, format.squeezed(), &inode.to_string()])
            .env_clear()
            .stdin(input)
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()?;
        // Reaped with all other children of the shim.
        Ok(Squeeze { pid: child.id() as i32, number })
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// The file has got the next number.
    pub(super) fn rotated(&mut self) {
        self.number += 1;
    }

    /// The child has ended: puts its work in the file's place. In between both are there, and readers take the plain one.
    pub(super) fn finish(self, path: &Path, format: LogFormat, succeeded: bool) -> io::Result<()> {
        let unfinished = Squeeze::unfinished(path);
        if !succeeded {
            fs::remove_file(unfinished)?;
            return Err(io::ErrorKind::Other.into());
        }
        fault::point("log: rename compressed file");
        fs::rename(unfinished, numbered(path, self.number, format.squeezed()))?;
        fault::point("log: remove what was compressed");
        fs::remove_file(numbered(path, self.number, ""))
    }

    /// Ends the child; the next run compresses the file.
    pub(super) fn cancel(self, path: &Path) {
        // Not reaped yet, so that the number is its own.
        let _ = kill(Pid::from_raw(self.pid), Signal::SIGKILL);
        let _ = fs::remove_file(Squeeze::unfinished(path));
    }
}

/// The child: standard input to standard output. `arguments`: what follows [`ARGUMENT`].
pub(crate) fn squeeze(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let (format, inode) = (arguments.next(), arguments.next().unwrap_or_default());
    // SAFETY: numbers only; a priority that cannot be lowered does no harm.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) };
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
    let _ = nix::sys::prctl::set_name(c"shoal-squeeze");
    let (mut input, output) = (io::stdin().lock(), io::stdout().lock());
    let done = match format.as_deref() {
        Some(".gz") => gzip(&mut input, output, &inode),
        Some(".blk") => blocks(&mut input, output, inode.parse().unwrap_or(0)),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    };
    // A rotated file is removed when this has succeeded, so that it must have reached the disk.
    let synced = done.and_then(|()| nix::unistd::fsync(io::stdout()).map_err(Into::into));
    if synced.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Fast rather than small: log lines shrink to a tenth either way.
fn gzip(input: &mut impl Read, output: impl Write, inode: &str) -> io::Result<()> {
    let mut encoder = GzBuilder::new().comment(format!("{INODE}{inode}")).write(output, Compression::fast());
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match input.read(&mut chunk)? {
            0 => return encoder.finish()?.flush(),
            count => encoder.write_all(&chunk[..count])?,
        }
    }
}

/// Records to blocks. Stops where the input is damaged: what follows cannot be told from nonsense.
fn blocks(input: &mut impl Read, mut output: impl Write, inode: u64) -> io::Result<()> {
    let mut bytes = Vec::new();
    let mut block = Gathered::default();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = input.read(&mut chunk)?;
        bytes.extend_from_slice(&chunk[..count]);
        let mut used = 0;
        while let Ok(Some((record, length))) = record::decode(&bytes[used..]) {
            if let Record::Line { at_ns, .. } = record {
                block.add(&bytes[used..used + length], at_ns);
            }
            used += length;
            if block.plain.len() >= BLOCK_BYTES {
                std::mem::take(&mut block).write(inode, &mut output)?;
            }
        }
        bytes.drain(..used);
        if count == 0 || record::decode(&bytes).is_err() {
            break;
        }
    }
    if !block.plain.is_empty() {
        block.write(inode, &mut output)?;
    }
    output.flush()
}

/// A block before it is written.
#[derive(Default)]
struct Gathered {
    plain: Vec<u8>,
    lines: u32,
    times: Option<(i64, i64)>,
}

impl Gathered {
    fn add(&mut self, record: &[u8], at_ns: i64) {
        self.plain.extend_from_slice(record);
        self.lines += 1;
        let (earliest, latest) = self.times.unwrap_or((at_ns, at_ns));
        self.times = Some((earliest.min(at_ns), latest.max(at_ns)));
    }

    fn write(self, inode: u64, output: &mut impl Write) -> io::Result<()> {
        let mut encoder = DeflateEncoder::new(vec![0; HEADER_BYTES], Compression::fast());
        encoder.write_all(&self.plain)?;
        let mut bytes = encoder.finish()?;
        let (earliest_ns, latest_ns) = self.times.unwrap_or_default();
        let header = Header {
            squeezed_bytes: (bytes.len() - HEADER_BYTES) as u32,
            plain_bytes: self.plain.len() as u32,
            lines: self.lines,
            inode,
            earliest_ns,
            latest_ns,
        };
        bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
        output.write_all(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_every_line_up_to_the_damage() {
        let mut input = Vec::new();
        for at_ns in 0..10_000 {
            let text = format!("line {at_ns}");
            let record = Record::Line { stderr: false, partial: false, at_ns, text: text.as_bytes() };
            record::encode(&record, &mut input);
        }
        input.extend_from_slice(&[0xff; 20]);
        let mut output = Vec::new();
        blocks(&mut input.as_slice(), &mut output, 7).unwrap();
        assert!(output.len() * 3 < input.len());
        let (mut rest, mut lines, mut next) = (output.as_slice(), 0, 0);
        while let Some((header, tail)) = rest.split_first_chunk() {
            let header = Header::decode(header).unwrap();
            let (squeezed, tail) = tail.split_at(header.squeezed_bytes as usize);
            let mut plain = Vec::new();
            flate2::read::DeflateDecoder::new(squeezed).read_to_end(&mut plain).unwrap();
            assert_eq!(plain.len(), header.plain_bytes as usize);
            assert_eq!(header.earliest_ns, next);
            next = header.latest_ns + 1;
            lines += header.lines;
            rest = tail;
        }
        assert_eq!(lines, 10_000);
    }
}
