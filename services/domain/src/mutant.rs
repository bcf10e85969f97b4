//! Faults planted on purpose, to prove that the checkers see them: a checker that stays green with one of these proves nothing.
//!
//! Without the feature `mutants`, which only tests that are built apart enable, [`planted`] is always false and the faults
//! are compiled away.

/// A fault that somebody could write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The offset is committed first, what was read up to it afterwards.
    OffsetFirst,
    /// A commit does not ask whether the partition is still the owner's.
    SkipFence,
    /// An alert that was wrong is cleared as if it had been right.
    ForgetRecall,
    /// An alert that has ended is not looked at again.
    ForgetCleared,
    /// The last row of each batch for the outbox is lost.
    LoseOutboxRow,
    /// Ten percent exactly is still below ten percent.
    BoundsExclusive,
    /// A tardy counts as an absence.
    TardyIsAbsent,
    /// A record that is known already is a repeat, whatever it says.
    DropKnown,
    /// A withdrawal is nothing.
    IgnoreWithdrawal,
    /// A later word wins, whatever its revision.
    LatestWins,
    /// A withdrawal of the revision that is known already is a repeat.
    EqualWithdrawal,
    /// Another attempt after one that ended unknown has a key of its own.
    NewKeyAfterUnknown,
    /// A recall goes to whoever would be told now.
    RecallToAll,
    /// Who was told does not hear that it is taken back.
    RecallToNobody,
    /// An attempt that ended unknown has reached nobody.
    UnknownIsUnsent,
    /// A district's student is taken for one of another district that has the same key.
    LeakDistrict,
    /// A transaction sees the districts of those before it on its connection.
    KeepDistricts,
    /// Alert changes are published before they are committed.
    PublishFirst,
    /// A sender is told that a record is kept before it is.
    AckFirst,
    /// A new owner evaluates with the reference records that it happens to have.
    ReferenceLate,
    /// The dates in force follow a clock that is set back.
    DateMovesBack,
    /// A change of reference records moves nobody.
    SkipSweep,
    /// A checkpoint takes the rows that it leaves unwritten for written.
    ForgetUnwritten,
    /// After a restore, what was told of since is not taken up again.
    ForgetTold,
    /// What was so for long is told as if it were news.
    NothingIsLate,
    /// Nothing is told of a duty whose date has come.
    DueDateUnseen,
    /// A first word does not wait for its school's time of day.
    CutoffUnseen,
    /// A case that was closed still holds back what may wait for one.
    ClosedCaseHolds,
}

/// Whether the fault is in force on this thread.
#[cfg(not(feature = "mutants"))]
#[inline]
pub const fn planted(_: Mutant) -> bool {
    false
}

#[cfg(feature = "mutants")]
pub use planting::{Planted, plant, planted};

#[cfg(feature = "mutants")]
mod planting {
    use std::cell::Cell;

    use super::Mutant;

    thread_local! {
        /// Of a thread, so that tests beside it are spared.
        static PLANTED: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Whether the fault is in force on this thread.
    pub fn planted(mutant: Mutant) -> bool {
        PLANTED.get() == Some(mutant)
    }

    /// Puts the fault in force on this thread, until the answer is dropped.
    pub fn plant(mutant: Mutant) -> Planted {
        PLANTED.set(Some(mutant));
        Planted(())
    }

    /// A fault in force.
    #[derive(Debug)]
    #[must_use = "dropped, the fault is gone"]
    pub struct Planted(());

    impl Drop for Planted {
        fn drop(&mut self) {
            PLANTED.set(None);
        }
    }
}
