//! The private cluster: it starts again, refuses a second server, and survives a crash.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use homeroom_pg::LocalCluster;
use homeroom_pg::local::{Error, Options};
use secrecy::ExposeSecret;
use sqlx::{Connection, Executor, PgConnection};

fn options() -> Options {
    Options { volatile: true, ..Options::default() }
}

/// A directory that the server's account can reach, as `/tmp` is.
fn place() -> (tempfile::TempDir, PathBuf) {
    let kept = tempfile::tempdir().unwrap();
    let path = kept.path().to_owned();
    (kept, path)
}

async fn connect(cluster: &LocalCluster) -> PgConnection {
    PgConnection::connect(cluster.admin_url().expose_secret()).await.unwrap()
}

/// Waits until the process is gone.
fn wait_for_end(process: u32) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Path::new(&format!("/proc/{process}")).exists() {
        assert!(Instant::now() < deadline, "process {process} is still there");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn data_is_there_after_a_stop_and_a_start() {
    let (_kept, path) = place();
    let cluster = LocalCluster::start(&path, &options()).await.unwrap();
    connect(&cluster).await.execute("create table kept (a int)").await.unwrap();
    let process = cluster.process().unwrap();
    cluster.stop().unwrap();
    assert!(!Path::new(&format!("/proc/{process}")).exists());

    let cluster = LocalCluster::start(&path, &options()).await.unwrap();
    connect(&cluster).await.execute("select * from kept").await.unwrap();
}

#[tokio::test]
async fn a_second_server_on_one_directory_is_refused_by_name() {
    let (_kept, path) = place();
    let cluster = LocalCluster::start(&path, &options()).await.unwrap();
    match LocalCluster::start(&path, &options()).await {
        Err(Error::AlreadyRunning { process, .. }) => assert_eq!(Some(process), cluster.process()),
        other => panic!("{other:?}"),
    }
    // The first is none the worse for it.
    connect(&cluster).await.execute("select 1").await.unwrap();
}

#[tokio::test]
async fn a_crash_of_the_server_is_seen_and_the_next_start_recovers() {
    let (_kept, path) = place();
    let mut cluster = LocalCluster::start(&path, &options()).await.unwrap();
    connect(&cluster).await.execute("create table kept (a int)").await.unwrap();
    let process = cluster.process().unwrap();
    assert!(Command::new("kill").args(["-KILL", &process.to_string()]).status().unwrap().success());
    wait_for_end(process);
    let deadline = Instant::now() + Duration::from_secs(20);
    while cluster.is_running() {
        assert!(Instant::now() < deadline);
        tokio::task::yield_now().await;
    }
    assert!(cluster.stop().is_err());

    let cluster = LocalCluster::start(&path, &options()).await.unwrap();
    connect(&cluster).await.execute("select * from kept").await.unwrap();
}

#[tokio::test]
async fn a_long_path_still_gets_a_socket() {
    let (_kept, path) = place();
    let path = path.join("d".repeat(60)).join("e".repeat(60));
    std::fs::create_dir_all(&path).unwrap();
    use_everywhere(&path);
    let cluster = LocalCluster::start(&path, &options()).await.unwrap();
    connect(&cluster).await.execute("select 1").await.unwrap();
}

/// The temporary directory is ours alone; the server's account must pass through it.
fn use_everywhere(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    for above in path.ancestors().skip(1).take(2) {
        std::fs::set_permissions(above, std::fs::Permissions::from_mode(0o711)).unwrap();
    }
}

#[tokio::test]
async fn nobody_else_can_open_the_socket_or_the_data() {
    use std::os::unix::fs::PermissionsExt;
    let (_kept, path) = place();
    let cluster = LocalCluster::start(&path, &options()).await.unwrap();
    for closed in ["", "data", "socket"] {
        let mode = std::fs::metadata(cluster.path().join(closed)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{closed}");
    }
    let addresses: String =
        sqlx::query_scalar("show listen_addresses").fetch_one(&mut connect(&cluster).await).await.unwrap();
    assert_eq!(addresses, "");
}

#[tokio::test]
async fn a_directory_that_the_servers_account_cannot_reach_still_has_its_cluster() {
    use std::os::unix::fs::PermissionsExt;
    // Nobody else may pass, as under /root.
    let (_kept, path) = place();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    let path = path.join("data");
    let cluster = LocalCluster::start(&path, &options()).await.unwrap();
    connect(&cluster).await.execute("create table kept (a int)").await.unwrap();
    cluster.stop().unwrap();
    let last = Options { remove_when_stopped: true, ..options() };
    let cluster = LocalCluster::start(&path, &last).await.unwrap();
    connect(&cluster).await.execute("select * from kept").await.unwrap();
    let root = cluster.path().to_owned();
    cluster.stop().unwrap();
    assert!(!root.join("data").exists());
    if root.exists() {
        std::fs::remove_dir(root).unwrap();
    }
}

const OWNED: &str = "HOMEROOM_TEST_CLUSTER";

/// Not a test: what the next one kills.
#[tokio::test]
#[ignore = "runs only as a process of `the_server_stops_when_its_owner_is_killed`"]
async fn owner_that_waits_to_be_killed() {
    let path = std::env::var_os(OWNED).expect("the directory is given");
    let _cluster = LocalCluster::start(Path::new(&path), &options()).await.unwrap();
    std::future::pending::<()>().await;
}

#[test]
fn the_server_stops_when_its_owner_is_killed() {
    let (_kept, path) = place();
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "cluster::owner_that_waits_to_be_killed"])
        .env(OWNED, &path)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    let process: u32 = loop {
        let file = std::fs::read_to_string(path.join("data/postmaster.pid")).unwrap_or_default();
        if file.contains("ready") {
            break file.lines().next().unwrap().parse().unwrap();
        }
        assert!(Instant::now() < deadline && owner.try_wait().unwrap().is_none(), "the cluster did not start");
        std::thread::yield_now();
    };
    owner.kill().unwrap();
    owner.wait().unwrap();
    wait_for_end(process);
}
