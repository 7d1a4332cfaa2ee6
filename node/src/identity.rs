//! Who this node is: its network key, and the token people show its API.
//!
//! Both are made at the first start and kept in the data directory. The node key never signs a release, and
//! neither ever appears in a message or a log.

use std::{fmt, path::Path};

use zeroize::Zeroizing;

use crate::secret::{self, Created, SecretError};

/// What a token begins with, so that people and secret scanners recognise one.
const TOKEN_PREFIX: &str = "updt_";
/// Characters after the prefix: 32 bytes in base64url without padding.
const TOKEN_CHARACTERS: usize = 43;

/// Why there is no identity to run with.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file cannot be read or made.
    #[error(transparent)]
    File(#[from] SecretError),
    /// The file is not what it should be.
    #[error("{} does not hold {expected}", path.display())]
    Malformed {
        /// The file.
        path: std::path::PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// The system has no randomness to give.
    #[error("the system gives no random bytes")]
    NoRandomness(#[source] getrandom::Error),
}

/// The node's ed25519 seed: 32 bytes that only the network room may look at.
#[derive(Clone)]
pub struct NodeKey(Zeroizing<[u8; 32]>);

impl NodeKey {
    /// The key at `path`; makes one if there is none.
    ///
    /// # Errors
    /// If the file is not 32 bytes, can be read by others, or cannot be made.
    pub fn load_or_create(path: &Path) -> Result<Self, IdentityError> {
        let bytes = load_or_create(path, 32, |random| random.to_vec())?;
        let seed = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| {
            IdentityError::Malformed { path: path.to_owned(), expected: "a node key of 32 bytes" }
        })?;
        Ok(Self(Zeroizing::new(seed)))
    }

    /// A key that is kept nowhere, for nodes that forget everything and for tests.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn ephemeral() -> Result<Self, IdentityError> {
        Ok(Self(random()?))
    }

    /// The seed itself.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeKey(…)")
    }
}

/// The token that gives full rights at the API: `updt_` and 43 characters.
#[derive(Clone)]
pub struct ApiToken(Zeroizing<String>);

impl ApiToken {
    /// The token at `path`; makes one if there is none.
    ///
    /// # Errors
    /// If the file holds no token, can be read by others, or cannot be made.
    pub fn load_or_create(path: &Path) -> Result<Self, IdentityError> {
        let most = TOKEN_PREFIX.len() + TOKEN_CHARACTERS + 2;
        let bytes = load_or_create(path, most, |random| {
            format!("{TOKEN_PREFIX}{}\n", base64url(random)).into_bytes()
        })?;
        Self::parse(path, &bytes)
    }

    /// The token at `path`, for a client.
    ///
    /// # Errors
    /// If there is none, if it can be read by others, or if the file holds something else.
    pub fn load(path: &Path) -> Result<Self, IdentityError> {
        let most = TOKEN_PREFIX.len() + TOKEN_CHARACTERS + 2;
        Self::parse(path, &secret::read(path, most)?)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, IdentityError> {
        let is_token = |text: &&str| {
            text.strip_prefix(TOKEN_PREFIX).is_some_and(|rest| {
                rest.len() == TOKEN_CHARACTERS
                    && rest
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            })
        };
        let text = std::str::from_utf8(bytes).ok().map(str::trim_end).filter(is_token);
        let text = text.ok_or_else(|| IdentityError::Malformed {
            path: path.to_owned(),
            expected: "an API token (`updt_` and 43 characters)",
        })?;
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// Whether `shown` is this token. Takes the same time wherever they differ.
    pub fn matches(&self, shown: &str) -> bool {
        // Digests are compared in constant time, and their length says nothing about the token's.
        blake3::hash(self.0.as_bytes()) == blake3::hash(shown.as_bytes())
    }

    /// The token itself, for the header of a request.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiToken(…)")
    }
}

fn load_or_create(
    path: &Path,
    limit: usize,
    form: impl FnOnce(&[u8; 32]) -> Vec<u8>,
) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
    if !secret::exists(path) {
        let fresh = Zeroizing::new(form(&*random()?));
        match secret::create(path, &fresh)? {
            Created::New => return Ok(fresh),
            // Another process was faster; its secret is the one that counts.
            Created::Existed => {}
        }
    }
    Ok(secret::read(path, limit)?)
}

fn random() -> Result<Zeroizing<[u8; 32]>, IdentityError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(IdentityError::NoRandomness)?;
    Ok(bytes)
}

/// Base64 for URLs (RFC 4648 §5) without padding.
fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |n: usize| u32::from(group.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        // A group of n bytes fills n + 1 characters of 6 bits.
        for shift in [18, 12, 6, 0].iter().take(group.len() + 1) {
            let index = usize::try_from(bits >> shift & 63).expect("six bits");
            text.push(char::from(ALPHABET[index]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn base64url_follows_the_rfc() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"foobar", "Zm9vYmFy"),
            (&[0xfb, 0xff], "-_8"),
        ] {
            assert_eq!(base64url(bytes), text);
        }
    }

    #[test]
    fn a_node_keeps_its_key_and_two_nodes_have_two() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("identity.key");
        let first = NodeKey::load_or_create(&path).expect("made");
        let again = NodeKey::load_or_create(&path).expect("kept");
        assert_eq!(first.expose(), again.expose());
        let other = NodeKey::load_or_create(&folder.path().join("other")).expect("made");
        assert_ne!(first.expose(), other.expose());
    }

    #[test]
    fn a_token_has_its_form_and_matches_only_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("api.token");
        let token = ApiToken::load_or_create(&path).expect("made");
        assert_eq!(token.expose().len(), 48);
        assert!(token.matches(ApiToken::load(&path).expect("kept").expose()));
        let other = ApiToken::load_or_create(&folder.path().join("b")).expect("made");
        for wrong in ["", "updt_", other.expose(), &token.expose()[..47]] {
            assert!(!token.matches(wrong));
        }
    }

    #[test]
    fn a_damaged_identity_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = folder.path().join("identity.key");
        secret::create(&key, b"short").expect("written");
        let error = NodeKey::load_or_create(&key).expect_err("too short");
        assert!(error.to_string().contains("does not hold a node key"), "{error}");
        assert_eq!(fs::read(&key).expect("still there"), b"short");

        let token = folder.path().join("api.token");
        secret::create(&token, b"hunter2\n").expect("written");
        assert!(ApiToken::load_or_create(&token).is_err());
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let key = NodeKey::ephemeral().expect("randomness");
        assert_eq!(format!("{key:?}"), "NodeKey(…)");
        let token = ApiToken(Zeroizing::new("updt_x".to_owned()));
        assert_eq!(format!("{token:?}"), "ApiToken(…)");
    }
}
