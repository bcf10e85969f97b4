//! The second wall, in the database of a running instance: a role sees the districts that a query names, its own schema, and can
//! make nothing.

use std::collections::BTreeSet;

use anyhow::Result;
use homeroom_harness::assert_row_level_security;
use homeroom_security::World;
use homeroom_security::database::{Database, Table, count, execute, refusal};
use homeroom_security::world::{DISTRICT, NEIGHBOUR};
use sqlx::{Connection as _, PgConnection};

/// The server refuses: the role has no right to it.
const NO_RIGHT: &str = "42501";

/// Tables whose rows of both districts must be there, so that seeing none means something.
const FILLED: [&str; 8] = [
    "documents",
    "change_versions",
    "settings",
    "rule_activations",
    "students",
    "measures",
    "alert_changes",
    "deliveries",
];

/// Fails when a role sees or does more than it must.
pub(crate) async fn each_role_sees_the_districts_it_names_and_its_own_schema(world: &World) -> Result<()> {
    let database = Database::of(&world.homeroom)?;
    assert_row_level_security(&database.admin_url()).await;
    let (roles, tables) = (database.roles().await?, database.tables().await?);
    let schemas: BTreeSet<&str> = tables.iter().map(|table| table.schema.as_str()).collect();
    let named: BTreeSet<&str> = roles.iter().filter_map(|role| role.strip_prefix("homeroom_")).collect();
    assert_eq!(schemas, named, "each schema has a role and nothing lies outside of one");
    nothing_runs_with_the_owners_rights(&database).await?;
    both_districts_have_rows(&database, &tables).await?;
    for role in &roles {
        let mut connection = database.connect(role).await?;
        is_an_ordinary_role(&mut connection, role).await?;
        for table in &tables {
            if Some(table.schema.as_str()) != role.strip_prefix("homeroom_") {
                anothers_table_is_closed(&mut connection, role, table).await?;
            } else if table.has_district {
                rows_are_walled_off(&mut connection, role, table).await?;
            }
        }
        nothing_can_be_made(&mut connection, role, &tables).await?;
        connection.close().await?;
    }
    Ok(())
}

async fn both_districts_have_rows(database: &Database, tables: &[Table]) -> Result<()> {
    let mut admin = database.admin().await?;
    for name in FILLED {
        let table = tables.iter().find(|table| table.name == name).unwrap_or_else(|| panic!("no table {name}"));
        let districts = count(&mut admin, &format!("select count(distinct district) from {}", table.path())).await?;
        assert_eq!(districts, 2, "{name} has rows of both");
    }
    Ok(())
}

/// A view or function of the owner's would see past every policy.
async fn nothing_runs_with_the_owners_rights(database: &Database) -> Result<()> {
    let of_ours = "n.nspname in (select substr(rolname, 10) from pg_roles where rolname like 'homeroom\\_%')";
    let views = format!(
        "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace where relkind in ('v', 'm') and {of_ours}"
    );
    let functions = format!(
        "select count(*) from pg_proc p join pg_namespace n on n.oid = p.pronamespace where prosecdef and {of_ours}"
    );
    let mut admin = database.admin().await?;
    assert_eq!(count(&mut admin, &views).await?, 0, "views run with their owner's rights");
    assert_eq!(count(&mut admin, &functions).await?, 0, "functions run with their owner's rights");
    Ok(())
}

async fn is_an_ordinary_role(connection: &mut PgConnection, role: &str) -> Result<()> {
    let privileged = "select count(*) from pg_roles where rolname = current_user
        and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)";
    assert_eq!(count(connection, privileged).await?, 0, "{role} has rights beyond its rows");
    let memberships =
        "select count(*) from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname = current_user";
    assert_eq!(count(connection, memberships).await?, 0, "{role} may become another role");
    let owned = "select count(*) from pg_class c join pg_roles r on r.oid = c.relowner where r.rolname = current_user";
    assert_eq!(count(connection, owned).await?, 0, "{role} owns tables, whose policies it could drop");
    Ok(())
}

async fn rows_are_walled_off(connection: &mut PgConnection, role: &str, table: &Table) -> Result<()> {
    let path = table.path();
    let seen = count(connection, &format!("select count(*) from {path}")).await?;
    assert_eq!(seen, 0, "{role} sees rows of {path} without saying a district");
    for (statement, of) in
        [(format!("delete from {path}"), "deletes"), (format!("update {path} set district = district"), "changes")]
    {
        let touched = execute(connection, &statement).await?;
        assert_eq!(touched, 0, "{role} {of} rows of {path} without saying a district");
    }
    let own = format!("set local homeroom.districts = '{NEIGHBOUR}'");
    let mut transaction = connection.begin().await?;
    execute(&mut transaction, &own).await?;
    let others =
        count(&mut transaction, &format!("select count(*) from {path} where district <> '{NEIGHBOUR}'")).await?;
    assert_eq!(others, 0, "{role} sees another district's rows of {path}");
    let insert = execute(&mut transaction, &format!("insert into {path} (district) values ('{DISTRICT}')")).await;
    let error = insert.expect_err("another district's row is refused");
    let (code, words) = refusal(&error);
    assert!(code == NO_RIGHT && words.contains("row-level security"), "{role} inserts into {path}: {words}");
    transaction.rollback().await?;

    let mut transaction = connection.begin().await?;
    execute(&mut transaction, &own).await?;
    match execute(&mut transaction, &format!("update {path} set district = '{DISTRICT}'")).await {
        Ok(moved) => assert_eq!(moved, 0, "{role} gives rows of {path} to another district"),
        Err(error) => assert_eq!(refusal(&error).0, NO_RIGHT, "{role} {path}: {error}"),
    }
    transaction.rollback().await?;
    Ok(())
}

async fn anothers_table_is_closed(connection: &mut PgConnection, role: &str, table: &Table) -> Result<()> {
    let path = table.path();
    for statement in [
        format!("select 1 from {path} limit 1"),
        format!("delete from {path}"),
        format!("insert into {path} default values"),
    ] {
        is_refused(connection, role, &statement).await;
    }
    Ok(())
}

async fn nothing_can_be_made(connection: &mut PgConnection, role: &str, tables: &[Table]) -> Result<()> {
    let own = role.strip_prefix("homeroom_").unwrap_or_default();
    let mut statements: Vec<String> = [
        "create schema intruder",
        "create table public.intruder (it text)",
        "create temporary table intruder (it text)",
        "create role intruder",
        "create database intruder",
        "create extension dblink",
        "alter role current_user bypassrls",
        "set role homeroom",
        "set session authorization homeroom",
        "set session_replication_role = replica",
        "copy (select 1) to program 'true'",
        "select pg_read_file('postgresql.conf')",
        "select pg_ls_dir('.')",
        "alter system set log_statement = 'all'",
        "select pg_authid.rolpassword from pg_authid",
    ]
    .map(str::to_owned)
    .to_vec();
    statements.push(format!("create table {own}.intruder (it text)"));
    statements.push(format!("create function {own}.intruder() returns int language sql as 'select 1'"));
    statements.push(format!("update {own}.migration set version = version"));
    for table in tables.iter().filter(|table| table.schema == own) {
        let path = table.path();
        statements.push(format!("drop table {path}"));
        statements.push(format!("truncate {path}"));
        statements.push(format!("alter table {path} no force row level security"));
        statements.push(format!("create trigger intruder before insert on {path} for each row execute function suppress_redundant_updates_trigger()"));
        if table.has_district {
            statements.push(format!("alter table {path} disable row level security"));
            statements.push(format!("drop policy district_rows on {path}"));
        }
    }
    for statement in statements {
        is_refused(connection, role, &statement).await;
    }
    Ok(())
}

async fn is_refused(connection: &mut PgConnection, role: &str, statement: &str) {
    let error = execute(connection, statement).await.err().unwrap_or_else(|| panic!("{role} may `{statement}`"));
    let (code, words) = refusal(&error);
    assert_eq!(code, NO_RIGHT, "{role}: `{statement}`: {words}");
}
