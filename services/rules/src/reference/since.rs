//! The reference topic as it was at an earlier moment, and what has changed in it since, for one district and one student.
//!
//! A district's topic is long, mostly by words that attendance was taken, so only what may concern the student is held: records as
//! they were at the moment, and last words accepted after it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use homeroom_bus::{Error, Log, Offset, Partition, Record, Topic};
use homeroom_domain::calculator;
use homeroom_domain::event::Change;
use homeroom_domain::id::{DistrictId, RecordKey, SectionId, SourceId};
use homeroom_domain::reference::{Entry, ReferenceChange};
use homeroom_domain::rule::Pack;
use homeroom_domain::settings::Clock;
use homeroom_domain::view::{Records, View};
use homeroom_proto::reference::Kind;
use jiff::Timestamp;

use super::{BATCH, MOST_SILENT, SILENCE};

/// The most reference records of a district that are held for one question, some hundred bytes each. The largest districts have
/// some hundred thousand a year beside the words that attendance was taken.
const MOST_HELD: usize = 1_000_000;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The log is away.
    #[error(transparent)]
    Log(#[from] Error),
    /// It would take too much memory.
    #[error(
        "the district has more than {most} reference records that may concern the student: ask for the two dates without `since`, \
         and compare the answers"
    )]
    TooMany {
        /// The most that are held.
        most: usize,
    },
}

/// The words on a district's clock up to an offset of the topic, and from when each was in force.
pub(crate) async fn clocks(
    log: &dyn Log,
    district: &DistrictId,
    end: Offset,
) -> Result<Vec<(Timestamp, Clock)>, Failure> {
    let mut clocks = Vec::new();
    each(log, district, Some(Kind::Settings), 0..end.0, |word| {
        if let Change::Recorded(Entry::Settings(settings)) = word.change {
            clocks.push((word.received_at, settings.clock));
        }
        Ok(())
    })
    .await?;
    Ok(clocks)
}

/// A record that says something else than it did.
pub(crate) struct Changed {
    pub(crate) before: Option<Entry>,
    /// Its last word.
    pub(crate) now: ReferenceChange,
}

/// A district's records as they were at a moment, and their last words after it.
pub(crate) struct Known {
    moment: Timestamp,
    /// Sections that some fact of the student names.
    sections: BTreeSet<SectionId>,
    then: Records,
    /// How many records `then` has.
    held: usize,
    /// With the place of each in the topic.
    later: BTreeMap<(SourceId, RecordKey), (usize, ReferenceChange)>,
    /// Other sections of which one record that attendance was taken is held: that a school's sections do say so counts for all of
    /// them. When it is withdrawn, the section's next one takes its place.
    witnessed: HashSet<SectionId>,
    /// How many words were taken in.
    taken: usize,
}

impl Known {
    /// Reads a district's words up to an offset of the topic.
    pub(crate) async fn read(
        log: &dyn Log,
        district: &DistrictId,
        end: Offset,
        moment: Timestamp,
        sections: BTreeSet<SectionId>,
    ) -> Result<Self, Failure> {
        let mut known = Self::new(moment, sections);
        each(log, district, None, 0..end.0, |word| known.take(word, MOST_HELD)).await?;
        Ok(known)
    }

    /// Nothing yet, of a student whose facts name these sections; to be read on from offset to offset.
    pub(crate) fn nothing(sections: BTreeSet<SectionId>) -> Self {
        Self::new(Timestamp::MAX, sections)
    }

    /// Takes in what lies between two offsets of the topic, and indexes all that is known by then.
    pub(crate) async fn read_on(
        &mut self,
        log: &dyn Log,
        district: &DistrictId,
        between: Range<i64>,
    ) -> Result<View, Failure> {
        each(log, district, None, between, |word| self.take(word, MOST_HELD)).await?;
        Ok(self.then.view())
    }

    fn new(moment: Timestamp, sections: BTreeSet<SectionId>) -> Self {
        Self {
            moment,
            sections,
            then: Records::default(),
            held: 0,
            later: BTreeMap::new(),
            witnessed: HashSet::new(),
            taken: 0,
        }
    }

    fn take(&mut self, word: ReferenceChange, most: usize) -> Result<(), Failure> {
        if self.is_passed_over(&word) || !is_sound(&word.change) {
            return Ok(());
        }
        if self.held + self.later.len() >= most {
            return Err(Failure::TooMany { most });
        }
        self.taken += 1;
        if word.received_at <= self.moment {
            self.held += usize::from(self.then.last(&word.origin.source, word.origin.key).is_none());
            self.then.apply(word.origin, word.change);
            return Ok(());
        }
        let record = (word.origin.source.clone(), word.origin.key);
        let known = self.later.get(&record);
        if known.is_none_or(|(_, known)| known.origin.revision <= word.origin.revision) {
            self.later.insert(record, (self.taken, word));
        }
        Ok(())
    }

    /// Whether it is one of the many words that attendance was taken for a section that is none of the student's. Section and date are
    /// what such a record is known by, so it does not become one of another section.
    fn is_passed_over(&mut self, word: &ReferenceChange) -> bool {
        let held = self.then.find(&word.origin.source, word.origin.key);
        match (&word.change, held) {
            (Change::Recorded(Entry::AttendanceTaken(taken)), None) if !self.sections.contains(&taken.section) => {
                word.received_at > self.moment || !self.witnessed.insert(taken.section)
            }
            (Change::Withdrawn, Some(Entry::AttendanceTaken(taken))) => {
                self.witnessed.remove(&taken.section);
                false
            }
            _ => false,
        }
    }

    /// The view of the moment, and the records that say something else since, in the order of the topic.
    pub(crate) fn told(self) -> (View, Vec<Changed>) {
        let mut changed: Vec<(usize, Changed)> = Vec::new();
        for (_, (at, now)) in self.later {
            let origin = &now.origin;
            if self.then.last(&origin.source, origin.key).is_some_and(|(revision, _)| revision > origin.revision) {
                continue;
            }
            let before = self.then.find(&origin.source, origin.key);
            let says = if let Change::Recorded(entry) = &now.change { Some(entry) } else { None };
            let is_anothers =
                matches!(before, Some(Entry::AttendanceTaken(taken)) if !self.sections.contains(&taken.section));
            if before != says && !is_anothers {
                changed.push((at, Changed { before: before.cloned(), now }));
            }
        }
        changed.sort_unstable_by_key(|(at, _)| *at);
        (self.then.view(), changed.into_iter().map(|(_, changed)| changed).collect())
    }
}

/// Whether a word has an effect. Who follows the topic counts what has none; here it is only left out.
fn is_sound(change: &Change<Entry>) -> bool {
    match change {
        Change::Recorded(Entry::RulePack(yaml)) => Pack::parse(yaml).is_ok(),
        Change::Recorded(Entry::Calculators(yaml)) => calculator::parse(yaml).is_ok(),
        Change::Recorded(_) | Change::Withdrawn => true,
    }
}

/// Takes each word of a district, or those of one kind, between two offsets of the topic. Records of others are told by their keys and
/// not decoded.
async fn each(
    log: &dyn Log,
    district: &DistrictId,
    kind: Option<Kind>,
    between: Range<i64>,
    mut take: impl FnMut(ReferenceChange) -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    let prefix = kind.map_or_else(|| format!("{district}/"), |kind| format!("{district}/{}/", kind.as_str()));
    let is_wanted = |record: &Record| record.offset.0 < between.end && record.key.starts_with(prefix.as_bytes());
    let (mut at, mut silent) = (between.start, 0);
    if at >= between.end {
        return Ok(());
    }
    let mut tail = log.tail(Topic::Reference, Partition(0), Offset(at)).await?;
    while at < between.end {
        let records = tail.next(BATCH, SILENCE).await?;
        silent = if records.is_empty() { silent + 1 } else { 0 };
        if silent == MOST_SILENT {
            let problem = format!("the reference topic gives nothing between {at} and its end {}", between.end);
            return Err(Error::Unavailable(problem).into());
        }
        at = records.last().map_or(at, |record| record.offset.0 + 1);
        for record in records.into_iter().filter(is_wanted) {
            // What cannot be understood has no effect, here as for the state.
            match homeroom_proto::reference::decode(&record.value.unwrap_or_default()) {
                Ok(word) if word.district == *district => take(word)?,
                Ok(_) | Err(_) => {}
            }
        }
        // Others on this thread wait while a long topic is decoded.
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use homeroom_domain::date::Date;
    use homeroom_domain::event::Origin;
    use homeroom_domain::id::{CourseOfferingId, Revision, SchoolId};
    use homeroom_domain::reference::{AttendanceTaken, Course, School, Section};

    use super::*;

    const MOMENT: i64 = 50;

    fn school() -> SchoolId {
        SchoolId::parse("1").unwrap()
    }

    fn word(record: u8, revision: u64, second: i64, change: Change<Entry>) -> ReferenceChange {
        let source = SourceId::parse("sis").unwrap();
        ReferenceChange {
            district: DistrictId::parse("home").unwrap(),
            origin: Origin { source, key: RecordKey::new([record; 16]), revision: Revision(revision) },
            received_at: Timestamp::from_second(second).unwrap(),
            change,
        }
    }

    fn taken(section: u8) -> Change<Entry> {
        let date = Date::parse("2021-09-06").unwrap();
        Change::Recorded(Entry::AttendanceTaken(AttendanceTaken { section: SectionId::new([section; 16]), date }))
    }

    fn section(section: u8) -> Change<Entry> {
        Change::Recorded(Entry::Section(Section {
            section: SectionId::new([section; 16]),
            course_offering: CourseOfferingId::new([1; 16]),
            school: school(),
            class_periods: Vec::new(),
            official: false,
        }))
    }

    fn course(subject: &str) -> Change<Entry> {
        let course = homeroom_domain::id::CourseId::new([1; 16]);
        Change::Recorded(Entry::Course(Course { course, subjects: vec![subject.to_owned()] }))
    }

    /// Of a student of section 1, as known at second 50.
    fn known(words: impl IntoIterator<Item = ReferenceChange>) -> Known {
        let own = BTreeSet::from([SectionId::new([1; 16])]);
        let mut known = Known::new(Timestamp::from_second(MOMENT).unwrap(), own);
        words.into_iter().for_each(|word| known.take(word, 100).unwrap());
        known
    }

    fn told(known: Known) -> Vec<(Option<Entry>, Change<Entry>)> {
        known.told().1.into_iter().map(|changed| (changed.before, changed.now.change)).collect()
    }

    fn entry(change: Change<Entry>) -> Option<Entry> {
        if let Change::Recorded(entry) = change { Some(entry) } else { None }
    }

    #[test]
    fn a_record_is_told_when_its_last_word_is_another() {
        let words = [
            word(1, 1, 10, course("Art")),
            word(2, 3, 10, course("Music")),
            word(3, 1, 10, course("Dance")),
            word(9, 1, 61, course("Drama")),
            word(1, 2, 60, course("English")),
            word(1, 3, 61, course("Mathematics")),
            // An older word that comes late, the same again, withdrawn before anybody had heard of it, and a pack that is none.
            word(2, 2, 62, course("Chess")),
            word(3, 2, 63, course("Dance")),
            word(4, 1, 64, Change::Withdrawn),
            word(5, 1, 65, Change::Recorded(Entry::RulePack("no rules".to_owned()))),
        ];
        let expected = [(None, course("Drama")), (entry(course("Art")), course("Mathematics"))];
        assert_eq!(told(known(words)), expected);
    }

    #[test]
    fn that_attendance_was_taken_for_a_section_of_others_is_held_once_and_never_told() {
        let home = School { school: school(), name: String::new(), types: Vec::new() };
        let mut words = vec![word(1, 1, 10, Change::Recorded(Entry::School(home))), word(2, 1, 10, section(2))];
        words.extend((10..40).map(|record| word(record, 1, 20, taken(2))));
        words.extend((40..60).map(|record| word(record, 1, 60, taken(2))));
        words.extend([word(60, 1, 20, taken(1)), word(61, 1, 60, taken(1))]);
        let held = known(words.clone());
        assert_eq!((held.held, held.later.len()), (4, 1), "the first of another section, and all of the student's");
        let (view, changed) = held.told();
        let own = SectionId::new([1; 16]);
        assert!(view.reports_taken(&school()) && view.taken(own, Date::parse("2021-09-06").unwrap()));
        assert_eq!(changed.len(), 1);
        // The one that is held was withdrawn: the next one says that the school's sections tell it.
        words.insert(3, word(10, 2, 21, Change::Withdrawn));
        assert!(known(words.clone()).told().0.reports_taken(&school()));
        words.push(word(11, 2, 70, Change::Withdrawn));
        assert_eq!(told(known(words)).len(), 1);
    }

    #[test]
    fn more_than_can_be_held_is_refused_with_what_to_do() {
        let mut known = known([]);
        known.take(word(1, 1, 10, course("Art")), 2).unwrap();
        known.take(word(1, 2, 10, course("Music")), 2).unwrap();
        known.take(word(2, 1, 60, course("Dance")), 2).unwrap();
        let refused = known.take(word(3, 1, 60, course("Drama")), 2).unwrap_err();
        assert!(refused.to_string().contains("more than 2") && refused.to_string().contains("without `since`"));
    }
}
