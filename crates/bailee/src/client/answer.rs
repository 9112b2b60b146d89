//! An answer of the server, read whole and bounded.

use reqwest::Response;
use reqwest::header::{HeaderMap, HeaderName};

use crate::exit::Failure;

/// Most bytes of one answer. The largest honest one is a page of a hundred records of 1 MiB with
/// their members around them.
const ANSWER_BYTES: usize = 160 * 1024 * 1024;

/// What the server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body as it came.
    pub body: Vec<u8>,
    headers: HeaderMap,
}

/// Why an answer was not read to its end.
pub enum Stopped {
    /// The connection broke.
    Lost(reqwest::Error),
    /// It is longer than any honest answer.
    TooLarge(Failure),
}

impl Answer {
    /// Reads the body.
    pub async fn read(mut response: Response) -> Result<Self, Stopped> {
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(Stopped::Lost)? {
            if body.len() + chunk.len() > ANSWER_BYTES {
                return Err(Stopped::TooLarge(Failure::failed(
                    "the server's answer is longer than 160 MiB; ask for fewer items with --limit",
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self { status, body, headers })
    }

    /// A header's text, if it is there and visible ASCII.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON of this shape.
    ///
    /// # Errors
    /// When it is not of this shape.
    pub fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|why| {
            Failure::failed(format!(
                "the server's answer is not understood ({why}): use the `bailee` of its release"
            ))
        })
    }

    /// The body as text.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn text(&self) -> Result<&str, Failure> {
        std::str::from_utf8(&self.body)
            .map_err(|_| Failure::failed("the server's answer is not UTF-8 text: is this Bailee?"))
    }
}
