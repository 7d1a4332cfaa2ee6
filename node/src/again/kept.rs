//! The count of starts on disk: a line in the data directory, from before a program is replaced until one has lasted.
//! Blocks. Says nothing about who may start again.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::Path,
};

use super::Starts;
use crate::whole;

/// Bytes of a count; a longer file is something else.
const MAX_FILE: u64 = 256;

/// What is kept; none if there is no such file, or nothing in it that is a count: it only saves from going in circles.
///
/// # Errors
/// If there is a file, and it cannot be read.
pub fn read(path: &Path) -> io::Result<Starts> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Starts::none()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(Starts::read(std::str::from_utf8(&bytes).ok().map(str::trim_end)))
}

/// Keeps a count. Durable when this returns.
///
/// # Errors
/// Those of the file system.
pub fn write(path: &Path, starts: &Starts) -> io::Result<()> {
    whole::replace(path, |file| writeln!(file, "{starts}"))
}

/// Strikes it off. Nothing is lost if a power cut brings it back.
///
/// # Errors
/// Those of the file system, but not that there is none.
pub fn clear(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use updraft_protocol::Timestamp;

    use super::*;

    #[test]
    fn a_count_is_kept_until_it_is_struck_off_and_nothing_else_is_taken_for_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("starts");
        assert_eq!(read(&path).expect("there is none"), Starts::none());
        let version = "2.0.0".parse().expect("a version");
        let starts =
            Starts::none().another(&version, Timestamp::from_seconds(7)).expect("the first");
        write(&path, &starts).expect("written");
        assert_eq!(read(&path).expect("there"), starts);
        clear(&path).expect("removed");
        clear(&path).expect("it is gone, which is as well");
        assert_eq!(read(&path).expect("there is none"), Starts::none());
        for other in [&b""[..], b"\xff\xfe", b"hello\n", &[b'1'; 4_096]] {
            fs::write(&path, other).expect("own file");
            assert_eq!(read(&path).expect("there"), Starts::none());
        }
    }
}
