//! How checkpoints lie in rows: as SqliteSaver has them, or compact.
use rusqlite::Connection;

use super::compact::{self, Hot};
use super::standard;
use super::work::Work;
use crate::errors::SqlError;

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Layout {
    /// SqliteSaver's.
    #[default]
    Standard,
    Compact,
    /// Compact, on its way to standard: nothing more is stored in pieces.
    Closing,
}

impl Layout {
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "standard" => Some(Self::Standard),
            "compact" => Some(Self::Compact),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        if self == Self::Standard { "standard" } else { "compact" }
    }

    /// The table that has the keys of checkpoints and their metadata.
    pub fn table(self) -> &'static str {
        if self == Self::Standard { "checkpoints" } else { "fl_checkpoints" }
    }

    /// Whether SQLite carries it out as a whole or not at all, without a transaction around it.
    pub fn is_one_statement(self, work: &Work) -> bool {
        match work {
            Work::Put(_) => self == Self::Standard,
            Work::PutWrites { rows, .. } => rows.len() == 1,
            _ => false,
        }
    }

    /// Carries out `work`, and says of how many checkpoints it was, or what `Work` says of it.
    pub fn apply(self, conn: &Connection, hot: &mut Hot, work: &Work) -> Result<u64, SqlError> {
        match (work, self) {
            (Work::Convert { to, from }, _) => compact::convert(conn, hot, *to, *from),
            (_, Self::Standard) => standard::apply(conn, "checkpoints", work),
            (Work::Put(_), Self::Closing) => standard::apply(conn, "fl_checkpoints", work),
            (_, Self::Compact | Self::Closing) => compact::apply(conn, hot, work),
        }
    }
}
