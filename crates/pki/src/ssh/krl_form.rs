//! The bytes of a key revocation list: OpenSSH's PROTOCOL.krl, format 1.

use super::PublicKey;
use super::krl::{Krl, MAX_REVOKED, Revoked, SerialRange};
use super::wire::{Reader, Writer};
use crate::Error;

/// `SSHKRL`, a line feed, a zero.
const MAGIC: u64 = 0x5353_484b_524c_0a00;
const FORMAT: u32 = 1;

const CERTIFICATES: u8 = 1;
const SERIAL_LIST: u8 = 0x20;
const SERIAL_RANGE: u8 = 0x21;
const KEY_ID: u8 = 0x23;

/// The longest list that is read, in bytes; what [`MAX_REVOKED`] allows fits.
const MAX_BYTES: usize = 32 * 1024 * 1024;

impl Krl {
    /// The file for `RevokedKeys` of `sshd`. The same list gives the same bytes.
    ///
    /// To be put in place by renaming: `sshd` reads it at each sign-in, and half a list refuses
    /// everybody.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let header = Writer::default()
            .u64(MAGIC)
            .u32(FORMAT)
            .u64(self.version)
            .u64(self.generated)
            .u64(0)
            .string([])
            .string(&self.comment);
        let sections = self
            .revoked
            .iter()
            .fold(header, |list, of_one| list.byte(CERTIFICATES).string(section(of_one)));
        sections.bytes()
    }

    /// Reads a list of the form that is written here: certificates by serial number, range or key
    /// id. Its order and its repetitions do not matter.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for anything else, sections that are not known among it: a list that
    /// is understood in part would be taken for one that revokes less. [`Error::Invalid`] for what
    /// [`Krl::new`] refuses.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes, "key revocation list");
        if bytes.len() > MAX_BYTES {
            return Err(reader.error("it is longer than 32 MiB"));
        }
        if reader.u64()? != MAGIC || reader.u32()? != FORMAT {
            return Err(reader.error("it does not begin as one of format 1 does"));
        }
        let (version, generated) = (reader.u64()?, reader.u64()?);
        reader.u64()?;
        reader.string()?;
        let comment = reader.text()?;
        let mut revoked = Vec::new();
        while !reader.is_empty() {
            if reader.byte()? != CERTIFICATES {
                return Err(reader.error("it has a section that is not known"));
            }
            revoked.push(read_section(reader.nested()?)?);
        }
        Self::new(version, generated, comment, revoked)
    }
}

fn section(of_one: &Revoked) -> Vec<u8> {
    let single = |range: &&SerialRange| range.first == range.last;
    let mut section = Writer::default().string(of_one.authority.blob()).string([]);
    let list = of_one.serials.iter().filter(single);
    let list = list.fold(Writer::default(), |list, one| list.u64(one.first)).bytes();
    if !list.is_empty() {
        section = section.byte(SERIAL_LIST).string(list);
    }
    for range in of_one.serials.iter().filter(|range| !single(range)) {
        let range = Writer::default().u64(range.first).u64(range.last).bytes();
        section = section.byte(SERIAL_RANGE).string(range);
    }
    let ids = of_one.key_ids.iter().fold(Writer::default(), Writer::string).bytes();
    if !ids.is_empty() {
        section = section.byte(KEY_ID).string(ids);
    }
    section.bytes()
}

fn read_section(mut reader: Reader<'_>) -> Result<Revoked, Error> {
    let authority = PublicKey::from_blob(reader.string()?)?;
    reader.string()?;
    let (mut serials, mut key_ids) = (Vec::new(), Vec::new());
    while !reader.is_empty() {
        let kind = reader.byte()?;
        let mut part = reader.nested()?;
        while !part.is_empty() {
            match kind {
                SERIAL_LIST => serials.push(SerialRange::one(part.u64()?)),
                SERIAL_RANGE => {
                    serials.push(SerialRange { first: part.u64()?, last: part.u64()? });
                }
                KEY_ID => key_ids.push(part.text()?.to_owned()),
                _ => return Err(part.error("it has a section that is not known")),
            }
            if serials.len().max(key_ids.len()) > MAX_REVOKED {
                return Err(part.error("it revokes more than is written here"));
            }
        }
    }
    Ok(Revoked { authority, serials, key_ids })
}
