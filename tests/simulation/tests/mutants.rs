//! Each planted fault turns the checker red: a checker that stays green with one of them proves nothing.
//!
//! Built apart from what ships, since the feature `mutants` opens the faults in everything that is built with it.

use homeroom_domain::mutant::{Mutant, plant};
use homeroom_simulation::run::run;
use homeroom_simulation::scenario::Scenario;
use homeroom_simulation::seeds::transcript;
use homeroom_simulation::shrink::shrink;
use homeroom_simulation::telling;

/// Seeds that a fault may stay unseen for. Those that are seen late need a rare coincidence.
const MOST_SEEDS: u64 = 600;

/// Some seed of the rules service's simulation shows the fault, by a complaint that holds these words.
fn is_seen(mutant: Mutant, complaint: &str) {
    is_seen_by(|seed| run(&Scenario::of(seed)).wrongs, mutant, complaint);
}

/// Some seed of the notification service's plans does.
fn is_heard(mutant: Mutant, complaint: &str) {
    is_seen_by(|seed| telling::run(seed).wrongs, mutant, complaint);
}

fn is_seen_by(wrongs: impl Fn(u64) -> Vec<String>, mutant: Mutant, complaint: &str) {
    let planted = plant(mutant);
    for seed in 0..MOST_SEEDS {
        if let Some(wrong) = wrongs(seed).iter().find(|wrong| wrong.contains(complaint)) {
            println!("{mutant:?} is seen with seed {seed}: {wrong}");
            drop(planted);
            let without = wrongs(seed);
            assert!(without.is_empty(), "seed {seed} fails without the fault too: {without:?}");
            return;
        }
    }
    panic!("{mutant:?} stays unseen for {MOST_SEEDS} seeds");
}

#[test]
fn a_wrong_alert_that_is_cleared_as_if_it_had_been_right() {
    is_seen(Mutant::ForgetRecall, "Cleared");
}

#[test]
fn a_cleared_alert_that_nobody_looks_at_again() {
    is_seen(Mutant::ForgetCleared, "Cleared");
}

#[test]
fn a_bound_that_ten_percent_does_not_reach() {
    is_seen(Mutant::BoundsExclusive, "the truth is");
}

#[test]
fn a_tardy_that_counts_as_an_absence() {
    is_seen(Mutant::TardyIsAbsent, "the truth is");
}

#[test]
fn a_known_record_taken_for_a_repeat_whatever_it_says() {
    is_seen(Mutant::DropKnown, "highest revision");
}

#[test]
fn a_withdrawal_that_is_ignored() {
    is_seen(Mutant::IgnoreWithdrawal, "highest revision");
}

#[test]
fn a_later_word_that_wins_whatever_its_revision() {
    is_seen(Mutant::LatestWins, "highest revision");
}

#[test]
fn a_record_that_still_counts_for_whom_it_has_left() {
    is_seen(Mutant::EqualWithdrawal, "and was not sent so");
}

#[test]
fn an_offset_that_is_committed_before_what_was_read_up_to_it() {
    is_seen(Mutant::OffsetFirst, "verify");
}

#[test]
fn a_stale_owner_whose_commits_are_not_fenced() {
    is_seen(Mutant::SkipFence, "");
}

#[test]
fn an_outbox_that_loses_its_last_row() {
    is_seen(Mutant::LoseOutboxRow, "published");
}

#[test]
fn changes_that_are_published_before_they_are_committed() {
    is_seen(Mutant::PublishFirst, "decided once");
}

#[test]
fn a_student_taken_for_one_of_another_district() {
    is_seen(Mutant::LeakDistrict, "highest revision");
}

#[test]
fn a_new_owner_that_evaluates_with_the_reference_records_it_happens_to_have() {
    is_seen(Mutant::ReferenceLate, "fewer reference records");
}

#[test]
fn a_date_that_follows_a_clock_that_is_set_back() {
    is_seen(Mutant::DateMovesBack, "");
}

#[test]
fn a_change_of_reference_records_that_moves_nobody() {
    is_seen(Mutant::SkipSweep, "");
}

#[test]
fn a_checkpoint_that_takes_what_it_leaves_out_for_written() {
    is_seen(Mutant::ForgetUnwritten, "verify");
}

#[test]
fn a_restore_after_which_what_was_told_is_not_taken_up() {
    is_seen(Mutant::ForgetTold, "");
}

#[test]
fn what_was_so_for_long_that_is_told_as_if_it_were_news() {
    is_seen(Mutant::NothingIsLate, "and late is true");
}

#[test]
fn a_duty_whose_date_has_come_that_nobody_is_told_of() {
    is_seen(Mutant::DueDateUnseen, "a duty fell due");
}

#[test]
fn a_recall_that_goes_to_teams_that_were_never_told() {
    is_heard(Mutant::RecallToAll, "only those who were told hear");
}

#[test]
fn a_recall_that_goes_to_nobody() {
    is_heard(Mutant::RecallToNobody, "whoever was told hears the last word");
}

#[test]
fn an_unknown_that_is_taken_for_unsent() {
    is_heard(Mutant::UnknownIsUnsent, "whoever was told hears the last word");
}

#[test]
fn a_first_word_that_does_not_wait_for_the_cutoff() {
    is_heard(Mutant::CutoffUnseen, "before the cutoff");
}

#[test]
fn a_seed_that_fails_is_printed_replays_exactly_and_shrinks() {
    let _planted = plant(Mutant::ForgetRecall);
    let failing = (0..MOST_SEEDS).map(Scenario::of).find(|scenario| !run(scenario).wrongs.is_empty()).unwrap();
    assert_eq!(run(&failing).wrongs, run(&Scenario::of(failing.seed)).wrongs, "it replays");
    let (shortest, outcome) = shrink(failing.clone());
    assert_eq!(run(&shortest).wrongs, outcome.wrongs, "what is left of it replays");
    let told = transcript(&shortest, &outcome);
    println!("of {} happenings:\n{told}", failing.steps.len());
    assert!(told.contains(&format!("HOMEROOM_SEED={}", failing.seed)), "{told}");
    assert!(told.contains(&outcome.wrongs[0]), "{told}");
    assert!(
        shortest.steps.len() * 2 < failing.steps.len(),
        "{} of {} happenings are left",
        shortest.steps.len(),
        failing.steps.len()
    );
}
