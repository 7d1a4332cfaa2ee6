//! One zstd frame: written the same way every time, read with every bound kept.
//!
//! The only file that names zstd. What a frame says about its own size is never believed: a 33 kB frame can
//! inflate to 1 GiB. The caller says how many bytes there must be, and neither more nor fewer come out.

use std::{
    fmt,
    io::{self, BufRead, Read, Write},
};

use zstd::stream::{read::Decoder, write::Encoder};

use crate::error::FrameError;

/// Windows smaller than this are not worth a setting; 10 is the least zstd knows.
const WINDOW_LOG_MIN: u32 = 10;

/// How a frame is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameOptions {
    /// zstd's level, 1 to 22.
    pub(crate) level: i32,
    /// Largest window as a power of two; the reader's limit must not be below it.
    pub(crate) window_log: u32,
    /// Content from here on is searched for repeats a window apart, which costs time on anything shorter.
    pub(crate) long_distance_from: u64,
}

/// Starts a frame of exactly `size` bytes.
///
/// One thread: the workers of zstd cut their input into jobs, and a job sees less of what came before, so they
/// would be paid for in bytes by everyone who downloads. One thread also makes the output the same every time.
pub(crate) fn writer<W: Write>(
    out: W,
    size: u64,
    options: FrameOptions,
) -> io::Result<Encoder<'static, W>> {
    let mut encoder = Encoder::new(out, options.level)?;
    let fitting = u64::BITS - size.saturating_sub(1).leading_zeros();
    encoder.window_log(fitting.clamp(WINDOW_LOG_MIN, options.window_log))?;
    encoder.long_distance_matching(size >= options.long_distance_from)?;
    // Digests are checked on both sides of every frame; a checksum would say the same in four more bytes.
    encoder.include_checksum(false)?;
    encoder.set_pledged_src_size(Some(size))?;
    Ok(encoder)
}

/// Compresses a slice.
pub(crate) fn compress(bytes: &[u8], options: FrameOptions) -> io::Result<Vec<u8>> {
    let mut encoder = writer(Vec::new(), bytes.len() as u64, options)?;
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Remembers whether its own reading failed, which zstd's reader does not tell apart from bad bytes.
struct Noted<R> {
    inner: R,
    failed: bool,
}

impl<R: BufRead> BufRead for Noted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        // The borrow checker does not let a `match` return the slice of the first call.
        if let Err(error) = self.inner.fill_buf() {
            self.failed = error.kind() != io::ErrorKind::Interrupted;
            return Err(error);
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
    }
}

impl<R: BufRead> Read for Noted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buf)
    }
}

/// Reads one frame that holds exactly the announced number of bytes.
pub(crate) struct FrameReader<R: BufRead> {
    decoder: Decoder<'static, Noted<R>>,
    size: u64,
    got: u64,
}

impl<R: BufRead> fmt::Debug for FrameReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameReader({} of {})", self.got, self.size)
    }
}

impl<R: BufRead> FrameReader<R> {
    /// Expects `size` bytes. Takes at most a window of `window_log` and 256 KiB of memory.
    pub(crate) fn new(source: R, size: u64, window_log: u32) -> Result<Self, FrameError> {
        let broken = |source| FrameError::Broken { at: 0, source };
        let noted = Noted { inner: source, failed: false };
        let mut decoder = Decoder::with_buffer(noted).map_err(broken)?.single_frame();
        decoder.window_log_max(window_log).map_err(broken)?;
        Ok(Self { decoder, size, got: 0 })
    }

    fn refusal(&self, error: io::Error) -> FrameError {
        if self.decoder.get_ref().failed {
            FrameError::Source(error)
        } else if error.kind() == io::ErrorKind::UnexpectedEof {
            FrameError::Short { expected: self.size, got: self.got }
        } else {
            FrameError::Broken { at: self.got, source: error }
        }
    }

    /// Reads what is ready, up to the length of `buf`; 0 when all announced bytes are out.
    pub(crate) fn read(&mut self, buf: &mut [u8]) -> Result<usize, FrameError> {
        let left = usize::try_from(self.size - self.got).unwrap_or(usize::MAX);
        let want = left.min(buf.len());
        if want == 0 {
            return Ok(0);
        }
        loop {
            match self.decoder.read(&mut buf[..want]) {
                Ok(0) => return Err(FrameError::Short { expected: self.size, got: self.got }),
                Ok(read) => {
                    self.got += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.refusal(error)),
            }
        }
    }

    /// Checks that the frame ends here and nothing follows it.
    pub(crate) fn finish(mut self) -> Result<(), FrameError> {
        if self.got < self.size {
            return Err(FrameError::Short { expected: self.size, got: self.got });
        }
        loop {
            match self.decoder.read(&mut [0]) {
                Ok(0) => break,
                Ok(_) => return Err(FrameError::Long { expected: self.size }),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.refusal(error)),
            }
        }
        match self.decoder.get_mut().fill_buf() {
            Ok([]) => Ok(()),
            Ok(_) => Err(FrameError::Trailing),
            Err(error) => Err(FrameError::Source(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: FrameOptions =
        FrameOptions { level: 3, window_log: 20, long_distance_from: u64::MAX };

    fn unpack(packed: &[u8], size: u64, window_log: u32) -> Result<Vec<u8>, FrameError> {
        let mut reader = FrameReader::new(packed, size, window_log)?;
        let mut out = Vec::new();
        let mut buf = [0; 1000];
        loop {
            match reader.read(&mut buf)? {
                0 => break,
                read => out.extend_from_slice(&buf[..read]),
            }
        }
        reader.finish().map(|()| out)
    }

    #[test]
    fn what_went_in_comes_out() {
        for size in [0_usize, 1, 999, 1000, 70_000] {
            let bytes = vec![7_u8; size];
            let packed = compress(&bytes, OPTIONS).expect("compresses");
            assert_eq!(unpack(&packed, size as u64, 20).expect("unpacks"), bytes);
        }
    }

    #[test]
    fn one_byte_more_or_less_than_announced_is_refused() {
        let packed = compress(&[7; 5000], OPTIONS).expect("compresses");
        assert!(matches!(unpack(&packed, 4999, 20), Err(FrameError::Long { expected: 4999 })));
        let short = unpack(&packed, 5001, 20);
        assert!(matches!(short, Err(FrameError::Short { expected: 5001, got: 5000 })), "{short:?}");
        assert!(matches!(unpack(&packed, 0, 20), Err(FrameError::Long { expected: 0 })));
    }

    #[test]
    fn a_second_frame_or_any_other_byte_after_the_end_is_refused() {
        let packed = compress(&[7; 500], OPTIONS).expect("compresses");
        let twice = [packed.clone(), compress(&[], OPTIONS).expect("compresses")].concat();
        assert!(matches!(unpack(&twice, 500, 20), Err(FrameError::Trailing)));
        let padded = [packed, vec![0]].concat();
        assert!(matches!(unpack(&padded, 500, 20), Err(FrameError::Trailing)));
    }

    #[test]
    fn every_truncation_is_refused() {
        let packed = compress(b"some bytes that are some bytes", OPTIONS).expect("compresses");
        for len in 0..packed.len() {
            assert!(unpack(&packed[..len], 30, 20).is_err(), "{len}");
        }
    }

    #[test]
    fn a_window_above_the_limit_is_refused() {
        let noise: Vec<u8> = (0..1_u32 << 20).map(mixed_byte).collect();
        let packed = compress(&noise, OPTIONS).expect("compresses");
        assert!(unpack(&packed, 1 << 20, 20).is_ok());
        assert!(matches!(unpack(&packed, 1 << 20, 19), Err(FrameError::Broken { at: 0, .. })));
    }

    fn mixed_byte(seed: u32) -> u8 {
        (seed.wrapping_mul(2_654_435_761) >> 24).to_le_bytes()[0]
    }

    #[test]
    fn a_source_that_fails_is_not_blamed_on_the_bytes() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("disk"))
            }
        }
        let mut reader = FrameReader::new(io::BufReader::new(Failing), 10, 20).expect("starts");
        assert!(matches!(reader.read(&mut [0; 10]), Err(FrameError::Source(_))));
    }
}
