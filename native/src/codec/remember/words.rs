//! Words of memory that are the same as long as an object is: pointers, sizes, and the versions of dicts.
#![allow(unsafe_code)] // reads words within Python objects

/// A word, and the value that it had.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    address: *const usize,
    value: usize,
}

impl Word {
    /// The word at this address, with its value at the moment.
    ///
    /// # Safety
    /// A word that can be read lies there.
    #[inline]
    pub unsafe fn now<T>(address: *const T) -> Self {
        let address = address.cast::<usize>();
        // SAFETY: by the caller's promise.
        Self { address, value: unsafe { address.read() } }
    }

    /// The word at this address, which is to have this value.
    #[inline]
    pub fn expected<T>(address: *const T, value: usize) -> Self {
        Self { address: address.cast(), value }
    }

    pub fn address(&self) -> *const usize {
        self.address
    }
}

/// How many words ahead of those that are compared memory is fetched into the cache: a state that was last used a while ago
/// is compared in a third of the time.
const AHEAD: usize = 32;

#[inline]
fn prefetch(address: *const usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch has no effect that a program could notice, whatever the address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Whether the words from `first` on, `count` of them, have their values still.
///
/// # Safety
/// The first lies in a live object. Each further one lies in an object that is alive if all words before it have their
/// values: they are compared in this order, and none after the first that differs.
#[inline]
pub unsafe fn unchanged(words: &[Word], first: usize, count: usize) -> bool {
    let Some(own) = words.get(first..first + count) else { return false };
    if let Some(ahead) = words.get(first + AHEAD..first + AHEAD + count) {
        ahead.iter().for_each(|word| prefetch(word.address));
    }
    // SAFETY: by the caller's promise.
    own.iter().all(|word| unsafe { word.address.read() } == word.value)
}
