//! What `status()` tells of the codec: the counts of its two sites.
use std::sync::LazyLock;

use crate::counts::Counts;

pub static ENCODED: LazyLock<Counts> = LazyLock::new(|| Counts::new("JsonPlusSerializer.dumps_typed".to_owned()));
pub static DECODED: LazyLock<Counts> = LazyLock::new(|| Counts::new("JsonPlusSerializer.loads_typed".to_owned()));
