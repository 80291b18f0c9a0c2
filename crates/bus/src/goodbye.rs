//! A consumer is closed, which takes until the broker has answered all that it was asked: for ever, where it stays away.

use crate::stop::Stop;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::Builder;
use std::time::Duration;

/// How long a process that is to end waits for it. The group takes who says no goodbye for gone once its session is over.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked whether the process is to end.
const LOOK: Duration = Duration::from_millis(50);

/// Closes `consumer`, by dropping it; once `stop` is told, it is left behind if that takes long.
pub(crate) fn say(consumer: impl Send + 'static, name: &str, stop: &Stop) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender};

    /// A consumer that is closed once its broker answers, or is gone for good.
    struct Consumer {
        broker: Receiver<()>,
        closed: Sender<()>,
    }

    impl Drop for Consumer {
        fn drop(&mut self) {
            // Gone or not: it waits no more.
            let _ = self.broker.recv();
            let _ = self.closed.send(());
        }
    }

    #[test]
    fn a_process_that_ends_leaves_behind_what_the_broker_does_not_answer() {
        let ((answer, broker), (closed, is_closed)) = (channel(), channel());
        let stop = Stop::default();
        stop.tell();
        say(Consumer { broker, closed }, "product", &stop);
        assert!(is_closed.try_recv().is_err(), "it waits still");
        drop(answer);
        assert_eq!(is_closed.recv(), Ok(()), "nothing else keeps it");
    }

    #[test]
    fn what_the_broker_answers_is_closed_first() {
        let ((answer, broker), (closed, is_closed)) = (channel(), channel());
        answer.send(()).unwrap();
        say(Consumer { broker, closed }, "product", &Stop::default());
        assert_eq!(is_closed.try_recv(), Ok(()));
    }
}
