//! A consumer is closed, which takes until the broker has answered all that it was asked: for ever, where it stays away.

use crate::stop::Stop;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::Builder;
use std::time::Duration;

/// How long a process that is to end waits for it. The group takes who says no goodbye for gone once its session is over.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked whether the process is to end.
const LOOK: Duration = Duration::from_millis(50);

/// Closes `consumer`; once `stop` is told, it is left behind if that takes long.
pub(crate) fn say<C: ConsumerContext + 'static>(consumer: BaseConsumer<C>, name: &str, stop: &Stop) {
    let (closing, closed) = channel::<()>();
    let close = move || {
        drop(consumer);
        drop(closing);
    };
    if let Err(error) = Builder::new().name(format!("goodbye {name}")).spawn(close) {
        // What could not be started was dropped, and the consumer with it: it is closed.
        tracing::warn!(consumer = name, %error, "no thread can be started");
    }
    let mut patience = PATIENCE;
    while closed.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        if stop.is_told() {
            patience = patience.saturating_sub(LOOK);
        }
        if patience.is_zero() {
            tracing::warn!(
                consumer = name,
                "the broker does not answer; the group is not told that this consumer leaves it"
            );
            return;
        }
    }
}
