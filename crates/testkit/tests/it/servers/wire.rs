use super::{answer, psql, refusal};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::Duration;
use testkit::servers::postgres::Cluster;
use testkit::servers::wire::{Then, Wire};

/// A server with a table, a wire to it, and how to reach it by the wire and without it.
struct Scene {
    wire: Wire,
    by_wire: String,
    straight: String,
}

/// Tests of one process share the server, and have databases of their own.
fn scene(name: &str) -> Option<Scene> {
    let cluster = Cluster::shared()?;
    cluster.create_role(name, "pw", "");
    cluster.create_database(name, name);
    let wire = Wire::to(SocketAddr::from(([127, 0, 0, 1], cluster.port())));
    let straight = cluster.url(name, "pw", name, "disable");
    let by_wire = straight.replace(&cluster.port().to_string(), &wire.port().to_string());
    answer(&straight, "create table t (n int)");
    Some(Scene { wire, by_wire, straight })
}

impl Scene {
    /// Writes a row in a transaction, by the wire, in the background.
    fn write(&self, n: u32) -> Child {
        let mut psql = psql(&self.by_wire);
        for statement in ["begin", &format!("insert into t values ({n})"), "COMMIT"] {
            psql.args(["-c", statement]);
        }
        psql.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn rows(&self) -> String {
        let rows = "select coalesce(string_agg(n::text, ',' order by n), '') from t";
        answer(&self.straight, rows)
    }

    /// Waits until there is this row.
    fn has(&self, n: u32) {
        let row = format!("select count(*) from t where n = {n}");
        while answer(&self.straight, &row) == "0" {
            std::thread::yield_now();
        }
    }
}

/// What went wrong with a client.
fn failure(client: Child) -> String {
    let output = client.wait_with_output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn what_is_stalled_hangs_and_goes_on() {
    let Some(scene) = scene("stalled") else { return };
    scene.wire.watch(b"COMMIT");
    assert!(scene.write(1).wait().unwrap().success());
    assert_eq!(scene.wire.counted(b"COMMIT"), 1);
    scene.wire.stall();
    let mut late = scene.write(2);
    while scene.wire.connections() == 0 {
        std::thread::yield_now();
    }
    assert_eq!(late.try_wait().unwrap(), None);
    assert_eq!(scene.rows(), "1");
    scene.wire.mend();
    assert!(late.wait().unwrap().success());
    assert_eq!(scene.rows(), "1,2");
    assert_eq!(scene.wire.counted(b"COMMIT"), 2);
}

#[test]
fn what_is_cut_is_reset_and_refused() {
    let Some(scene) = scene("cut") else { return };
    scene.wire.on(b"COMMIT", Then::LoseRequest);
    let hung = scene.write(1);
    scene.wire.wait_for(b"COMMIT", 1);
    scene.wire.cut();
    assert!(failure(hung).contains("server closed the connection unexpectedly"));
    assert!(refusal(&scene.by_wire, "select 1").contains("Connection refused"));
    assert_eq!(scene.rows(), "");
    scene.wire.mend();
    assert!(scene.write(2).wait().unwrap().success());
    assert_eq!(scene.rows(), "2");
}

#[test]
fn lost_answers_leave_what_was_done() {
    let Some(scene) = scene("lost") else { return };
    scene.wire.on(b"COMMIT", Then::LoseAnswers);
    let said = failure(scene.write(1));
    assert!(said.contains("server closed the connection unexpectedly"), "{said}");
    // It was done before the client heard that the connection is gone.
    assert_eq!(scene.rows(), "1");
    // Once: the next one has its answer.
    assert!(scene.write(2).wait().unwrap().success());
    assert_eq!(scene.rows(), "1,2");
}

#[test]
fn a_reset_client_does_not_know_and_the_server_does_it() {
    let Some(scene) = scene("reset") else { return };
    scene.wire.on(b"COMMIT", Then::Reset);
    let said = failure(scene.write(1));
    assert!(said.contains("server closed the connection unexpectedly"), "{said}");
    scene.has(1);
}

#[test]
fn bytes_are_found_across_reads_and_each_once() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let wire = Wire::to(server.local_addr().unwrap());
    wire.watch(b"abcab");
    let mut client = TcpStream::connect(("127.0.0.1", wire.port())).unwrap();
    let (mut served, _) = server.accept().unwrap();
    let mut got = [0; 1];
    // Each byte has arrived before the next is sent; the middle overlaps itself.
    for byte in b"xabcabcabcaxabcab" {
        client.write_all(&[*byte]).unwrap();
        served.read_exact(&mut got).unwrap();
        assert_eq!(got, [*byte]);
    }
    assert_eq!(wire.counted(b"abcab"), 3);
    // Much in both directions at once, with nobody reading for a while, and a proper end.
    let much = vec![7; 16 << 20];
    std::thread::scope(|scope| {
        for mut stream in [client.try_clone().unwrap(), served.try_clone().unwrap()] {
            let much = &much;
            scope.spawn(move || stream.write_all(much).unwrap());
        }
        for stream in [&mut client, &mut served] {
            let mut all = vec![0; much.len()];
            stream.read_exact(&mut all).unwrap();
            assert_eq!(all, much);
        }
    });
    client.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(served.read(&mut got).unwrap(), 0);
    served.write_all(b"!").unwrap();
    client.read_exact(&mut got).unwrap();
    // A cut reaches one that is full and whose reader does not read.
    client.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut other = TcpStream::connect(("127.0.0.1", wire.port())).unwrap();
    let (_unread, _) = server.accept().unwrap();
    other.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(other.write_all(&much).is_err());
    wire.cut();
    assert_eq!(wire.connections(), 0);
}

/// `psql` says the same of a proper end and of a reset; a socket does not.
#[test]
fn a_reset_is_a_reset() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let wire = Wire::to(server.local_addr().unwrap());
    let connect = || {
        let mut client = TcpStream::connect(("127.0.0.1", wire.port())).unwrap();
        let (mut served, _) = server.accept().unwrap();
        client.write_all(b"hello").unwrap();
        served.read_exact(&mut [0; 5]).unwrap();
        (client, served)
    };
    let reset = |mut stream: TcpStream| {
        let read = stream.read(&mut [0; 1]).unwrap_err();
        assert_eq!(read.kind(), std::io::ErrorKind::ConnectionReset);
    };
    // The client is told at once; the server has the request, and then its end.
    wire.on(b"do it", Then::Reset);
    let (mut client, mut served) = connect();
    client.write_all(b"do it now").unwrap();
    reset(client);
    let mut request = String::new();
    served.read_to_string(&mut request).unwrap();
    assert_eq!(request, "do it now");
    assert_eq!(wire.connections(), 1);
    drop(served);
    // A cut resets both sides, also one that is stalled.
    let (client, served) = connect();
    wire.stall();
    let waiting = TcpStream::connect(("127.0.0.1", wire.port())).unwrap();
    while wire.connections() < 2 {
        std::thread::yield_now();
    }
    wire.cut();
    [client, served, waiting].into_iter().for_each(reset);
    // What a server resets is reset for its client.
    wire.mend();
    let (mut client, served) = connect();
    client.write_all(b"never read").unwrap();
    served.peek(&mut [0; 1]).unwrap();
    drop(served);
    reset(client);
}
