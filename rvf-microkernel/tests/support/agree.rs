//! A query, asked of the crate in every way, and of the naive search.

use rvf_microkernel::{Backend, Error, Mode, Params};

use super::{bits, least_window, params, regions, run, run_blocks, run_starved};
use crate::naive::File;
use crate::naive::lists::overlap;
use crate::naive::search::{Answer, Ask, Hits, Stats, coded, exact};

/// All that this machine has. Without detection that is one.
pub(crate) fn backends() -> Vec<Backend> {
    #[cfg(feature = "detect")]
    return Backend::available().collect();
    #[cfg(not(feature = "detect"))]
    return vec![Backend::scalar()];
}

fn best() -> Backend {
    #[cfg(feature = "detect")]
    return Backend::best();
    #[cfg(not(feature = "detect"))]
    return Backend::scalar();
}

/// A query of a file.
#[derive(Debug, Clone)]
pub(crate) struct Question<'a> {
    pub(crate) file: &'a File,
    pub(crate) q: &'a [f32],
    pub(crate) ask: Ask<'a>,
    /// Coded, or blocks: exact search, for which the host brings the records.
    pub(crate) mode: Mode,
}

/// Row and the bits of the distance, and the stats.
pub(crate) type Exactly = (Vec<(u32, u32)>, Stats);

impl Question<'_> {
    pub(crate) fn naive(&self) -> Answer {
        match self.mode {
            Mode::Coded => coded(self.file, self.q, &self.ask),
            Mode::Blocks => exact(self.file, self.q, &self.ask),
        }
    }

    /// What must come out. Damaged files may have no answer.
    pub(crate) fn expected(&self) -> Result<Exactly, Error> {
        self.naive().map_err(|_| Error::BadData).map(exactly)
    }

    pub(crate) fn params(&self) -> Params {
        params(&self.ask, self.mode)
    }

    pub(crate) fn by(&self, backend: Backend) -> Result<Exactly, Error> {
        if self.mode == Mode::Blocks {
            return run_blocks(self.file, self.q, self.params(), backend, &self.ask, 100)
                .map(exactly);
        }
        let mut data = regions(self.file, &self.ask);
        run(self.file, self.q, self.params(), backend, &mut data).map(exactly)
    }

    /// With ranges of `window` bytes, `max_needs` at once, of which `feed` are given; blocks of `feed` records.
    pub(crate) fn starved(
        &self,
        window: u32,
        max_needs: u32,
        feed: usize,
    ) -> Result<Exactly, Error> {
        let params = Params {
            window,
            max_needs,
            ..self.params()
        };
        let backend = best();
        if self.mode == Mode::Blocks {
            return run_blocks(self.file, self.q, params, backend, &self.ask, feed).map(exactly);
        }
        run_starved(self.file, self.q, params, backend, &self.ask, feed).map(exactly)
    }

    /// Every backend answers like the naive search.
    pub(crate) fn backends_agree(&self) {
        let expected = self.expected();
        for backend in backends() {
            assert_eq!(self.by(backend), expected, "{backend:?} {}", self.name());
        }
    }

    /// The answers about a damaged file: every backend gives the same, and where the lists are sound so does the naive
    /// search.
    pub(crate) fn damaged_agrees(&self) {
        if overlap(self.file) {
            let scalar = self.by(Backend::scalar());
            for backend in backends() {
                assert_eq!(self.by(backend), scalar, "{backend:?} {}", self.name());
            }
        } else {
            self.backends_agree();
        }
        let error = self.by(best()).err();
        assert!(error.is_none_or(|error| error == Error::BadData));
        // Fed in small pieces it ends, too.
        let least = least_window(self.file, &self.ask);
        assert_eq!(self.starved(least, 5, 2), self.by(best()));
    }

    /// Neither the window changes the answer, nor how much is fed at once.
    pub(crate) fn starved_agrees(&self) {
        let expected = self.expected();
        let least = least_window(self.file, &self.ask);
        for (window, max_needs, feed) in [
            (least, 4, 1),
            (least, 4, 9),
            (least * 5 / 2, 7, 3),
            (1 << 20, 64, 9),
        ] {
            assert_eq!(
                self.starved(window, max_needs, feed),
                expected,
                "window {window}, {max_needs} needs, {feed} fed, {}",
                self.name()
            );
        }
    }

    pub(crate) fn name(&self) -> String {
        let File {
            rows,
            lists,
            d,
            metric,
            kind,
            ..
        } = self.file;
        let Ask {
            k,
            probes,
            slack,
            pool,
            filter,
        } = &self.ask;
        format!(
            "{:?}: rows {rows} lists {lists} d {d} metric {metric} kind {kind} k {k} probes {probes} slack {slack} \
             pool {pool} filter {}",
            self.mode,
            filter.is_some(),
        )
    }
}

fn exactly((hits, stats): (Hits, Stats)) -> Exactly {
    (bits(&hits), stats)
}
