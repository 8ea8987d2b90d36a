//! What a search costs, counted in codes that are looked at: to compare efforts, and ways to divide vectors into lists.
//!
//! The weights are rounded from measurements of the kernel on one processor (384 dimensions, AVX-512). They are constants
//! so that the same input gives the same file on every machine; the comparisons that they decide are between efforts of
//! like makeup, so that another processor would seldom choose otherwise, and never lose much.

/// A second look.
const SECOND_LOOK: f64 = 8.0;

/// An integer distance: most of it is the wait for a record that is in no near cache.
const RANK: f64 = 55.0;

/// To visit a list: the centroids that are ranked for it, its directory entry, and groups that are not full.
const LIST: f64 = 50.0;

/// Centroids that are ranked for each list that is visited, where few are.
const RANKED_CENTROIDS: f64 = 1.5;

/// To choose lists from so many centroids and to visit so many of them, which have so many entries together.
pub(crate) fn of_lists(lists: usize, probes: usize, entries: f64) -> f64 {
    lists as f64 + entries + LIST * probes as f64
}

/// To look at what passes the first look of a search that visits so many of so many lists. `ranked` counts centroids too.
pub(crate) fn of_looks(lists: usize, probes: usize, second_looks: f64, ranked: f64) -> f64 {
    // Where many lists are visited, of the others at most half are ranked.
    let (lists, probes) = (lists as f64, probes as f64);
    let centroids = (RANKED_CENTROIDS * probes).min(f64::midpoint(probes, lists));
    SECOND_LOOK * second_looks + RANK * (ranked - centroids).max(0.0)
}
