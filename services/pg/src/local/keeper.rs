//! Making the cluster's files, and starting the server under the shell that stops it when we are gone.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};

use super::account::Account;
use super::binaries::Binaries;
use super::directory::Directory;
use super::{ADMIN, Error, Options};

/// What the shell does. Arguments: the server, its data directory, its log, what to delete at the end or nothing, the server's
/// options. The shell opens the log, as the server's account: were it us, as root, that account could send us elsewhere by a link.
const KEEPER: &str = r#"
server=$1; data=$2; log=$3; remove=$4; shift 4
umask 077
exec 3<&0 >>"$log" 2>&1
"$server" -D "$data" "$@" 3<&- </dev/null &
child=$!
( read -r _ <&3; kill -INT "$child" 2>/dev/null ) &
watch=$!
wait "$child"; status=$?
kill "$watch" 2>/dev/null
if [ -n "$remove" ]; then rm -rf -- "$remove"; fi
exit "$status"
"#;

/// Makes the cluster's files.
pub(super) fn initialize(
    directory: &Directory,
    binaries: &Binaries,
    account: &Account,
    options: &Options,
) -> Result<(), Error> {
    // Made beside and renamed, so that a crash here leaves no half cluster behind.
    let fresh = directory.root.join("data.new");
    if fresh.exists() {
        fs::remove_dir_all(&fresh).map_err(|source| Error::File { path: fresh.clone(), source })?;
    }
    let mut command = account.command(&binaries.initdb);
    command.arg("-D").arg(&fresh).args(["-U", ADMIN, "-E", "UTF8", "--locale=C", "--data-checksums"]);
    // "trust" is for the socket alone, which only the account that owns its directory (mode 0700) and root can reach; they
    // could read the data files as well. Nothing listens on a network address, and such a client is refused all the same.
    command.args(["--auth-local=trust", "--auth-host=reject"]);
    if options.volatile {
        command.arg("--no-sync");
    }
    let output =
        command.current_dir("/").output().map_err(|source| Error::File { path: binaries.initdb.clone(), source })?;
    if !output.status.success() {
        return Err(Error::Program {
            program: "initdb".into(),
            output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    fs::rename(&fresh, &directory.data).map_err(|source| Error::File { path: directory.data.clone(), source })
}

/// Starts the shell, and it the server.
pub(super) fn spawn(
    directory: &Directory,
    binaries: &Binaries,
    account: &Account,
    options: &Options,
) -> Result<Child, Error> {
    let mut command = account.command(Path::new("/bin/sh"));
    command.args(["-c", KEEPER, "postgres-keeper"]).arg(&binaries.postgres).arg(&directory.data).arg(&directory.log);
    command.arg(if options.remove_when_stopped { directory.root.as_os_str() } else { "".as_ref() });
    for (name, value) in settings(directory, options) {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    command
        // Ctrl-C on the terminal is for us: we stop the server last.
        .process_group(0)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| Error::File { path: binaries.postgres.clone(), source })
}

fn settings(directory: &Directory, options: &Options) -> Vec<(String, String)> {
    let forced = if options.volatile { "off" } else { "on" };
    let ours = [
        ("listen_addresses", ""),
        ("unix_socket_directories", &directory.socket.to_string_lossy()),
        ("unix_socket_permissions", "0700"),
        ("max_connections", "100"),
        ("shared_buffers", "256MB"),
        ("max_wal_size", "2GB"),
        ("checkpoint_timeout", "15min"),
        ("wal_compression", "on"),
        // What is answered is written, even where writing is not forced to disk.
        ("synchronous_commit", "on"),
        ("fsync", forced),
        ("full_page_writes", forced),
        // A statement that fails may hold a student's name in its parameters or detail.
        ("log_min_error_statement", "panic"),
        ("log_error_verbosity", "terse"),
        ("log_parameter_max_length_on_error", "0"),
        ("logging_collector", "off"),
        ("log_destination", "stderr"),
    ];
    let ours = ours.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    ours.chain(options.settings.iter().cloned()).collect()
}
