//! A real HTTP server that keeps what it is sent, and can be told to refuse, to limit or to hang.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use axum::routing::any;
use homeroom_chassis::TaskGroup;
use homeroom_chassis::server::{Limits, serve_http};
use homeroom_chassis::tls::TlsFiles;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The largest body taken, in bytes.
const BODY: usize = 1024 * 1024;

/// A request as received.
#[derive(Debug, Clone)]
pub struct Received {
    /// Its path and query.
    pub uri: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

/// What the server does with a request, once it is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Answer {
    /// Answers 204.
    #[default]
    Accept,
    /// Answers with this status, such as 500.
    Refuse(u16),
    /// Answers 429 with a `retry-after` of so many seconds.
    Limit(u64),
    /// Never answers: the sender cannot know whether it was accepted.
    Hang,
}

/// A running receiver; stopped when dropped.
#[derive(Debug)]
pub struct WebhookSink {
    /// Where to send to: `http://127.0.0.1:port/hook`.
    pub url: String,
    kept: Arc<Kept>,
    _server: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Kept {
    requests: Mutex<Vec<Received>>,
    answer: Mutex<Answer>,
    count: watch::Sender<usize>,
}

impl WebhookSink {
    /// Starts one on a free port.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a port for the webhook receiver")?;
        let url = format!("http://{}/hook", listener.local_addr()?);
        let kept = Arc::new(Kept::default());
        let app = Router::new().fallback(receive).with_state(Arc::clone(&kept));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, app).await.expect("the listener stays good") });
        Ok(Self { url, kept, _server: server })
    }

    /// The same with TLS: `https://127.0.0.1:port/hook`.
    pub async fn start_tls(files: &TlsFiles) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a port for the webhook receiver")?;
        let url = format!("https://{}/hook", listener.local_addr()?);
        let kept = Arc::new(Kept::default());
        // The door answers by itself what no route does.
        let app = Router::new().route("/{*path}", any(receive)).with_state(Arc::clone(&kept));
        let tasks = TaskGroup::default();
        serve_http(&tasks, listener, app, Some(files), Limits::default())?;
        let mut server = JoinSet::new();
        server.spawn(async move {
            // Dropped with the set, and the server with it.
            let _server = tasks.cutting().drop_guard();
            pending::<()>().await;
        });
        Ok(Self { url, kept, _server: server })
    }

    /// Says what is done with requests from now on.
    pub fn answer(&self, answer: Answer) {
        *lock(&self.kept.answer) = answer;
    }

    /// Every request so far, in order, those that were refused or left hanging included.
    pub fn requests(&self) -> Vec<Received> {
        lock(&self.kept.requests).clone()
    }

    /// Waits until there are `count` requests at least, and gives all.
    pub async fn wait_for(&self, count: usize, within: Duration) -> anyhow::Result<Vec<Received>> {
        let mut seen = self.kept.count.subscribe();
        timeout(within, seen.wait_for(|now| *now >= count))
            .await
            .with_context(|| format!("{} requests came in {within:?}, not {count}", self.requests().len()))??;
        Ok(self.requests())
    }
}

async fn receive(State(kept): State<Arc<Kept>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY).await else { return status(StatusCode::PAYLOAD_TOO_LARGE) };
    let answer = *lock(&kept.answer);
    lock(&kept.requests).push(Received { uri: parts.uri, headers: parts.headers, body: body.to_vec() });
    kept.count.send_modify(|count| *count += 1);
    match answer {
        Answer::Accept => status(StatusCode::NO_CONTENT),
        Answer::Refuse(code) => status(StatusCode::from_u16(code).expect("a test names a status that exists")),
        Answer::Limit(seconds) => {
            let mut response = status(StatusCode::TOO_MANY_REQUESTS);
            response.headers_mut().insert("retry-after", seconds.into());
            response
        }
        Answer::Hang => pending().await,
    }
}

fn status(code: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = code;
    response
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    /// Posts and gives the whole answer, or what came of it in time.
    async fn post(url: &str, within: Duration) -> String {
        let address = url.trim_start_matches("http://").trim_end_matches("/hook");
        let mut wire = TcpStream::connect(address).await.unwrap();
        let request = "POST /hook HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello";
        wire.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(within, wire.read_to_end(&mut answer)).await.ok();
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn requests_are_kept_whatever_the_answer() {
        let sink = WebhookSink::start().await.unwrap();
        for (answer, status) in [(Answer::Accept, " 204 "), (Answer::Refuse(500), " 500 "), (Answer::Limit(7), " 429 ")]
        {
            sink.answer(answer);
            let response = post(&sink.url, Duration::from_secs(5)).await;
            assert!(response.contains(status), "{response}");
            assert_eq!(response.contains("retry-after: 7"), answer == Answer::Limit(7));
        }
        sink.answer(Answer::Hang);
        assert_eq!(post(&sink.url, Duration::from_millis(50)).await, "");
        let kept = sink.wait_for(4, Duration::from_secs(5)).await.unwrap();
        assert_eq!(kept[0].body, b"hello");
    }
}
