//! An open file.

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use rvf_microkernel::Region;
use rvf_types::{
    FormatError, IndexHead, Manifest, ManifestBuf, ManifestHead, Root, RootRecord, SegmentEntry,
    SegmentHeader, SegmentType, VectorKind, digest, limits,
};

use crate::checked::{CheckedFile, Span};
use crate::engine::{Chosen, Engine};
use crate::error::HostError;
use crate::kept::Kept;
use crate::limits::Limits;
use crate::module::Module;
use crate::root;
use crate::source::{ByteSource, FileReads, Io, MappedFile};

/// How a file is opened and searched.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OpenOptions {
    /// How [`Reader::open_path`] reads the file.
    pub io: Io,
    /// What answers queries.
    pub engine: Engine,
    /// What a module from the file may use.
    pub limits: Limits,
    /// Compute each returned distance again from the vector as stored, and refuse an answer with a wrong one.
    pub check_answers: bool,
    /// Bytes of checked blocks that are kept where the source is not in memory. 64 MiB by default.
    pub cache_bytes: usize,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            io: Io::default(),
            engine: Engine::default(),
            limits: Limits::default(),
            check_answers: false,
            cache_bytes: 64 << 20,
        }
    }
}

impl OpenOptions {
    /// The defaults: map the file, run known kernels natively and others in the sandbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says how [`Reader::open_path`] reads the file.
    #[must_use]
    pub fn io(mut self, io: Io) -> Self {
        self.io = io;
        self
    }

    /// Says what answers queries.
    #[must_use]
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// Says what a module from the file may use.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Says whether returned distances are computed again and compared.
    #[must_use]
    pub fn check_answers(mut self, check: bool) -> Self {
        self.check_answers = check;
        self
    }

    /// Says how many bytes of checked blocks are kept where the source is not in memory.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }
}

/// Something about an open file that is no error, but that its user should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// One root record is invalid beside a valid one: damage, or a commit that was cut short (R-ROOT-4).
    DamagedRecord {
        /// Which one: 0 or 1.
        record: u8,
        /// What is wrong with it.
        why: FormatError,
    },
    /// The root records are of two generations: a commit was cut short between them (R-ROOT-4).
    CutShort {
        /// The older record: 0 or 1.
        record: u8,
        /// Its generation.
        generation: u64,
    },
    /// There are bytes behind the committed length (R-ROOT-5).
    UncommittedTail {
        /// Where they start.
        offset: u64,
        /// How many there are.
        bytes: u64,
    },
}

impl Warning {
    /// The rule that says so.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::DamagedRecord { .. } | Self::CutShort { .. } => "R-ROOT-4",
            Self::UncommittedTail { .. } => "R-ROOT-5",
        }
    }

    /// Where in the file, in bytes from its start.
    #[must_use]
    pub fn offset(&self) -> u64 {
        let record = |number: u8| {
            limits::RECORD_OFFSETS
                .get(usize::from(number))
                .copied()
                .unwrap_or_default()
        };
        match *self {
            Self::DamagedRecord { record: number, .. } | Self::CutShort { record: number, .. } => {
                record(number)
            }
            Self::UncommittedTail { offset, .. } => offset,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DamagedRecord { record, why } => write!(
                f,
                "root record {record} is damaged, or a commit was cut short; the other one is used ({why})"
            ),
            Self::CutShort { record, generation } => write!(
                f,
                "a commit was cut short: root record {record} still names generation {generation}; the newer one is used (R-ROOT-4)"
            ),
            Self::UncommittedTail { offset, bytes } => write!(
                f,
                "{bytes} bytes behind the committed length, from offset {offset} on, belong to no commit and are ignored (R-ROOT-5)"
            ),
        }
    }
}

/// An open file: it can be searched from several threads at once.
///
/// Opening reads and checks the first 4 KiB and the manifest, nothing else. What a query then touches is checked
/// before it is used: a digest table when its segment is first used, a block when it is first touched.
#[derive(Debug)]
pub struct Reader {
    file: CheckedFile,
    parts: ManifestBuf,
    head: ManifestHead,
    record: RootRecord,
    file_length: u64,
    warnings: Vec<Warning>,
    options: OpenOptions,
    modules: OnceLock<Vec<Module>>,
    chosen: OnceLock<Chosen>,
    pub(crate) sound_lists: OnceLock<()>,
    usual_recall: f64,
    idle: Mutex<Vec<Kept>>,
}

impl Reader {
    /// Opens a file of the file system.
    ///
    /// # Errors
    /// [`HostError::Open`] if it can't be opened, else as [`Reader::open`].
    pub fn open_path(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self, HostError> {
        let path = path.as_ref();
        let failed = |source| HostError::Open {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        match options.io {
            // An empty file can't be mapped everywhere; the reads say what is wrong with it.
            Io::Map if file.metadata().map_err(failed)?.len() > 0 => {
                Self::open(MappedFile::new(&file).map_err(failed)?, options)
            }
            Io::Map | Io::Read => Self::open(FileReads::new(file).map_err(failed)?, options),
        }
    }

    /// Opens what a source holds.
    ///
    /// # Errors
    /// [`HostError::Read`] if the source fails, [`HostError::Format`] for a file that breaks a rule.
    pub fn open(
        source: impl ByteSource + 'static,
        options: &OpenOptions,
    ) -> Result<Self, HostError> {
        let source: Box<dyn ByteSource> = Box::new(source);
        let file_length = source
            .size()
            .map_err(HostError::read("the length of the file", 0))?;
        let page = root::read_page(source.as_ref(), file_length)?;
        root::check_short_page(&page)?;
        let root = Root::parse(&page)?;
        let record = *root.record();
        let mut warnings = Vec::from_iter(root::warning(root.health()));
        warnings.extend(root::tail(&record, file_length)?);
        let (head, parts) = read_manifest(source.as_ref(), &record)?;
        Ok(Self {
            usual_recall: parts.default_recall(),
            file: CheckedFile::new(source, &parts.entries, options.cache_bytes),
            parts,
            head,
            record,
            file_length,
            warnings,
            options: options.clone(),
            modules: OnceLock::new(),
            chosen: OnceLock::new(),
            sound_lists: OnceLock::new(),
            idle: Mutex::new(Vec::new()),
        })
    }

    /// Number of rows, at least 1.
    #[must_use]
    pub const fn rows(&self) -> u32 {
        self.head.rows
    }

    /// Components of a vector, 1 to 65,536.
    #[must_use]
    pub const fn dimension(&self) -> u32 {
        self.head.dimension
    }

    /// The head of the manifest: rows, dimension, metric, what vectors and ids are kept, generation, lineage.
    #[must_use]
    pub const fn head(&self) -> &ManifestHead {
        &self.head
    }

    /// The manifest: segments, efforts, properties.
    #[must_use]
    pub const fn manifest(&self) -> &ManifestBuf {
        &self.parts
    }

    /// The root record that counts.
    #[must_use]
    pub const fn record(&self) -> &RootRecord {
        &self.record
    }

    /// Length of the source in bytes, an uncommitted tail included.
    #[must_use]
    pub const fn file_length(&self) -> u64 {
        self.file_length
    }

    /// What the user of the file should know.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// How the file was opened.
    #[must_use]
    pub const fn options(&self) -> &OpenOptions {
        &self.options
    }

    /// The modules in the file, in the order of their offsets, each with its header checked.
    ///
    /// # Errors
    /// [`HostError::Format`] for a damaged one.
    pub fn modules(&self) -> Result<&[Module], HostError> {
        if let Some(modules) = self.modules.get() {
            return Ok(modules);
        }
        let modules = Module::all(self)?;
        Ok(self.modules.get_or_init(|| modules))
    }

    /// The recall that a query aims at which asks for none.
    pub(crate) const fn usual_recall(&self) -> f64 {
        self.usual_recall
    }

    /// What answers queries on this file; it is chosen when it is first asked for.
    ///
    /// # Errors
    /// [`HostError::UnknownKernel`], [`HostError::NoModule`], [`HostError::Backend`] or [`HostError::Module`] if the
    /// engine that was asked for can't be had.
    pub fn engine(&self) -> Result<&Chosen, HostError> {
        if let Some(chosen) = self.chosen.get() {
            return Ok(chosen);
        }
        let chosen = Chosen::choose(self)?;
        Ok(self.chosen.get_or_init(|| chosen))
    }

    /// The head of the INDEX payload, checked against the manifest, and the mean behind it.
    pub(crate) fn index_start(&self) -> Result<Vec<u8>, HostError> {
        let (segment, entry) = self.index_segment()?;
        let bytes = self.file.read_vec(Span {
            segment,
            from: 0,
            // At most 2¹⁸ bytes of a mean.
            len: IndexHead::LEN + self.dimension() as usize * 4,
        })?;
        IndexHead::parse(&bytes, entry.payload_offset(), &self.head)?;
        Ok(bytes)
    }

    /// The segment of each region of the kernel's interface that the file has.
    pub(crate) fn regions(&self) -> Result<[Option<usize>; Region::COUNT], HostError> {
        let mut regions = [None; Region::COUNT];
        let found = [
            (Region::Index, Some(self.index_segment()?.0)),
            (Region::Quant, Some(self.quant_segment()?.0)),
            (Region::VecI8, Some(self.vec_segment(VectorKind::I8)?.0)),
            (
                Region::VecFloat,
                match self.head.vectors {
                    VectorKind::I8 => None,
                    kind => Some(self.vec_segment(kind)?.0),
                },
            ),
        ];
        for (region, segment) in found {
            if let Some(place) = regions.get_mut(region as usize) {
                *place = segment;
            }
        }
        Ok(regions)
    }

    pub(crate) const fn file(&self) -> &CheckedFile {
        &self.file
    }

    pub(crate) const fn idle(&self) -> &Mutex<Vec<Kept>> {
        &self.idle
    }

    /// The number and the entry of a segment that R-MAN-3 says is there.
    fn find(
        &self,
        wanted: impl Fn(&SegmentEntry) -> bool,
    ) -> Result<(usize, &SegmentEntry), HostError> {
        let mut entries = self.parts.entries.iter().enumerate();
        entries.find(|(_, entry)| wanted(entry)).ok_or_else(|| {
            FormatError::Other {
                rule: "R-MAN-3",
                what: "the file has no segment of a type that it must have",
                offset: self.record.manifest_offset,
            }
            .into()
        })
    }

    pub(crate) fn index_segment(&self) -> Result<(usize, &SegmentEntry), HostError> {
        self.find(|entry| entry.kind == SegmentType::INDEX)
    }

    pub(crate) fn quant_segment(&self) -> Result<(usize, &SegmentEntry), HostError> {
        self.find(|entry| entry.kind == SegmentType::QUANT)
    }

    pub(crate) fn ids_segment(&self) -> Result<(usize, &SegmentEntry), HostError> {
        self.find(|entry| entry.kind == SegmentType::IDS)
    }

    pub(crate) fn order_segment(&self) -> Result<(usize, &SegmentEntry), HostError> {
        self.find(|entry| entry.kind == SegmentType::ORDER)
    }

    pub(crate) fn vec_segment(
        &self,
        kind: VectorKind,
    ) -> Result<(usize, &SegmentEntry), HostError> {
        self.find(|entry| entry.vector_kind() == Some(kind))
    }

    pub(crate) fn no_row(&self, row: u64) -> HostError {
        HostError::NoRow {
            row,
            rows: self.rows().into(),
        }
    }

    pub(crate) fn check_row(&self, row: u32) -> Result<(), HostError> {
        if row < self.rows() {
            Ok(())
        } else {
            Err(self.no_row(row.into()))
        }
    }
}

/// Reads the manifest and checks it: hash, parts, and all that the root and it say together.
fn read_manifest(
    source: &dyn ByteSource,
    record: &RootRecord,
) -> Result<(ManifestHead, ManifestBuf), HostError> {
    let at = record.manifest_offset;
    let bytes = limits::HEADER_LEN.saturating_add(record.manifest_length);
    let segment = root::read_manifest(source, record, bytes)?;
    let header = SegmentHeader::parse(&segment, at)?;
    record.check_manifest_header(&header)?;
    let payload = segment.get(SEGMENT_HEADER..).unwrap_or_default();
    let hash = &record.manifest_hash;
    digest::check_payload(&header, payload, limits::MANIFEST_BLOCK_LOG, hash, at)?;
    let manifest = Manifest::parse(payload, at.saturating_add(limits::HEADER_LEN))?;
    manifest.check_file(record, header.id)?;
    Ok((*manifest.head(), ManifestBuf::from(&manifest)))
}

const SEGMENT_HEADER: usize = 64;
