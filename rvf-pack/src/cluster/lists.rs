//! Which list holds which vectors, and where all of it stands (format.md, sections 6 and 7).

use std::ops::Range;

/// No list: the second of a row that has none.
pub(crate) const NONE: u32 = u32::MAX;

/// The lists of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lists {
    rows: u32,
    /// The row of each vector; empty where vectors stand in the order of the rows, as they do with one list.
    rows_of: Vec<u32>,
    /// The first vector of each list, and behind them the number of rows.
    own: Vec<u32>,
    /// Where the second entries of each list start among all of them, and how many those are.
    second: Vec<u32>,
    /// The vectors of the second entries, list by list, in ascending order.
    seconds: Vec<u32>,
}

impl Lists {
    /// One list of all rows.
    pub(crate) fn one(rows: u32) -> Self {
        Self {
            rows,
            rows_of: Vec::new(),
            own: vec![0, rows],
            second: vec![0, 0],
            seconds: Vec::new(),
        }
    }

    /// `count` lists, more than one. `own` and `second` have for each row its own list, and that of its second entry or
    /// [`NONE`].
    pub(crate) fn new(count: usize, own: &[u32], second: &[u32]) -> Self {
        let rows = own.len() as u32;
        let (own_starts, rows_of) = sorted_by_list(count, (0..).zip(own));
        // From here on vectors go by their numbers.
        let by_number = rows_of.iter().map(|row| &second[*row as usize]);
        let (second_starts, seconds) = sorted_by_list(count, (0..).zip(by_number));
        Self {
            rows,
            rows_of,
            own: own_starts,
            second: second_starts,
            seconds,
        }
    }

    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// How many lists there are.
    pub(crate) fn count(&self) -> usize {
        self.own.len() - 1
    }

    /// How many second entries there are, all lists together.
    pub(crate) fn second_entries(&self) -> u32 {
        self.seconds.len() as u32
    }

    /// The row of a vector.
    pub(crate) fn row_of(&self, number: u32) -> u32 {
        // With one list there is no table.
        self.rows_of.get(number as usize).copied().unwrap_or(number)
    }

    /// The numbers of a list's own vectors.
    pub(crate) fn own(&self, list: usize) -> Range<u32> {
        self.own[list]..self.own[list + 1]
    }

    /// The numbers of the vectors that have their second entry in a list.
    pub(crate) fn second(&self, list: usize) -> &[u32] {
        &self.seconds[self.second[list] as usize..self.second[list + 1] as usize]
    }

    /// How many own and second entries a list has.
    pub(crate) fn lengths(&self, list: usize) -> (u32, u32) {
        (self.own(list).len() as u32, self.second(list).len() as u32)
    }

    /// The vector of a list's entry: its own come first.
    pub(crate) fn entry(&self, list: usize, place: u32) -> u32 {
        let own = self.own(list);
        match place.checked_sub(own.len() as u32) {
            None => own.start + place,
            Some(place) => self.second(list)[place as usize],
        }
    }

    /// The vector number of each row (R-VEC-7).
    pub(crate) fn order(&self) -> Vec<u32> {
        let mut order = vec![0; self.rows as usize];
        for number in 0..self.rows {
            order[self.row_of(number) as usize] = number;
        }
        order
    }
}

/// Sorts items by their list, and within a list leaves them in order. Items of the list [`NONE`] are left out. Returns
/// where each list starts, and the items.
fn sorted_by_list<'a>(
    count: usize,
    items: impl Iterator<Item = (u32, &'a u32)> + Clone,
) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0_u32; count + 1];
    let listed = || items.clone().filter(|(_, list)| **list != NONE);
    for (_, list) in listed() {
        starts[*list as usize + 1] += 1;
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    let mut next = starts.clone();
    let mut sorted = vec![0; sum as usize];
    for (item, list) in listed() {
        let place = &mut next[*list as usize];
        sorted[*place as usize] = item;
        *place += 1;
    }
    (starts, sorted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_stand_list_after_list_and_rows_in_order() {
        let own = [2, 0, 2, 3, 0, 2];
        let second = [0, NONE, 3, 0, 2, NONE];
        let lists = Lists::new(4, &own, &second);
        assert_eq!(
            (lists.count(), lists.rows(), lists.second_entries()),
            (4, 6, 4)
        );
        let rows: Vec<u32> = (0..6).map(|number| lists.row_of(number)).collect();
        assert_eq!(rows, [1, 4, 0, 2, 5, 3]);
        assert_eq!(
            (0..4).map(|list| lists.own(list)).collect::<Vec<_>>(),
            [0..2, 2..2, 2..5, 5..6]
        );
        // Rows 0 and 3 are vectors 2 and 5, row 4 is vector 1, row 2 is vector 3.
        assert_eq!(
            (0..4).map(|list| lists.second(list)).collect::<Vec<_>>(),
            [&[2, 5][..], &[], &[1], &[3]]
        );
        assert_eq!(
            (0..4)
                .map(|place| lists.entry(0, place))
                .collect::<Vec<_>>(),
            [0, 1, 2, 5]
        );
        for (row, number) in (0..).zip(lists.order()) {
            assert_eq!(lists.row_of(number), row);
        }
    }

    #[test]
    fn with_one_list_vectors_are_rows() {
        let lists = Lists::one(5);
        assert_eq!(
            (lists.count(), lists.own(0), lists.second(0)),
            (1, 0..5, &[][..])
        );
        assert_eq!(lists.order(), [0, 1, 2, 3, 4]);
    }
}
