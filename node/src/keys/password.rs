//! Where a password comes from: a file, an open descriptor, a service's credential, or a person at the terminal.
//!
//! Never an argument or a variable's value: other users can read both. What is read wipes itself when dropped.

use std::{
    env, fmt, fs, io,
    io::{Read, Write as _},
    path::{Path, PathBuf},
};

use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use zeroize::Zeroizing;

use super::KeyError;

/// Longest password, in bytes.
const MAX_PASSWORD: usize = 1_024;

/// A password; never shown, wiped when dropped.
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password.
    ///
    /// # Errors
    /// [`KeyError::BadPassword`] when it is empty or over 1,024 bytes.
    pub fn new(text: String) -> Result<Self, KeyError> {
        Self::checked(Zeroizing::new(text))
    }

    fn checked(text: Zeroizing<String>) -> Result<Self, KeyError> {
        if text.is_empty() {
            return Err(KeyError::BadPassword("is empty"));
        }
        if text.len() > MAX_PASSWORD {
            return Err(KeyError::BadPassword("is over 1,024 bytes"));
        }
        Ok(Self(text))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Whether a person may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// At the terminal, if there is one.
    Allowed,
    /// Never: `--no-input`.
    Never,
}

/// Where passwords come from in this run.
#[derive(Debug, Clone)]
pub struct PasswordSource {
    file: Option<PathBuf>,
    new_file: Option<PathBuf>,
    asking: Asking,
}

impl PasswordSource {
    /// From `UPDRAFT_KEY_PASSWORD_FILE`, else the descriptor `UPDRAFT_KEY_PASSWORD_FD`, else the service's
    /// credential `key-password`, else the terminal. A password that takes the place of another has variables
    /// of its own, with `NEW_` before `PASSWORD`.
    pub fn from_environment(asking: Asking) -> Self {
        Self::from_lookup(asking, |name| env::var_os(name).map(PathBuf::from))
    }

    fn from_lookup(asking: Asking, lookup: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let named = |file: &str, descriptor: &str| {
            let number = || lookup(descriptor).map(|number| Path::new("/dev/fd").join(number));
            lookup(file).or_else(number)
        };
        let new_file = named("UPDRAFT_KEY_NEW_PASSWORD_FILE", "UPDRAFT_KEY_NEW_PASSWORD_FD");
        let file = named("UPDRAFT_KEY_PASSWORD_FILE", "UPDRAFT_KEY_PASSWORD_FD").or_else(|| {
            let credential = lookup("CREDENTIALS_DIRECTORY")?.join("key-password");
            credential.exists().then_some(credential)
        });
        Self { file, new_file, asking }
    }

    /// Whether the password that is used now can be had again by another program in the same process. A descriptor has
    /// been read to its end then, even one that passes for a file, and a person may not be there.
    pub fn can_be_had_again(&self) -> bool {
        self.file.as_ref().is_some_and(|file| {
            !file.starts_with("/dev") && !file.starts_with("/proc") && file.is_file()
        })
    }

    /// The password of the key `name`; `None` if there is no way to get one.
    ///
    /// # Errors
    /// [`KeyError::Io`], [`KeyError::BadPassword`], [`KeyError::Cancelled`].
    pub fn existing(&self, name: &str) -> Result<Option<Password>, KeyError> {
        match (&self.file, self.asking) {
            (Some(file), _) => from_file(file).map(Some),
            (None, Asking::Allowed) => ask(&format!("Password for {name}: ")),
            (None, Asking::Never) => Ok(None),
        }
    }

    /// A password for the new key `name`, asked twice; `None` if there is no way to get one.
    ///
    /// # Errors
    /// As [`PasswordSource::existing`]; [`KeyError::BadPassword`] when the two differ.
    pub fn new_one(&self, name: &str) -> Result<Option<Password>, KeyError> {
        match &self.file {
            Some(file) => from_file(file).map(Some),
            None => self.ask_twice(name),
        }
    }

    /// A password that takes the place of the one that the key `name` has, asked twice; `None` if there is no
    /// way to get one. Never from where the old one comes.
    ///
    /// # Errors
    /// As [`PasswordSource::new_one`].
    pub fn replacement(&self, name: &str) -> Result<Option<Password>, KeyError> {
        match &self.new_file {
            Some(file) => from_file(file).map(Some),
            None => self.ask_twice(name),
        }
    }

    fn ask_twice(&self, name: &str) -> Result<Option<Password>, KeyError> {
        if self.asking == Asking::Never {
            return Ok(None);
        }
        let Some(first) = ask(&format!("New password for {name}: "))? else { return Ok(None) };
        let again = ask(&format!("The same again for {name}: "))?;
        if again.is_none_or(|again| again.as_bytes() != first.as_bytes()) {
            return Err(KeyError::BadPassword("was not the same both times"));
        }
        Ok(Some(first))
    }
}

fn from_file(path: &Path) -> Result<Password, KeyError> {
    let failed = |source| KeyError::io("read the password from", path)(source);
    let mut text = Zeroizing::new(String::with_capacity(MAX_PASSWORD + 3));
    // Two more than allowed, for a line's end; a longer file is seen as too long.
    let most = u64::try_from(MAX_PASSWORD + 2).expect("a small number");
    fs::File::open(path)
        .and_then(|file| file.take(most).read_to_string(&mut text))
        .map_err(failed)?;
    let kept = text.trim_end_matches(['\n', '\r']).len();
    text.truncate(kept);
    Password::checked(text)
}

/// Asks at the controlling terminal, wherever standard input and output go; `None` without a terminal.
fn ask(prompt: &str) -> Result<Option<Password>, KeyError> {
    let path = Path::new("/dev/tty");
    let Ok(mut terminal) = fs::OpenOptions::new().read(true).write(true).open(path) else {
        return Ok(None);
    };
    let failed = |source| KeyError::io("ask for a password at", path)(source);
    terminal.write_all(prompt.as_bytes()).map_err(failed)?;
    let quiet = Quiet::begin(&terminal).map_err(|error| failed(error.into()))?;
    let line = read_line(&mut &terminal);
    drop(quiet);
    terminal.write_all(b"\n").map_err(failed)?;
    match line.map_err(failed)? {
        Some(text) => Password::checked(text).map(Some),
        None => Err(KeyError::Cancelled),
    }
}

/// A terminal that shows nothing and hands over each key at once. It takes Ctrl-C as a key too: the signal
/// would end the program with the terminal still mute.
struct Quiet<'a> {
    terminal: &'a fs::File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn begin(terminal: &'a fs::File) -> rustix::io::Result<Self> {
        let before = termios::tcgetattr(terminal)?;
        let mut mute = before.clone();
        mute.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        mute.special_codes[SpecialCodeIndex::VMIN] = 1;
        mute.special_codes[SpecialCodeIndex::VTIME] = 0;
        termios::tcsetattr(terminal, OptionalActions::Flush, &mute)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = termios::tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

/// Reads one line key by key, with the keys people correct themselves with; `None` when they break off.
fn read_line(terminal: &mut impl Read) -> io::Result<Option<Zeroizing<String>>> {
    const CTRL_C: u8 = 3;
    const CTRL_D: u8 = 4;
    const CTRL_U: u8 = 21;
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_PASSWORD + 4));
    loop {
        let mut key = [0];
        if terminal.read(&mut key)? == 0 {
            return Ok(None);
        }
        match key[0] {
            b'\n' | b'\r' => break,
            CTRL_C | CTRL_D => return Ok(None),
            CTRL_U => line.clear(),
            8 | 127 => {
                // A whole character: its continuation bytes first.
                while line.pop().is_some_and(|byte| byte & 0xC0 == 0x80) {}
            }
            // One more than allowed is kept, so that the length is refused and not silently cut.
            byte if line.len() <= MAX_PASSWORD => line.push(byte),
            _ => {}
        }
    }
    let text = std::str::from_utf8(&line)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "what was typed is not UTF-8"))?;
    Ok(Some(Zeroizing::new(text.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[u8]) -> Option<String> {
        read_line(&mut &*keys).expect("no error").map(|text| text.to_string())
    }

    #[test]
    fn corrections_and_the_end_of_the_line_are_understood() {
        assert_eq!(typed(b"secret\n"), Some("secret".into()));
        assert_eq!(typed(b"secrex\x7ft\r"), Some("secret".into()));
        assert_eq!(typed("sé\u{7f}ecret\n".as_bytes()), Some("secret".into()));
        assert_eq!(typed(b"wrong\x15secret\n"), Some("secret".into()));
        assert_eq!(typed(b"\x7f\x7fa\n"), Some("a".into()));
    }

    #[test]
    fn breaking_off_gives_no_password() {
        assert_eq!(typed(b"secr\x03et\n"), None);
        assert_eq!(typed(b"\x04"), None);
        assert_eq!(typed(b"secret"), None);
    }

    #[test]
    fn only_a_password_in_a_file_can_be_had_again() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let of = |name: &str, value: &Path| {
            let source = PasswordSource::from_lookup(Asking::Allowed, |asked| {
                (asked == name).then(|| value.to_owned())
            });
            source.can_be_had_again()
        };
        assert!(of("UPDRAFT_KEY_PASSWORD_FILE", file.path()));
        assert!(!of("UPDRAFT_KEY_PASSWORD_FILE", Path::new("/dev/fd/0")));
        assert!(!of("UPDRAFT_KEY_PASSWORD_FILE", file.path().parent().expect("a folder")));
        assert!(!of("UPDRAFT_KEY_PASSWORD_FD", Path::new("3")));
        assert!(!of("NOTHING", file.path()), "a person was asked");
    }

    #[test]
    fn a_password_file_loses_its_line_end_and_nothing_else() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let source = PasswordSource {
            file: Some(file.path().into()),
            new_file: None,
            asking: Asking::Never,
        };
        for (written, expected) in [("a b \n", Some("a b ")), ("a\r\n", Some("a")), ("\n", None)] {
            fs::write(file.path(), written).expect("written");
            let read = source.existing("ci").ok().flatten().map(|p| p.0.to_string());
            assert_eq!(read.as_deref(), expected, "{written:?}");
        }
        fs::write(file.path(), "x".repeat(1_025)).expect("written");
        assert!(matches!(source.existing("ci"), Err(KeyError::BadPassword(_))));
    }

    #[test]
    fn a_named_file_comes_before_a_descriptor_and_a_credential() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("key-password"), "c").expect("written");
        let all = |name: &str| match name {
            "UPDRAFT_KEY_PASSWORD_FILE" => Some("/a".into()),
            "UPDRAFT_KEY_PASSWORD_FD" => Some("7".into()),
            "CREDENTIALS_DIRECTORY" => Some(folder.path().to_owned()),
            _ => None,
        };
        let file = |without: &[&str]| {
            PasswordSource::from_lookup(Asking::Never, |name| {
                if without.contains(&name) { None } else { all(name) }
            })
            .file
        };
        assert_eq!(file(&[]), Some("/a".into()));
        assert_eq!(file(&["UPDRAFT_KEY_PASSWORD_FILE"]), Some("/dev/fd/7".into()));
        let neither = ["UPDRAFT_KEY_PASSWORD_FILE", "UPDRAFT_KEY_PASSWORD_FD"];
        assert_eq!(file(&neither), Some(folder.path().join("key-password")));
    }

    #[test]
    fn a_replacement_never_comes_from_where_the_old_password_does() {
        let file = |text: &str| {
            let file = tempfile::NamedTempFile::new().expect("a file");
            fs::write(file.path(), text).expect("written");
            file
        };
        let (old, new) = (file("old"), file("new"));
        let with = |new: Option<&Path>| {
            PasswordSource::from_lookup(Asking::Never, |name| match name {
                "UPDRAFT_KEY_PASSWORD_FILE" => Some(old.path().to_owned()),
                "UPDRAFT_KEY_NEW_PASSWORD_FILE" => new.map(Path::to_owned),
                _ => None,
            })
        };
        let both = with(Some(new.path()));
        let replacement = both.replacement("ci").expect("read").expect("a password");
        assert_eq!(replacement.as_bytes(), b"new");
        assert_eq!(both.existing("ci").expect("read").expect("one").as_bytes(), b"old");
        assert!(with(None).replacement("ci").expect("nobody is asked").is_none());
    }

    #[test]
    fn nobody_is_asked_when_that_is_forbidden() {
        let source = PasswordSource { file: None, new_file: None, asking: Asking::Never };
        assert!(source.existing("ci").expect("no error").is_none());
        assert!(source.new_one("ci").expect("no error").is_none());
    }
}
