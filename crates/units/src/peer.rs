//! Asking another unit: a service token, a deadline, a few retries with jitter where asking twice does no harm, and a circuit breaker.
//!
//! All calls of a process run on a small runtime of their own, so that whoever waits for one (a database's worker, a request's handler)
//! never holds up the calls themselves.

use crate::instances::{Instance, Instances};
use crate::token::ServiceKey;
use crate::wire::Fault;
use parking_lot::Mutex;
use reqwest::StatusCode;
use runtime::neighbour::CallCounts;
use runtime::ports::clock::Clock;
use runtime::ports::store::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};

/// How long a call may take, its retries included: a reader that waits longer had better be told.
pub const DEADLINE: Duration = Duration::from_secs(2);
/// How often one is tried at most.
const TRIES: u32 = 3;
/// The first pause between two tries; each later one is twice as long, and each is cut short by chance.
const PAUSE: Duration = Duration::from_millis(20);
/// How much longer than it was asked to an answer may be under way.
const GRACE: Duration = Duration::from_millis(250);
/// The header that tells the callee how long the caller waits, in milliseconds.
pub const DEADLINE_HEADER: &str = "jumun-deadline-ms";

/// Where all calls of a process leave from.
pub struct Switchboard {
    me: String,
    key: ServiceKey,
    clock: Arc<dyn Clock>,
    http: reqwest::Client,
    handle: Handle,
    runtime: Mutex<Option<Runtime>>,
}

impl Switchboard {
    /// A switchboard for the unit (or units) called `me`.
    ///
    /// # Errors
    /// If its runtime or its client cannot be made.
    pub fn new(me: &str, key: ServiceKey, clock: Arc<dyn Clock>) -> std::io::Result<Arc<Self>> {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("calls").enable_all().build()?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(DEADLINE)
            .build()
            .map_err(std::io::Error::other)?;
        let handle = runtime.handle().clone();
        Ok(Arc::new(Self { me: me.to_owned(), key, clock, http, handle, runtime: Mutex::new(Some(runtime)) }))
    }

    /// The unit called `unit`, at `addresses` (`http://host:port`, with commas between those of several instances).
    #[must_use]
    pub fn peer(self: &Arc<Self>, unit: &str, addresses: &str) -> Arc<Peer> {
        let instances = Instances::at(addresses);
        self.handle.spawn(Instances::look_after(Arc::downgrade(&instances), self.http.clone()));
        Arc::new(Peer { unit: unit.to_owned(), instances, board: Arc::clone(self), counts: Mutex::default() })
    }

    /// What its calls run on.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Ends all calls: those who wait are told that there is no answer.
    pub fn close(&self) {
        if let Some(runtime) = self.runtime.lock().take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Switchboard {
    fn drop(&mut self) {
        self.close();
    }
}

/// How a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct How {
    /// How long it may take.
    pub within: Duration,
    /// Whether it may be tried again although it may have been heard.
    pub again: bool,
    /// Whether it is tried although the callee failed often just before.
    pub insistent: bool,
}

impl How {
    /// A question: it changes nothing, and may be asked again.
    pub const QUESTION: Self = Self { within: DEADLINE, again: true, insistent: false };
    /// An order: it is given once.
    pub const ORDER: Self = Self { within: Duration::from_secs(10), again: false, insistent: false };
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The callee failed too often just before.
    #[error("{0} is left alone for a moment: it failed too often")]
    Spared(String),
    /// It cannot be reached, or did not answer in time.
    #[error("{0} does not answer: {1}")]
    Silent(String, String),
    /// It answered that it could not.
    #[error("{}", .0.detail)]
    Fault(Fault),
}

impl From<CallError> for StoreError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Fault(fault) => fault.into(),
            CallError::Spared(_) | CallError::Silent(..) => Self::Retry(error.to_string()),
        }
    }
}

/// Another unit, as this process asks it.
pub struct Peer {
    unit: String,
    instances: Arc<Instances>,
    board: Arc<Switchboard>,
    counts: Mutex<CallCounts>,
}

impl Peer {
    /// Its name.
    #[must_use]
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// The switchboard that it is asked from.
    #[must_use]
    pub fn board(&self) -> &Arc<Switchboard> {
        &self.board
    }

    /// How calls to it went.
    #[must_use]
    pub fn counts(&self) -> CallCounts {
        CallCounts { is_spared: self.instances.are_spared(), ..*self.counts.lock() }
    }

    /// Asks, and waits for the answer: from a thread that may wait, or from within tokio's multi-threaded runtime.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn ask<A: DeserializeOwned + Send + 'static>(
        self: &Arc<Self>,
        path: &str,
        question: &impl Serialize,
        how: How,
    ) -> Result<A, CallError> {
        let body = self.body(question)?;
        let (sender, receiver) = sync_channel(1);
        let (peer, path) = (Arc::clone(self), path.to_owned());
        self.board.handle.spawn(async move {
            // Whoever asked may have been ended meanwhile.
            let _ = sender.send(peer.call(&path, body, how).await);
        });
        let bytes =
            waiting(|| receiver.recv()).unwrap_or_else(|_| Err(self.silent("this process is ending")))?;
        self.read(&bytes)
    }

    /// Asks, from the switchboard's own runtime.
    ///
    /// # Errors
    /// [`CallError`].
    pub(crate) async fn ask_here<A: DeserializeOwned>(
        &self,
        path: &str,
        question: &impl Serialize,
        how: How,
    ) -> Result<A, CallError> {
        let body = self.body(question)?;
        self.read(&self.call(path, body, how).await?)
    }

    fn body(&self, question: &impl Serialize) -> Result<Vec<u8>, CallError> {
        serde_json::to_vec(question)
            .map_err(|error| self.silent(&format!("the question cannot be written: {error}")))
    }

    fn read<A: DeserializeOwned>(&self, bytes: &[u8]) -> Result<A, CallError> {
        serde_json::from_slice(bytes)
            .map_err(|error| self.silent(&format!("its answer cannot be read: {error}")))
    }

    fn silent(&self, why: &str) -> CallError {
        CallError::Silent(self.unit.clone(), why.to_owned())
    }

    /// Tries until it is answered, as often and as long as `how` allows.
    async fn call(&self, path: &str, body: Vec<u8>, how: How) -> Result<Vec<u8>, CallError> {
        let clock = &self.board.clock;
        let end = clock.elapsed() + how.within;
        let mut pause = PAUSE;
        for attempt in 1.. {
            let next = self.instances.next(clock.elapsed());
            let Some(instance) = next.or_else(|| self.instances.any().filter(|_| how.insistent)) else {
                self.counts.lock().spared += 1;
                return Err(CallError::Spared(self.unit.clone()));
            };
            let left = end.saturating_sub(clock.elapsed());
            let why = match self.once(instance, path, &body, left).await {
                Ok(answer) => {
                    instance.answered();
                    self.counts.lock().answered += 1;
                    return answer.map_err(CallError::Fault);
                }
                Err(why) => why,
            };
            instance.failed(clock.elapsed());
            let rest = jittered(pause);
            if !how.again || attempt >= TRIES || clock.elapsed() + rest >= end {
                self.counts.lock().failed += 1;
                return Err(self.silent(&why));
            }
            self.counts.lock().retried += 1;
            tokio::time::sleep(rest).await;
            pause *= 2;
        }
        Err(self.silent("it was not tried"))
    }

    /// One try: the answer, the callee's own fault, or why there is neither.
    async fn once(
        &self,
        instance: &Instance,
        path: &str,
        body: &[u8],
        left: Duration,
    ) -> Result<Result<Vec<u8>, Fault>, String> {
        let now = self.board.clock.now();
        let token =
            self.board.key.make(&self.board.me, &self.unit, now).map_err(|error| error.to_string())?;
        let asked = self
            .board
            .http
            .post(format!("{}{path}", instance.address()))
            .bearer_auth(token)
            .header("content-type", "application/json")
            .header(DEADLINE_HEADER, left.as_millis().to_string())
            .timeout(left + GRACE)
            .body(body.to_vec());
        let answer = tokio::select! {
            answer = asked.send() => answer.map_err(plain)?,
            () = instance.has_gone() => return Err("it stopped answering".to_owned()),
        };
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(plain)?;
        if status == StatusCode::OK {
            return Ok(Ok(bytes.into()));
        }
        // Whatever else answers there is no unit of ours.
        let fault = serde_json::from_slice::<Fault>(&bytes).map_err(|_| format!("status {status}"))?;
        Ok(Err(fault))
    }
}

/// What went wrong, without the address: the innermost cause says the most.
fn plain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_timeout() { "it took too long".to_owned() } else { cause.to_string() }
}

/// A pause of at most `pause`, so that those who failed together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let most = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX).max(1);
    Duration::from_micros(rand::random_range(0..=most))
}

/// Waits on this thread. A runtime's worker hands its other tasks on first.
fn waiting<T>(wait: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => {
            tokio::task::block_in_place(wait)
        }
        _ => wait(),
    }
}
