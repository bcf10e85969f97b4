//! Which team is told of an alert: by district, school and audience, from TOML files.
//!
//! ```toml
//! [[team]]
//! name = "Student success, Grand Bend High"
//! district = "grand-bend"
//! schools = ["255901001"]        # or ["*"]
//! audience = ["attendance"]      # or ["*"], which is also what leaving it out means
//! channels = [
//!     { channel = "mail", address = "team@example.org" },
//!     { channel = "webhook", url = "https://example.org/homeroom" },
//! ]
//! ```

mod file;

use std::path::PathBuf;

use homeroom_domain::alert::AlertChange;
use homeroom_domain::id::{DistrictId, SchoolId};
use serde::Deserialize;

use crate::channel::{mail, webhook};
use crate::plan::Recipient;

pub use file::Source;

/// Why routing cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file or folder cannot be read.
    #[error("routing `{path}` cannot be read")]
    Read {
        /// Where it was looked for.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not as it should be.
    #[error("routing `{path}`, line {line}: {problem}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// More than fits in memory with ease.
    #[error("routing `{path}` has more than {limit} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most allowed.
        limit: u64,
    },
}

/// Who is told of what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routing {
    teams: Vec<Team>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Team {
    name: String,
    district: DistrictId,
    /// None for all.
    schools: Option<Vec<SchoolId>>,
    /// None for all.
    audience: Option<Vec<String>>,
    channels: Vec<Recipient>,
}

impl Team {
    fn is_told(&self, change: &AlertChange) -> bool {
        self.district == change.district
            && self.schools.as_ref().is_none_or(|schools| schools.contains(&change.school))
            && self.audience.as_ref().is_none_or(|roles| roles.contains(&change.claim.audience))
    }
}

impl Routing {
    /// Everybody to tell of the alert as it now is, each channel and address once.
    pub fn recipients(&self, change: &AlertChange) -> Vec<Recipient> {
        let mut recipients: Vec<Recipient> = Vec::new();
        for to in self.teams.iter().filter(|team| team.is_told(change)).flat_map(|team| &team.channels) {
            if !recipients.iter().any(|known| known.channel == to.channel && known.address == to.address) {
                recipients.push(to.clone());
            }
        }
        recipients
    }

    /// Parses one file; the second value of the error is the line.
    fn parse(text: &str) -> Result<Self, (usize, String)> {
        let file: File = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            (line, error.message().to_owned())
        })?;
        let mut teams: Vec<Team> = Vec::with_capacity(file.team.len());
        for entry in file.team {
            let line = line_of(text, entry.span().start);
            let team = entry.into_inner().parse().map_err(|problem| (line, problem))?;
            if teams.iter().any(|known| known.district == team.district && known.name == team.name) {
                return Err((line, format!("team `{}` is there twice", team.name)));
            }
            teams.push(team);
        }
        Ok(Self { teams })
    }
}

fn line_of(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|&byte| byte == b'\n').count()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    team: Vec<toml::Spanned<TeamEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TeamEntry {
    name: String,
    district: DistrictId,
    schools: Vec<String>,
    #[serde(default)]
    audience: Vec<String>,
    channels: Vec<ChannelEntry>,
}

#[derive(Deserialize)]
#[serde(tag = "channel", rename_all = "kebab-case", deny_unknown_fields)]
enum ChannelEntry {
    Mail { address: String },
    Webhook { url: String },
}

impl TeamEntry {
    fn parse(self) -> Result<Team, String> {
        if self.name.trim().is_empty() {
            return Err("a team needs a name".to_owned());
        }
        if self.schools.is_empty() {
            return Err(format!("team `{}` has no schools; [\"*\"] means all", self.name));
        }
        let everything = |entries: &[String]| entries.iter().any(|entry| entry == "*");
        let schools = if everything(&self.schools) {
            None
        } else {
            Some(
                self.schools
                    .iter()
                    .map(|id| SchoolId::parse(id).map_err(|e| e.to_string()))
                    .collect::<Result<_, _>>()?,
            )
        };
        let audience = (!self.audience.is_empty() && !everything(&self.audience)).then_some(self.audience);
        let team = self.name;
        let channels = self.channels.into_iter().map(|channel| channel.parse(&team)).collect::<Result<_, _>>()?;
        Ok(Team { name: team, district: self.district, schools, audience, channels })
    }
}

impl ChannelEntry {
    fn parse(self, team: &str) -> Result<Recipient, String> {
        let (channel, address) = match self {
            Self::Mail { address } => {
                mail::check_address(&address)?;
                ("mail", address)
            }
            Self::Webhook { url } => {
                webhook::check_url(&url)?;
                ("webhook", url)
            }
        };
        Ok(Recipient { team: team.to_owned(), channel: channel.to_owned(), address })
    }
}

#[cfg(test)]
mod tests {
    use homeroom_domain::alert::ChangeKind;

    use super::*;
    use crate::sample;

    const GOOD: &str = r#"
[[team]]
name = "High school"
district = "grand-bend"
schools = ["255901001"]
audience = ["attendance"]
channels = [{ channel = "mail", address = "team@example.org" }, { channel = "webhook", url = "https://example.org/in" }]

[[team]]
name = "District office"
district = "grand-bend"
schools = ["*"]
channels = [{ channel = "mail", address = "team@example.org" }]
"#;

    #[test]
    fn an_address_of_two_teams_is_told_once() {
        let told = Routing::parse(GOOD).unwrap().recipients(&sample::change(1, ChangeKind::Opened));
        let told: Vec<_> = told.iter().map(|to| (to.team.as_str(), to.channel.as_str())).collect();
        assert_eq!(told, [("High school", "mail"), ("High school", "webhook")]);
    }

    #[test]
    fn another_district_school_or_audience_is_not_told() {
        let routing = Routing::parse(GOOD).unwrap();
        let mut change = sample::change(1, ChangeKind::Opened);
        change.claim.audience = "counseling".to_owned();
        assert_eq!(routing.recipients(&change)[0].team, "District office");
        change.district = DistrictId::parse("elsewhere").unwrap();
        assert!(routing.recipients(&change).is_empty());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let wrong = |from: &str, to: &str| Routing::parse(&GOOD.replacen(from, to, 1)).unwrap_err();
        assert_eq!(wrong("name = \"High school\"", "nome = \"x\"").0, 3);
        assert_eq!(wrong("district = \"grand-bend\"", "district = \"Grand Bend\"").0, 4);
        assert_eq!(
            wrong("team@example.org", "nobody"),
            (2, "mail address `nobody`: Missing domain or user".to_owned())
        );
        assert_eq!(wrong("District office", "High school"), (9, "team `High school` is there twice".to_owned()));
        assert!(wrong("https://example.org/in", "file:///etc").1.contains("not one of https or http"));
    }
}
