//! Who carries the bytes: the writer's own thread while it waits, and one thread for all connections that read.

use runtime::ports::store::StoreError;
use std::future::Future;
use std::sync::mpsc;
use std::thread;
use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio::sync::oneshot;
use tokio::task::block_in_place;

/// An executor that runs while somebody waits on it: no thread of its own, and none to hand work over to.
pub(super) struct Driven(Option<Runtime>);

impl Driven {
    /// A new one.
    ///
    /// # Errors
    /// [`StoreError::Retry`] if the system has nothing left for it.
    pub(super) fn new() -> Result<Self, StoreError> {
        runtime().map(|runtime| Self(Some(runtime)))
    }

    /// Waits for `work`, on this thread.
    pub(super) fn wait<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        match &self.0 {
            Some(runtime) => aside(|| runtime.block_on(work)),
            None => Err(StoreError::Retry("the store has ended".to_owned())),
        }
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        // May be dropped where nobody may wait.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// An executor with a thread of its own: whoever asks only waits for the answer, wherever it is asked from.
pub(super) struct Driver {
    handle: Handle,
    /// Dropped, it ends the thread.
    _closing: oneshot::Sender<()>,
}

impl Driver {
    /// Starts a thread of this name.
    ///
    /// # Errors
    /// [`StoreError::Retry`] if the system has none left.
    pub(super) fn start(name: &str) -> Result<Self, StoreError> {
        let runtime = runtime()?;
        let (handle, (closing, closed)) = (runtime.handle().clone(), oneshot::channel::<()>());
        let run = move || {
            // An error means that the sender is gone: that is the word to end.
            let _ = runtime.block_on(closed);
        };
        let started = thread::Builder::new().name(name.to_owned()).spawn(run);
        started.map_err(|error| StoreError::Retry(format!("no thread for reading: {error}")))?;
        Ok(Self { handle, _closing: closing })
    }

    /// Has `work` done there, and waits for its end here.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            // Whoever asked waits below.
            let _ = sender.send(work.await);
        });
        let answer = aside(|| receiver.recv());
        answer.unwrap_or_else(|_| Err(StoreError::Retry("the reader has ended".to_owned())))
    }
}

fn runtime() -> Result<Runtime, StoreError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| StoreError::Retry(format!("no executor: {error}")))
}

/// Waits without holding up the tasks of whatever executor this thread belongs to.
fn aside<T>(wait: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => block_in_place(wait),
        _ => wait(),
    }
}
