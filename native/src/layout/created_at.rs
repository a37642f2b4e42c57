//! The time that a checkpoint's id tells: ids of LangGraph are UUIDv6, whose digits begin with a time.
use std::fmt::Write as _;

pub const CREATED_AT: &str = "created_at";

/// A pattern for GLOB that a canonical UUIDv6 matches.
pub fn uuid6_pattern() -> String {
    let digits = |count: usize| "[0-9a-f]".repeat(count);
    format!("{}-{}-6{}-[89ab]{}-{}", digits(8), digits(4), digits(3), digits(3), digits(12))
}

/// The column as it is added to the table of the standard layout, where it takes no storage.
pub fn created_at_column() -> String {
    format!("{CREATED_AT} TEXT GENERATED ALWAYS AS ({}) VIRTUAL", created_at())
}

/// The SQL expression of the column: the time in `checkpoint_id`, UTC, as `datetime()` writes it; NULL unless the id is
/// a canonical UUIDv6.
pub fn created_at() -> String {
    let pattern = uuid6_pattern();
    // Where the digits of the time stand in the text, most significant first.
    let places = (1..=8).chain(10..=13).chain(16..=18);
    let mut ticks = String::new();
    for (place, shift) in places.zip((0..15).rev()) {
        let plus = if ticks.is_empty() { "" } else { " + " };
        // Writing to a String can't fail.
        let _ = write!(
            ticks,
            "{plus}((instr('0123456789abcdef', substr(checkpoint_id, {place}, 1)) - 1) << {})",
            shift * 4
        );
    }
    // Ticks of 100 ns since the start of the Gregorian calendar, 1582-10-15.
    format!(
        "CASE WHEN checkpoint_id GLOB '{pattern}' THEN datetime(({ticks} - 122192928000000000) / 10000000, 'unixepoch') \
         END"
    )
}
