//! Power supplies read from Debian's NUT server with its simulated device, and from liars.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use connectors::nut::{NutError, Trouble, Ups, read};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::peer;

const PATIENCE: Duration = Duration::from_secs(20);

const ONLINE: &str = "ups.status: OL CHRG\nups.load: 23\nbattery.charge: 100\n\
battery.runtime: 1800\nups.test.result: Done and passed\nups.test.date: 2026-01-01\n\
ups.mfr: Lab \"A\" & Söhne\n";
const ON_BATTERY: &str = "ups.status: OB DISCHRG LB\nups.load: 61.5\nbattery.charge: 18\n\
battery.runtime: 240\n";

/// Debian's NUT server and drivers in a private folder; all of it ends with this value.
struct Nut {
    folder: tempfile::TempDir,
    upsd: PathBuf,
    driver: PathBuf,
    children: Vec<(String, Child)>,
    address: String,
}

impl Nut {
    /// Starts a server with these supplies; each reads its values from a file named after it.
    async fn start(supplies: &[&str]) -> Option<Self> {
        let upsd = peer::program("/lib/nut/upsd", "nut-server")?;
        let driver = peer::program("/lib/nut/dummy-ups", "nut-server")?;
        let port = peer::dead_port();
        // A folder of the system's: the path of a socket has 108 bytes at most.
        let folder = tempfile::Builder::new().prefix("nut").tempdir_in("/tmp").unwrap();
        let address = format!("127.0.0.1:{port}");
        let mut nut = Self { folder, upsd, driver, children: Vec::new(), address };
        let ups: String = supplies
            .iter()
            .map(|name| {
                format!(
                    "[{name}]\ndriver = dummy-ups\nport = {}\nmode = dummy-once\n\
                     desc = \"the {name} one\"\npollinterval = 1\n",
                    nut.path(&format!("{name}.dev")).display()
                )
            })
            .collect();
        nut.write("ups.conf", &ups);
        nut.write("upsd.conf", &format!("LISTEN 127.0.0.1 {port}\nMAXAGE 15\n"));
        nut.write("upsd.users", "");
        nut.write("nut.conf", "MODE=standalone\n");
        fs::create_dir(nut.path("run")).unwrap();
        for name in supplies {
            nut.device(name, ONLINE);
            nut.spawn(name, &nut.driver.clone(), &["-a", name, "-F"]);
        }
        nut.spawn("upsd", &nut.upsd.clone(), &["-F"]);
        Some(nut)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let new = self.path("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.path(name)).unwrap();
    }

    /// What the device says from now on. The driver reads a file again when its time differs by a
    /// second or more, so the times of two files never lie in the same one.
    fn device(&self, name: &str, values: &str) {
        let file = format!("{name}.dev");
        let before = fs::metadata(self.path(&file)).and_then(|known| known.modified());
        self.write(&file, values);
        if let Ok(before) = before {
            let file = fs::File::options().write(true).open(self.path(&file)).unwrap();
            file.set_modified(before + Duration::from_secs(2)).unwrap();
        }
    }

    fn spawn(&mut self, name: &str, program: &Path, arguments: &[&str]) {
        let log = fs::File::create(self.path(&format!("{name}.log"))).unwrap();
        let run = self.path("run");
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("NUT_CONFPATH", self.folder.path())
            .env("NUT_STATEPATH", &run)
            .env("NUT_ALTPIDPATH", &run)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        // Run by root, these programs would become another user, who cannot enter our folder.
        command.args(["-u", &user()]);
        self.children.push((name.to_owned(), command.spawn().unwrap()));
    }

    fn kill(&mut self, name: &str) {
        let place = self.children.iter().position(|(known, _)| known == name).unwrap();
        let (_, mut child) = self.children.remove(place);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Reads until it looks like this; what limits it is the time a test may take.
    async fn until(&mut self, wanted: impl Fn(&[Ups]) -> bool) -> Vec<Ups> {
        loop {
            let seen = read(&self.address, PATIENCE).await;
            if let Ok(all) = &seen
                && wanted(all)
            {
                return seen.unwrap();
            }
            for (name, child) in &mut self.children {
                let log = self.folder.path().join(format!("{name}.log"));
                let ended = child.try_wait().unwrap();
                assert!(ended.is_none(), "{name}: {}", fs::read_to_string(log).unwrap());
            }
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Nut {
    fn drop(&mut self) {
        for (_, child) in &mut self.children {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Who runs the tests.
fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_real_server_tells_when_its_supply_goes_on_battery() {
    let Some(mut nut) = Nut::start(&["left"]).await else { return };
    let all = nut.until(|all| all.iter().any(|ups| ups.status().online)).await;
    let [left] = &all[..] else { panic!("{all:?}") };
    assert_eq!((left.name.as_str(), left.description.as_str()), ("left", "the left one"));
    assert_eq!((left.load_percent(), left.charge_percent()), (Some(23.0), Some(100.0)));
    assert_eq!(left.runtime_seconds(), Some(1800.0));
    assert_eq!(left.test_result(), Some("Done and passed"));
    assert_eq!(left.test_date(), Some("2026-01-01"));
    assert!(left.status().charging && !left.status().on_battery, "{left:?}");
    // Debian's own client reads the same; what the driver is doing may differ by then.
    let moves = |name: &str| name.starts_with("driver.");
    let Some(upsc) = peer::program("/bin/upsc", "nut-client") else { return };
    let output = Command::new(upsc).arg(format!("left@{}", nut.address)).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let ours: Vec<String> = left
        .vars
        .iter()
        .filter(|(name, _)| !moves(name))
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let theirs: Vec<&str> = said.lines().filter(|line| !moves(line)).collect();
    assert_eq!(theirs, ours);
    nut.device("left", ON_BATTERY);
    let all = nut.until(|all| all.iter().any(|ups| ups.status().on_battery)).await;
    let status = all[0].status();
    assert!(status.low_battery && status.discharging && !status.online, "{status:?}");
    assert_eq!((all[0].load_percent(), all[0].runtime_seconds()), (Some(61.5), Some(240.0)));
    nut.device("left", ONLINE);
    nut.until(|all| all[0].status().online).await;
}

#[tokio::test]
async fn a_killed_driver_is_a_finding_beside_the_others() {
    let Some(mut nut) = Nut::start(&["left", "right"]).await else { return };
    let both = |all: &[Ups]| all.len() == 2 && all.iter().all(|ups| ups.status().online);
    nut.until(both).await;
    nut.kill("left");
    let gone = |all: &[Ups]| all.iter().any(|ups| ups.trouble.is_some());
    let all = nut.until(gone).await;
    let left = all.iter().find(|ups| ups.name == "left").unwrap();
    assert_eq!(left.trouble, Some(Trouble::DriverNotConnected));
    assert!(left.status().not_connected && !left.status().online && left.vars.is_empty());
    let right = all.iter().find(|ups| ups.name == "right").unwrap();
    assert!(right.status().online && right.trouble.is_none());
    // A server that is gone is a failure of the reading.
    nut.kill("upsd");
    let gone = read(&nut.address, PATIENCE).await;
    assert!(matches!(gone, Err(NutError::Unreachable { .. })), "{gone:?}");
}

/// A server that answers the first request with the first text, the second with the second, and so
/// on, whatever is asked.
async fn liar(answers: &[&str]) -> String {
    let answers: Vec<String> = answers.iter().map(|text| (*text).to_owned()).collect();
    let port = peer::serve(move |stream: TcpStream| {
        let answers = answers.clone();
        async move {
            let mut stream = BufReader::new(stream);
            let mut heard = String::new();
            for answer in answers {
                if stream.read_line(&mut heard).await.unwrap_or(0) == 0 {
                    return;
                }
                drop(stream.get_mut().write_all(answer.as_bytes()).await);
            }
            // After its last answer it ends when it has heard the farewell.
            drop(stream.read_line(&mut heard).await);
        }
    })
    .await;
    format!("127.0.0.1:{port}")
}

const LIST: &str = "BEGIN LIST UPS\nUPS a \"the first\"\nUPS b \"\"\nEND LIST UPS\n";
const VARS_A: &str = "BEGIN LIST VAR a\nVAR a ups.status \"OL\"\n\
VAR a x.y \"say \\\"hi\\\" \\\\\"\n\
END LIST VAR a\n";

#[tokio::test]
async fn what_a_server_says_of_one_supply_is_kept_apart() {
    for (answer, trouble) in [
        ("ERR DATA-STALE\n", Trouble::DataStale),
        ("ERR DRIVER-NOT-CONNECTED\r\n", Trouble::DriverNotConnected),
        ("ERR ACCESS-DENIED extra\n", Trouble::AccessDenied),
        ("ERR UNKNOWN-UPS\n", Trouble::Other("UNKNOWN-UPS".into())),
    ] {
        let all = read(&liar(&[LIST, VARS_A, answer]).await, PATIENCE).await.unwrap();
        assert!(all[0].status().online && all[0].trouble.is_none());
        assert_eq!((all[0].description.as_str(), all[1].description.as_str()), ("the first", ""));
        assert_eq!(all[0].vars["x.y"], r#"say "hi" \"#);
        assert_eq!(all[1].status().stale, trouble == Trouble::DataStale);
        assert_eq!(all[1].trouble, Some(trouble));
    }
    let denied = read(&liar(&["ERR ACCESS-DENIED\n"]).await, PATIENCE).await;
    assert_eq!(denied, Err(NutError::Refused(Trouble::AccessDenied)));
    let none = read(&liar(&["BEGIN LIST UPS\nEND LIST UPS\n"]).await, PATIENCE).await;
    assert_eq!(none, Ok(vec![]));
}

#[tokio::test]
async fn a_server_out_of_order_is_named_by_the_line() {
    let long = "x".repeat(100_000);
    let vars = |body: &str| format!("BEGIN LIST VAR a\n{body}\nEND LIST VAR a\n");
    let cases: &[(&[&str], usize)] = &[
        (&["HTTP/1.1 400 Bad Request\r\n\r\n"], 1),
        (&["\n"], 1),
        (&["END LIST UPS\n"], 1),
        (&["BEGIN LIST UPS\nVAR a b \"c\"\n"], 2),
        (&["BEGIN LIST UPS\nUPS a\n END LIST UPS\n"], 3),
        (&["BEGIN LIST UPS\nUPS a\nEND LIST UPS\n"], 2),
        (&["BEGIN LIST UPS\nUPS a \"b\" c\nEND LIST UPS\n"], 2),
        (&["BEGIN LIST UPS\nUPS \"a\\nLOGOUT\" \"b\nEND LIST UPS\n"], 2),
        (&["BEGIN LIST UPS\nUPS \"a b\" \"c\"\nEND LIST UPS\n"], 2),
        (&["BEGIN LIST UPS\nUPS é \"c\"\nEND LIST UPS\n"], 2),
        (&[LIST, &vars("VAR b ups.status \"OL\"")], 6),
        (&[LIST, &vars("VAR a ups.status")], 6),
        (&[LIST, &vars("VAR a ups.status \"OL")], 6),
        (&[LIST, "BEGIN LIST VAR b\n"], 5),
    ];
    for (answers, at) in cases {
        let error = read(&liar(answers).await, PATIENCE).await.unwrap_err();
        let NutError::NotUnderstood { line, .. } = error else { panic!("{answers:?}: {error:?}") };
        assert_eq!(line, *at, "{answers:?}");
    }
    for answer in [&long, &format!("BEGIN LIST UPS\nUPS a \"{long}\"\n")] {
        let error = read(&liar(&[answer]).await, PATIENCE).await.unwrap_err();
        assert!(matches!(error, NutError::TooLong { .. }), "{error:?}");
    }
    let many = format!("BEGIN LIST UPS\n{}", "UPS a \"b\"\n".repeat(20_000));
    let error = read(&liar(&[&many]).await, PATIENCE).await.unwrap_err();
    assert_eq!(error, NutError::TooLong { line: 10_001, limit: "10,000 lines" });
    for broken in ["", "BEGIN LIST", "BEGIN LIST UPS\nUPS a \"b\"\n"] {
        let address = ends_after(broken.to_owned()).await;
        let error = read(&address, PATIENCE).await.unwrap_err();
        assert!(matches!(error, NutError::Unreachable { .. }), "{broken:?}: {error:?}");
    }
}

/// A server that says this to the first request and ends.
async fn ends_after(text: String) -> String {
    let port = peer::serve(move |stream: TcpStream| {
        let text = text.clone();
        async move {
            let mut stream = BufReader::new(stream);
            drop(stream.read_line(&mut String::new()).await);
            drop(stream.get_mut().write_all(text.as_bytes()).await);
        }
    })
    .await;
    format!("127.0.0.1:{port}")
}

#[tokio::test]
async fn silence_ends_in_time() {
    let port = peer::serve(|mut stream: TcpStream| async move {
        drop(stream.read_to_end(&mut Vec::new()).await);
    })
    .await;
    let address = format!("127.0.0.1:{port}");
    let error = read(&address, Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error, NutError::Silent { address, seconds: 1 });
}

#[tokio::test]
async fn nobody_there_is_said() {
    let error = read(&format!("127.0.0.1:{}", peer::dead_port()), PATIENCE).await.unwrap_err();
    assert!(error.to_string().contains("is the server running"), "{error}");
    assert!(read("no-port", PATIENCE).await.is_err());
}
