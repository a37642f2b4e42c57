//! What encoding and decoding have in common: the state of a call, and its containers as they were.
use std::collections::HashMap;
use std::sync::Arc;

use super::memory::Tally;
use super::outline::Found;
use super::state::{Container, State};
use super::verification::Verification;
use crate::buffer::Run;
use crate::codec::plain::PlainClass;
use crate::codec::slots::Slots;

/// How many levels of dicts are gone through for lists: the checkpoint, its channels' values, and two more.
pub const LEVELS: u8 = 4;
/// From this level on a dict of so many entries is a container itself.
pub const ENTRIES_FROM: u8 = 2;
pub const LEAST_ENTRIES: usize = 8;

/// A list that has lost its beginning is known by one of so many last elements.
const LAST: usize = 32;

/// The path of the state itself.
pub const ROOT: u64 = 0xcbf2_9ce4_8422_2325;

/// The path of what lies at `key` within `path`.
#[inline]
pub fn below(path: u64, key: &[u8]) -> u64 {
    key.iter().fold(path ^ 0xff, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// A state in use.
pub struct Recorder<'a> {
    pub state: State,
    pub slots: Slots,
    /// Of the element that is outlined.
    pub found: Found,
    /// The bytes that the state's elements lie in.
    pub former_bytes: &'a [u8],
    former: Vec<Option<Container>>,
    next: usize,
    /// Where each path was; made when one is not at its place.
    places: Option<HashMap<u64, usize>>,
    /// Whether the state's classes are still what they were described as, and at which count of values that were handed
    /// over this was found.
    pub is_current: bool,
    checked_at: u64,
    pub runs: Vec<Run>,
    pub tally: Tally,
    /// What was taken as it was and the same made anew, where everything is verified.
    pub verification: Option<Verification>,
}

impl<'a> Recorder<'a> {
    pub fn new(mut state: State, slots: Slots, former_bytes: &'a [u8], verification: Option<Verification>) -> Self {
        let former = std::mem::take(&mut state.containers).into_iter().map(Some).collect();
        Self {
            state,
            slots,
            found: Found::default(),
            former_bytes,
            former,
            next: 0,
            places: None,
            is_current: true,
            checked_at: 0,
            runs: Vec::new(),
            tally: Tally::default(),
            verification,
        }
    }

    /// Looks through the classes again if values were handed over meanwhile: code that ran then may have changed one.
    #[inline]
    pub fn look_again(&mut self, handed_over: u64, is_current: impl FnMut(&Arc<PlainClass>) -> bool) {
        if self.checked_at != handed_over {
            self.checked_at = handed_over;
            self.is_current = self.is_current && self.state.classes().iter().all(is_current);
        }
    }

    /// The container at this path as it was, if one with these elements, of which the first and the last ones are looked
    /// at, has some of it. Else it is noted, for the next time.
    pub fn former(&mut self, path: u64, count: usize, address: impl Fn(usize) -> usize) -> Option<Container> {
        let marks = [address(0), address(count.saturating_sub(1))];
        if let Some(former) = self.at(path) {
            let last = (count.saturating_sub(LAST)..count).rev().map(&address);
            if former.comes_again(address(0), last) {
                return Some(Container { marks, ..former });
            }
            former.elements.into_iter().for_each(|element| self.state.release(element));
        }
        self.state.containers.push(Container::seen_once(path, marks));
        None
    }

    /// The container that had this path, taken out.
    pub fn at(&mut self, path: u64) -> Option<Container> {
        let is_here = |former: &Option<Container>| former.as_ref().is_some_and(|container| container.path == path);
        let index = if self.former.get(self.next).is_some_and(is_here) {
            self.next
        } else {
            let former = self.former.iter().enumerate().rev();
            let places = former.filter_map(|(index, container)| Some((container.as_ref()?.path, index)));
            *self.places.get_or_insert_with(|| places.collect()).get(&path)?
        };
        self.next = index + 1;
        self.former.get_mut(index)?.take()
    }

    /// Notes that bytes of the container have come to lie at `start`.
    pub fn run(&mut self, start: usize, from: usize, len: usize) {
        match self.runs.last_mut() {
            Some(run) if run.start + run.len == start && run.from + run.len == from => run.len += len,
            _ => self.runs.push(Run { start, from, len }),
        }
    }

    /// Gives up the containers that did not come again.
    pub fn finish(mut self) -> (State, Vec<Run>, Tally) {
        self.release_former();
        (std::mem::take(&mut self.state), std::mem::take(&mut self.runs), std::mem::take(&mut self.tally))
    }

    fn release_former(&mut self) {
        for container in std::mem::take(&mut self.former).into_iter().flatten() {
            container.elements.into_iter().for_each(|element| self.state.release(element));
        }
    }
}

impl Drop for Recorder<'_> {
    fn drop(&mut self) {
        self.release_former();
    }
}
