//! Students and their guardians.

use super::student_reference;
use crate::chance::Purpose;
use crate::district::District;
use crate::document::{Batch, Resource};
use crate::name;
use crate::student::{self, Student};

/// Languages at home, of a hundred households.
const LANGUAGES: [(u32, &str); 6] = [(74, "eng"), (16, "spa"), (3, "vie"), (3, "ara"), (2, "som"), (2, "zho")];

pub(super) fn student(district: &District, student: &Student, batch: &mut Batch) {
    let said_on = student.spells.first().map_or(district.opening(), |spell| spell.said_on);
    batch.say(Resource::Students, said_on, |json| {
        json.text("studentUniqueId", &Student::id(student.number));
        json.text("firstName", student.given).text("lastSurname", student.family);
        let mut chance = district.chance(Purpose::Student, &[u64::from(student.number), 4]);
        // A child turns five in the calendar year in which kindergarten begins.
        let born = i64::from(district.calendar.year) - 6 - i64::from(student.grade);
        let (month, day) = (chance.among(1, 12), chance.among(1, 28));
        json.shown("birthDate", format_args!("{born:04}-{month:02}-{day:02}"));
    });
    let mut chance = district.chance(Purpose::Contact, &[u64::from(student.household.first)]);
    let guardians = if chance.percent(35) { 1 } else { 2 };
    let language = chance.weighted(&LANGUAGES, "eng");
    for guardian in 0..guardians {
        let id = format!("G{}-{}", student.household.first, guardian + 1);
        if student.household.place == 0 {
            self::guardian(district, student, (&id, guardian), language, batch);
        }
        batch.say(Resource::StudentContacts, said_on, |json| {
            json.object("contactReference", |json| {
                json.text("contactUniqueId", &id);
            });
            student_reference(json, student);
            let relation = if guardian == 0 { "Mother" } else { "Father" };
            json.code("relationDescriptor", "RelationDescriptor", relation);
            json.truth("primaryContactStatus", guardian == 0).truth("livesWith", true);
        });
    }
}

fn guardian(district: &District, student: &Student, who: (&str, u32), language: &str, batch: &mut Batch) {
    let (id, number) = who;
    let mut chance = district.chance(Purpose::Contact, &[u64::from(student.household.first), u64::from(number), 1]);
    let given = name::given(&mut chance);
    let family = if chance.percent(70) {
        student::household_name(district, student.household)
    } else {
        name::family(&mut chance)
    };
    batch.say(Resource::Contacts, district.opening(), |json| {
        json.text("contactUniqueId", id).text("firstName", given).text("lastSurname", family);
        json.list("electronicMails", [()], |json, ()| {
            json.shown("electronicMailAddress", format_args!("{}@mail.example", id.to_ascii_lowercase()));
            json.code("electronicMailTypeDescriptor", "ElectronicMailTypeDescriptor", "Home/Personal");
        });
        json.list("telephones", [chance.below(100)], |json, line| {
            // 555-0100 to 555-0199 are kept free for fiction in every area.
            json.shown("telephoneNumber", format_args!("555-01{line:02}"));
            json.code("telephoneNumberTypeDescriptor", "TelephoneNumberTypeDescriptor", "Mobile");
        });
        json.list("languages", [language], |json, language| {
            json.code("languageDescriptor", "LanguageDescriptor", language);
        });
    });
}
