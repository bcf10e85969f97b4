//! What an alert asks for, as a person reads it.

use homeroom_proto::wire::notification::{DoneDuty, DutyDone, DutyState, ListDutiesResponse};
use serde_json::{Value, json};

use super::alert::duty_for_people;

/// A line or two for each duty.
pub(crate) fn for_people(listed: &ListDutiesResponse) -> String {
    if listed.duties.is_empty() {
        return format!("as of change {}, nothing has to be done\n", listed.change_number);
    }
    let mut text = format!("as of change {}\n", listed.change_number);
    for (number, state) in (1..).zip(&listed.duties) {
        text.push_str(&one(number, state));
    }
    text
}

fn one(number: usize, state: &DutyState) -> String {
    let duty = state.duty.clone().unwrap_or_default();
    let asked = if state.is_asked {
        format!("{number}  due {}\n", duty_for_people(&duty))
    } else {
        format!("-  no longer asked for: {}\n", duty.what)
    };
    let done = state.done.as_ref().map(|done| format!("   {}\n", done_for_people(done)));
    asked + &done.unwrap_or_default()
}

/// When it was recorded, and by whom.
pub(super) fn done_for_people(done: &DutyDone) -> String {
    format!("done at {}, by key {}", recorded_at(done), done.done_by)
}

/// What of an alert is done, for scripts.
pub(crate) fn done_to_json(done: &[DoneDuty]) -> Value {
    let one = |it: &DoneDuty| {
        let done = it.done.clone().unwrap_or_default();
        json!({ "duty": it.duty, "done_by": done.done_by, "done_at": recorded_at(&done) })
    };
    done.iter().map(one).collect()
}

fn recorded_at(done: &DutyDone) -> String {
    done.done_at.as_ref().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use homeroom_proto::wire::alert::Duty;

    use super::*;

    #[test]
    fn what_is_done_is_said_beside_what_is_asked_for() {
        let duty =
            |what: &str, due_on| Duty { what: what.to_owned(), due_on, source: "Law 1".to_owned(), ..Duty::default() };
        let done = DutyDone { done_by: "office".to_owned(), done_at: Some(prost_types::Timestamp::default()) };
        let asked = DutyState { duty: Some(duty("Letter", Some(19_105))), is_asked: true, done: Some(done.clone()) };
        let open = DutyState { duty: Some(duty("Meeting", None)), is_asked: true, done: None };
        let before = DutyState { duty: Some(duty("Call", None)), is_asked: false, done: Some(done) };
        let listed = ListDutiesResponse { change_number: 3, duties: vec![asked, open, before] };
        assert_eq!(
            for_people(&listed),
            "as of change 3\n1  due 2022-04-23  Letter (Law 1)\n   done at 1970-01-01T00:00:00Z, by key office\n\
             2  due beyond the calendar  Meeting (Law 1)\n\
             -  no longer asked for: Call\n   done at 1970-01-01T00:00:00Z, by key office\n"
        );
        let none = ListDutiesResponse { change_number: 2, duties: Vec::new() };
        assert_eq!(for_people(&none), "as of change 2, nothing has to be done\n");
    }
}
