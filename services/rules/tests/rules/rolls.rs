//! Whose attendance of the day has come: what the workers of a process note.

use homeroom_domain::date::Date;

use crate::district::{District, day, student};
use crate::world::World;

/// The district's date is the twelfth, and the last that is over the eleventh.
#[tokio::test]
async fn schools_of_marks_of_the_day_are_written_with_their_district_also_by_a_process_that_stops() {
    let world = World::new().await;
    let other = District::new("other", &world.log);
    other.open().await;
    other.clock(11, "10:00").await;
    for name in ["2", "3"] {
        world.home.school(name).await;
        world.home.calendar(name, 60).await;
    }
    world.home.mark(student("ada"), "1", day(12), "In Attendance").await;
    world.home.mark(student("bob"), "2", day(11), "Unexcused Absence").await;
    world.home.mark(student("cyd"), "3", day(13), "Unexcused Absence").await;
    // A sender that puts something else where the school belongs.
    world.home.mark(student("dan"), "604821", day(12), "Unexcused Absence").await;
    other.mark(student("eve"), "1", day(11), "Unexcused Absence").await;
    let service = world.service().await;
    world.settled(&service).await;
    service.stop().await;
    let rows = "select district, marked_on::text, school from rules.rolls order by district";
    let rows: Vec<(String, String, String)> =
        sqlx::query_as(rows).fetch_all(&mut world.database.admin().await).await.unwrap();
    let row = |district: &str, on: Date| (district.to_owned(), on.to_string(), "1".to_owned());
    assert_eq!(rows, [row("home", day(12)), row("other", day(11))]);
}
