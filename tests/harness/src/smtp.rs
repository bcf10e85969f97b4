//! A real mail server that keeps what it is sent: aiosmtpd, which writes a Maildir.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::guarded::Guarded;
use crate::kafka::{free_port, workspace};

const DEBIAN_PYTHON: &str = "/usr/bin/python3";
/// How long it may take to listen.
const READY: Duration = Duration::from_secs(30);

/// A running mail server on 127.0.0.1; stopped when dropped.
#[derive(Debug)]
pub struct Smtp {
    /// Where it listens.
    pub port: u16,
    mail: PathBuf,
    _server: Guarded,
    _directory: TempDir,
}

impl Smtp {
    /// Starts one on a free port and waits until it listens.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(&[]).await
    }

    /// The same with TLS from the start, with this certificate and key.
    pub async fn start_tls(cert: &Path, key: &Path) -> anyhow::Result<Self> {
        Self::start_with(&["--smtpscert", &path(cert), "--smtpskey", &path(key)]).await
    }

    /// The same with STARTTLS, without which it takes nothing.
    pub async fn start_starttls(cert: &Path, key: &Path) -> anyhow::Result<Self> {
        Self::start_with(&["--tlscert", &path(cert), "--tlskey", &path(key)]).await
    }

    async fn start_with(options: &[&str]) -> anyhow::Result<Self> {
        let python = tokio::task::spawn_blocking(python).await??;
        let directory = tempfile::Builder::new().prefix("homeroom-mail-").tempdir()?;
        let mail = directory.path().join("mail");
        let log = directory.path().join("log");
        let port = free_port()?;
        let address = format!("127.0.0.1:{port}");
        let kept = mail.display().to_string();
        let mut arguments = vec!["-m", "aiosmtpd", "-n", "-l", &address];
        arguments.extend(options);
        arguments.extend(["-c", "aiosmtpd.handlers.Mailbox", &kept]);
        let server = Guarded::spawn(&python, arguments, &log)?;
        let deadline = Instant::now() + READY;
        while TcpStream::connect(&address).await.is_err() {
            ensure!(Instant::now() < deadline, "no mail server: {}", fs::read_to_string(&log).unwrap_or_default());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { port, mail, _server: server, _directory: directory })
    }

    /// Every message so far, oldest first, as received: the sender and recipients of its envelope are in its headers
    /// `X-MailFrom` and `X-RcptTo`.
    pub fn messages(&self) -> Vec<String> {
        let entries = fs::read_dir(self.mail.join("new")).into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.sort_by_key(|path| arrival(path));
        paths.iter().map(|path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()).collect()
    }

    /// Waits until there are `count` messages at least, and gives all.
    pub async fn wait_for(&self, count: usize, within: Duration) -> anyhow::Result<Vec<String>> {
        let deadline = Instant::now() + within;
        loop {
            let messages = self.messages();
            if messages.len() >= count {
                return Ok(messages);
            }
            if Instant::now() > deadline {
                bail!("{} messages came in {within:?}, not {count}", messages.len());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

/// The server numbers what it keeps: `...Q12.host` is the twelfth.
fn arrival(path: &Path) -> u64 {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = name.split_once('Q').map_or("", |(_, rest)| rest);
    number.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or_default()
}

/// A Python that has aiosmtpd: the system's, or else one made once in the cache.
fn python() -> anyhow::Result<PathBuf> {
    let has = |python: &Path| {
        Command::new(python).args(["-c", "import aiosmtpd"]).output().is_ok_and(|out| out.status.success())
    };
    let system = PathBuf::from(DEBIAN_PYTHON);
    if has(&system) {
        return Ok(system);
    }
    let made = cache().join("aiosmtpd");
    let python = made.join("bin/python");
    if has(&python) {
        return Ok(python);
    }
    // Made aside and moved, so that two processes cannot see each other's half.
    fs::create_dir_all(cache())?;
    let aside = tempfile::Builder::new().prefix("aiosmtpd-").tempdir_in(cache())?;
    run(Command::new(DEBIAN_PYTHON).args(["-m", "venv"]).arg(aside.path()))?;
    run(Command::new(aside.path().join("bin/python")).args(["-m", "pip", "install", "--quiet", "aiosmtpd==1.4.6"]))?;
    let kept = aside.keep();
    if fs::rename(&kept, &made).is_err() {
        fs::remove_dir_all(&kept)?;
    }
    ensure!(has(&python), "python has no aiosmtpd even after its installation");
    Ok(python)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("run {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn cache() -> PathBuf {
    std::env::var_os("HOMEROOM_CACHE").map_or_else(|| workspace().join(".cache"), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn mail_that_was_sent_is_kept_with_its_envelope() {
        let smtp = Smtp::start().await.unwrap();
        let mut wire = TcpStream::connect(("127.0.0.1", smtp.port)).await.unwrap();
        let words = "EHLO here\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n";
        let mut answer = [0; 4096];
        let _: usize = wire.read(&mut answer).await.unwrap();
        for line in words.split_inclusive("\r\n") {
            wire.write_all(line.as_bytes()).await.unwrap();
            let _: usize = wire.read(&mut answer).await.unwrap();
        }
        wire.write_all(b"Subject: hello\r\n\r\nbody\r\n.\r\nQUIT\r\n").await.unwrap();
        let kept = smtp.wait_for(1, Duration::from_secs(10)).await.unwrap();
        assert!(kept.concat().contains("Subject: hello"), "{kept:?}");
        assert!(kept.concat().contains("X-RcptTo: b@example.org"), "{kept:?}");
    }
}
