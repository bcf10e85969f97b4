//! What cannot be moved as things are.

use homeroom_domain::id::StudentKey;

use super::super::*;
use super::{district, live, mover, word};
use crate::merge;

async fn execute(mover: &Mover, statement: &'static str) {
    let done = mover.database.run("tests.execute", &mover.districts, move |connection| {
        Box::pin(async move {
            sqlx::query(statement).execute(connection).await?;
            Ok(())
        })
    });
    done.await.unwrap();
}

/// A student with two records, of which one move may hold a single one.
async fn mover_with_one_set_aside() -> (Mover, StudentKey) {
    let mut mover = mover().await;
    let [from, into] = [1, 2].map(|number| StudentKey::new([number; 16]));
    mover.append([word(from, 1), word(from, 2)].iter()).await.unwrap();
    mover.most_records = 1;
    merge::merge(&mover.database, &district(), from, into).await.unwrap().unwrap();
    assert!(mover.turn().await.unwrap());
    (mover, from)
}

/// The one that cannot be made is shown, and made once it can be: what was merged meanwhile counts then.
#[tokio::test]
async fn a_move_that_cannot_be_made_is_set_aside_and_holds_up_no_later_one() {
    let mut mover = mover().await;
    let [first, second, third, other] = [1, 2, 3, 4].map(|number| StudentKey::new([number; 16]));
    mover.append([word(first, 1), word(first, 2), word(first, 3), word(other, 4)].iter()).await.unwrap();
    mover.most_records = 2;
    for (from, into) in [(first, second), (other, second), (second, third)] {
        merge::merge(&mover.database, &district(), from, into).await.unwrap().unwrap();
    }
    while mover.turn().await.unwrap() {}
    assert_eq!((live(&mover, first).await.len(), live(&mover, third).await.len()), (3, 1));
    let (merges, _) = merge::list(&mover.database, &district()).await.unwrap();
    let shown: Vec<_> = merges.iter().map(|it| (it.from, it.state.is_moved, it.state.is_set_aside)).collect();
    assert_eq!(shown, [(second, true, false), (other, true, false), (first, false, true)]);
    assert_eq!(merges[2].state.problem.as_deref(), Some("the student has more than 2 records"));

    mover.most_records = 3;
    execute(&mover, "update student_moves set due_at = now() where set_aside").await;
    while mover.turn().await.unwrap() {}
    assert_eq!((live(&mover, first).await.len(), live(&mover, third).await.len()), (0, 4));
    let (merges, _) = merge::list(&mover.database, &district()).await.unwrap();
    assert!(merges.iter().all(|it| it.state.is_moved && !it.state.is_set_aside && it.state.problem.is_none()));
}

/// Each try reads minutes of the log, on the only lane that there is.
#[tokio::test]
async fn what_is_set_aside_is_tried_after_all_others_and_ever_more_seldom() {
    let (mover, _) = mover_with_one_set_aside().await;
    let pause = async || {
        let left = mover.database.run("tests.pause", &mover.districts, |connection| {
            Box::pin(async move {
                let sql = "select extract(epoch from due_at - now())::float8 / 60 from student_moves where set_aside";
                Ok(sqlx::query_scalar::<_, f64>(sql).fetch_one(connection).await?)
            })
        });
        left.await.unwrap()
    };
    assert!(pause().await <= 10.0);
    // Minutes since it was asked for, and until the next try then. What the test itself takes is in neither.
    for (requested, next) in [(15, 15.0), (300, 300.0), (30 * 24 * 60, 24.0 * 60.0)] {
        let back = "update student_moves set due_at = now() - interval '1 hour', requested_at = now() - interval ";
        let back: &'static str = Box::leak(format!("{back} '{requested} minutes'").into_boxed_str());
        execute(&mover, back).await;
        assert!(mover.turn().await.unwrap());
        let shown = pause().await;
        assert!(shown > next - 5.0 && shown < next + 5.0, "{requested}: {shown}");
    }

    execute(&mover, "update student_moves set due_at = now() - interval '1 hour'").await;
    let [other, into] = [3, 4].map(|number| StudentKey::new([number; 16]));
    mover.append([word(other, 3)].iter()).await.unwrap();
    merge::merge(&mover.database, &district(), other, into).await.unwrap().unwrap();
    assert!(mover.turn().await.unwrap());
    assert_eq!((live(&mover, other).await.len(), live(&mover, into).await.len()), (0, 1));
}

#[tokio::test]
async fn why_a_move_is_set_aside_is_shown_while_it_is_tried_again() {
    let (mover, from) = mover_with_one_set_aside().await;
    let shown = async || {
        let (merges, _) = merge::list(&mover.database, &district()).await.unwrap();
        assert_eq!((merges.len(), merges[0].from), (1, from));
        (merges[0].state.is_set_aside, merges[0].state.problem.clone().unwrap_or_default())
    };
    let why = (true, "the student has more than 1 records".to_owned());
    assert_eq!(shown().await, why);
    execute(&mover, "update student_moves set due_at = now()").await;
    let job = queue::claim(&mover.database, &mover.districts, mover.owner).await.unwrap().unwrap();
    assert!(queue::go_on(&mover.database, &job, mover.owner, 0).await.unwrap());
    assert_eq!(shown().await, why);
    let other = "the log does not give what it has".to_owned();
    queue::put_off(&mover.database, &job, other, false, (PAUSE, PAUSE)).await.unwrap();
    assert_eq!(shown().await, why, "and holds up no other on account of that");
}
