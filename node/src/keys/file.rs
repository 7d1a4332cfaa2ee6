//! The text of a key file, `updraft-key/1`. Pure: text in, text out; permissions and places are not its business.
//!
//! ```text
//! updraft-key/1
//! name    ci
//! public  updk1…
//! kdf     argon2id m=65536 t=3 p=1
//! salt    updsalt1…
//! nonce   updnonce1…
//! sealed  updbox1…
//! ```
//! A key without a password has the one line `secret  updsecret1…` after `public`. Every binary field is
//! bech32m, whose checksum tells a damaged file from a wrong password.

use std::{fmt::Write as _, path::Path};

use bech32::{Bech32m, Hrp, primitives::decode::CheckedHrpstring};
use updraft_protocol::{ComponentName, PublicKey, SecretKey};
use zeroize::Zeroizing;

use super::{
    KeyError, Password, random_bytes,
    seal::{self, Cost, Sealed},
};

const FIRST_LINE: &str = "updraft-key/1";
/// A key file has under 500 bytes; anything much larger is something else.
pub(super) const MAX_FILE: usize = 4 * 1024;

const SALT: Hrp = Hrp::parse_unchecked("updsalt");
const NONCE: Hrp = Hrp::parse_unchecked("updnonce");
const BOX: Hrp = Hrp::parse_unchecked("updbox");
const SECRET: Hrp = Hrp::parse_unchecked("updsecret");

/// Whether using a key takes a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// It does.
    Password,
    /// Whoever has the file has the key.
    None,
}

/// A key as its file has it: who it is, and the secret under its lock.
#[derive(Debug)]
pub struct KeyFile {
    /// What its owner calls it.
    pub name: ComponentName,
    /// Its public half, as the file says; unlocking proves it.
    pub public: PublicKey,
    secret: Secret,
}

enum Secret {
    Sealed(Sealed),
    Open(Zeroizing<[u8; 32]>),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sealed(_) => "sealed",
            Self::Open(_) => "without a password",
        })
    }
}

impl KeyFile {
    /// A key file for `key`, closed with `password` if there is one.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`], or [`KeyError::BadPassword`] if the machine cannot do the sums.
    pub fn new(
        name: ComponentName,
        key: &SecretKey,
        password: Option<&Password>,
    ) -> Result<Self, KeyError> {
        let (seed, public) = (key.to_seed(), key.public());
        let secret = match password {
            None => Secret::Open(seed),
            Some(password) => Secret::Sealed(
                seal::seal(
                    &seed,
                    password,
                    Cost::USUAL,
                    random_bytes()?,
                    random_bytes()?,
                    label(&name, &public).as_bytes(),
                )
                .ok_or(KeyError::BadPassword("needs 64 MiB of memory to be turned into a key"))?,
            ),
        };
        Ok(Self { name, public, secret })
    }

    /// Whether using it takes a password.
    pub fn lock(&self) -> Lock {
        match self.secret {
            Secret::Sealed(_) => Lock::Password,
            Secret::Open(_) => Lock::None,
        }
    }

    /// The secret key.
    ///
    /// # Errors
    /// [`KeyError::PasswordNeeded`], [`KeyError::WrongPassword`].
    pub fn unlock(&self, password: Option<&Password>) -> Result<SecretKey, KeyError> {
        let wrong = || KeyError::WrongPassword(self.name.to_string());
        let key = match &self.secret {
            Secret::Open(seed) => SecretKey::from_seed(seed),
            Secret::Sealed(sealed) => {
                let password =
                    password.ok_or_else(|| KeyError::PasswordNeeded(self.name.to_string()))?;
                let label = label(&self.name, &self.public);
                let seed = seal::open(sealed, password, label.as_bytes()).ok_or_else(wrong)?;
                SecretKey::from_seed(&seed)
            }
        };
        if key.public() == self.public { Ok(key) } else { Err(wrong()) }
    }

    /// The same key under another name. The name is vouched for by the box, so a key with a password is
    /// closed anew, which takes the password.
    ///
    /// # Errors
    /// As [`KeyFile::unlock`] and [`KeyFile::new`].
    pub fn renamed(
        &self,
        name: ComponentName,
        password: Option<&Password>,
    ) -> Result<Self, KeyError> {
        let key = self.unlock(password)?;
        let kept = match self.lock() {
            Lock::Password => password,
            Lock::None => None,
        };
        Self::new(name, &key, kept)
    }

    /// The file's text; it wipes itself when dropped.
    pub(super) fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(label(&self.name, &self.public));
        let fields = match &self.secret {
            Secret::Open(seed) => Zeroizing::new(format!("secret  {}\n", *armour(SECRET, &**seed))),
            Secret::Sealed(sealed) => Zeroizing::new(format!(
                "kdf     {}\nsalt    {}\nnonce   {}\nsealed  {}\n",
                sealed.cost,
                *armour(SALT, &sealed.salt),
                *armour(NONCE, &sealed.nonce),
                *armour(BOX, &sealed.closed),
            )),
        };
        text.push_str(&fields);
        text
    }

    /// Reads a file's text. `path` is for errors only.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, KeyError> {
        let damaged = |reason: String| KeyError::Damaged { path: path.to_owned(), reason };
        let mut lines = text.lines();
        if lines.next() != Some(FIRST_LINE) {
            return Err(damaged(format!("its first line is not `{FIRST_LINE}`")));
        }
        let mut field = |name: &str| -> Result<&str, KeyError> {
            lines
                .next()
                .and_then(|line| line.strip_prefix(name))
                .map(str::trim)
                .ok_or_else(|| damaged(format!("the line `{name}` is missing")))
        };
        let name = field("name ")?.parse().map_err(|error| damaged(format!("{error}")))?;
        let public: PublicKey =
            field("public ")?.parse().map_err(|error| damaged(format!("{error}")))?;
        let bad = |name: &str| damaged(format!("the line `{name}` was changed or mistyped"));
        let secret = if text.contains("\nsecret ") {
            let seed: [u8; 32] =
                unarmour(SECRET, field("secret ")?).ok_or_else(|| bad("secret"))?;
            let seed = Zeroizing::new(seed);
            if SecretKey::from_seed(&seed).public() != public {
                return Err(damaged("its secret and its public key do not belong together".into()));
            }
            Secret::Open(seed)
        } else {
            Secret::Sealed(Sealed {
                cost: Cost::parse(field("kdf ")?).ok_or_else(|| bad("kdf"))?,
                salt: unarmour(SALT, field("salt ")?).ok_or_else(|| bad("salt"))?,
                nonce: unarmour(NONCE, field("nonce ")?).ok_or_else(|| bad("nonce"))?,
                closed: unarmour(BOX, field("sealed ")?).ok_or_else(|| bad("sealed"))?,
            })
        };
        let key = Self { name, public, secret };
        // One key has one text, so whatever differs from it was not written by us.
        if *key.to_text() == *text { Ok(key) } else { Err(damaged("it was edited".into())) }
    }
}

/// The lines before the secret, which the box vouches for.
fn label(name: &ComponentName, public: &PublicKey) -> String {
    let mut text = format!("{FIRST_LINE}\n");
    write!(text, "name    {name}\npublic  {public}\n").expect("writing to a string does not fail");
    text
}

fn armour(hrp: Hrp, bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(
        bech32::encode::<Bech32m>(hrp, bytes).expect("at most 48 bytes fit into one string"),
    )
}

fn unarmour<const N: usize>(hrp: Hrp, text: &str) -> Option<[u8; N]> {
    let decoded = CheckedHrpstring::new::<Bech32m>(text).ok().filter(|d| d.hrp() == hrp)?;
    let mut bytes = [0; N];
    let mut read = decoded.byte_iter();
    for byte in &mut bytes {
        *byte = read.next()?;
    }
    read.next().is_none().then_some(bytes)
}
