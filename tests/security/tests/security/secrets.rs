//! Secrets in configurations that are wrong: no error and no `Debug` repeats them.

use anyhow::Result;
use homeroom_chassis::access::{Access, Keys, Tokens};
use homeroom_chassis::config::SecretFile;
use homeroom_harness::homeroom::Homeroom;
use homeroom_security::needle::{Needle, Search};

const PASSWORD: &str = "zqpassword-of-the-database";

/// Fails when a command repeats the password of a database that it cannot use.
pub(crate) fn a_database_password_is_in_no_error(homeroom: &Homeroom) -> Result<()> {
    let needles = [Needle::new("the password", PASSWORD)];
    let mut search = Search::default();
    let token_key = homeroom.data().join("token.key").display().to_string();
    let keys = homeroom.data().join("keys.toml").display().to_string();
    let urls = [
        // Nobody listens there.
        format!("postgres://homeroom_rules:{PASSWORD}@127.0.0.1:1/homeroom"),
        format!("postgres://homeroom_rules:{PASSWORD}@no host:x/homeroom"),
        format!("postgres://homeroom_rules:{PASSWORD}@127.0.0.1:1/homeroom?sslmode=nonsense"),
        format!("mysql://homeroom_rules:{PASSWORD}@127.0.0.1/homeroom"),
        PASSWORD.to_owned(),
    ];
    for (number, url) in urls.iter().enumerate() {
        let text = format!(
            "[server]\nhttp = \"127.0.0.1:0\"\ngrpc = \"127.0.0.1:0\"\n[access]\nkeys = {keys:?}\ntoken-key = {token_key:?}\n\
             [log]\nkind = \"postgres\"\n[log.database]\nurl = {url:?}\nconnect-timeout-ms = 300\n\
             [rules.database]\nurl = {url:?}\nconnect-timeout-ms = 300\n\
             [migrate.database]\nurl = {url:?}\n"
        );
        let file = homeroom.secret_file(&format!("wrong-{number}.toml"), &text)?.display().to_string();
        for command in [["rules", "--config", &file], ["verify", "--config", &file], ["migrate", "--config", &file]] {
            let error = homeroom.run(&command).err().map(|error| format!("{error:#}"));
            let error = error.unwrap_or_else(|| panic!("{command:?} runs with {url}"));
            search.look(&format!("{command:?} with {url}"), error.replace(&file, ""), &needles);
        }
    }
    search.assert_nothing(15, 500);
    Ok(())
}

#[test]
fn what_holds_a_secret_does_not_show_it() {
    let needles = [Needle::new("the secret", PASSWORD)];
    let mut search = Search::default();
    let url = format!("postgres://homeroom_rules:{PASSWORD}@127.0.0.1:1/homeroom");
    let tokens = Tokens::new(&PASSWORD.into());
    search.look("pg::Config", format!("{:?}", homeroom_pg::Config::at(url.into())), &needles);
    search.look(
        "pg::RolePasswords",
        format!("{:?}", homeroom_pg::RolePasswords::none().with("rules", PASSWORD.into())),
        &needles,
    );
    search.look("Tokens", format!("{tokens:?}"), &needles);
    search.look("Access", format!("{:?}", Access::new(Keys::default(), tokens)), &needles);
    search.look("SecretFile", format!("{:?}", SecretFile::new("/a/file")), &needles);
    search.look("new_secret", format!("{:?}", homeroom_chassis::access::new_secret()), &needles);
    search.assert_nothing(6, 50);
}
