//! A destination that is away for long is an alert, and settings that could not work are refused.

use super::settings::{self, Forward};
use super::{Forwarding, Work};
use crate::server::config::Config;
use crate::server::watching::tests::Watched;
use std::io::Write as _;
use std::net::TcpListener;
use std::time::Duration;

fn read(text: &str) -> Result<Vec<Forward>, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    Config::read(file.path()).map(|config| config.forward).map_err(|why| why.message)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_is_away_is_told_once_and_sent_everything_when_it_is_back() {
    let watched = tokio::task::block_in_place(|| Watched::new(911));
    // Below the ports that the system gives to whoever asks for any: nobody else listens there.
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let port = (first..first + 2000).find(free).unwrap();
    let forward = format!(
        "[[forward]]\nname = \"far\"\nkind = \"syslog\"\naddress = \"127.0.0.1:{port}\"\n\
         tls = \"danger-none\"\nlate_minutes = 30\n"
    );
    let forwarding = Forwarding::of(&read(&forward).unwrap()).unwrap();
    let mut work = Work::on(&forwarding.0[0]);
    let kernel = &watched.world.kernel;
    // It begins with what comes from now on.
    assert!(!work.round(kernel, &watched.watching).await.unwrap() || work.place.entry > 0);
    let alerts = || tokio::task::block_in_place(|| watched.alerts());
    tokio::task::block_in_place(|| drop(watched.world.service("worker")));
    for minutes in [0, 10, 10, 15, 10] {
        watched.world.clock.advance(Duration::from_secs(60 * minutes));
        work.round(kernel, &watched.watching).await.unwrap();
    }
    let title = "Events are not sent on".to_owned();
    assert_eq!(alerts(), [(title, "bailee.source=far".to_owned())]);
    assert!(forwarding.text().contains("bailee_forward_failed_total{to=\"far\"} 5\n"));
    let text = forwarding.text();
    let line = text.lines().find(|line| line.starts_with("bailee_forward_waiting_seconds{"));
    let waits: u64 = line.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!((45 * 60..46 * 60).contains(&waits), "{waits}");
    // A restart knows that it was told, and where it was.
    let mut again = Work::on(&forwarding.0[0]);
    watched.world.clock.advance(Duration::from_secs(600));
    again.round(kernel, &watched.watching).await.unwrap();
    assert_eq!(again.place, work.place);
    assert_eq!(alerts().len(), 1);
    // Who has no turn sends nothing and keeps nothing; with another one it begins from the store.
    let place = again.place;
    watched.watching.lead(None);
    assert!(!again.round(kernel, &watched.watching).await.unwrap());
    assert!(again.row.is_none() && again.place == super::Place::default());
    watched.watching.lead(Some(2));
    again.round(kernel, &watched.watching).await.unwrap();
    assert_eq!(again.place, place);
    // It is back: everything that waited comes, in order, and nothing is late any more.
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let heard = std::thread::spawn(move || {
        let mut text = String::new();
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Read::read_to_string(&mut stream, &mut text).unwrap();
        text
    });
    watched.world.clock.advance(Duration::from_secs(120));
    again.round(kernel, &watched.watching).await.unwrap();
    let heard = heard.join().unwrap();
    assert!(heard.contains("service.create in house"), "{heard}");
    assert!(heard.contains("entry") && !heard.contains("house.founded"), "from then on: {heard}");
    let row = again.row.unwrap();
    let forward = row.forward.unwrap();
    assert_eq!((forward.late, forward.waits_since), (None, None));
    assert!(forward.accepted > 0);
    assert_eq!(row.entries.len(), 1, "no hole: {:?}", row.entries);
}

#[test]
fn settings_that_could_not_work_are_refused() {
    let good = "name = \"a\"\nkind = \"https\"\nurl = \"https://h/\"\n";
    assert_eq!(read(&format!("[[forward]]\n{good}")).unwrap().len(), 1);
    for (lines, word) in [
        ("name = \"a\"\nkind = \"https\"\nurl = \"http://h/\"", "url"),
        ("name = \"a\"\nkind = \"https\"\naddress = \"h:1\"", "url"),
        ("name = \"a\"\nkind = \"https\"\nurl = \"https://h/\"\ntls = \"danger-none\"", "url"),
        ("name = \"a\"\nkind = \"syslog\"\naddress = \"h\"", "address"),
        ("name = \"a\"\nkind = \"syslog\"\naddress = \"h:1\"\ntoken_file = \"t\"", "address"),
        ("name = \"a b\"\nkind = \"syslog\"\naddress = \"h:1\"", "name"),
        ("name = \"\"\nkind = \"syslog\"\naddress = \"h:1\"", "name"),
        ("name = \"a\"\nkind = \"udp\"\naddress = \"h:1\"", "udp"),
        (&format!("{good}what = []"), "what"),
        (&format!("{good}what = [\"records\"]"), "records"),
        (&format!("{good}from_entry = 0"), "from_entry"),
        (&format!("{good}late_minutes = 10081"), "late_minutes"),
        (&format!("{good}password = \"x\""), "password"),
    ] {
        let why = read(&format!("[[forward]]\n{lines}\n")).unwrap_err();
        assert!(why.contains(word), "{lines}: {why}");
    }
    let one = |name: &str| format!("[[forward]]\n{}", good.replace("\"a\"", name));
    assert!(read(&[one("\"a\""), one("\"a\"")].concat()).unwrap_err().contains("name"));
    let many: String = (0..9).map(|nth| one(&format!("\"n{nth}\""))).collect();
    assert!(read(&many).unwrap_err().contains("8"));
    let missing = read(&format!("[[forward]]\n{good}token_file = \"/nowhere/t\"\n")).unwrap();
    let why = Forwarding::of(&missing).err().unwrap();
    assert!(why.message.contains("token_file") && !why.message.contains("nowhere"), "{why}");
    assert!(settings::check(&[]).is_ok());
}
