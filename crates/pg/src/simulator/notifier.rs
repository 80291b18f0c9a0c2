//! Webhooks that the simulator sends: signed, never in the way of a charge, and, where configured, doubled and out of order.

use super::SimulatorError;
use super::clock;
use super::faults::Dice;
use crate::webhook::{EventBody, EventData, StandardWebhook, WebhookKind};
use crate::wire::Charge;
use parking_lot::Mutex;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// How many events wait for a slow receiver before the oldest is dropped.
const QUEUE: usize = 10_000;
/// How long an event that is to arrive late waits for one to overtake it.
const HOLD_BACK: Duration = Duration::from_secs(1);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
/// Which of the seed's streams chance is drawn from here.
const STREAM: u64 = 1;

/// Where and how to tell of changes. Each event is attempted once: the receiver's own queries are what counts.
#[derive(Clone)]
pub struct WebhookConfig {
    /// Where to POST to.
    pub url: String,
    /// `whsec_` and the base64 of the signing key.
    pub secret: String,
    /// So many in a hundred events arrive twice.
    pub duplicate_percent: u8,
    /// So many in a hundred events are overtaken by the next.
    pub reorder_percent: u8,
}

impl std::fmt::Debug for WebhookConfig {
    /// Leaves the secret out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookConfig")
            .field("url", &self.url)
            .field("duplicate_percent", &self.duplicate_percent)
            .field("reorder_percent", &self.reorder_percent)
            .finish_non_exhaustive()
    }
}

/// A change of the book.
#[derive(Clone, Debug)]
pub(super) struct Event {
    id: String,
    kind: WebhookKind,
    key: String,
}

impl Event {
    /// A charge goes through each kind at most once, so the two name the event.
    pub(super) fn of(charge: &Charge, kind: WebhookKind) -> Self {
        let suffix = match kind {
            WebhookKind::Approved => "approved",
            WebhookKind::Declined => "declined",
            WebhookKind::Cancelled => "cancelled",
        };
        Self { id: format!("msg_{}_{suffix}", charge.transaction), kind, key: charge.key.clone() }
    }
}

/// Events that wait to be sent. Offering never blocks.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<VecDeque<Event>>,
    ready: Notify,
    dropped: AtomicU64,
}

impl Queue {
    pub(super) fn offer(&self, event: Event) {
        let mut waiting = self.waiting.lock();
        if waiting.len() >= QUEUE {
            waiting.pop_front();
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        waiting.push_back(event);
        drop(waiting);
        self.ready.notify_one();
    }

    /// The oldest event; waits for one. Nothing is lost if the future is dropped.
    async fn take(&self) -> Event {
        loop {
            let oldest = self.waiting.lock().pop_front();
            match oldest {
                Some(event) => return event,
                None => self.ready.notified().await,
            }
        }
    }
}

/// The sender, at work until it is dropped.
pub(super) struct Notifier {
    queue: Arc<Queue>,
    task: JoinHandle<()>,
}

impl Notifier {
    pub(super) fn start(config: &WebhookConfig, seed: u64) -> Result<Self, SimulatorError> {
        let uncallable = |reason: String| SimulatorError::WebhookUrl { url: config.url.clone(), reason };
        let url = Url::parse(&config.url).map_err(|error| uncallable(error.to_string()))?;
        let http = Client::builder()
            .timeout(ATTEMPT_TIMEOUT)
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| uncallable(error.to_string()))?;
        let webhook = StandardWebhook::new(&[&config.secret]).map_err(SimulatorError::WebhookSecret)?;
        let queue = Arc::new(Queue::default());
        let courier = Courier {
            queue: Arc::clone(&queue),
            http,
            url,
            webhook,
            dice: Dice::new(seed, STREAM),
            duplicate_percent: config.duplicate_percent,
            reorder_percent: config.reorder_percent,
        };
        Ok(Self { queue, task: tokio::spawn(courier.run()) })
    }

    pub(super) fn queue(&self) -> Arc<Queue> {
        Arc::clone(&self.queue)
    }

    pub(super) fn dropped(&self) -> u64 {
        self.queue.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Courier {
    queue: Arc<Queue>,
    http: Client,
    url: Url,
    webhook: StandardWebhook,
    dice: Dice,
    duplicate_percent: u8,
    reorder_percent: u8,
}

impl Courier {
    async fn run(self) {
        loop {
            let event = self.queue.take().await;
            if self.dice.falls(self.reorder_percent)
                && let Ok(next) = tokio::time::timeout(HOLD_BACK, self.queue.take()).await
            {
                self.deliver(&next).await;
            }
            self.deliver(&event).await;
        }
    }

    async fn deliver(&self, event: &Event) {
        self.attempt(event).await;
        if self.dice.falls(self.duplicate_percent) {
            self.attempt(event).await;
        }
    }

    async fn attempt(&self, event: &Event) {
        let outcome = self.post(event).await;
        if let Err(reason) = outcome {
            tracing::debug!(webhook_id = event.id, reason, "the PG simulator's webhook was not accepted");
        }
    }

    async fn post(&self, event: &Event) -> Result<(), String> {
        let body = EventBody { kind: event.kind, data: EventData { key: event.key.clone() } };
        let body = serde_json::to_vec(&body).map_err(|error| error.to_string())?;
        let now_s = clock::now_ms() / 1_000;
        let signed = self.webhook.sign(&event.id, now_s, &body).map_err(|error| error.to_string())?;
        let mut request = self.http.post(self.url.clone()).header("content-type", "application/json");
        for (name, value) in signed.pairs() {
            request = request.header(name, value);
        }
        let response = request.body(body).send().await.map_err(|error| error.without_url().to_string())?;
        if response.status().is_success() { Ok(()) } else { Err(response.status().to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_queue_drops_the_oldest_and_counts() {
        let queue = Queue::default();
        for number in 0..QUEUE + 3 {
            queue.offer(Event { id: number.to_string(), kind: WebhookKind::Approved, key: String::new() });
        }
        assert_eq!(queue.dropped.load(Ordering::Relaxed), 3);
        assert_eq!(queue.take().await.id, "3");
    }
}
