//! Small stories of one student's day, and what must come of each.

use anyhow::Result;
use homeroom_proto::wire::alert::Kind;

use crate::sender::{Door, Student};
use crate::{Dice, Feed, PATIENCE, Sender};

/// The rule that the stories give cause for, as soon as they are told.
pub const RULE: &str = "unexplained-absence";
/// The one that they give cause for when the day is closed: of thirteen days enrolled, one absent is more than 5%.
pub const AT_CLOSE: &str = "attendance-tier";

/// What happens to a student.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Story {
    /// Absent, and that is so.
    Absent,
    /// Absent, said twice.
    SaidTwice,
    /// Absent; once somebody has been alerted it is taken back.
    CorrectedLate,
    /// Absent, and taken back at once: nobody needs to have been alerted, but whoever was must hear of it.
    CorrectedAtOnce,
    /// Absent, taken back, absent after all; each when the word before has had its effect.
    AbsentAfterAll,
}

/// A story as it was told to the world; everything in it was acknowledged.
#[derive(Debug, Clone)]
pub struct Told {
    /// Of whom.
    pub student: Student,
    /// What.
    pub story: Story,
    /// By which door.
    pub door: Door,
}

impl Story {
    /// One by chance.
    pub fn pick(dice: &mut Dice) -> Self {
        match dice.below(6) {
            0 | 1 => Self::Absent,
            2 => Self::SaidTwice,
            3 => Self::CorrectedLate,
            4 => Self::CorrectedAtOnce,
            _ => Self::AbsentAfterAll,
        }
    }

    /// Tells it; returns when the last word is acknowledged.
    pub async fn tell(self, student: &Student, door: Door, sender: &Sender, feed: &Feed) -> Result<()> {
        let say = async |revision, absent| sender.mark(student, door, revision, absent).await;
        let heard = async |kinds: &[Kind]| feed.wait_for(&student.key, kinds, PATIENCE).await;
        say(1, true).await?;
        match self {
            Self::Absent => Ok(()),
            Self::SaidTwice => say(1, true).await,
            Self::CorrectedAtOnce => say(2, false).await,
            Self::CorrectedLate => {
                heard(&[Kind::Opened]).await?;
                say(2, false).await
            }
            Self::AbsentAfterAll => {
                heard(&[Kind::Opened]).await?;
                say(2, false).await?;
                heard(&[Kind::Opened, Kind::Recalled]).await?;
                say(3, true).await
            }
        }
    }

    /// Whether the student is absent at the end.
    pub fn ends_absent(self) -> bool {
        !matches!(self, Self::CorrectedLate | Self::CorrectedAtOnce)
    }

    /// Whether these changes are what must come of it under [`AT_CLOSE`] once the day is closed: each word counts that was still
    /// to come then.
    pub fn explains_after_close(self, changes: &[Kind]) -> bool {
        let in_turn = [Kind::Opened, Kind::Recalled].iter().cycle();
        let words = if self == Self::AbsentAfterAll { 3 } else { 2 };
        changes.len() <= words
            && (changes.len() % 2 == 1) == self.ends_absent()
            && changes.iter().zip(in_turn).all(|(came, due)| came == due)
    }

    /// Whether these changes of alerts are what must come of it.
    pub fn explains(self, changes: &[Kind]) -> bool {
        use Kind::{Opened, Recalled};
        match self {
            Self::Absent | Self::SaidTwice => changes == [Opened],
            Self::CorrectedLate => changes == [Opened, Recalled],
            Self::CorrectedAtOnce => changes.is_empty() || changes == [Opened, Recalled],
            Self::AbsentAfterAll => changes == [Opened, Recalled, Opened],
        }
    }
}
