//! The list of exceptions: what was there before a rule, or has a reason to break it.
//!
//! Promises: the list may only shrink. An entry gives how much it excuses; less than that in the
//! code is itself a finding, so the number follows the code down and the entry goes at the end.

use super::{Finding, Repo};

const LIST: &str = "xtask/tidy-exceptions.txt";

/// `rule path amount reason…`
struct Exception<'a> {
    rule: &'a str,
    path: &'a str,
    amount: usize,
    line: usize,
}

/// Takes out what the list excuses, and adds what is wrong with the list itself.
pub fn apply(repo: &Repo, found: Vec<Finding>) -> Vec<Finding> {
    let mut left = found;
    for (number, text) in repo.text(LIST).unwrap_or_default().lines().enumerate() {
        if text.trim().is_empty() || text.starts_with('#') {
            continue;
        }
        let Some(exception) = parse(text, number + 1) else {
            let what = "not `rule path amount reason`".to_owned();
            left.push(Finding::new("exceptions", LIST, number + 1, what, "complete the line"));
            continue;
        };
        let excused =
            |finding: &Finding| finding.rule == exception.rule && finding.path == exception.path;
        let uses: usize =
            left.iter().filter(|finding| excused(finding)).map(|finding| finding.weight).sum();
        if uses <= exception.amount {
            left.retain(|finding| !excused(finding));
        }
        left.extend(shrink(&exception, uses));
    }
    left
}

fn parse(text: &str, line: usize) -> Option<Exception<'_>> {
    let mut words = text.split_whitespace();
    let exception = Exception {
        rule: words.next()?,
        path: words.next()?,
        amount: words.next()?.parse().ok()?,
        line,
    };
    // The reason is for people; that there is one is for the tool.
    words.next().map(|_| exception)
}

fn shrink(exception: &Exception<'_>, uses: usize) -> Option<Finding> {
    let Exception { rule, path, amount, line } = exception;
    let (what, remedy) = if uses == 0 {
        (format!("`{rule}` holds in `{path}` by now"), "remove the line".to_owned())
    } else if uses < *amount {
        (format!("`{rule}` in `{path}` needs {uses}, not {amount}"), format!("lower it to {uses}"))
    } else {
        return None;
    };
    Some(Finding::new("exceptions", LIST, *line, what, &remedy))
}
