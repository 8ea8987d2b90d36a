//! A source that is fetched range by range, from wherever the caller keeps it.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{ByteSource, RangeRequest};

/// Fetches ranges of one object: an HTTP client, an object store, a test.
pub trait FetchRange: Send + Sync {
    /// Length of the object in bytes.
    ///
    /// # Errors
    ///
    /// What the transport says.
    fn size(&self) -> io::Result<u64>;

    /// The bytes of each range, in order. All are wanted at once: fetch them side by side where that helps.
    ///
    /// # Errors
    ///
    /// What the transport says. An answer of another length than asked for is found by the caller.
    fn fetch(&self, ranges: &[Range<u64>]) -> io::Result<Vec<Vec<u8>>>;
}

/// How much was fetched so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Rounds: calls of [`FetchRange::fetch`], one after the other.
    pub rounds: u64,
    /// Ranges fetched in them.
    pub requests: u64,
    /// Bytes fetched in them.
    pub bytes: u64,
}

/// A [`ByteSource`] over a [`FetchRange`]: joins ranges that are near to each other and counts what is fetched.
pub struct RangeReader<F> {
    fetch: F,
    gap: u64,
    rounds: AtomicU64,
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl<F: FetchRange> RangeReader<F> {
    /// Joins ranges that are at most 4 KiB apart: fetching so few bytes in vain is cheaper than one more request.
    pub const GAP: u64 = 4096;

    /// Wraps a fetcher.
    pub fn new(fetch: F) -> Self {
        Self {
            fetch,
            gap: Self::GAP,
            rounds: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// Joins ranges that are at most `gap` bytes apart; 0 joins only those that touch.
    #[must_use]
    pub fn with_gap(mut self, gap: u64) -> Self {
        self.gap = gap;
        self
    }

    /// What was fetched so far.
    pub fn traffic(&self) -> Traffic {
        Traffic {
            rounds: self.rounds.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// The fetcher itself.
    pub fn get_ref(&self) -> &F {
        &self.fetch
    }
}

impl<F> fmt::Debug for RangeReader<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RangeReader")
            .field("gap", &self.gap)
            .finish_non_exhaustive()
    }
}

/// The ranges to fetch for some requests, which are in ascending order.
fn join(requests: &[RangeRequest<'_>], gap: u64) -> io::Result<Vec<Range<u64>>> {
    let mut joined: Vec<Range<u64>> = Vec::new();
    for request in requests {
        let end = request
            .offset
            .checked_add(request.buffer.len() as u64)
            .ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("no source reaches to offset {}", request.offset),
                )
            })?;
        match joined.last_mut() {
            Some(last)
                if request.offset >= last.start
                    && request.offset <= last.end.saturating_add(gap) =>
            {
                last.end = last.end.max(end);
            }
            _ => joined.push(request.offset..end),
        }
    }
    Ok(joined)
}

fn wrong_answer(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl<F: FetchRange> ByteSource for RangeReader<F> {
    fn size(&self) -> io::Result<u64> {
        self.fetch.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.read_ranges(&mut [RangeRequest { offset, buffer }])
    }

    fn read_ranges(&self, requests: &mut [RangeRequest<'_>]) -> io::Result<()> {
        let ranges = join(requests, self.gap)?;
        let answers = self.fetch.fetch(&ranges)?;
        if answers.len() != ranges.len() {
            return Err(wrong_answer(format!(
                "{} ranges were asked for, {} came",
                ranges.len(),
                answers.len()
            )));
        }
        self.rounds.fetch_add(1, Ordering::Relaxed);
        self.requests
            .fetch_add(ranges.len() as u64, Ordering::Relaxed);
        for (range, answer) in ranges.iter().zip(&answers) {
            let asked = range.end - range.start;
            if answer.len() as u64 != asked {
                return Err(wrong_answer(format!(
                    "{asked} bytes at offset {} were asked for, {} came",
                    range.start,
                    answer.len()
                )));
            }
            self.bytes.fetch_add(asked, Ordering::Relaxed);
        }

        let mut at = 0;
        for request in requests {
            while ranges
                .get(at)
                .is_some_and(|range| range.end <= request.offset && !request.buffer.is_empty())
            {
                at += 1;
            }
            let found = ranges
                .get(at)
                .zip(answers.get(at))
                .and_then(|(range, answer)| {
                    let start = usize::try_from(request.offset.checked_sub(range.start)?).ok()?;
                    answer.get(start..start.checked_add(request.buffer.len())?)
                });
            match found {
                Some(bytes) => request.buffer.copy_from_slice(bytes),
                None => {
                    return Err(wrong_answer(
                        "the ranges asked for are not in ascending order".to_owned(),
                    ));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Numbers;

    impl FetchRange for Numbers {
        fn size(&self) -> io::Result<u64> {
            Ok(100)
        }

        fn fetch(&self, ranges: &[Range<u64>]) -> io::Result<Vec<Vec<u8>>> {
            Ok(ranges
                .iter()
                .map(|range| range.clone().map(|n| n as u8).collect())
                .collect())
        }
    }

    fn read(source: &RangeReader<Numbers>, ranges: &[Range<u64>]) -> Vec<Vec<u8>> {
        let mut buffers: Vec<Vec<u8>> = ranges
            .iter()
            .map(|range| vec![0; (range.end - range.start) as usize])
            .collect();
        let mut requests: Vec<RangeRequest<'_>> = ranges
            .iter()
            .zip(&mut buffers)
            .map(|(range, buffer)| RangeRequest {
                offset: range.start,
                buffer,
            })
            .collect();
        source.read_ranges(&mut requests).unwrap();
        buffers
    }

    #[test]
    fn near_ranges_are_joined_and_far_ones_are_not() {
        let source = RangeReader::new(Numbers).with_gap(4);
        let got = read(&source, &[0..3, 7..9, 20..22]);
        assert_eq!(got, [vec![0, 1, 2], vec![7, 8], vec![20, 21]]);
        assert_eq!(
            source.traffic(),
            Traffic {
                rounds: 1,
                requests: 2,
                bytes: 11
            }
        );
    }

    #[test]
    fn every_range_gets_its_own_bytes() {
        let source = RangeReader::new(Numbers).with_gap(0);
        let got = read(&source, &[3..4, 4..6, 6..6, 50..51]);
        assert_eq!(got, [vec![3], vec![4, 5], vec![], vec![50]]);
    }

    struct Short;

    impl FetchRange for Short {
        fn size(&self) -> io::Result<u64> {
            Ok(100)
        }

        fn fetch(&self, ranges: &[Range<u64>]) -> io::Result<Vec<Vec<u8>>> {
            Ok(ranges.iter().map(|_| vec![0]).collect())
        }
    }

    #[test]
    fn an_answer_of_another_length_is_an_error() {
        let error = RangeReader::new(Short).read_at(0, &mut [0; 2]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
