//! The proxy between a client and a server of this test's own.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

use super::*;
use crate::kafka::free_port;

const SOON: Duration = Duration::from_millis(100);
const LATEST: Duration = Duration::from_secs(10);

/// A server that repeats what it hears, a proxy before it, and a client.
async fn connected(wire: Wire) -> (Proxy, TcpStream, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Address::Port(listener.local_addr().unwrap().port());
    let mut echo = JoinSet::new();
    echo.spawn(async move {
        let mut all = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            all.spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await.ok();
            });
        }
    });
    let port = free_port().unwrap();
    let proxy = Proxy::start(&Address::Port(port), server, wire).await.unwrap();
    (proxy, TcpStream::connect(("127.0.0.1", port)).await.unwrap(), echo)
}

fn query(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len() + 5).unwrap().to_be_bytes();
    [b"Q", length.as_slice(), text.as_bytes(), b"\0"].concat()
}

/// The first message of a connection, with protocol 3.0.
const STARTUP: [u8; 8] = [0, 0, 0, 8, 0, 3, 0, 0];

/// A statement that was prepared, and that is executed later.
fn prepare(name: &str, text: &str) -> Vec<u8> {
    message(b'P', &[name.as_bytes(), b"\0", text.as_bytes(), b"\0\0\0"].concat())
}

fn execute(name: &str) -> Vec<u8> {
    message(b'B', &[b"\0", name.as_bytes(), b"\0\0\0\0\0\0\0"].concat())
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind], length.as_slice(), body].concat()
}

fn produce(topic: &str, number: u8) -> Vec<u8> {
    let body = [&[0, 0, 0, 9, 0, 0, 0, number], topic.as_bytes()].concat();
    [u32::try_from(body.len()).unwrap().to_be_bytes().to_vec(), body].concat()
}

/// Whether this comes, which must not: to wait longer would prove no more.
async fn hears(client: &mut TcpStream, bytes: &[u8]) -> bool {
    hears_within(SOON, client, bytes).await
}

/// Whether this comes, which must.
async fn comes(client: &mut TcpStream, bytes: &[u8]) -> bool {
    hears_within(LATEST, client, bytes).await
}

async fn hears_within(time: Duration, client: &mut TcpStream, bytes: &[u8]) -> bool {
    let mut heard = vec![0; bytes.len()];
    matches!(timeout(time, client.read_exact(&mut heard)).await, Ok(Ok(_))) && heard == bytes
}

#[tokio::test]
async fn the_second_commit_is_held_and_what_came_before_it_is_not() {
    let (proxy, mut client, _echo) = connected(Wire::Postgres).await;
    let reached = proxy.stop_at(Point { message: Message::Commit, nth: 2, answered: false });
    let before = [STARTUP.to_vec(), query("BEGIN"), query("COMMIT"), query("BEGIN")].concat();
    client.write_all(&[before.clone(), query("COMMIT")].concat()).await.unwrap();
    timeout(LATEST, reached).await.unwrap().unwrap();
    proxy.cut();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.ok();
    assert!(before.starts_with(&rest), "the second commit was answered");
}

#[tokio::test]
async fn the_commit_of_a_transaction_is_known_by_what_was_executed_in_it() {
    let (proxy, mut client, _echo) = connected(Wire::Postgres).await;
    let message = Message::CommitOf("update attempts");
    let reached = proxy.stop_at(Point { message, nth: 1, answered: false });
    let prepared = [STARTUP.to_vec(), prepare("s1", "update attempts set"), prepare("s2", "select")].concat();
    let other =
        [query("BEGIN"), execute("s2"), query("COMMIT"), execute("s1"), query("begin; set local x"), query("COMMIT")];
    let before = [prepared, other.concat(), query("BEGIN"), execute("s1")].concat();
    client.write_all(&before).await.unwrap();
    let mut heard = vec![0; before.len()];
    timeout(LATEST, client.read_exact(&mut heard)).await.unwrap().expect("commits of other transactions pass");
    client.write_all(&query("COMMIT")).await.unwrap();
    timeout(LATEST, reached).await.unwrap().unwrap();
}

/// A frame of HTTP/2 with messages of gRPC, each of one field with nothing in it.
fn frame(fields: &[u8]) -> Vec<u8> {
    let content: Vec<u8> = fields.iter().flat_map(|field| [0, 0, 0, 0, 2, field << 3 | 2, 0]).collect();
    let length = u8::try_from(content.len()).unwrap();
    [&[0, 0, length, 0, 0, 0, 0, 0, 1], content.as_slice()].concat()
}

#[tokio::test]
async fn a_settlement_is_held_and_an_extension_before_it_is_not() {
    let (proxy, mut client, _echo) = connected(Wire::Http2).await;
    let reached = proxy.stop_at(Point { message: Message::Settlement, nth: 2, answered: false });
    // The echo is no server, which would not repeat the preface: its first frame seems to have 5,263,945 bytes.
    let before = [vec![b' '; 24], frame(&[1]), frame(&[3, 5]), frame(&[3])].concat();
    client.write_all(&[before, frame(&[3, 2])].concat()).await.unwrap();
    timeout(LATEST, reached).await.unwrap().unwrap();
    assert!(wire_brings(&frame(&[1, 6])) && !wire_brings(&frame(&[4, 2])));
}

fn wire_brings(answer: &[u8]) -> bool {
    super::wire::Answer::Settled.is(answer)
}

#[tokio::test]
async fn an_answer_is_held_after_the_request_has_reached_the_server() {
    let (proxy, mut client, _echo) = connected(Wire::Kafka).await;
    // An echo has no correlation id where a response has one: it repeats the length and then the request's first words.
    let reached = proxy.stop_at(Point { message: Message::Produce("b.v1".to_owned()), nth: 1, answered: true });
    client.write_all(&produce("a.v1", 1)).await.unwrap();
    assert!(comes(&mut client, &produce("a.v1", 1)).await, "another topic passes");
    let mut request = produce("b.v1", 0);
    request[8..12].copy_from_slice(&[0, 0, 0, 9]);
    client.write_all(&request).await.unwrap();
    timeout(LATEST, reached).await.unwrap().unwrap();
    assert!(!hears(&mut client, &request).await, "its answer is held");
}

#[tokio::test]
async fn a_point_whose_answer_does_not_come_is_waited_for_again() {
    let (proxy, mut client, _echo) = connected(Wire::Kafka).await;
    let reached = proxy.stop_at(Point { message: Message::Produce("b.v1".to_owned()), nth: 1, answered: true });
    // What the echo repeats is another request's answer.
    client.write_all(&produce("b.v1", 1)).await.unwrap();
    assert_eq!(timeout(LATEST, client.read(&mut [0])).await.unwrap().unwrap_or_default(), 0, "the connection ends");
    let mut again = TcpStream::connect(client.peer_addr().unwrap()).await.unwrap();
    let mut request = produce("b.v1", 0);
    request[8..12].copy_from_slice(&[0, 0, 0, 9]);
    again.write_all(&request).await.unwrap();
    timeout(LATEST, reached).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_held_arrives_once_the_proxy_opens_and_a_cut_ends_the_connection() {
    let (proxy, mut client, _echo) = connected(Wire::Any).await;
    proxy.close();
    client.write_all(b"held").await.unwrap();
    assert!(!hears(&mut client, b"held").await);
    proxy.open();
    assert!(comes(&mut client, b"held").await);
    proxy.cut();
    assert_eq!(timeout(LATEST, client.read(&mut [0])).await.unwrap().unwrap_or_default(), 0);
}

#[tokio::test]
async fn one_process_is_shut_out() {
    let (proxy, mut client, _echo) = connected(Wire::Any).await;
    proxy.close_to(&[std::process::id()]);
    client.write_all(b"ours").await.unwrap();
    assert!(!hears(&mut client, b"ours").await);
    proxy.close_to(&[1]);
    assert!(comes(&mut client, b"ours").await);
}

#[tokio::test]
async fn everything_takes_longer_by_the_delay() {
    let (proxy, mut client, _echo) = connected(Wire::Any).await;
    proxy.delay(SOON);
    let since = Instant::now();
    client.write_all(b"slow").await.unwrap();
    let mut heard = [0; 4];
    client.read_exact(&mut heard).await.unwrap();
    assert!(since.elapsed() >= SOON * 2);
}
