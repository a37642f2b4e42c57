//! Which layouts there are.

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Layout {
    /// SqliteSaver's.
    #[default]
    Standard,
    Compact,
    /// Compact, on its way to standard: no more pieces are stored.
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
        match self {
            Self::Standard => "standard",
            Self::Compact => "compact",
            Self::Closing => "compact, half converted to standard",
        }
    }

    /// Whether `checkpoints` is a view, and rows may be made of pieces.
    pub fn is_compact(self) -> bool {
        self != Self::Standard
    }

    /// The table with the keys of checkpoints and their metadata.
    pub fn table(self) -> &'static str {
        if self.is_compact() { "fl_checkpoints" } else { "checkpoints" }
    }
}
