//! Requests byte by byte: what no well-behaved client would send.

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a server may leave a client waiting.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came back. Status 0: no answer.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Sends `bytes` to the server at `url` as they are, and reads until it closes.
pub(crate) async fn send(url: &str, bytes: &[u8]) -> Raw {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
    let mut answer = Vec::new();
    let exchange = async {
        // A server that has heard enough may close before it has read all.
        let _ = stream.write_all(bytes).await;
        let _ = stream.read_to_end(&mut answer).await;
    };
    // What came until then is looked at: a server that keeps a client waiting fails on that.
    let _ = tokio::time::timeout(PATIENCE, exchange).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return Raw::default() };
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    Raw { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

/// One request as bytes.
pub(crate) fn request(method: &str, path: &str, headers: &[(String, Vec<u8>)], body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    let has_length = headers.iter().any(|(name, _)| name == "content-length");
    if !has_length && !body.is_empty() {
        bytes.extend(format!("content-length: {}\r\n", body.len()).into_bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    bytes
}
