//! Which team is told of an alert: by district, school and audience, from YAML files.
//!
//! ```yaml
//! teams:
//!   - name: Student success, Grand Bend High
//!     district: grand-bend
//!     schools: [255901001]       # or ["*"]
//!     audience: [attendance]     # or ["*"], which is also what leaving it out means
//!     channels:
//!       - mail: team@example.org
//!       - webhook: https://example.org/homeroom
//!   - name: Principal
//!     district: grand-bend
//!     schools: [255901001]
//!     unless-acknowledged-within-minutes: 240   # told only of what nobody has taken up by then
//!     channels: [{mail: principal@example.org}]
//! ```

mod file;
mod text;

use std::path::PathBuf;

use homeroom_domain::alert::AlertChange;
use homeroom_domain::id::{DistrictId, SchoolId};

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
        line: u64,
        /// The field, and what is wrong with it.
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
            && self.audience.as_ref().is_none_or(|roles| roles.iter().any(|role| **role == *change.claim.audience))
    }
}

impl Routing {
    /// Everybody to tell of the alert as it now is, each channel and address once.
    pub fn recipients(&self, change: &AlertChange) -> Vec<Recipient> {
        let mut recipients: Vec<Recipient> = Vec::new();
        for to in self.teams.iter().filter(|team| team.is_told(change)).flat_map(|team| &team.channels) {
            match recipients.iter_mut().find(|known| known.channel == to.channel && known.address == to.address) {
                Some(known) if to.after < known.after => known.clone_from(to),
                Some(_) => {}
                None => recipients.push(to.clone()),
            }
        }
        recipients
    }
}

#[cfg(test)]
mod tests {
    use homeroom_domain::alert::ChangeKind;

    use super::*;
    use crate::sample;

    pub(crate) const GOOD: &str = r#"
teams:
  - name: High school
    district: grand-bend
    schools: [255901001]
    audience: [attendance]
    channels:
      - mail: team@example.org
      - webhook: https://example.org/in
  - name: District office
    district: grand-bend
    schools: ["*"]
    channels: [{mail: team@example.org}]
"#;

    #[test]
    fn an_address_of_two_teams_is_told_once() {
        let told = text::parse(GOOD).unwrap().recipients(&sample::change(1, ChangeKind::Opened));
        let told: Vec<_> = told.iter().map(|to| (to.team.as_str(), to.channel.as_str())).collect();
        assert_eq!(told, [("High school", "mail"), ("High school", "webhook")]);
    }

    #[test]
    fn who_is_of_a_team_that_waits_and_of_one_that_does_not_is_told_at_once() {
        let waits = "    unless-acknowledged-within-minutes: 240\n    audience: [attendance]";
        let told = |text: &str| text::parse(text).unwrap().recipients(&sample::change(1, ChangeKind::Opened));
        let waits = GOOD.replacen("    audience: [attendance]", waits, 1);
        let minutes: Vec<_> = told(&waits).iter().map(|to| (to.team.clone(), to.after.as_mins())).collect();
        assert_eq!(minutes, [("District office".to_owned(), 0), ("High school".to_owned(), 240)]);
    }

    #[test]
    fn another_district_school_or_audience_is_not_told() {
        let routing = text::parse(GOOD).unwrap();
        let mut change = sample::change(1, ChangeKind::Opened);
        change.claim.audience = "counseling".into();
        assert_eq!(routing.recipients(&change)[0].team, "District office");
        change.district = DistrictId::parse("elsewhere").unwrap();
        assert!(routing.recipients(&change).is_empty());
    }
}
