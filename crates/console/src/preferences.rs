//! What a reader chose for this browser: zone and theme, each in a cookie of its own. They say
//! nothing of who somebody is, and change nothing but what pages look like.

use crate::clock::Zone;
use crate::reply::Reply;
use crate::request::cookie;
use crate::visit::Visit;
use http::HeaderMap;
use kernel::id::shown;
use kernel::{Error, Result};
use maud::{Markup, html};

/// A year, in seconds.
const YEAR: u32 = 31_536_000;

/// Zones to choose from; any other of the IANA database may be written.
const ZONES: [&str; 33] = [
    "UTC",
    "Africa/Cairo",
    "Africa/Johannesburg",
    "Africa/Lagos",
    "Africa/Nairobi",
    "America/Bogota",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Mexico_City",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Toronto",
    "Asia/Bangkok",
    "Asia/Dubai",
    "Asia/Hong_Kong",
    "Asia/Jakarta",
    "Asia/Jerusalem",
    "Asia/Karachi",
    "Asia/Kolkata",
    "Asia/Manila",
    "Asia/Seoul",
    "Asia/Shanghai",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Europe/Berlin",
    "Europe/Istanbul",
    "Europe/London",
    "Europe/Madrid",
    "Europe/Paris",
    "Europe/Warsaw",
    "Pacific/Auckland",
];

/// How pages look, beyond what the system of the reader says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Theme {
    Auto,
    Light,
    Dark,
}

impl Theme {
    const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::Auto, "auto", "as my system"),
        (Self::Light, "light", "light"),
        (Self::Dark, "dark", "dark"),
    ];

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known, _)| *known == word).map(|(theme, ..)| theme)
    }

    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(theme, ..)| *theme == self).map_or("auto", |(_, word, _)| word)
    }
}

/// What a reader chose.
#[derive(Clone, Debug)]
pub(crate) struct Preferences {
    pub(crate) zone: Zone,
    /// Whether the zone was chosen; otherwise the script may propose the browser's own.
    pub(crate) chosen: bool,
    pub(crate) theme: Theme,
}

impl Preferences {
    /// Out of the cookies; what is none of them is as if nothing was chosen.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let decode = |text: &str| text.replace("%2F", "/").replace("%2B", "+");
        let zone = cookie(headers, "zone").and_then(|name| Zone::parse(&decode(name)));
        let theme = cookie(headers, "theme").and_then(Theme::parse).unwrap_or(Theme::Auto);
        Self { chosen: zone.is_some(), zone: zone.unwrap_or_else(Zone::utc), theme }
    }
}

/// The form at the foot of every page.
pub(crate) fn form(visit: &Visit<'_>) -> Markup {
    let chosen = &visit.preferences;
    html! {
        form.preferences method="post" action="/preferences" {
            input type="hidden" name="back" value=(visit.here());
            label for="zone" { "Time zone" }
            input #zone name="zone" list="zones" value=(chosen.zone.name()) maxlength="64"
                autocomplete="off" spellcheck="false";
            datalist #zones { @for zone in ZONES { option value=(zone) {} } }
            label for="theme" { "Theme" }
            select #theme name="theme" {
                @for (theme, word, label) in Theme::ALL {
                    option value=(word) selected[theme == chosen.theme] { (label) }
                }
            }
            button.quiet type="submit" { "Keep" }
        }
    }
}

/// `POST /preferences`
pub(crate) fn keep(visit: &Visit<'_>) -> Result<Reply> {
    let given = visit.form.filled("zone").unwrap_or("UTC");
    let zone = Zone::parse(given).ok_or_else(|| {
        let why = format!("`{}` is no time zone: write one such as `Europe/Paris`", shown(given));
        Error::invalid("zone", why)
    })?;
    let theme = Theme::parse(visit.form.get("theme").unwrap_or("auto")).unwrap_or(Theme::Auto);
    let rules = format!("Path=/; Max-Age={YEAR}; Secure; SameSite=Strict");
    let cookies =
        vec![format!("zone={}; {rules}", zone.name()), format!("theme={}; {rules}", theme.word())];
    let place = here_only(visit.form.get("back").unwrap_or("/"));
    Ok(Reply::Keeping(Box::new(Reply::See(place.to_owned())), cookies))
}

/// A path of this site, whatever somebody put into the form.
fn here_only(place: &str) -> &str {
    let plain = |b: u8| b.is_ascii_graphic() && b != b'\\';
    let ours = place.starts_with('/') && !place.starts_with("//") && place.bytes().all(plain);
    if ours { place } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::{Preferences, Theme, ZONES, here_only};
    use crate::clock::Zone;
    use http::HeaderMap;

    #[test]
    fn a_form_leads_back_to_this_site_only() {
        assert_eq!(here_only("/systems?q=a%20b"), "/systems?q=a%20b");
        for bad in ["//evil.test", "https://evil.test", "/\\evil.test", "", "/a\r\nb", "/ a"] {
            assert_eq!(here_only(bad), "/", "{bad:?}");
        }
    }

    #[test]
    fn what_is_no_preference_counts_as_none() {
        assert!(ZONES.iter().all(|zone| Zone::parse(zone).is_some()));
        let of = |text: &'static str| {
            let mut all = HeaderMap::new();
            all.insert("cookie", text.parse().unwrap());
            let found = Preferences::of(&all);
            (found.zone.name().to_owned(), found.theme, found.chosen)
        };
        assert_eq!(of("zone=Asia%2FTokyo; theme=dark"), ("Asia/Tokyo".into(), Theme::Dark, true));
        assert_eq!(of("zone=<script>; theme=pink"), ("UTC".into(), Theme::Auto, false));
    }
}
