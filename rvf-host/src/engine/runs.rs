//! Which vectors an exact search compares: runs of neighbours.

/// Runs of vector numbers: the first, and how many.
#[derive(Debug, Clone)]
pub(crate) struct Runs<'a> {
    /// None: every vector counts.
    filter: Option<&'a [u8]>,
    rows: u32,
    /// A run is no longer than this.
    most: u32,
    next: u32,
}

impl<'a> Runs<'a> {
    /// The runs of the vectors of a bitmap by vector number, or of all; none is longer than `most`.
    pub(crate) fn new(rows: u32, filter: Option<&'a [u8]>, most: u32) -> Self {
        Self {
            filter,
            rows,
            most: most.max(1),
            next: 0,
        }
    }

    /// The first number from `from` on, and below `end`, whose bit is `wanted`; else `end`.
    fn find(bits: &[u8], from: u32, end: u32, wanted: bool) -> u32 {
        let mut at = from;
        while at < end {
            let byte = bits.get(at as usize / 8).copied().unwrap_or_default();
            let byte = if wanted { byte } else { !byte } >> (at % 8);
            if byte != 0 {
                return at.saturating_add(byte.trailing_zeros()).min(end);
            }
            at = (at | 7).saturating_add(1);
        }
        end
    }
}

impl Iterator for Runs<'_> {
    type Item = (u32, u32);

    fn next(&mut self) -> Option<(u32, u32)> {
        let first = match self.filter {
            Some(bits) => Self::find(bits, self.next, self.rows, true),
            None => self.next,
        };
        if first >= self.rows {
            return None;
        }
        let most = first.saturating_add(self.most).min(self.rows);
        let end = match self.filter {
            Some(bits) => Self::find(bits, first, most, false),
            None => most,
        };
        self.next = end;
        Some((first, end - first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_hold_each_number_of_the_bitmap_once_and_in_order() {
        let mut state = 7_u32;
        for rows in 1..80 {
            let bits: Vec<u8> = (0..10)
                .map(|_| {
                    state = state.wrapping_mul(0x0019_660D).wrapping_add(0x3C6E_F35F);
                    match state >> 30 {
                        0 => 0,
                        1 => 0xFF,
                        _ => (state >> 12) as u8,
                    }
                })
                .collect();
            let expected: Vec<u32> = (0..rows)
                .filter(|n| bits[*n as usize / 8] & (1 << (n % 8)) != 0)
                .collect();
            for most in [1, 5, 32, u32::MAX] {
                let runs: Vec<(u32, u32)> = Runs::new(rows, Some(&bits), most).collect();
                assert!(runs.iter().all(|run| (1..=most).contains(&run.1)));
                let found: Vec<u32> = runs.iter().flat_map(|&(n, c)| n..n + c).collect();
                assert_eq!(found, expected, "{rows} {most}");
                let all: Vec<u32> = Runs::new(rows, None, most)
                    .flat_map(|(n, c)| n..n + c)
                    .collect();
                assert_eq!(all, (0..rows).collect::<Vec<_>>());
            }
        }
    }
}
