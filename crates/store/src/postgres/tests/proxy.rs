//! A wire that can be cut: between a store and its server, after so many bytes, before an answer, or now.

use parking_lot::Mutex;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::thread;

/// More bytes than any test sends.
const UNCUT: i64 = i64::MAX;

/// The wire. New connections go through whole.
pub(super) struct Proxy {
    pub(super) port: u16,
    wire: Arc<Wire>,
}

struct Wire {
    /// Bytes that still pass to the server; the rest is lost, and the connection with it.
    up: AtomicI64,
    /// And back.
    down: AtomicI64,
    passed_up: AtomicU64,
    ends: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// A wire to this port of the loopback address.
    pub(super) fn to(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let wire = Arc::new(Wire {
            up: AtomicI64::new(UNCUT),
            down: AtomicI64::new(UNCUT),
            passed_up: AtomicU64::new(0),
            ends: Mutex::default(),
        });
        let kept = Arc::clone(&wire);
        // It ends with the process: a test binary's threads may wait for connections that never come.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                kept.connect(client, server);
            }
        });
        Self { port, wire }
    }

    /// Bytes that have passed to the server.
    pub(super) fn passed_up(&self) -> u64 {
        self.wire.passed_up.load(Ordering::SeqCst)
    }

    /// Cuts the wire once this many more bytes have passed to the server.
    pub(super) fn cut_after(&self, bytes: u64) {
        self.wire.up.store(i64::try_from(bytes).unwrap(), Ordering::SeqCst);
    }

    /// Cuts the wire at the server's next word, which is lost.
    pub(super) fn cut_before_the_answer(&self) {
        self.wire.down.store(0, Ordering::SeqCst);
    }

    /// Cuts all connections now.
    pub(super) fn cut(&self) {
        self.wire.cut();
    }
}

impl Wire {
    fn connect(self: &Arc<Self>, client: TcpStream, server: u16) {
        self.up.store(UNCUT, Ordering::SeqCst);
        self.down.store(UNCUT, Ordering::SeqCst);
        // A server that is away refuses: so does the wire.
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else { return };
        let ends = [client.try_clone(), server.try_clone()].map(Result::unwrap);
        self.ends.lock().extend(ends);
        for (from, to, is_up) in
            [(client.try_clone().unwrap(), server.try_clone().unwrap(), true), (server, client, false)]
        {
            let wire = Arc::clone(self);
            thread::spawn(move || wire.carry(from, to, is_up));
        }
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream, is_up: bool) {
        let budget = if is_up { &self.up } else { &self.down };
        let mut buffer = [0_u8; 4096];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let left = budget.load(Ordering::SeqCst).max(0);
            let passes = count.min(usize::try_from(left).unwrap());
            if left != UNCUT {
                budget.fetch_sub(i64::try_from(passes).unwrap(), Ordering::SeqCst);
            }
            // Before it arrives: whoever is answered finds it counted.
            if is_up {
                self.passed_up.fetch_add(passes as u64, Ordering::SeqCst);
            }
            if to.write_all(&buffer[..passes]).is_err() {
                break;
            }
            if passes < count {
                return self.cut();
            }
        }
        let ended = [from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)];
        // Whoever is gone already need not be told.
        drop(ended);
    }

    fn cut(&self) {
        for end in self.ends.lock().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}
