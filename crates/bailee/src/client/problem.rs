//! A server's refusal as one failure (problem details, RFC 9457).

use serde_json::Value;

use crate::exit::{Exit, Failure};

/// Reads an answer that is not a success. What is no problem document, such as a proxy's page,
/// gives a failure that names the status only.
pub fn read(status: u16, body: &[u8]) -> Failure {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let member = |name: &str| {
        problem.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    };
    let message = member("detail")
        .or_else(|| member("title"))
        .map_or_else(|| plain(status), |text| text.trim_end_matches('.').to_owned());
    Failure {
        exit: Exit::of_status(status),
        message,
        field: member("field").map(str::to_owned),
        status: Some(status),
    }
}

fn plain(status: u16) -> String {
    match status {
        401 => "the token is not valid: set BAILEE_TOKEN to one that has not ended".to_owned(),
        403 => "no right to do this: ask for a grant".to_owned(),
        404 => "not found".to_owned(),
        429 | 502..=504 => format!("the server cannot answer now (status {status}): try again"),
        _ => format!("the server answered with status {status} and no reason: is this Bailee?"),
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::exit::{Exit, Failure};

    #[test]
    fn a_problem_becomes_one_line() {
        let body = br#"{"type":"about:blank","title":"Bad Request","status":400,
            "detail":"`a b` is not an account id: use 1 to 64 of `a-z 0-9 - _`.","field":"id"}"#;
        let failure = read(400, body);
        assert_eq!(
            failure.to_string(),
            "`a b` is not an account id: use 1 to 64 of `a-z 0-9 - _` (field `id`)"
        );
        assert_eq!((failure.exit, failure.status), (Exit::Failed, Some(400)));
    }

    #[test]
    fn a_title_stands_in_for_a_missing_detail() {
        assert_eq!(read(409, br#"{"title":"conflict","detail":" "}"#).to_string(), "conflict");
    }

    #[test]
    fn what_is_no_problem_document_still_has_a_reason() {
        for (status, body) in [
            (502, &b"<html>Bad Gateway</html>"[..]),
            (404, b""),
            (401, b"[1,2]"),
            (400, br#"{"detail":7,"field":["x"]}"#),
            (500, b"\xff\xfe"),
        ] {
            let Failure { message, field, exit, .. } = read(status, body);
            assert!(!message.is_empty() && field.is_none(), "{status}: {message}");
            assert_eq!(exit, Exit::of_status(status));
        }
    }
}
