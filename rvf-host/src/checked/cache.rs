//! A cache of checked blocks, of bounded size.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Names a block: the segment's number in the manifest and the block's number in the segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BlockKey {
    pub(crate) segment: usize,
    pub(crate) number: u64,
}

struct Held {
    bytes: Vec<u8>,
    /// Whether it was used since its turn last came.
    used: bool,
}

/// Blocks in the order of their turns. Whose turn comes is dropped, unless it was used since ("second chance").
pub(crate) struct Blocks {
    held: HashMap<BlockKey, Held>,
    turns: VecDeque<BlockKey>,
    bytes: usize,
    capacity: usize,
}

impl Blocks {
    pub(crate) fn get(&mut self, key: BlockKey) -> Option<&[u8]> {
        let held = self.held.get_mut(&key)?;
        held.used = true;
        Some(&held.bytes)
    }

    pub(crate) fn put(&mut self, key: BlockKey, bytes: Vec<u8>) {
        if bytes.len() > self.capacity || self.held.contains_key(&key) {
            return;
        }
        while self.bytes + bytes.len() > self.capacity {
            let Some(turn) = self.turns.pop_front() else {
                return;
            };
            match self.held.get_mut(&turn) {
                Some(held) if held.used => {
                    held.used = false;
                    self.turns.push_back(turn);
                }
                _ => {
                    let freed = self.held.remove(&turn).map_or(0, |held| held.bytes.len());
                    self.bytes = self.bytes.saturating_sub(freed);
                }
            }
        }
        self.bytes += bytes.len();
        self.turns.push_back(key);
        self.held.insert(key, Held { bytes, used: false });
    }
}

/// The cache, for several threads.
pub(crate) struct BlockCache(Mutex<Blocks>);

impl BlockCache {
    /// A cache that holds at most `capacity` bytes of blocks.
    pub(crate) fn new(capacity: usize) -> Self {
        Self(Mutex::new(Blocks {
            held: HashMap::new(),
            turns: VecDeque::new(),
            bytes: 0,
            capacity,
        }))
    }

    pub(crate) fn with<R>(&self, use_it: impl FnOnce(&mut Blocks) -> R) -> R {
        // A thread that ended in the middle leaves at worst a wrong count of bytes; the blocks are checked ones.
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> BlockKey {
        BlockKey { segment: 1, number }
    }

    #[test]
    fn it_never_holds_more_than_its_capacity_and_keeps_what_is_used() {
        let cache = BlockCache::new(1000);
        cache.with(|blocks| {
            for number in 0..500 {
                blocks.put(key(number), vec![number as u8; 100]);
                assert_eq!(blocks.get(key(0)), Some(&[0; 100][..]));
                assert!(blocks.bytes <= 1000);
                assert_eq!(
                    blocks.bytes,
                    blocks
                        .held
                        .values()
                        .map(|held| held.bytes.len())
                        .sum::<usize>()
                );
                assert_eq!(blocks.held.len(), blocks.turns.len());
            }
            assert_eq!(blocks.get(key(499)), Some(&[243; 100][..]));
            assert_eq!(blocks.get(key(200)), None);
            blocks.put(key(1000), vec![0; 1001]);
            assert_eq!(blocks.get(key(1000)), None);
        });
    }
}
