//! A file that is served: found by name alone, opened anew for each request.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rvf_types::digest::plain_hash;
use rvf_types::limits::ROOT_LEN;

use crate::failure::Failure;
use crate::target::plain_io;
use crate::view::shown_path;

/// Below this path stand the files that were named.
const FOLDER: &str = "files/";

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) path: PathBuf,
    /// Its path in URLs, percent-encoded, without the first slash.
    pub(crate) url: String,
    /// Its size when serving began.
    pub(crate) bytes: u64,
}

/// An open file with what identifies its content.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) bytes: u64,
    /// With its quotes.
    pub(crate) etag: String,
}

impl Shared {
    /// The files by the names that they have in URLs: their own, with a number behind it where two would be the same.
    pub(crate) fn all(paths: &[PathBuf]) -> Result<Vec<Self>, Failure> {
        let mut all: Vec<Self> = Vec::with_capacity(paths.len());
        for path in paths {
            let opened = open(path).map_err(|error| {
                Failure::new(format!(
                    "cannot open {}: {}",
                    shown_path(path),
                    plain_io(&error)
                ))
                .remedy("name .rvf files that exist and that you may read")
            })?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let mut url = format!("{FOLDER}{}", encoded(&name));
            let mut number = 2_u32;
            while all.iter().any(|other| other.url == url) {
                url = format!("{FOLDER}{number}-{}", encoded(&name));
                number = number.saturating_add(1);
            }
            all.push(Self {
                path: path.clone(),
                url,
                bytes: opened.bytes,
            });
        }
        Ok(all)
    }

    pub(crate) fn open(&self) -> io::Result<Opened> {
        open(&self.path)
    }
}

fn open(path: &Path) -> io::Result<Opened> {
    let not_a_file = || io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
    // Looked at before it is opened: the opening of a pipe waits for a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(not_a_file());
    }
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(not_a_file());
    }
    // The root names the hash of the manifest, and so of every byte that the file was written with. Length and time
    // tell one from another that was damaged or is no .rvf file.
    let mut input = Vec::new();
    file.by_ref().take(ROOT_LEN).read_to_end(&mut input)?;
    input.extend(metadata.len().to_le_bytes());
    if let Ok(time) = metadata.modified() {
        let time = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        input.extend(time.as_nanos().to_le_bytes());
    }
    Ok(Opened {
        file,
        bytes: metadata.len(),
        etag: etag(&input),
    })
}

/// A strong ETag of bytes, with its quotes.
pub(crate) fn etag(bytes: &[u8]) -> String {
    let mut tag = String::from("\"");
    for byte in plain_hash(bytes).content() {
        // Writing to a String cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

/// A file's name as one segment of a path in a URL.
fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// The bytes that a path in a URL stands for; `None` where an escape is no escape.
pub(crate) fn decoded(path: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push(u8::try_from(digit()? << 4 | digit()?).ok()?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_from_their_urls() {
        for name in ["a.rvf", "two words.rvf", "100%.rvf", "größe?#&.rvf", "日本"] {
            let url = encoded(name);
            assert!(
                url.is_ascii() && !url.contains(['?', '#', '/', ' ']),
                "{url}"
            );
            assert_eq!(decoded(&url).unwrap(), name.as_bytes());
        }
        assert_eq!(decoded("a%2"), None);
        assert_eq!(decoded("a%zz"), None);
    }

    #[test]
    fn files_of_one_name_have_addresses_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a", "b", "c"].map(|sub| {
            std::fs::create_dir(folder.path().join(sub)).unwrap();
            let path = folder.path().join(sub).join("x.rvf");
            std::fs::write(&path, sub).unwrap();
            path
        });
        let shared = Shared::all(&paths).unwrap();
        let urls: Vec<_> = shared.iter().map(|file| file.url.as_str()).collect();
        assert_eq!(urls, ["files/x.rvf", "files/2-x.rvf", "files/3-x.rvf"]);
    }

    #[test]
    fn another_content_or_length_or_time_has_another_etag() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.rvf");
        let mut tags = Vec::new();
        for content in ["one", "two", "two and more"] {
            std::fs::write(&path, content).unwrap();
            tags.push(open(&path).unwrap().etag);
        }
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(UNIX_EPOCH).unwrap();
        tags.push(open(&path).unwrap().etag);
        assert_eq!(tags[3], open(&path).unwrap().etag);
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 4);
    }

    #[test]
    fn what_is_no_file_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        assert!(open(folder.path()).is_err());
        assert!(open(&folder.path().join("none")).is_err());
    }
}
