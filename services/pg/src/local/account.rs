//! The account that the server runs as: ours, or, since PostgreSQL refuses root, `postgres` or one made for it.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::Error;

/// Debian's package makes the first; the second is made when there is none.
const NAMES: [&str; 2] = ["postgres", "homeroom-postgres"];

/// Who runs the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) user: u32,
    pub(super) group: u32,
    /// Whether that is somebody else than this process.
    pub(super) other: bool,
}

impl Account {
    /// The account for a server that this process starts.
    pub(super) fn for_server() -> Result<Self, Error> {
        // The owner of our own entry in /proc is our effective user.
        let me = std::fs::metadata("/proc/self").map_err(|source| Error::File { path: "/proc/self".into(), source })?;
        if me.uid() != 0 {
            return Ok(Self { user: me.uid(), group: me.gid(), other: false });
        }
        let accounts = || {
            std::fs::read_to_string("/etc/passwd").map_err(|source| Error::File { path: "/etc/passwd".into(), source })
        };
        if let Some(account) = find(&accounts()?) {
            return Ok(account);
        }
        let name = NAMES[1];
        let made = Command::new("useradd")
            .args(["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"])
            .args(["--shell", "/usr/sbin/nologin", name])
            .output()
            .map_err(|error| Error::Account(format!("`useradd` cannot be run: {error}")))?;
        find(&accounts()?).ok_or_else(|| Error::Account(String::from_utf8_lossy(&made.stderr).trim().to_owned()))
    }

    /// A command that runs as this account, with no group of ours and an environment without our secrets.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LC_ALL", "C");
        if self.other {
            command.uid(self.user).gid(self.group);
        }
        command
    }
}

fn find(passwd: &str) -> Option<Account> {
    NAMES.iter().find_map(|name| passwd.lines().find_map(|line| parse(line, name)))
}

/// `name:password:user:group:...`
fn parse(line: &str, wanted: &str) -> Option<Account> {
    let mut fields = line.split(':');
    if fields.next()? != wanted {
        return None;
    }
    let user = fields.nth(1)?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    Some(Account { user, group, other: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_of_the_package_is_preferred_to_our_own() {
        let passwd =
            "root:x:0:0::/root:/bin/sh\nhomeroom-postgres:x:7:8::/:/bin/false\npostgres:x:101:104::/:/bin/sh\n";
        assert_eq!(find(passwd), Some(Account { user: 101, group: 104, other: true }));
    }

    #[test]
    fn an_account_that_only_begins_with_the_name_is_another() {
        assert_eq!(find("postgres-exporter:x:3:3::/:/bin/false\n"), None);
    }
}
