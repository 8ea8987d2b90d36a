//! The builder of files.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rvf_types::{Metric, VectorKind};

use crate::build;
use crate::error::PackError;
use crate::ids::Listed;
use crate::module::Module;
use crate::progress::{Callback, Progress, Reporter};
use crate::report::PackReport;
use crate::source::{Id, Source};
use crate::writer::{OwnFile, Storage, Target};

/// The seed of the rotation unless another is asked for.
pub const DEFAULT_SEED: u64 = 0x5256_4632;

/// The environment variable that reproducible builds take their time from, in seconds since 1970.
const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

/// Packs vectors into an `.rvf` file.
///
/// The same input and options give the same bytes, on every machine and with any number of threads. Vectors that were
/// extracted from a file and are packed again with its options give the same vectors, codes and index; only the table of
/// measured efforts may differ, as it is measured against the input.
///
/// ```
/// use rvf_pack::{Metric, Packer, source::MemorySource};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let target = folder.path().join("three.rvf");
/// let mut vectors = MemorySource::new(2, vec![1.0, 0.0, 0.0, 1.0, -1.0, 0.5], None)?;
/// let report = Packer::new().metric(Metric::L2).pack_to_path(&mut vectors, &target)?;
/// assert_eq!((report.rows, report.dimension), (3, 2));
/// assert_eq!(std::fs::metadata(&target)?.len(), report.file_length);
/// # Ok(())
/// # }
/// ```
pub struct Packer<'a> {
    pub(crate) options: Options,
    progress: Option<Callback<'a>>,
    cancel: Option<Arc<AtomicBool>>,
    force: bool,
    threads: usize,
}

/// What decides the bytes of the file, beside the input.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) metric: Metric,
    pub(crate) vectors: VectorKind,
    pub(crate) ids: IdChoice,
    pub(crate) modules: Vec<Module>,
    pub(crate) properties: BTreeMap<String, String>,
    pub(crate) timestamp: u64,
    pub(crate) seed: u64,
    pub(crate) measure: bool,
    /// None: as many as are best.
    pub(crate) lists: Option<u32>,
    /// The recall that must be reached.
    pub(crate) recall: Option<f64>,
}

/// Where the ids come from.
#[derive(Debug, Clone)]
pub(crate) enum IdChoice {
    Source,
    None,
    List(Listed),
}

impl Default for Packer<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Packer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packer")
            .field("options", &self.options)
            .field("force", &self.force)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl<'a> Packer<'a> {
    /// Cosine, vectors as i8, the ids of the source, the two kernels of this version, one thread for each processor.
    #[must_use]
    pub fn new() -> Self {
        let options = Options {
            metric: Metric::Cosine,
            vectors: VectorKind::I8,
            ids: IdChoice::Source,
            modules: Module::kernels(),
            properties: BTreeMap::new(),
            timestamp: 0,
            seed: DEFAULT_SEED,
            measure: true,
            lists: None,
            recall: None,
        };
        Self {
            options,
            progress: None,
            cancel: None,
            force: false,
            threads: 0,
        }
    }

    /// How the distance of two vectors is measured.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.options.metric = metric;
        self
    }

    /// The most exact form in which vectors are kept, for the final order of hits and for extraction. Signed bytes are
    /// kept in any case.
    #[must_use]
    pub fn vectors(mut self, vectors: VectorKind) -> Self {
        self.options.vectors = vectors;
        self
    }

    /// Ids for the rows, in their order, in place of those of the source.
    ///
    /// ```
    /// use rvf_pack::{Packer, source::{Id, MemorySource}};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut vectors = MemorySource::new(1, vec![1.0, -1.0], None)?;
    /// let ids = vec![Id::Text("up".into()), Id::Text("down".into())];
    /// let (file, report) = Packer::new().ids(ids).pack_to_vec(&mut vectors)?;
    /// assert_eq!(file.len() as u64, report.file_length);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn ids(mut self, ids: Vec<Id>) -> Self {
        self.options.ids = IdChoice::List(Listed::new(ids));
        self
    }

    /// Keeps no ids: the id of a row is its number.
    #[must_use]
    pub fn without_ids(mut self) -> Self {
        self.options.ids = IdChoice::None;
        self
    }

    /// The modules for the file, in place of the two kernels of this version.
    #[cfg(feature = "modules")]
    #[must_use]
    pub fn modules(mut self, modules: Vec<Module>) -> Self {
        self.options.modules = modules;
        self
    }

    /// Adds a free-form property, or changes it.
    #[must_use]
    pub fn property(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.properties.insert(key.into(), value.into());
        self
    }

    /// The time that the segments bear, in nanoseconds since 1970. 0, the default, for none.
    #[must_use]
    pub fn timestamp(mut self, nanoseconds: u64) -> Self {
        self.options.timestamp = nanoseconds;
        self
    }

    /// Takes the time from the environment variable `SOURCE_DATE_EPOCH`, in seconds, if it is set.
    ///
    /// # Errors
    ///
    /// It is set to something that is no number of seconds, or a time after the year 2554.
    pub fn timestamp_from_environment(mut self) -> Result<Self, PackError> {
        if let Some(found) = std::env::var_os(SOURCE_DATE_EPOCH) {
            let found = found.to_string_lossy();
            self.options.timestamp =
                nanoseconds(&found).ok_or_else(|| PackError::SourceDateEpoch {
                    found: found.clone().into_owned(),
                })?;
        }
        Ok(self)
    }

    /// The seed of the rotation, and of what is drawn to find lists: [`DEFAULT_SEED`] unless it is set. 0 stands for that
    /// too, as the rotation has no seed 0 (K-ROT-1).
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = if seed == 0 { DEFAULT_SEED } else { seed };
        self
    }

    /// The number of lists that the vectors are divided into, 1 to 65,536 and at most the number of rows, in place of
    /// what is found to be best: a search visits some of them alone. With 1 it looks at all vectors.
    #[must_use]
    pub fn lists(mut self, lists: u32) -> Self {
        self.options.lists = Some(lists);
        self
    }

    /// The recall, above 0 and at most 1, that the lists are made for, that the file must be measured to reach for ten hits,
    /// and that a search aims at which is asked for none. Unless it is set, lists are made for 0.95 and 0.99, the file
    /// reaches what it can, and 0.95 is aimed at. It must be [measured](Self::measure).
    #[must_use]
    pub fn recall(mut self, recall: f64) -> Self {
        self.options.recall = Some(recall);
        self
    }

    /// Whether rows are held out as queries to measure what recall a search reaches at which effort (R-MAN-8). On
    /// unless it is switched off; without it the file has no such table, and a reader can't be asked for a recall.
    #[must_use]
    pub fn measure(mut self, measure: bool) -> Self {
        self.options.measure = measure;
        self
    }

    /// The number of threads; 0, the default, for one a processor. It does not change the bytes of the file.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Whether a target that exists is replaced.
    #[must_use]
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// Is told how far the work is, several times a second, by one thread at a time.
    ///
    /// ```
    /// use rvf_pack::{Packer, source::MemorySource};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut vectors = MemorySource::new(1, vec![1.0, -1.0], None)?;
    /// let mut phases = Vec::new();
    /// let mut packer = Packer::new().progress(|now| phases.push(now.phase));
    /// packer.pack_to_vec(&mut vectors)?;
    /// drop(packer);
    /// assert_eq!(phases.first(), Some(&rvf_pack::Phase::Store));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn progress(mut self, callback: impl FnMut(Progress) + Send + 'a) -> Self {
        self.progress = Some(Box::new(callback));
        self
    }

    /// A flag that, once it is set, ends the work within a moment with [`PackError::Cancelled`]. Of a file that was to
    /// be written nothing is left behind.
    #[must_use]
    pub fn cancel(mut self, flag: Arc<AtomicBool>) -> Self {
        self.cancel = Some(flag);
        self
    }

    /// Packs all rows of `source` into the file `path`.
    ///
    /// The file is built under another name beside `path`, and gets its name when it is whole and on the disk. After an
    /// error nothing is left of it.
    ///
    /// # Errors
    ///
    /// See [`PackError`].
    pub fn pack_to_path(
        &mut self,
        source: &mut dyn Source,
        path: &Path,
    ) -> Result<PackReport, PackError> {
        let (target, mut file) = Target::create(path, self.force)?;
        let report = self
            .pack_to_storage(source, &mut file)
            .map_err(|error| error.for_target(path))?;
        drop(file);
        target.keep()?;
        Ok(report)
    }

    /// Packs all rows of `source` into memory.
    ///
    /// # Errors
    ///
    /// See [`PackError`].
    pub fn pack_to_vec(
        &mut self,
        source: &mut dyn Source,
    ) -> Result<(Vec<u8>, PackReport), PackError> {
        let mut bytes = Vec::new();
        let report = self.pack_to_storage(source, &mut bytes)?;
        Ok((bytes, report))
    }

    /// Packs all rows of `source` and writes the file to `output`, from its first to its last byte. It is built in a
    /// temporary file before.
    ///
    /// # Errors
    ///
    /// See [`PackError`]. `output` may then have part of the file.
    pub fn pack_to_writer(
        &mut self,
        source: &mut dyn Source,
        output: &mut dyn Write,
    ) -> Result<PackReport, PackError> {
        let mut file = OwnFile::unnamed().map_err(PackError::output("create a temporary file"))?;
        let report = self.pack_to_storage(source, &mut file)?;
        copy(&mut file, report.file_length, output).map_err(PackError::output("write the file"))?;
        Ok(report)
    }

    /// Packs all rows of `source` into a storage that is empty.
    ///
    /// # Errors
    ///
    /// See [`PackError`]. What is in the storage is then of no use.
    pub fn pack_to_storage(
        &mut self,
        source: &mut dyn Source,
        storage: &mut dyn Storage,
    ) -> Result<PackReport, PackError> {
        let reporter = Reporter::new(self.progress.as_mut(), self.cancel.clone());
        let options = &self.options;
        on_threads(self.threads, || {
            build::build(options, source, storage, reporter)
        })
    }
}

/// Does the work on as many threads; 0 for one a processor.
#[cfg(not(target_family = "wasm"))]
fn on_threads<T: Send>(
    threads: usize,
    work: impl FnOnce() -> Result<T, PackError> + Send,
) -> Result<T, PackError> {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let threads = threads.map_err(|error| PackError::Threads {
        problem: error.to_string(),
    })?;
    threads.install(work)
}

/// WebAssembly has no threads of its own: rayon does the work on the caller's, if it is not asked for a pool.
#[cfg(target_family = "wasm")]
fn on_threads<T>(
    _threads: usize,
    work: impl FnOnce() -> Result<T, PackError>,
) -> Result<T, PackError> {
    work()
}

fn nanoseconds(seconds: &str) -> Option<u64> {
    seconds.parse::<u64>().ok()?.checked_mul(1_000_000_000)
}

fn copy(from: &mut dyn Storage, length: u64, to: &mut dyn Write) -> io::Result<()> {
    const AT_ONCE: usize = 1 << 20;
    let mut buffer = vec![0; AT_ONCE];
    let mut done = 0;
    while done < length {
        let here = usize::try_from(length - done).map_or(AT_ONCE, |left| left.min(AT_ONCE));
        let buffer = &mut buffer[..here];
        from.read_at(done, buffer)?;
        to.write_all(buffer)?;
        done += here as u64;
    }
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_is_in_whole_seconds() {
        assert_eq!(nanoseconds("1700000000"), Some(1_700_000_000_000_000_000));
        for text in ["", "now", "-1", "1.5", "18446744074"] {
            assert_eq!(nanoseconds(text), None, "{text}");
        }
    }
}
