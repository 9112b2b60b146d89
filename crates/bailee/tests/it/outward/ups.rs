//! A power supply of Debian's Network UPS Tools goes on battery, and E7.3 follows.

use super::{Scene, site};
use crate::whole::support::{skip_unless_all, text};
use serde_json::json;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const UPSD: &str = "/lib/nut/upsd";
const DRIVER: &str = "/lib/nut/dummy-ups";

const ONLINE: &str = "ups.status: OL\nups.load: 40\nbattery.charge: 100\nbattery.runtime: 1800\n";
const ON_BATTERY: &str =
    "ups.status: OB DISCHRG\nups.load: 40\nbattery.charge: 80\nbattery.runtime: 900\n";

/// A server with two simulated supplies, in a private folder; all of it ends with this value.
struct Nut {
    folder: TempDir,
    children: Vec<Child>,
    address: String,
}

impl Nut {
    fn start() -> Option<Self> {
        if !Path::new(UPSD).exists() || !Path::new(DRIVER).exists() {
            skip_unless_all("Debian's `nut-server` is not installed");
            return None;
        }
        // A folder of the system's: the path of a socket has 108 bytes at most.
        let folder = tempfile::Builder::new().prefix("nut").tempdir_in("/tmp").unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut nut = Self { folder, children: vec![], address: address.to_string() };
        let supply = |name: &str| {
            let file = nut.folder.path().join(format!("{name}.dev"));
            format!(
                "[{name}]\ndriver = dummy-ups\nport = {}\nmode = dummy-once\npollinterval = 1\n",
                text(&file)
            )
        };
        let supplies = supply("ups-a") + &supply("ups-b");
        nut.write("ups.conf", &supplies);
        nut.write("upsd.conf", &format!("LISTEN 127.0.0.1 {}\nMAXAGE 15\n", address.port()));
        nut.write("upsd.users", "");
        nut.write("nut.conf", "MODE=standalone\n");
        fs::create_dir(nut.folder.path().join("run")).unwrap();
        for name in ["ups-a", "ups-b"] {
            nut.says(name, ONLINE);
            nut.spawn(DRIVER, &["-a", name, "-F"]);
        }
        nut.spawn(UPSD, &["-F"]);
        nut.ready();
        Some(nut)
    }

    /// Waits until both supplies are heard of; what limits it is the time a test may take.
    fn ready(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            loop {
                let all = connectors::nut::read(&self.address, Duration::from_secs(20)).await;
                if all.is_ok_and(|all| all.iter().all(|ups| ups.status().online)) {
                    break;
                }
                tokio::task::yield_now().await;
            }
        });
    }

    fn write(&self, name: &str, content: &str) {
        let new = self.folder.path().join("new");
        fs::write(&new, content).unwrap();
        fs::rename(new, self.folder.path().join(name)).unwrap();
    }

    /// What a supply says from now on. The driver reads a file again when its time differs by a
    /// second or more, so the times of two files never lie in the same one.
    fn says(&self, supply: &str, values: &str) {
        let file = self.folder.path().join(format!("{supply}.dev"));
        let before = fs::metadata(&file).and_then(|known| known.modified());
        self.write(&format!("{supply}.dev"), values);
        if let Ok(before) = before {
            let file = File::options().write(true).open(&file).unwrap();
            file.set_modified(before + Duration::from_secs(2)).unwrap();
        }
    }

    fn spawn(&mut self, program: &str, arguments: &[&str]) {
        let (folder, run) = (self.folder.path(), self.folder.path().join("run"));
        let log = File::create(folder.join(format!("{}.log", self.children.len()))).unwrap();
        // Run by root, these programs would become another user, who cannot enter the folder.
        let user = fs::metadata(folder).unwrap().uid();
        let passwd = fs::read_to_string("/etc/passwd").unwrap();
        let mine = |line: &&str| line.split(':').nth(2) == Some(&user.to_string());
        let name = passwd.lines().find(mine).unwrap().split(':').next().unwrap();
        let child = Command::new(program)
            .args(arguments)
            .args(["-u", name])
            .env("NUT_CONFPATH", folder)
            .env("NUT_STATEPATH", &run)
            .env("NUT_ALTPIDPATH", &run)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        self.children.push(child.unwrap());
    }
}

impl Drop for Nut {
    fn drop(&mut self) {
        for child in &mut self.children {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Everything else that E7.3 asks of a site.
fn furnish(scene: &Scene, nut: &Nut) {
    // Short lives of readings, so that a poll comes soon after the one before.
    let numbers = json!({"version": "1", "reason": "a test", "parameters": {"ups_minutes": 1}});
    scene.post("catalogues", &numbers);
    scene.post("sites", &site("fra-1"));
    for kind in ["generator", "suppression"] {
        let passed = json!({"kind": kind, "done": scene.day(0), "done_by": "Max", "passed": true,
            "evidence": "log 3", "next_due": scene.day(180)});
        scene.post("sites/fra-1:certify", &passed);
    }
    for id in ["hvac-a", "hvac-b"] {
        let new = json!({"name": id, "site": "fra-1", "kind": "hvac", "group": "room 1",
            "capacity": 8, "unit": "kw", "load": 4});
        scene.post("equipment", &new);
        scene.post(&format!("equipment/{id}:measure"), &json!({"status": "OL"}));
    }
    let yard = json!({"name": "gen-1", "site": "fra-1", "kind": "generator", "group": "yard"});
    scene.post("equipment", &yard);
    for id in ["ups-a", "ups-b"] {
        let new = json!({"name": id, "site": "fra-1", "kind": "ups", "group": "room 1",
            "capacity": 10, "unit": "kw", "nut": format!("{}/{id}", nut.address)});
        scene.post("equipment", &new);
    }
}

#[test]
fn a_supply_goes_on_battery_and_e7_3_follows() {
    let Some(nut) = Nut::start() else { return };
    let scene = Scene::new("");
    furnish(&scene, &nut);
    let until = |id: &str, status: &str| loop {
        let row = scene.get(&format!("equipment/{id}"));
        if row["reading"]["status"] == status {
            assert_eq!(row["reading"]["source"], "measured", "{row}");
            return row;
        }
    };
    assert_eq!(until("ups-a", "OL")["reading"]["load_percent"], 40);
    until("ups-b", "OL");
    assert_eq!(scene.control("E7.3")["state"], "holding", "{}", scene.control("E7.3"));
    nut.says("ups-a", ON_BATTERY);
    until("ups-a", "OB DISCHRG");
    let control = scene.control("E7.3");
    let measured = |fact: &serde_json::Value| fact["good"] == false && fact["basis"] == "measured";
    assert_eq!(control["state"], "failing");
    assert!(control["facts"].as_array().unwrap().iter().any(measured), "{control}");
    scene.end();
}
