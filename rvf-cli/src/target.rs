//! Files that this program writes: whole, or not at all.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::failure::{Failure, without_numbers};
use crate::view::shown_path;

/// Writes a file to a temporary one beside it, syncs that, and renames it. What was there before is there until then.
///
/// # Errors
///
/// The target exists and `force` is not set, is no regular file, or cannot be written; or `write` fails. Nothing is
/// left then.
pub(crate) fn write_whole<T>(
    target: &Path,
    force: bool,
    write: impl FnOnce(&mut BufWriter<&File>) -> Result<T, WriteFailure>,
) -> Result<T, Failure> {
    let place = check(target, force)?;
    let fail = |error: &io::Error| cannot_write(target, error);
    let folder = folder_of(&place);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".rvf-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As for any new file: the user's umask takes off what is not wanted.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let temporary = builder.tempfile_in(folder).map_err(|error| fail(&error))?;
    let result = {
        let mut writer = BufWriter::new(temporary.as_file());
        let result = write(&mut writer).map_err(|failure| match failure {
            WriteFailure::Io(error) => fail(&error),
            WriteFailure::Other(failure) => failure,
        })?;
        writer.flush().map_err(|error| fail(&error))?;
        result
    };
    temporary
        .as_file()
        .sync_all()
        .map_err(|error| fail(&error))?;
    let renamed = if force {
        temporary.persist(&place)
    } else {
        temporary.persist_noclobber(&place)
    };
    renamed.map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => exists(target),
        _ => fail(&error.error),
    })?;
    // The rename itself lasts only when the folder is synced. Not every system can, and the file is there.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(result)
}

/// Why a file's content did not come to be.
#[derive(Debug)]
pub(crate) enum WriteFailure {
    /// It cannot be written.
    Io(io::Error),
    /// It cannot be had.
    Other(Failure),
}

impl From<io::Error> for WriteFailure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Sees that the target may be written, and follows it if it is a link. To be called before long work.
pub(crate) fn check(target: &Path, force: bool) -> Result<PathBuf, Failure> {
    let metadata = match std::fs::metadata(target) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = folder_of(target);
            std::fs::metadata(folder).map_err(|error| cannot_write(target, &error))?;
            return Ok(target.to_path_buf());
        }
        Err(error) => return Err(cannot_write(target, &error)),
    };
    if metadata.is_dir() {
        return Err(
            Failure::new(format!("{} is a folder, not a file", shown_path(target)))
                .remedy("name a file in it"),
        );
    }
    if !metadata.is_file() {
        return Err(Failure::new(format!(
            "{} is not a regular file, and would be replaced by one",
            shown_path(target)
        ))
        .remedy("name another file"));
    }
    if !force {
        return Err(exists(target));
    }
    std::fs::canonicalize(target).map_err(|error| cannot_write(target, &error))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn exists(target: &Path) -> Failure {
    Failure::new(format!("{} exists already", shown_path(target)))
        .remedy("name another file, or add --force to replace it")
}

fn cannot_write(target: &Path, error: &io::Error) -> Failure {
    let remedy = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space, or name a file on another disk"
        }
        io::ErrorKind::NotFound => "create the folder first, or name a file in one that exists",
        _ => "name a file in a folder that you may write to",
    };
    Failure::new(format!(
        "cannot write {}: {}",
        shown_path(target),
        plain_io(error)
    ))
    .remedy(remedy)
}

/// The system's words, without its number for them.
pub(crate) fn plain_io(error: &io::Error) -> String {
    without_numbers(&error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_failed_write_leaves_nothing_and_keeps_what_was() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out");
        std::fs::write(&target, "before").unwrap();
        let result = write_whole(&target, true, |to| {
            to.write_all(b"half")?;
            Err::<(), _>(WriteFailure::Other(Failure::new("no")))
        });
        assert!(result.is_err());
        assert_eq!(std::fs::read(&target).unwrap(), b"before");
        assert_eq!(names(folder.path()), ["out"]);
    }

    #[test]
    fn an_existing_file_needs_force() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out");
        let write = |force| write_whole(&target, force, |to| Ok(to.write_all(b"new")?));
        assert!(write(false).is_ok());
        assert!(write(false).is_err());
        assert!(write(true).is_ok());
        assert_eq!(names(folder.path()), ["out"]);
    }

    #[test]
    #[cfg(unix)]
    fn a_link_is_followed_and_a_device_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::write(&real, "before").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write_whole(&link, true, |to| Ok(to.write_all(b"new")?)).unwrap();
        assert_eq!(std::fs::read(&real).unwrap(), b"new");
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert!(check(Path::new("/dev/null"), true).is_err());
    }
}
