//! A routing file's text: YAML that a counselor can read, checked like code, with the line and the field of what is wrong.

use homeroom_domain::id::{DistrictId, SchoolId};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::{Routing, Team};
use crate::channel::{mail, webhook};
use crate::plan::Recipient;

/// What is wrong, and in which line, counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) line: u64,
    pub(super) problem: String,
}

impl Mistake {
    fn at(location: Location, field: &str, problem: &dyn std::fmt::Display) -> Self {
        Self { line: location.line(), problem: format!("`{field}`: {problem}") }
    }

    fn of(error: &serde_saphyr::Error, text: &str) -> Self {
        let location = error.location();
        let problem = error.without_snippet().to_string();
        // The line is ours to say.
        let problem = problem.split_once(" at line ").map_or(problem.as_str(), |(problem, _)| problem).to_owned();
        match location.and_then(|location| field_before(text, location)) {
            // An unknown or missing field is named by the problem itself.
            Some(field) if !problem.contains('`') => {
                Self { line: line(location), problem: format!("`{field}`: {problem}") }
            }
            _ => Self { line: line(location), problem },
        }
    }
}

/// 1 for a text that ends too early to have a place.
fn line(location: Option<Location>) -> u64 {
    location.map_or(1, |location| location.line().max(1))
}

/// The last field of ours that is named before this place.
fn field_before(text: &str, location: Location) -> Option<&'static str> {
    let offset = usize::try_from(location.span().byte_offset()?).ok()?;
    let before = text.get(..offset)?;
    let last = |field: &'static str| before.rfind(&format!("{field}:")).map(|at| (at, field));
    FIELDS.into_iter().filter_map(last).max().map(|(_, field)| field)
}

const RESERVE: &str = "unless-acknowledged-within-minutes";
const FIELDS: [&str; 9] = ["teams", "name", "district", "schools", "audience", RESERVE, "channels", "mail", "webhook"];

/// The longest that a team waits for others: a week.
const LONGEST_WAIT_MINUTES: i64 = 7 * 24 * 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    teams: Vec<TeamText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TeamText {
    name: Spanned<String>,
    district: Spanned<String>,
    schools: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    audience: Vec<String>,
    #[serde(rename = "unless-acknowledged-within-minutes")]
    unless_acknowledged_within_minutes: Option<Spanned<i64>>,
    channels: Vec<ChannelText>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ChannelText {
    Mail(Spanned<String>),
    Webhook(Spanned<String>),
}

/// Parses one file. A file without `teams` is a mistake: one that is just being written would otherwise mean nobody.
pub(super) fn parse(text: &str) -> Result<Routing, Mistake> {
    let file: FileText = serde_saphyr::from_str(text).map_err(|error| Mistake::of(&error, text))?;
    let mut teams: Vec<Team> = Vec::with_capacity(file.teams.len());
    for entry in file.teams {
        let place = entry.name.referenced;
        let team = entry.check()?;
        if teams.iter().any(|known| known.district == team.district && known.name == team.name) {
            return Err(Mistake::at(place, "name", &format_args!("team `{}` is there twice", team.name)));
        }
        teams.push(team);
    }
    Ok(Routing { teams })
}

impl TeamText {
    fn check(self) -> Result<Team, Mistake> {
        let name = self.name.value;
        if name.trim().is_empty() {
            return Err(Mistake::at(self.name.referenced, "name", &"a team needs one"));
        }
        let district = DistrictId::parse(&self.district.value);
        let district = district.map_err(|error| Mistake::at(self.district.referenced, "district", &error))?;
        if self.schools.value.is_empty() {
            let problem = format_args!("team `{name}` has none; [\"*\"] means all");
            return Err(Mistake::at(self.schools.referenced, "schools", &problem));
        }
        let schools = if self.schools.value.iter().any(|school| school.value == EVERYTHING) {
            None
        } else {
            Some(self.schools.value.iter().map(school).collect::<Result<_, _>>()?)
        };
        let everybody = self.audience.is_empty() || self.audience.iter().any(|role| role == EVERYTHING);
        let audience = (!everybody).then_some(self.audience);
        let after = self.unless_acknowledged_within_minutes.map_or(Ok(SignedDuration::ZERO), wait)?;
        let channels =
            self.channels.into_iter().map(|channel| channel.check(&name, after)).collect::<Result<_, _>>()?;
        Ok(Team { name, district, schools, audience, channels })
    }
}

const EVERYTHING: &str = "*";

fn school(id: &Spanned<String>) -> Result<SchoolId, Mistake> {
    SchoolId::parse(&id.value).map_err(|error| Mistake::at(id.referenced, "schools", &error))
}

fn wait(minutes: Spanned<i64>) -> Result<SignedDuration, Mistake> {
    if (1..=LONGEST_WAIT_MINUTES).contains(&minutes.value) {
        return Ok(SignedDuration::from_mins(minutes.value));
    }
    let problem = format_args!("{} is not from 1 to {LONGEST_WAIT_MINUTES}", minutes.value);
    Err(Mistake::at(minutes.referenced, RESERVE, &problem))
}

impl ChannelText {
    fn check(self, team: &str, after: SignedDuration) -> Result<Recipient, Mistake> {
        let (channel, address, checked) = match self {
            Self::Mail(address) => {
                let checked = mail::check_address(&address.value);
                ("mail", address, checked)
            }
            Self::Webhook(url) => {
                let checked = webhook::check_url(&url.value);
                ("webhook", url, checked)
            }
        };
        checked.map_err(|problem| Mistake::at(address.referenced, channel, &problem))?;
        Ok(Recipient { team: team.to_owned(), channel: channel.to_owned(), address: address.value, after })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::GOOD;
    use super::*;

    fn wrong(from: &str, to: &str) -> (u64, String) {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD);
        let Mistake { line, problem } = parse(&text).unwrap_err();
        (line, problem)
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_field() {
        let twice = "`name`: team `High school` is there twice";
        assert_eq!(wrong("District office", "High school"), (10, twice.to_owned()));
        assert_eq!(
            wrong("team@example.org", "nobody"),
            (8, "`mail`: mail address `nobody`: Missing domain or user".to_owned())
        );
        for (from, to, line, words) in [
            ("name: High", "nome: High", 3, "nome"),
            ("    district: grand-bend\n", "", 6, "missing field `district`"),
            ("grand-bend", "Grand Bend", 4, "`district`: "),
            ("[255901001]", "[a/b]", 5, "`schools`: "),
            ("[255901001]", "[]", 5, "`schools`: "),
            ("[255901001]", "high", 5, "`schools`: "),
            ("[attendance]", "[{a: 1}]", 6, "`audience`: "),
            ("- mail:", "- fax:", 8, "fax"),
            ("https://example.org/in", "file:///etc", 9, "not one of https or http"),
            ("High school", "[", 3, "`name`: "),
            ("name: High school", "name: High school\n    name: Low school", 4, "name"),
            ("teams:", "groups:", 2, "groups"),
            ("    audience: [attendance]", "    unless-acknowledged-within-minutes: 0", 6, "0 is not from 1 to 10080"),
        ] {
            let (at, problem) = wrong(from, to);
            assert!(
                at == line && problem.contains(words) && !problem.contains('\n'),
                "`{from}` as `{to}`: line {at}: {problem}"
            );
        }
    }

    #[test]
    fn a_file_that_is_being_written_is_a_mistake_and_no_team_is_not() {
        for unfinished in ["", "# teams\n", "tea"] {
            assert!(parse(unfinished).is_err(), "{unfinished}");
        }
        assert_eq!(parse("teams: []"), Ok(Routing::default()));
    }
}
