//! How a checkpoint is to be stored: its pieces with their numbers, those that are new, and its recipe.
use crate::cuts::Cut;
use crate::matching::{Reference, find};
use crate::numbers::{Series, assign};
use crate::piece::{Number, Piece};
use crate::recipe::{RECORD, Recipe};

/// A recipe may take so many steps, and one more for so many bytes of its checkpoint.
const STEPS: usize = 8;
const BYTES_A_CHARACTER: usize = 16;

#[derive(Clone, Debug)]
pub struct Plan {
    pub pieces: Vec<Piece>,
    /// Whether a piece, at the same index, has to be stored.
    pub is_new: Vec<bool>,
    /// The bytes of the checkpoint that are in no piece.
    pub own: Vec<u8>,
    /// The text of its recipe.
    pub recipe: String,
}

/// The plan for `bytes` with these cuts. None if a recipe would take more room than it saves, or if no numbers are
/// left.
///
/// The `references` are checkpoints of the thread whose pieces are stored, the likeliest first; `last` tells the last
/// stored number of a series.
///
/// # Errors
/// Those of `last`.
pub fn plan<E>(
    bytes: &[u8],
    cuts: &[Cut],
    references: &[Reference<'_>],
    mut last: impl FnMut(Series) -> Result<Option<Number>, E>,
) -> Result<Option<Plan>, E> {
    match with_references(bytes, cuts, references, &mut last)? {
        // The stored pieces lie so scattered that naming them takes more room than it saves. Stored once more, in
        // order, they are one range for this checkpoint and for those that come after it.
        None if !references.is_empty() => with_references(bytes, cuts, &[], &mut last),
        plan => Ok(plan),
    }
}

fn with_references<E>(
    bytes: &[u8],
    cuts: &[Cut],
    references: &[Reference<'_>],
    last: impl FnMut(Series) -> Result<Option<Number>, E>,
) -> Result<Option<Plan>, E> {
    let found = find(bytes, cuts, references);
    let Some(numbers) = assign(cuts, &found, last)? else { return Ok(None) };
    let is_new = found.iter().map(Option::is_none).collect();
    let ranges = cuts.iter().map(|cut| cut.range.clone());
    let pieces: Vec<Piece> = ranges.zip(numbers).map(|(range, number)| Piece { range, number }).collect();
    let recipe = Recipe::new(bytes, &pieces);
    let text = recipe.text();
    let is_short = text.len() <= RECORD * STEPS + bytes.len() / BYTES_A_CHARACTER;
    Ok(is_short.then_some(Plan { pieces, is_new, own: recipe.own, recipe: text }))
}
