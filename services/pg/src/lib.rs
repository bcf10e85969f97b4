//! PostgreSQL: pool, named transactions with retry, migrations, roles, row-level security.
