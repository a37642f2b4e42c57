//! A file, told from others that take its name.
use std::path::Path;

/// Device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIdentity(u64, u64);

impl FileIdentity {
    #[cfg(unix)]
    pub fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        // By its name: opening and closing the file would drop the locks that SQLite holds on it.
        std::fs::metadata(path).ok().map(|file| Self(file.dev(), file.ino()))
    }

    /// Files can't be told apart.
    #[cfg(not(unix))]
    pub fn of(_path: &Path) -> Option<Self> {
        None
    }
}
