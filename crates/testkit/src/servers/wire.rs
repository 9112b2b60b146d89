//! A wire between a client and a server that can be stalled, cut, or made to lose one request or
//! its answer.
//!
//! Promises: while it is stalled no byte passes in either direction and no connection ends; once
//! [`Wire::cut`] returns, every connection was reset and none is taken; what it was told to watch
//! for is found wherever reads happen to begin and end.
//! Deliberately absent: TLS, because then nobody sees a `COMMIT`; and loss of single packets, which
//! TCP would repeat. The client's system goes on acknowledging what is stalled here, so that a
//! limit on unacknowledged bytes (`TCP_USER_TIMEOUT`) does not end such a connection.

use super::{PATIENCE, free_port};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// How long one write waits for its reader before it looks whether the wire was cut.
const LOOK: Duration = Duration::from_millis(100);

/// What becomes of the connection on which certain bytes are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The server gets the request and does what it asks. What it answers from here on is thrown
    /// away; when it is done, both sides are closed.
    LoseAnswers,
    /// The server gets nothing from the read on in which the bytes end. The connection hangs until
    /// the wire is cut.
    LoseRequest,
    /// The server gets the request, and the client's side is reset at once, perhaps before the
    /// server has begun with it.
    Reset,
}

/// A proxy on 127.0.0.1; it ends with this.
pub struct Wire {
    port: u16,
    inner: Arc<Inner>,
}

struct Inner {
    to: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    flow: Flow,
    listening: bool,
    next: u64,
    links: BTreeMap<u64, Link>,
    watched: Vec<Watched>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Flow {
    #[default]
    Open,
    Stalled,
    Cut,
}

/// One connection. Its sockets are closed when the last of its threads lets go of them.
struct Link {
    client: Option<Arc<TcpStream>>,
    server: Option<Arc<TcpStream>>,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Both directions.
    Whole,
    /// What the server says is thrown away.
    Deaf,
    /// What the client says is thrown away.
    Mute,
    /// Nothing more.
    Over,
}

struct Watched {
    bytes: Vec<u8>,
    seen: usize,
    then: Option<Then>,
}

impl Wire {
    /// A wire to this server.
    pub fn to(server: SocketAddr) -> Self {
        let state = Mutex::new(State::default());
        let inner = Arc::new(Inner { to: server, state, changed: Condvar::new() });
        let wire = Self { port: free_port(), inner };
        wire.listen();
        wire
    }

    /// Where clients connect, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Forwards nothing more. Connections stay as they are; new ones are taken and hang.
    pub fn stall(&self) {
        self.inner.lock().flow = Flow::Stalled;
    }

    /// Resets all connections and refuses new ones, until it is mended.
    pub fn cut(&self) {
        let mut state = self.inner.lock();
        state.flow = Flow::Cut;
        for link in state.links.values_mut() {
            link.reset();
        }
        self.inner.changed.notify_all();
        drop(state);
        // Wakes the listener, if nobody else does.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        self.inner.wait("a wire is cut", |state| !state.listening && state.links.is_empty());
    }

    /// Takes and forwards again. What was stalled goes on; what was cut does not come back.
    pub fn mend(&self) {
        let mut state = self.inner.lock();
        let before = std::mem::replace(&mut state.flow, Flow::Open);
        self.inner.changed.notify_all();
        drop(state);
        if before == Flow::Cut {
            self.listen();
        }
    }

    /// The next time that a client sends these bytes, this happens to its connection; once.
    pub fn on(&self, bytes: &[u8], then: Then) {
        self.inner.lock().watch(bytes).then = Some(then);
    }

    /// Counts these bytes from now on.
    pub fn watch(&self, bytes: &[u8]) {
        self.inner.lock().watch(bytes);
    }

    /// How often clients sent these bytes since they were first watched, or named to
    /// [`on`](Self::on).
    pub fn counted(&self, bytes: &[u8]) -> usize {
        self.inner.lock().watch(bytes).seen
    }

    /// Waits until clients sent these bytes so often.
    ///
    /// # Panics
    /// If they do not within a minute.
    pub fn wait_for(&self, bytes: &[u8], times: usize) {
        self.watch(bytes);
        self.inner.wait("bytes are sent", |state| state.watch(bytes).seen >= times);
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.inner.lock().links.len()
    }

    fn listen(&self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).unwrap();
        self.inner.lock().listening = true;
        let inner = Arc::clone(&self.inner);
        thread::spawn(move || inner.accept(listener));
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.cut();
    }
}

impl State {
    fn watch(&mut self, bytes: &[u8]) -> &mut Watched {
        let found = self.watched.iter().position(|watched| watched.bytes == bytes);
        let at = found.unwrap_or(self.watched.len());
        if found.is_none() {
            self.watched.push(Watched { bytes: bytes.to_owned(), seen: 0, then: None });
        }
        self.watched.get_mut(at).unwrap()
    }

    /// Looks for what is watched where `fresh` bytes follow on `before`; what happens then.
    fn look(&mut self, before: &[u8], fresh: &[u8]) -> Option<Then> {
        let mut then = None;
        for watched in &mut self.watched {
            let overlap = before.len().min(watched.bytes.len().saturating_sub(1));
            let tail = before.get(before.len() - overlap..).unwrap_or_default();
            let text = [tail, fresh].concat();
            let seen = text.windows(watched.bytes.len()).filter(|part| *part == watched.bytes);
            let seen = seen.count();
            watched.seen += seen;
            if seen > 0 {
                then = watched.then.take().or(then);
            }
        }
        then
    }

    fn longest(&self) -> usize {
        self.watched.iter().map(|watched| watched.bytes.len()).max().unwrap_or(0)
    }
}

impl Link {
    /// Both sides get a reset, once their threads are awake and let go of the sockets. Only the
    /// reading ends here: to end the writing would send a proper goodbye.
    fn reset(&mut self) {
        self.fate = Fate::Over;
        for stream in self.server.iter().chain(&self.client) {
            reset_on_close(stream);
            let _gone = stream.shutdown(Shutdown::Read);
        }
    }

    /// Both sides are closed.
    fn close(&mut self) {
        self.fate = Fate::Over;
        for stream in self.server.iter().chain(&self.client) {
            let _gone = stream.shutdown(Shutdown::Both);
        }
    }
}

fn reset_on_close(stream: &TcpStream) {
    rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO)).unwrap();
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn wait(&self, what: &str, mut done: impl FnMut(&mut State) -> bool) {
        let waited = self.changed.wait_timeout_while(self.lock(), PATIENCE, |state| !done(state));
        assert!(!waited.unwrap().1.timed_out(), "{what}: not within {PATIENCE:?}");
    }

    fn accept(self: Arc<Self>, listener: TcpListener) {
        while let Ok((client, _)) = listener.accept() {
            let client = Arc::new(client);
            let mut state = self.lock();
            if state.flow == Flow::Cut {
                reset_on_close(&client);
                break;
            }
            let id = state.next;
            state.next += 1;
            let link = Link { client: Some(Arc::clone(&client)), server: None, fate: Fate::Whole };
            state.links.insert(id, link);
            drop(state);
            let inner = Arc::clone(&self);
            thread::spawn(move || {
                inner.carry(id, client);
                inner.lock().links.remove(&id);
                inner.changed.notify_all();
            });
        }
        // Refused from here on, and only then said to be.
        drop(listener);
        self.lock().listening = false;
        self.changed.notify_all();
    }

    /// One connection from its first byte to its last.
    fn carry(self: &Arc<Self>, id: u64, client: Arc<TcpStream>) {
        if self.pass(id) == Fate::Over {
            return;
        }
        let Ok(server) = TcpStream::connect(self.to) else {
            return reset_on_close(&client);
        };
        let server = Arc::new(server);
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
            stream.set_write_timeout(Some(LOOK)).unwrap();
        }
        if let Some(link) = self.lock().links.get_mut(&id) {
            link.server = Some(Arc::clone(&server));
            if link.fate == Fate::Over {
                return link.reset();
            }
        }
        let answers = {
            let (inner, server) = (Arc::clone(self), Arc::clone(&server));
            thread::spawn(move || inner.answers(id, &server))
        };
        self.requests(id, client, &server);
        drop(answers.join());
    }

    /// Waits while the wire is stalled; what may pass then.
    fn pass(&self, id: u64) -> Fate {
        let stalled = |state: &mut State| {
            let over = state.links.get(&id).is_none_or(|link| link.fate == Fate::Over);
            state.flow == Flow::Stalled && !over
        };
        let state = self.changed.wait_while(self.lock(), stalled).unwrap();
        state.links.get(&id).map_or(Fate::Over, |link| link.fate)
    }

    fn end(&self, id: u64, how: impl FnOnce(&mut Link)) {
        if let Some(link) = self.lock().links.get_mut(&id) {
            how(link);
        }
        self.changed.notify_all();
    }

    fn requests(&self, id: u64, client: Arc<TcpStream>, server: &TcpStream) {
        let mut buffer = vec![0; 64 * 1024];
        let mut before = Vec::new();
        loop {
            let read = client.as_ref().read(&mut buffer);
            if self.pass(id) == Fate::Over {
                return;
            }
            let fresh = match read {
                Ok(0) => {
                    let _gone = server.shutdown(Shutdown::Write);
                    return;
                }
                Ok(length) => buffer.get(..length).unwrap_or_default(),
                Err(_) => return self.end(id, Link::reset),
            };
            let mut state = self.lock();
            let then = state.look(&before, fresh);
            before.extend_from_slice(fresh);
            let spare = before.len().saturating_sub(state.longest());
            before.drain(..spare);
            if let Some(link) = state.links.get_mut(&id) {
                match then {
                    Some(Then::LoseAnswers | Then::Reset) => link.fate = Fate::Deaf,
                    Some(Then::LoseRequest) => link.fate = Fate::Mute,
                    None => {}
                }
            }
            self.changed.notify_all();
            drop(state);
            match self.pass(id) {
                Fate::Over => return,
                Fate::Mute => {}
                Fate::Whole | Fate::Deaf => {
                    if !self.write(id, server, fresh) {
                        return;
                    }
                }
            }
            if then == Some(Then::Reset) {
                // The server reads the request and then that there is no more; it answers nobody.
                let _gone = server.shutdown(Shutdown::Write);
                reset_on_close(&client);
                return self.end(id, |link| link.client = None);
            }
        }
    }

    fn answers(&self, id: u64, server: &TcpStream) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = (&*server).read(&mut buffer);
            let fate = self.pass(id);
            match (fate, read) {
                (Fate::Over, _) => return,
                (Fate::Deaf, Ok(1..)) => {
                    // All that was asked lies with the server by now. It does that, and leaves.
                    let _gone = server.shutdown(Shutdown::Write);
                }
                (Fate::Deaf, _) => return self.end(id, Link::close),
                (_, Err(_)) => return self.end(id, Link::reset),
                (_, Ok(length)) => {
                    let Some(client) = self.client(id) else { return };
                    if length == 0 {
                        let _gone = client.shutdown(Shutdown::Write);
                        return;
                    }
                    if !self.write(id, &client, buffer.get(..length).unwrap_or_default()) {
                        return;
                    }
                }
            }
        }
    }

    /// Held by whoever writes to it only as long as that takes, so that it can be reset.
    fn client(&self, id: u64) -> Option<Arc<TcpStream>> {
        self.lock().links.get(&id)?.client.clone()
    }

    /// Writes all of it, unless the connection ends before.
    fn write(&self, id: u64, to: &TcpStream, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            match (&*to).write(bytes) {
                Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    if self.lock().links.get(&id).is_none_or(|link| link.fate == Fate::Over) {
                        return false;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }
}
