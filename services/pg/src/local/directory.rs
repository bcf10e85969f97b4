//! The cluster's directory: made for the server's account, where that account can reach it.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Error;
use super::account::Account;

/// The kernel keeps the path of a socket in 108 bytes with the closing zero.
const SOCKET_PATH_MAX: usize = 107;
const SOCKET_FILE: &str = ".s.PGSQL.5432";
/// Where a cluster lives when the server's account cannot reach the directory asked for, such as one under /root.
const ELSEWHERE: &str = "/var/lib/homeroom";

/// Where things are.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    pub(super) root: PathBuf,
    pub(super) data: PathBuf,
    pub(super) socket: PathBuf,
    pub(super) log: PathBuf,
}

/// What `postmaster.pid` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) process: u32,
    pub(super) ready: bool,
}

impl Directory {
    /// Makes what is missing and hands it to the account.
    pub(super) fn prepare(asked: &Path, account: &Account) -> Result<Self, Error> {
        fs::create_dir_all(asked).map_err(at(asked))?;
        let asked = asked.canonicalize().map_err(at(asked))?;
        let root = if account.other && !reachable(&asked, account) { elsewhere(&asked)? } else { asked };
        own(&root, account)?;
        let socket = match root.join("socket") {
            near if near.join(SOCKET_FILE).as_os_str().len() <= SOCKET_PATH_MAX => near,
            far => runtime_directory(account).join(format!("homeroom-{}-{}", account.user, short_hash(&far))),
        };
        own(&socket, account)?;
        Ok(Self { data: root.join("data"), log: root.join("postgres.log"), root, socket })
    }

    /// The major version that made the data; none when there is no cluster yet.
    pub(super) fn version(&self) -> Option<String> {
        fs::read_to_string(self.data.join("PG_VERSION")).ok().map(|text| text.trim().to_owned())
    }

    /// The server that runs or ran here last.
    pub(super) fn server(&self) -> Option<Server> {
        parse_server(&fs::read_to_string(self.pid_file()).ok()?)
    }

    /// Fails when a server runs here; forgets one that was killed. The server checks this too, but takes any process that
    /// happens to have the old number (usual after a restart of a container) for itself.
    pub(super) fn refuse_second_server(&self) -> Result<(), Error> {
        let Some(server) = self.server() else { return Ok(()) };
        let home = PathBuf::from(format!("/proc/{}/cwd", server.process));
        // A server's working directory is its data directory.
        if fs::read_link(&home).is_ok_and(|cwd| cwd == self.data) {
            return Err(Error::AlreadyRunning { directory: self.root.clone(), process: server.process });
        }
        fs::remove_file(self.pid_file()).map_err(at(&self.pid_file()))
    }

    /// Removes the socket's directory when it is not within ours, and only when it is empty.
    pub(super) fn remove_runtime(&self) {
        if !self.socket.starts_with(&self.root)
            && let Err(error) = fs::remove_dir(&self.socket)
        {
            tracing::debug!(%error, socket = %self.socket.display(), "the socket's directory stays");
        }
    }

    /// The last lines of the log, for an error.
    pub(super) fn log_end(&self) -> String {
        let text = fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }

    fn pid_file(&self) -> PathBuf {
        self.data.join("postmaster.pid")
    }
}

/// Process id in the first line, state in the eighth.
fn parse_server(text: &str) -> Option<Server> {
    let mut lines = text.lines();
    let process = lines.next()?.trim().parse().ok()?;
    Some(Server { process, ready: lines.nth(6).is_some_and(|line| line.trim() == "ready") })
}

/// Whether the account may pass through every directory above; the last one is handed to it.
fn reachable(path: &Path, account: &Account) -> bool {
    path.ancestors().skip(1).all(|above| {
        fs::metadata(above).is_ok_and(|meta| {
            let bit = match (meta.uid() == account.user, meta.gid() == account.group) {
                (true, _) => 0o100,
                (false, true) => 0o010,
                (false, false) => 0o001,
            };
            meta.mode() & bit != 0
        })
    })
}

/// A place that the account can reach, remembered by a link in the directory asked for.
fn elsewhere(asked: &Path) -> Result<PathBuf, Error> {
    let link = asked.join("elsewhere");
    if let Ok(root) = fs::read_link(&link) {
        return Ok(root);
    }
    let home = Path::new(ELSEWHERE);
    fs::create_dir_all(home).map_err(at(home))?;
    fs::set_permissions(home, fs::Permissions::from_mode(0o755)).map_err(at(home))?;
    let root = home.join(format!("postgres-{}", short_hash(asked)));
    std::os::unix::fs::symlink(&root, &link).map_err(at(&link))?;
    tracing::info!(asked = %asked.display(), root = %root.display(), "the cluster lives where its account can reach it");
    Ok(root)
}

/// Makes a directory that only the account can enter. One that is there must be a directory of the account or ours.
fn own(path: &Path, account: &Account) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(at(path)(error)),
        _ => {}
    }
    // Not followed: under /tmp, somebody else could have put a link here.
    let meta = fs::symlink_metadata(path).map_err(at(path))?;
    let ours = meta.is_dir() && (meta.uid() == account.user || (account.other && meta.uid() == 0));
    if !ours {
        return Err(at(path)(io::Error::new(io::ErrorKind::PermissionDenied, "belongs to somebody else")));
    }
    if account.other {
        chown(path, Some(account.user), Some(account.group)).map_err(at(path))?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(at(path))
}

/// `XDG_RUNTIME_DIR` is ours alone, so it is of no use to another account.
fn runtime_directory(account: &Account) -> PathBuf {
    std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|path| !account.other && path.is_dir() && path.as_os_str().len() < SOCKET_PATH_MAX / 2)
        .unwrap_or_else(|| PathBuf::from("/tmp"))
}

fn short_hash(path: &Path) -> String {
    hex::encode(&Sha256::digest(path.as_os_str().as_encoded_bytes())[..6])
}

fn at(path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::File { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_when_its_file_says_so() {
        let starting = "4711\n/data\n1700000000\n5432\n/socket\n\n  5432001    163841\nstarting\n";
        assert_eq!(parse_server(starting), Some(Server { process: 4711, ready: false }));
        let ready = starting.replace("starting", "ready   ");
        assert_eq!(parse_server(&ready), Some(Server { process: 4711, ready: true }));
        assert_eq!(parse_server(""), None);
    }
}
