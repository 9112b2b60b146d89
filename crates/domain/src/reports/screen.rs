//! Screening somebody against the list of competitors: a pure function, so that it can be repeated
//! at every download and by anybody who doubts it.
//!
//! It compares names without case, punctuation and legal form, and the registrable domain of the
//! address, look-alikes included. What it cannot compare it calls unknown; it never clears anybody
//! by itself, because a named person decides. Registrable domains are found without the public
//! suffix list: the last two labels, or three below such as `co.uk`.

use crate::register::When;
use kernel::Moment;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Name and version of these rules, kept with every result.
pub const RULES: &str = "screen/v1";

/// What screening says.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ScreeningVerdict")]
pub enum Verdict {
    /// Nothing speaks against it.
    Clear,
    /// A person has to look.
    Unknown,
    /// A name or domain of a competitor.
    Match,
}

/// The result of screening somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Screen {
    /// Name and version of the rules.
    pub rules: String,
    /// What they say.
    pub verdict: Verdict,
    /// Why, where it is not clear.
    pub reasons: Vec<String>,
    /// Competitors on the list that it was compared with.
    pub compared: u32,
    /// When.
    pub at: When,
}

impl Screen {
    /// Whether it says nothing that `decided` did not say already.
    pub fn within(&self, decided: &Self) -> bool {
        self.reasons.iter().all(|reason| decided.reasons.contains(reason))
    }
}

/// A competitor as screening sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its id in the register.
    pub id: String,
    /// Its legal name.
    pub legal_name: String,
    /// Its domains.
    pub domains: Vec<String>,
    /// Companies that own or control it.
    pub parents: Vec<String>,
}

/// Somebody to be screened.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Names of the organisations it acts for: the subscriber, an auditor's firm.
    pub organisations: &'a [String],
    /// Companies that own or control those, as stated.
    pub parents: &'a [String],
    /// Its address.
    pub email: &'a str,
}

/// Screens somebody.
pub fn screen(subject: &Subject<'_>, list: &[Listed], now: Moment) -> Screen {
    let mut found = Found::default();
    if list.is_empty() {
        found.add(Verdict::Unknown, "there is no confirmed list of competitors".to_owned());
    }
    for name in subject.organisations.iter().chain(subject.parents) {
        found.name(name, list);
    }
    let host = subject.email.rsplit_once('@').map_or("", |(_, host)| host);
    found.domain(host, list);
    Screen {
        rules: RULES.to_owned(),
        verdict: found.verdict.unwrap_or(Verdict::Clear),
        reasons: found.reasons,
        compared: u32::try_from(list.len()).unwrap_or(u32::MAX),
        at: When(now),
    }
}

#[derive(Default)]
struct Found {
    verdict: Option<Verdict>,
    reasons: Vec<String>,
}

impl Found {
    fn add(&mut self, verdict: Verdict, reason: String) {
        self.verdict = self.verdict.max(Some(verdict));
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    fn name(&mut self, name: &str, list: &[Listed]) {
        let words = words(name);
        let plain = words.concat();
        if !plain.is_ascii() || plain.is_empty() {
            let why = "is not written in Latin letters: compare it by hand";
            self.add(Verdict::Unknown, format!("`{}` {why}", kernel::id::shown(name)));
        }
        for one in list {
            let own = std::iter::once(("name", &one.legal_name));
            for (what, known) in own.chain(one.parents.iter().map(|parent| ("parent", parent))) {
                let (id, shown) = (&one.id, kernel::id::shown(name));
                match alike(&words, &self::words(known)) {
                    Some(Verdict::Match) => self.add(
                        Verdict::Match,
                        format!("`{shown}` is the {what} of competitor `{id}`"),
                    ),
                    Some(_) => self.add(
                        Verdict::Unknown,
                        format!("`{shown}` is close to the {what} of competitor `{id}`"),
                    ),
                    None => {}
                }
            }
        }
    }

    fn domain(&mut self, host: &str, list: &[Listed]) {
        let host = registrable(host);
        let shown = kernel::id::shown(&host);
        if FREE_MAIL.contains(&host.as_str()) || FREE_LABELS.contains(&label(&host)) {
            self.add(Verdict::Unknown, format!("`{shown}` gives an address to anybody"));
        }
        if !host.is_ascii() || host.contains("xn--") {
            self.add(Verdict::Unknown, format!("`{shown}` has letters that look like others"));
        }
        for one in list {
            for known in one.domains.iter().map(|domain| registrable(domain)) {
                let id = &one.id;
                if host == known {
                    let why = format!("`{shown}` is a domain of competitor `{id}`");
                    self.add(Verdict::Match, why);
                } else if looks_like(label(&host), label(&known)) {
                    let why = format!("`{shown}` looks like a domain of competitor `{id}`");
                    self.add(Verdict::Unknown, why);
                }
            }
        }
    }
}

/// Domains at which anybody gets an address.
const FREE_MAIL: [&str; 16] = [
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "live.com",
    "msn.com",
    "icloud.com",
    "me.com",
    "aol.com",
    "mail.com",
    "web.de",
    "t-online.de",
    "qq.com",
    "163.com",
    "zoho.com",
    "fastmail.com",
    "hey.com",
];

/// The same, under many suffixes.
const FREE_LABELS: [&str; 9] = [
    "hotmail",
    "yahoo",
    "gmx",
    "proton",
    "protonmail",
    "yandex",
    "tutanota",
    "ymail",
    "rediffmail",
];

/// Legal forms, which say nothing about who it is.
const FORMS: [&str; 47] = [
    "inc",
    "incorporated",
    "corp",
    "corporation",
    "co",
    "company",
    "ltd",
    "limited",
    "llc",
    "llp",
    "lp",
    "plc",
    "gmbh",
    "mbh",
    "ag",
    "kg",
    "kgaa",
    "ohg",
    "ug",
    "ev",
    "se",
    "sa",
    "sas",
    "sasu",
    "sarl",
    "srl",
    "spa",
    "snc",
    "bv",
    "nv",
    "ab",
    "as",
    "asa",
    "oy",
    "oyj",
    "aps",
    "pty",
    "pte",
    "pvt",
    "kk",
    "group",
    "holding",
    "holdings",
    "the",
    "and",
    "und",
    "et",
];

/// A name in comparable words: lower case, without accents, punctuation and legal forms.
fn words(name: &str) -> Vec<String> {
    let mut plain = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        match fold(c) {
            Some(text) => plain.push_str(text),
            None if c.is_alphanumeric() => plain.push(c),
            // `O'Neil` is one word.
            None if "'’`´".contains(c) => {}
            None => plain.push(' '),
        }
    }
    let mut all: Vec<String> = Vec::new();
    let mut letters = false;
    for word in plain.split_whitespace() {
        // `S. A.` is `sa`, `A.B.C.` is `abc`.
        let letter = word.chars().count() == 1;
        match all.last_mut().filter(|_| letter && letters) {
            Some(last) => last.push_str(word),
            None => all.push(word.to_owned()),
        }
        letters = letter;
    }
    let kept: Vec<_> = all.iter().filter(|one| !FORMS.contains(&one.as_str())).cloned().collect();
    // A name of nothing but forms, such as `The Company`, is compared as it is.
    if kept.is_empty() { all } else { kept }
}

fn alike(words: &[String], known: &[String]) -> Option<Verdict> {
    let (own, other) = (words.concat(), known.concat());
    if own.is_empty() || other.is_empty() {
        return None;
    }
    if own == other {
        return Some(Verdict::Match);
    }
    let inside = |long: &[String], short: &[String], text: &str| {
        text.len() >= 5 && long.windows(short.len()).any(|part| part == short)
    };
    let contains = inside(words, known, &other) || inside(known, words, &own);
    let near = own.len().min(other.len()) >= 6 && within_one(&own, &other);
    (contains || near).then_some(Verdict::Unknown)
}

/// The part of a host that is registered.
pub(super) fn registrable(host: &str) -> String {
    const SECOND: [&str; 12] =
        ["co", "com", "org", "net", "gov", "edu", "ac", "or", "ne", "go", "gob", "gv"];
    let host = host.trim().trim_end_matches('.').to_lowercase();
    let labels: Vec<&str> = host.split('.').collect();
    let national = match labels.as_slice() {
        [.., second, top] => top.len() == 2 && SECOND.contains(second),
        _ => false,
    };
    let from = labels.len().saturating_sub(if national { 3 } else { 2 });
    labels.get(from..).unwrap_or_default().join(".")
}

fn label(domain: &str) -> &str {
    domain.split('.').next().unwrap_or_default()
}

fn looks_like(own: &str, known: &str) -> bool {
    if own.is_empty() || known.is_empty() {
        return false;
    }
    let near = own.len().min(known.len()) >= 5 && within_one(own, known);
    own == known || near || skeleton(own) == skeleton(known)
}

/// What a label looks like at a glance.
fn skeleton(label: &str) -> String {
    let label = label.replace('-', "").replace("rn", "m").replace("vv", "w").replace("cl", "d");
    let glance = |c| match c {
        '0' => 'o',
        '1' | 'i' => 'l',
        '3' => 'e',
        '4' => 'a',
        '5' => 's',
        '7' => 't',
        '8' => 'b',
        other => other,
    };
    label.chars().map(glance).collect()
}

/// Whether one letter put in, left out or changed, or two neighbours swapped, makes one the other.
fn within_one(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (short, long) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
    if long.len() - short.len() > 1 {
        return false;
    }
    let same = short.iter().zip(long.iter()).take_while(|(x, y)| x == y).count();
    let rest = |from: &[char], skip: usize| from.get(same + skip..).map(<[char]>::to_vec);
    let swapped = match (short.get(same..same + 2), long.get(same..same + 2)) {
        (Some([x, y]), Some([v, w])) => x == w && y == v && rest(short, 2) == rest(long, 2),
        _ => false,
    };
    match long.len() - short.len() {
        0 => swapped || same == long.len() || rest(short, 1) == rest(long, 1),
        _ => rest(short, 0) == rest(long, 1),
    }
}

/// A Latin letter without its accent.
fn fold(c: char) -> Option<&'static str> {
    Some(match c {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ė' | 'ę' | 'ě' => "e",
        'ğ' => "g",
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' => "i",
        'ł' => "l",
        'ñ' | 'ń' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ő' => "o",
        'œ' => "oe",
        'ř' => "r",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'ß' => "ss",
        'ť' | 'ţ' | 'ț' => "t",
        'ù' | 'ú' | 'û' | 'ü' | 'ū' | 'ů' | 'ű' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        // What lower case leaves of a dotted capital I.
        '\u{307}' => "",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Listed, Subject, Verdict, registrable, screen, within_one, words};
    use kernel::Moment;

    fn list() -> Vec<Listed> {
        vec![Listed {
            id: "rival".into(),
            legal_name: "Rival Desk, Inc.".into(),
            domains: vec!["rivaldesk.com".into(), "rival.co.uk".into()],
            parents: vec!["Société Générique S.A.".into()],
        }]
    }

    fn verdict(name: &str, email: &str) -> Verdict {
        let organisations = [name.to_owned()];
        let subject = Subject { organisations: &organisations, parents: &[], email };
        screen(&subject, &list(), Moment(1)).verdict
    }

    #[test]
    fn names_are_compared_without_case_accents_and_legal_form() {
        for same in ["RIVAL DESK", "Rival-Desk GmbH", "rivaldesk", "Rival, Desk & Co. KG"] {
            assert_eq!(verdict(same, "a@b.example"), Verdict::Match, "{same}");
        }
        for parent in ["Societe Generique", "société générique SA"] {
            assert_eq!(verdict(parent, "a@b.example"), Verdict::Match, "{parent}");
        }
        for close in ["Rival Desk Germany", "Rival Dsek Ltd", "Rivall Desk", "Соперник"] {
            assert_eq!(verdict(close, "a@b.example"), Verdict::Unknown, "{close}");
        }
        for other in ["Northwind", "Desk", "Riverside Care", "Arrival Co"] {
            assert_eq!(verdict(other, "a@b.example"), Verdict::Clear, "{other}");
        }
        assert_eq!(words("The A.B.C. Company S. A."), ["abc"]);
        assert_eq!(words("The Company"), ["the", "company"]);
    }

    #[test]
    fn domains_are_compared_as_registered_and_at_a_glance() {
        for own in ["a@rivaldesk.com", "a@eu.mail.rivaldesk.com", "a@x.rival.co.uk"] {
            assert_eq!(verdict("Northwind", own), Verdict::Match, "{own}");
        }
        for close in [
            "a@rivaldesk.net",
            "a@r1valdesk.com",
            "a@rivaldesks.com",
            "a@rival-desk.io",
            "a@rivladesk.com",
            "a@gmail.com",
            "a@yahoo.co.jp",
            "a@xn--rvaldesk-2ya.com",
            "a@rіvaldesk.com",
        ] {
            assert_eq!(verdict("Northwind", close), Verdict::Unknown, "{close}");
        }
        for other in ["a@northwind.example", "a@co.uk", "a@desk.com"] {
            assert_eq!(verdict("Northwind", other), Verdict::Clear, "{other}");
        }
        assert_eq!(registrable("A.B.Rival.co.uk."), "rival.co.uk");
        assert_eq!(registrable("com"), "com");
    }

    #[test]
    fn without_a_list_nobody_is_cleared() {
        let subject = Subject { organisations: &[], parents: &[], email: "a@b.example" };
        assert_eq!(screen(&subject, &[], Moment(1)).verdict, Verdict::Unknown);
    }

    #[test]
    fn one_letter_is_one_letter() {
        for (a, b) in [("abc", "abc"), ("abc", "abd"), ("abc", "acb"), ("abc", "ab"), ("", "a")] {
            assert!(within_one(a, b) && within_one(b, a), "{a} {b}");
        }
        for (a, b) in [("abc", "cba"), ("abc", "a"), ("abcd", "badc"), ("", "ab")] {
            assert!(!within_one(a, b) && !within_one(b, a), "{a} {b}");
        }
    }
}
