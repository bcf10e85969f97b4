//! A wrong configuration ends with 64 and the reason, before a socket opens: the port is taken, and that is not what is told.

use std::net::TcpListener;
use std::process::Command;

use anyhow::Result;
use homeroom_harness::homeroom::program;

/// Role, its table, and what the reason must name.
const WRONG: [(&str, &str, &str); 4] = [
    ("rules", "[rules]\nbatch-size = 3\n", "batch-size"),
    ("rules", "[rules.limits]\nbatch-events = 0\n", "batch-events"),
    ("notification", "[notification]\nrouting-file = \"nowhere/teams.yaml\"\n", "nowhere/teams.yaml"),
    ("ingestion", "[ingestion]\npseudonym-keys = \"nowhere/keys\"\n", "nowhere/keys"),
];

#[test]
fn a_wrong_configuration_ends_with_64_before_a_socket_opens() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    for (role, table, reason) in WRONG {
        let file = tempfile::NamedTempFile::new()?;
        let address = taken.local_addr()?;
        std::fs::write(file.path(), format!("[server]\nhttp = \"{address}\"\ngrpc = \"{address}\"\n\n{table}"))?;
        let mut command = Command::new(program()?);
        command
            .arg(role)
            .arg("--config")
            .arg(file.path())
            .env("DATABASE_URL", "postgres://homeroom@127.0.0.1:1/homeroom");
        let output = command.output()?;
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{role}: {told}");
        assert!(told.contains(reason), "{role}: {told}");
    }
    Ok(())
}
