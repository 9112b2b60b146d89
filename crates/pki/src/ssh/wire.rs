//! The data types of SSH (RFC 4251, section 5): written, and read within bounds.

use crate::Error;

/// Writes values one after another.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn byte(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub(super) fn u32(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(super) fn u64(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Bytes as they are.
    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Bytes behind their length.
    pub(super) fn string(self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        // INVARIANT: the limits of requests and lists keep every string far below 4 GiB.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.u32(length).raw(bytes)
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Reads values one after another; what is left stays in it.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, and calls them `what` in errors.
    pub(super) const fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    pub(super) fn error(&self, why: impl std::fmt::Display) -> Error {
        Error::unreadable(self.what, why)
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) =
            self.rest.split_at_checked(length).ok_or_else(|| self.error("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| self.error("it ends too early"))
    }

    pub(super) fn byte(&mut self) -> Result<u8, Error> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn string(&mut self) -> Result<&'a [u8], Error> {
        let length = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Error> {
        let bytes = self.string()?;
        std::str::from_utf8(bytes).map_err(|_| self.error("a text in it is not UTF-8"))
    }

    /// A string that holds values itself.
    pub(super) fn nested(&mut self) -> Result<Self, Error> {
        Ok(Self { rest: self.string()?, what: self.what })
    }

    /// A positive number as its bytes, the highest first and not zero.
    pub(super) fn positive(&mut self) -> Result<&'a [u8], Error> {
        let bytes = self.string()?;
        let magnitude = match bytes {
            // A leading zero stands only before a bit that would mean a sign.
            [0, next, ..] if next & 0x80 != 0 => bytes.get(1..).unwrap_or_default(),
            [first, ..] if *first != 0 && first & 0x80 == 0 => bytes,
            _ => return Err(self.error("a number in it is not positive, or padded")),
        };
        Ok(magnitude)
    }

    pub(super) fn end(self) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        Err(self.error(format!("{} bytes follow its end", self.rest.len())))
    }
}
