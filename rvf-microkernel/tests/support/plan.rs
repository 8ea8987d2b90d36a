//! Rows spread over lists.

use super::Rng;
use crate::naive::pack::Plan;

/// Sizes of lists that groups of 32 and tiles of four end in each way.
const SIZES: [usize; 9] = [33, 0, 100, 1, 32, 31, 64, 2, 7];

/// A plan of `lists` lists, of which the last one or any other takes what the sizes leave. Each list is what lies
/// around one of its rows. A third of the rows have a second entry, half of these in the list that follows, and
/// empty lists may get them too; every fifth list gets none.
pub(crate) fn plan(rng: &mut Rng, input: &[Vec<f32>], lists: usize) -> Plan {
    // One list stands in the order of the rows.
    if lists == 1 {
        return Plan::one(input.len());
    }
    let mut left: Vec<usize> = (0..input.len()).collect();
    shuffle(rng, &mut left);
    let rest = if rng.below(2) == 0 {
        lists - 1
    } else {
        rng.below(lists)
    };
    let small: usize = (0..lists)
        .map(|l| if l == rest { 0 } else { SIZES[l % 9] })
        .sum();
    let mut own = vec![Vec::new(); lists];
    for (l, own) in own.iter_mut().enumerate() {
        let size = if l == rest {
            input.len().saturating_sub(small)
        } else {
            SIZES[l % 9]
        };
        *own = take_near(&mut left, input, size);
    }
    // Where the rows end before the sizes do, nothing is left.
    own[rest].append(&mut left);
    shuffle(rng, &mut own[rest]);

    let mut second = vec![Vec::new(); lists];
    for (l, own) in own.iter().enumerate() {
        for &row in own {
            let to = if rng.below(2) == 0 {
                (l + 1) % lists
            } else {
                rng.below(lists)
            };
            if rng.below(3) == 0 && to != l && to % 5 != 4 {
                second[to].push(row);
            }
        }
    }
    for second in &mut second {
        shuffle(rng, second);
    }
    Plan { own, second }
}

/// Takes the rows that are nearest to the first one.
fn take_near(left: &mut Vec<usize>, input: &[Vec<f32>], size: usize) -> Vec<usize> {
    let Some(&seed) = left.first() else {
        return Vec::new();
    };
    let distance = |row: usize| -> f32 {
        let pairs = input[row].iter().zip(&input[seed]);
        pairs.map(|(a, b)| (a - b) * (a - b)).sum()
    };
    let mut by_distance: Vec<(f32, usize)> = left.iter().map(|&row| (distance(row), row)).collect();
    by_distance.sort_by(|a, b| a.0.total_cmp(&b.0));
    let taken: Vec<usize> = by_distance.iter().take(size).map(|&(_, row)| row).collect();
    left.retain(|row| !taken.contains(row));
    taken
}

fn shuffle(rng: &mut Rng, rows: &mut [usize]) {
    for i in (1..rows.len()).rev() {
        rows.swap(i, rng.below(i + 1));
    }
}
