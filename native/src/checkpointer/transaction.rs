//! The connection that writes, and the transactions that changes are written in.
use rusqlite::{Connection, ffi};

use crate::errors::SqlError;
use crate::layout::{self, CacheWriter, Change, KnownMark, Schema, Tally};

pub struct WriteConnection {
    pub conn: Connection,
    schema: Schema,
    pub cache: CacheWriter,
    pub known_mark: KnownMark,
    /// Transactions that were committed since they were last counted.
    commits: u64,
}

fn run(conn: &Connection, sql: &str) -> Result<(), SqlError> {
    conn.prepare_cached(sql)?.execute([])?;
    Ok(())
}

impl WriteConnection {
    pub fn new(conn: Connection, schema: Schema, cache: CacheWriter) -> Self {
        Self { conn, schema, cache, known_mark: KnownMark::default(), commits: 0 }
    }

    /// Writes all changes in one transaction, or each in its own where that fails as a whole.
    pub fn write(&mut self, changes: &[&Change]) -> Vec<Result<Tally, SqlError>> {
        if changes.len() > 1
            && !self.schema.is_empty
            && let Some(results) = self.write_together(changes)
        {
            return results;
        }
        changes.iter().map(|change| self.write_alone(change)).collect()
    }

    /// Writes a change in a transaction of its own.
    pub fn write_alone(&mut self, change: &Change) -> Result<Tally, SqlError> {
        if self.schema.is_empty {
            // SQLite would say that there are no tables, and not why.
            let said = "attempt to write a readonly database".to_owned();
            return Err(SqlError::new(ffi::SQLITE_READONLY, ffi::SQLITE_READONLY, said));
        }
        // The statement is right for the table as well as for a view in its place.
        if change.is_one_statement(self.schema.layout) {
            let result = layout::apply(&self.conn, self.schema.layout, (&mut self.cache, &mut self.known_mark), change);
            self.commits += u64::from(result.is_ok());
            return result;
        }
        run(&self.conn, "BEGIN IMMEDIATE")?;
        let result = self.apply(change).and_then(|tally| run(&self.conn, "COMMIT").map(|()| tally));
        if result.is_ok() {
            self.committed();
        } else {
            self.cache.roll_back();
            if !self.conn.is_autocommit() {
                run(&self.conn, "ROLLBACK")?;
            }
        }
        result
    }

    fn committed(&mut self) {
        self.commits += 1;
        self.cache.commit(self.schema);
    }

    /// Applies a change within a transaction.
    fn apply(&mut self, change: &Change) -> Result<Tally, SqlError> {
        let schema = self.schema.now(&self.conn)?;
        if schema != self.schema {
            // Another database may have been copied into the file, a backup, say.
            self.cache.clear();
            self.schema = schema;
        }
        layout::apply(&self.conn, self.schema.layout, (&mut self.cache, &mut self.known_mark), change)
    }

    /// One transaction for all changes, in which a change that fails undoes itself and no other. None if the
    /// transaction is gone with all that was done in it (a full disk, say): then no change was written.
    fn write_together(&mut self, changes: &[&Change]) -> Option<Vec<Result<Tally, SqlError>>> {
        if let Err(error) = run(&self.conn, "BEGIN IMMEDIATE") {
            return Some(changes.iter().map(|_| Err(error.clone())).collect());
        }
        let mut results = Vec::with_capacity(changes.len());
        for change in changes {
            match self.write_member(change) {
                Some(result) if !self.conn.is_autocommit() => results.push(result),
                _ => return self.give_up(),
            }
        }
        if run(&self.conn, "COMMIT").is_ok() {
            self.committed();
            return Some(results);
        }
        self.give_up()
    }

    /// Rolls the transaction back. None: no change was written.
    fn give_up<T>(&mut self) -> Option<T> {
        self.cache.roll_back();
        if !self.conn.is_autocommit() {
            // If this fails too, the changes fail with the error, each by itself.
            drop(run(&self.conn, "ROLLBACK"));
        }
        None
    }

    /// Writes one change of a transaction in a savepoint. None if a change that failed could not be undone: then the
    /// transaction must not be committed.
    fn write_member(&mut self, change: &Change) -> Option<Result<Tally, SqlError>> {
        if change.is_one_statement(self.schema.layout) {
            return Some(self.apply(change));
        }
        if let Err(error) = run(&self.conn, "SAVEPOINT member") {
            return Some(Err(error));
        }
        let savepoint = self.cache.savepoint();
        let result = self.apply(change);
        if result.is_err() {
            self.cache.roll_back_to(savepoint);
        }
        let ended = |sql| self.conn.is_autocommit() || run(&self.conn, sql).is_ok();
        let is_undone = result.is_ok() || ended("ROLLBACK TO member");
        (is_undone && ended("RELEASE member")).then_some(result)
    }

    /// Ends a transaction that is left open. Fails if it can be neither committed nor rolled back.
    pub fn end_transaction(&self) -> Result<(), SqlError> {
        if self.conn.is_autocommit() { Ok(()) } else { run(&self.conn, "ROLLBACK") }
    }

    /// The transactions that were committed since the last call.
    pub fn take_commits(&mut self) -> u64 {
        std::mem::take(&mut self.commits)
    }
}
