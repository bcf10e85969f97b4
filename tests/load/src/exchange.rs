//! A cheap HTTP client: requests are bytes made before the clock starts, and answers are read no further than they must be.
//!
//! The client shares the machine with what it measures, so each cycle of its own makes the figure worse. It knows just
//! enough of HTTP/1.1 for answers with a `content-length`.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The largest head of an answer, bytes.
const MAX_HEAD: usize = 16 * 1024;
/// How long an answer may take; longer is a failed run.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection that is kept open.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer; the body is borrowed from the connection.
pub(crate) struct Answer<'c> {
    pub(crate) status: u16,
    pub(crate) body: &'c [u8],
}

impl Connection {
    /// Connects to `127.0.0.1:port`.
    pub(crate) async fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.context("the door does not take connections")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(64 * 1024) })
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let (head, length) = loop {
            ensure!(self.stream.read_buf(&mut self.received).await? > 0, "the connection was closed");
            if let Some(end) = find(&self.received, b"\r\n\r\n") {
                break (end + 4, content_length(&self.received[..end])?);
            }
            ensure!(self.received.len() < MAX_HEAD, "an answer without end of its head");
        };
        while self.received.len() < head + length {
            ensure!(self.stream.read_buf(&mut self.received).await? > 0, "the connection was closed");
        }
        let status = self.received.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        let status = status.context("an answer without status")?;
        Ok(Answer { status, body: &self.received[head..head + length] })
    }
}

fn content_length(head: &[u8]) -> Result<usize> {
    let head = std::str::from_utf8(head).context("a head that is no text")?;
    for line in head.split("\r\n").skip(1) {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            return value.trim().parse().context("a content-length that is none");
        }
    }
    // 204 and 304 have no body and need not say so.
    if head.contains(" 204 ") || head.contains(" 304 ") { Ok(0) } else { bail!("an answer without content-length") }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// A request to `127.0.0.1`, whole.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text.push_str("\r\n");
    [text.as_bytes(), body].concat()
}

/// What one connection sends, and how it judges the answers.
pub(crate) trait Sender: Send + 'static {
    /// The next request.
    fn next(&mut self) -> &[u8];
    /// How many records were kept, by the answer to the last request; an error ends the run.
    fn kept(&mut self, answer: &Answer<'_>) -> Result<u64>;
}

/// What came of a time of sending.
#[derive(Debug, Default)]
pub(crate) struct Throughput {
    /// Records that were answered within the time.
    pub(crate) records: u64,
    /// How long that was.
    pub(crate) time: Duration,
    latencies: Vec<Duration>,
}

impl Throughput {
    /// Records a second.
    #[expect(clippy::cast_precision_loss, reason = "a rate has a few digits")]
    pub(crate) fn rate(&self) -> f64 {
        self.records as f64 / self.time.as_secs_f64().max(f64::EPSILON)
    }

    /// The latency in milliseconds that so many of a thousand requests do not exceed.
    pub(crate) fn quantile(&mut self, permille: usize) -> f64 {
        self.latencies.sort_unstable();
        let rank = (self.latencies.len() * permille).div_ceil(1_000).max(1);
        self.latencies.get(rank - 1).map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
    }
}

/// Sends on one connection for each sender, each request after the answer to the one before, for so long after a warm-up.
pub(crate) async fn pound<S: Sender>(
    port: u16,
    senders: Vec<S>,
    warm_up: Duration,
    time: Duration,
) -> Result<Throughput> {
    let begin = Instant::now() + warm_up;
    let end = begin + time;
    let mut connections = JoinSet::new();
    for sender in senders {
        connections.spawn(send(port, sender, begin, end));
    }
    let mut total = Throughput { time, ..Throughput::default() };
    while let Some(of_one) = connections.join_next().await {
        let of_one = of_one.context("a sender panicked")??;
        total.records += of_one.records;
        total.latencies.extend(of_one.latencies);
    }
    Ok(total)
}

async fn send<S: Sender>(port: u16, mut sender: S, begin: Instant, end: Instant) -> Result<Throughput> {
    let mut connection = Connection::open(port).await?;
    let mut of_one = Throughput::default();
    loop {
        let sent = Instant::now();
        if sent >= end {
            return Ok(of_one);
        }
        let answer = tokio::time::timeout(PATIENCE, connection.exchange(sender.next())).await;
        let answer = answer.context("no answer in time")??;
        let answered = Instant::now();
        let kept = sender.kept(&answer)?;
        if answered >= begin && answered < end {
            of_one.records += kept;
            of_one.latencies.push(answered - sent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_body_is_found_whatever_the_case() {
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nx: y").unwrap(), 12);
        assert_eq!(content_length(b"HTTP/1.1 204 No Content\r\nx: y").unwrap(), 0);
        assert!(content_length(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked").is_err());
    }

    #[test]
    fn a_request_says_its_length() {
        let text = request("POST", "/x", &[("content-type", "a")], b"{}");
        assert_eq!(text, b"POST /x HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 2\r\ncontent-type: a\r\n\r\n{}");
    }
}
