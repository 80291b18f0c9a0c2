//! Deliveries to the data platform: into a file by default, or signed over HTTP.

use data_platform::{DeliveryCall, DeliveryOutcome};
use pg::webhook::StandardWebhook;
use runtime::Door;
use runtime::ports::clock::Clock;
use runtime::ports::outside::Outside;
use std::any::Any;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

type Job = (DeliveryCall, Arc<Door>);

/// Appends deliveries to a file, a JSON document a line. What waits together is synced together.
pub struct FileSink {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl FileSink {
    /// A sink that appends to the file at `path`.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("deliveries".to_owned())
            .spawn(move || write_all(&receiver, file))?;
        Ok(Self { jobs: Some(sender), thread: Some(thread) })
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was logged; what was not answered is sent again after the next start.
            let _ = thread.join();
        }
    }
}

impl Outside for FileSink {
    fn start(&self, request: Arc<dyn Any + Send + Sync>, door: Arc<Door>) {
        if let (Some(call), Some(jobs)) = (request.downcast_ref::<DeliveryCall>(), &self.jobs) {
            // If the thread is gone, the answer is lost: the delivery falls due and is sent again.
            let _ = jobs.send((call.clone(), door));
        }
    }
}

fn write_all(jobs: &Receiver<Job>, mut file: File) {
    while let Ok(first) = jobs.recv() {
        let batch: Vec<Job> = std::iter::once(first).chain(jobs.try_iter()).collect();
        let mut lines = String::new();
        for (call, _) in &batch {
            lines.push_str(&call.body);
            lines.push('\n');
        }
        let outcome = match file.write_all(lines.as_bytes()).and_then(|()| file.sync_data()) {
            Ok(()) => DeliveryOutcome::Taken,
            // Part of it may be there.
            Err(error) => DeliveryOutcome::Unknown { detail: format!("file: {error}") },
        };
        for (call, door) in batch {
            door.tell(call.answer(outcome.clone()), call.trace);
        }
    }
}

/// The longest that a receiver may take to answer, however patient the delivery is.
const LONGEST_CALL: Duration = Duration::from_secs(10);

/// Posts deliveries as Standard Webhooks.
pub struct HttpSink {
    client: reqwest::Client,
    url: String,
    webhook: Arc<StandardWebhook>,
    clock: Arc<dyn Clock>,
    runtime: tokio::runtime::Handle,
}

impl HttpSink {
    /// Whether deliveries may go to `url`: a literal address never passes the resolver, so it is looked at here.
    ///
    /// # Errors
    /// If it is no HTTP URL, or names a private address that is not allowed.
    pub fn check(url: &str, allow_private: bool) -> Result<(), String> {
        let url = reqwest::Url::parse(url).map_err(|error| format!("delivery.url: {error}"))?;
        let host = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https"));
        let host = host.ok_or("delivery.url: needs to be http(s)://host/…")?;
        let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        match literal.map(|ip| SocketAddr::new(ip, 0)) {
            Some(address) if !allow_private && !is_public(&address) => {
                Err(format!("delivery.url: {host} is private; allow it with delivery.allow_private"))
            }
            _ => Ok(()),
        }
    }

    /// The client for it: no redirects, no proxy, and no receiver at a private address unless allowed.
    ///
    /// # Errors
    /// If the machine's TLS cannot be set up.
    pub fn client(allow_private: bool) -> reqwest::Result<reqwest::Client> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(LONGEST_CALL);
        if allow_private { client.build() } else { client.dns_resolver(Arc::new(PublicOnly)).build() }
    }

    /// A sink that posts to `url`, signed by `webhook`.
    #[must_use]
    pub fn new(
        client: reqwest::Client,
        url: &str,
        webhook: StandardWebhook,
        clock: Arc<dyn Clock>,
        runtime: tokio::runtime::Handle,
    ) -> Self {
        Self { client, url: url.to_owned(), webhook: Arc::new(webhook), clock, runtime }
    }
}

impl Outside for HttpSink {
    fn start(&self, request: Arc<dyn Any + Send + Sync>, door: Arc<Door>) {
        let Some(call) = request.downcast_ref::<DeliveryCall>().cloned() else { return };
        let seconds = self.clock.now().0.div_euclid(1_000);
        // The standard allows no `.` in an id, and ours is `<order>.<event>`.
        let id = call.webhook_id.replace('.', "_");
        let signed = match self.webhook.sign(&id, seconds, call.body.as_bytes()) {
            Ok(signed) => signed,
            Err(error) => {
                let outcome = DeliveryOutcome::Failed { detail: error.to_string(), retry: false };
                return door.tell(call.answer(outcome), call.trace);
            }
        };
        let mut post = self.client.post(&self.url).header("content-type", "application/json");
        for (name, value) in signed.pairs() {
            post = post.header(name, value);
        }
        let post = post
            .timeout(call.answer_within.min(LONGEST_CALL))
            .header("traceparent", call.trace.to_string())
            .body(call.body.to_string());
        self.runtime.spawn(async move {
            let outcome = match post.send().await {
                Ok(answer) if answer.status().is_success() => DeliveryOutcome::Taken,
                Ok(answer) if answer.status().as_u16() == 410 => DeliveryOutcome::Disabled,
                Ok(answer) => {
                    DeliveryOutcome::Failed { detail: format!("status {}", answer.status()), retry: true }
                }
                Err(error) => not_answered(error),
            };
            door.tell(call.answer(outcome), call.trace);
        });
    }
}

/// What a call without an answer came to. The URL is left out: it may carry a secret.
fn not_answered(error: reqwest::Error) -> DeliveryOutcome {
    // Without a connection nothing was sent.
    let was_sent = !error.is_connect() && !error.is_builder();
    let detail = error.without_url().to_string();
    if was_sent {
        DeliveryOutcome::Unknown { detail }
    } else {
        DeliveryOutcome::Failed { detail, retry: true }
    }
}

/// Resolves names to public addresses only, so that a configured receiver cannot be turned on what stands behind the firewall.
struct PublicOnly;

impl reqwest::dns::Resolve for PublicOnly {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.filter(is_public).collect();
            if found.is_empty() {
                return Err(
                    "the receiver has no public address; allow private ones with delivery.allow_private"
                        .into(),
                );
            }
            Ok(Box::new(found.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

fn is_public(address: &SocketAddr) -> bool {
    match address.ip() {
        IpAddr::V4(ip) => {
            !(ip.is_loopback()
                || ip.is_private()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_broadcast())
        }
        IpAddr::V6(ip) => {
            !(ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_do_not_reach_behind_the_firewall_unless_allowed() {
        for url in
            ["http://127.0.0.1/x", "http://10.1.2.3/x", "http://[::1]:80/x", "http://169.254.169.254/x"]
        {
            assert!(HttpSink::check(url, false).is_err(), "{url}");
            assert_eq!(HttpSink::check(url, true), Ok(()), "{url}");
        }
        assert_eq!(HttpSink::check("https://data.example.com/orders", false), Ok(()));
        assert!(HttpSink::check("ftp://data.example.com/", false).is_err());
        assert!(HttpSink::check("not a url", false).is_err());
    }
    #[tokio::test]
    async fn silence_leaves_it_open_and_a_closed_door_does_not() {
        // Connections are made, and nobody reads them.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let client = HttpSink::client(true).unwrap();
        let sent = async |address| {
            let post = client.post(format!("http://{address}/x?key=secret"));
            not_answered(post.timeout(Duration::from_millis(50)).send().await.unwrap_err())
        };
        let outcome = sent(silent.local_addr().unwrap()).await;
        assert!(
            matches!(&outcome, DeliveryOutcome::Unknown { detail } if !detail.contains("secret")),
            "{outcome:?}"
        );
        let outcome = sent(closed).await;
        assert!(matches!(&outcome, DeliveryOutcome::Failed { retry: true, .. }), "{outcome:?}");
    }
}
