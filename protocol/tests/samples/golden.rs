//! Files of bytes that a person can compare: hexadecimal, 32 bytes a line, written anew only on purpose.

use std::{fmt::Write as _, fs, path::Path};

/// Whether `UPDRAFT_WRITE_VECTORS=1` asks for the files to be written anew; a build server must not.
pub(crate) fn is_writing() -> bool {
    let asked = std::env::var("UPDRAFT_WRITE_VECTORS").is_ok_and(|value| value == "1");
    let on_a_server = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!asked || !on_a_server, "golden bytes that follow the code guard nothing: not in CI");
    asked
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn write(path: &Path, contents: impl AsRef<[u8]>) {
    let folder = path.parent().expect("a file lies in a folder");
    fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    fs::write(path, contents).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// The names in a folder, in order.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(32) {
        for byte in line {
            write!(text, "{byte:02x}").expect("text takes text");
        }
        text.push('\n');
    }
    text
}

pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("digits are text");
        u8::from_str_radix(pair, 16).expect("two hexadecimal digits")
    };
    digits.chunks(2).map(byte).collect()
}
