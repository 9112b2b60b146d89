//! The text of the root key file: parsed and written here, read and saved elsewhere.
//!
//! ```text
//! bailee-root-key/v1                     bailee-root-key/v1
//! key <base64 of 32 bytes>               argon2id m=65536 t=3 p=1 salt=<base64 of 16 bytes>
//!                                        wrapped <base64 of 105 bytes>
//! ```
//!
//! On the right the root key is random too, and wrapped by a key made from the passphrase with
//! Argon2id (RFC 9106, version 19). So a passphrase can be replaced without touching the store, and
//! a wrong one is told apart from a damaged store. There is one spelling of each file: lines end in
//! LF, base64 is that of RFC 4648 §4 with padding, numbers have no leading zeros.
//!
//! No error quotes a line of the file, because a line may be the key.

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use crate::context::{Context, Label};
use crate::entropy::Entropy;
use crate::root::RootKey;
use crate::sealed::{SealError, WRAPPED_KEY, unwrap, wrap};
use crate::secret::{Key, Secret};

const HEADER: &str = "bailee-root-key/v1";
/// The longer form has 226 bytes with every number at its longest.
const MAX_FILE: usize = 512;
const SALT: usize = 16;
const MIN_PASSPHRASE: usize = 12;
const MAX_PASSPHRASE: usize = 1024;

/// What a root key file holds.
#[derive(Debug)]
pub enum RootFile {
    /// The root key in clear; the file's mode and place protect it.
    Plain(RootKey),
    /// The root key wrapped by a passphrase.
    Passphrase(PassphraseFile),
}

/// A root key file that opens with a passphrase. It prints its cost only: the rest is what somebody
/// needs to try passphrases elsewhere.
#[derive(Clone, Eq, PartialEq)]
pub struct PassphraseFile {
    cost: Argon2Cost,
    salt: [u8; SALT],
    wrapped: [u8; WRAPPED_KEY],
}

/// What one attempt at the passphrase costs (RFC 9106 §3.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Argon2Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// Why a root key file was not read or written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RootFileError {
    /// Not a root key file in its one spelling.
    #[error("the root key file is not valid: {0}; restore the file from its copy")]
    Malformed(&'static str),
    /// A parameter of Argon2id is out of its range.
    #[error("`{name}={value}` of argon2id is not within {min} to {max}; choose a value inside")]
    Cost {
        /// The parameter as it is spelled in the file.
        name: &'static str,
        /// Its value.
        value: u32,
        /// The least value.
        min: u32,
        /// The greatest value.
        max: u32,
    },
    /// The passphrase does not open the file, or the file was changed; the two look alike.
    #[error("the passphrase does not open the root key file; try again or restore the file")]
    WrongPassphrase,
    /// A new passphrase is too short or too long.
    #[error("a passphrase has 12 to 1024 bytes; choose another one")]
    PassphraseLength,
    /// There is not as much memory as the file asks for.
    #[error("not enough memory for argon2id with `m={0}` KiB; free some and try again")]
    Memory(u32),
    /// The key could not be wrapped.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl RootFile {
    /// Parses the whole text of a root key file.
    ///
    /// # Errors
    /// [`RootFileError::Malformed`], or [`RootFileError::Cost`] for a parameter out of range, which
    /// keeps a hostile file from using up the machine.
    pub fn parse(text: &[u8]) -> Result<Self, RootFileError> {
        if text.len() > MAX_FILE {
            return Err(RootFileError::Malformed("it is longer than 512 bytes"));
        }
        let text = std::str::from_utf8(text)
            .map_err(|_| RootFileError::Malformed("it is not plain text"))?;
        let body = text
            .strip_prefix(HEADER)
            .and_then(|rest| rest.strip_prefix('\n'))
            .ok_or(RootFileError::Malformed("its first line is not `bailee-root-key/v1`"))?;
        let lines = body
            .strip_suffix('\n')
            .ok_or(RootFileError::Malformed("its last line does not end in a line feed"))?;
        match lines.split_once('\n') {
            None => parse_plain(lines).map(Self::Plain),
            Some((cost, wrapped)) => parse_passphrase(cost, wrapped).map(Self::Passphrase),
        }
    }
}

impl RootKey {
    /// The text of a key file that holds this key in clear. Write it with mode 0600.
    #[must_use]
    pub fn to_file(&self) -> Zeroizing<String> {
        // Room for all of it, so that no growing string leaves a copy of the key behind.
        let mut text = Zeroizing::new(String::with_capacity(MAX_FILE));
        text.push_str(HEADER);
        text.push_str("\nkey ");
        BASE64.encode_string(self.secret().expose(), &mut text);
        text.push('\n');
        text
    }
}

impl PassphraseFile {
    /// Wraps `root` by `passphrase`, whose bytes are taken as they are (no Unicode normalization).
    /// Takes the time and memory of `cost`.
    ///
    /// # Errors
    /// [`RootFileError::PassphraseLength`], [`RootFileError::Memory`], and
    /// [`RootFileError::Seal`] when the random source fails.
    pub fn lock(
        root: &RootKey,
        passphrase: &[u8],
        cost: Argon2Cost,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, RootFileError> {
        if !(MIN_PASSPHRASE..=MAX_PASSPHRASE).contains(&passphrase.len()) {
            return Err(RootFileError::PassphraseLength);
        }
        let mut salt = [0; SALT];
        entropy.fill(&mut salt).map_err(SealError::from)?;
        let key = cost.stretch(passphrase, &salt)?;
        let wrapped = wrap(&key, &root_key_context(salt), entropy, root.secret())?;
        let wrapped = wrapped.try_into().map_err(|_| SealError::Library)?;
        Ok(Self { cost, salt, wrapped })
    }

    /// Opens the root key. Takes the time and memory of the file's cost, also when it fails.
    ///
    /// # Errors
    /// [`RootFileError::WrongPassphrase`], or [`RootFileError::Memory`].
    pub fn unlock(&self, passphrase: &[u8]) -> Result<RootKey, RootFileError> {
        if passphrase.len() > MAX_PASSPHRASE {
            return Err(RootFileError::WrongPassphrase);
        }
        let key = self.cost.stretch(passphrase, &self.salt)?;
        unwrap(&key, &root_key_context(self.salt), &self.wrapped)
            .map(RootKey::from_key)
            .map_err(|_| RootFileError::WrongPassphrase)
    }

    /// The text of the key file.
    #[must_use]
    pub fn encode(&self) -> String {
        let Argon2Cost { memory_kib, passes, lanes } = self.cost;
        let (salt, wrapped) = (BASE64.encode(self.salt), BASE64.encode(self.wrapped));
        let cost = format!("m={memory_kib} t={passes} p={lanes}");
        format!("{HEADER}\nargon2id {cost} salt={salt}\nwrapped {wrapped}\n")
    }

    /// What one attempt costs.
    #[must_use]
    pub const fn cost(&self) -> Argon2Cost {
        self.cost
    }
}

impl fmt::Debug for PassphraseFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PassphraseFile").field("cost", &self.cost).finish_non_exhaustive()
    }
}

impl Argon2Cost {
    /// 64 MiB, 3 passes, 1 lane: about 0.13 s, the second recommendation of RFC 9106 §4 in memory
    /// and passes, with one lane because the lanes are worked off one after the other.
    pub const DEFAULT: Self = Self { memory_kib: 65_536, passes: 3, lanes: 1 };

    /// Memory in KiB (8,192 to 1,048,576: 8 MiB to 1 GiB), passes (1 to 16), lanes (1 to 4).
    ///
    /// # Errors
    /// [`RootFileError::Cost`] for a value out of its range.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, RootFileError> {
        let limits =
            [("m", memory_kib, 8_192, 1_048_576), ("t", passes, 1, 16), ("p", lanes, 1, 4)];
        for (name, value, min, max) in limits {
            if value < min || value > max {
                return Err(RootFileError::Cost { name, value, min, max });
            }
        }
        Ok(Self { memory_kib, passes, lanes })
    }

    /// Argon2id of the passphrase. The memory it works in is cleared afterwards.
    fn stretch(self, passphrase: &[u8], salt: &[u8; SALT]) -> Result<Key, RootFileError> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32))
            .map_err(|_| SealError::Library)?;
        let mut memory = Zeroizing::new(Vec::new());
        let blocks = params.block_count();
        memory.try_reserve_exact(blocks).map_err(|_| RootFileError::Memory(self.memory_kib))?;
        memory.resize(blocks, Block::default());
        let mut key = Secret::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(
                passphrase,
                salt,
                key.expose_mut(),
                memory.as_mut_slice(),
            )
            .map_err(|_| SealError::Library)?;
        Ok(key)
    }
}

const fn root_key_context(salt: [u8; SALT]) -> Context {
    Context { label: Label::RootKey, account: 0, tag: salt, version: 0, key_version: 0 }
}

fn parse_plain(line: &str) -> Result<RootKey, RootFileError> {
    const WRONG: RootFileError =
        RootFileError::Malformed("its second line is not `key` and 32 bytes in base64");
    let mut key = Secret::new([0; 32]);
    decode(line.strip_prefix("key ").ok_or(WRONG)?, key.expose_mut()).ok_or(WRONG)?;
    Ok(RootKey::from_key(key))
}

fn parse_passphrase(cost: &str, wrapped: &str) -> Result<PassphraseFile, RootFileError> {
    const WRONG: RootFileError =
        RootFileError::Malformed("its second line is not `argon2id m=… t=… p=… salt=…`");
    const WRONG_WRAPPED: RootFileError =
        RootFileError::Malformed("its third line is not `wrapped` and 105 bytes in base64");
    let mut words = cost.split(' ');
    let mut next = |prefix| words.next().and_then(|word| word.strip_prefix(prefix)).ok_or(WRONG);
    if !next("argon2id")?.is_empty() {
        return Err(WRONG);
    }
    let memory = number(next("m=")?).ok_or(WRONG)?;
    let passes = number(next("t=")?).ok_or(WRONG)?;
    let lanes = number(next("p=")?).ok_or(WRONG)?;
    let mut salt = [0; SALT];
    decode(next("salt=")?, &mut salt).ok_or(WRONG)?;
    if words.next().is_some() {
        return Err(WRONG);
    }
    let mut key = [0; WRAPPED_KEY];
    decode(wrapped.strip_prefix("wrapped ").ok_or(WRONG_WRAPPED)?, &mut key)
        .ok_or(WRONG_WRAPPED)?;
    Ok(PassphraseFile { cost: Argon2Cost::new(memory, passes, lanes)?, salt, wrapped: key })
}

/// A decimal number in its one spelling.
fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = !text.starts_with('0') || text == "0";
    if digits && canonical { text.parse().ok() } else { None }
}

/// Fills `out` with exactly what `text` encodes.
fn decode<const N: usize>(text: &str, out: &mut [u8; N]) -> Option<()> {
    // The decoder wants room for its own estimate, up to two bytes above the real length. The
    // buffer is on the stack and cleared, so a key never reaches the heap.
    let mut buffer = Secret::new([0; 128]);
    let len = BASE64.decode_slice(text, buffer.expose_mut()).ok()?;
    out.copy_from_slice(buffer.expose().get(..len).filter(|bytes| bytes.len() == N)?);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of libargon2 (the reference implementation), made with argon2-cffi.
    #[test]
    fn stretching_agrees_with_the_reference_implementation() {
        for (cost, expected) in [
            ((8_192, 1, 1), "2d9367d898051cf061511cedfd49c1d20c49f3e2debdc5c61800ea033b8435a5"),
            ((8_192, 3, 4), "a8f32a2505684b6d8578aad63b3b99f278197915bba04e751bfc2888c210defd"),
        ] {
            let cost = Argon2Cost::new(cost.0, cost.1, cost.2).unwrap();
            let key = cost.stretch(b"correct horse battery", b"sixteen bytes ok").unwrap();
            let hex: String = key.expose().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected);
        }
    }
}
