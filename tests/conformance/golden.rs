//! Files of a case: bytes in hexadecimal, 32 a line, so that people can compare them; written anew on purpose only.
//! The same form as the golden vectors of `protocol`, whose own lints keep its tests from sharing this file.

use std::{fmt::Write as _, fs, path::Path};

/// Whether `UPDRAFT_WRITE_VECTORS=1` asks for the files to be written anew; a build server must not.
pub(super) fn is_writing() -> bool {
    let asked = std::env::var("UPDRAFT_WRITE_VECTORS").is_ok_and(|value| value == "1");
    let on_a_server = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!asked || !on_a_server, "golden bytes that follow the code guard nothing: not in CI");
    asked
}

pub(super) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(super) fn write(path: &Path, contents: &str) {
    let folder = path.parent().expect("a file lies in a folder");
    fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    fs::write(path, contents).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// The names in a folder, in order.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

pub(super) fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(32) {
        for byte in line {
            write!(text, "{byte:02x}").expect("text takes text");
        }
        text.push('\n');
    }
    text
}

pub(super) fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("digits are text");
        u8::from_str_radix(pair, 16).expect("two hexadecimal digits")
    };
    digits.chunks(2).map(byte).collect()
}
