//! An output file that is there whole or not at all.

use std::fs::{self, Permissions};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use crate::error::PackError;
use crate::writer::storage::OwnFile;

/// A temporary file beside a target. Unless it is kept it is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Target {
    path: PathBuf,
    temporary: TempPath,
    permissions: Permissions,
    force: bool,
}

impl Target {
    /// Creates the temporary file. It becomes `path` by [`keep`](Self::keep). `force`: a file that is there already may
    /// be replaced.
    pub(crate) fn create(path: &Path, force: bool) -> Result<(Self, OwnFile), PackError> {
        let failed = |error| PackError::Target {
            path: path.to_path_buf(),
            doing: "create",
            error,
        };
        let path = match fs::metadata(path) {
            Ok(found) if !found.is_file() => {
                return Err(PackError::TargetNotAFile {
                    path: path.to_path_buf(),
                });
            }
            Ok(_) if !force => {
                return Err(PackError::TargetExists {
                    path: path.to_path_buf(),
                });
            }
            // A link stays a link: what it points to is replaced.
            Ok(_) => path.canonicalize().map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_path_buf(),
            Err(error) => return Err(failed(error)),
        };
        let Some(name) = path.file_name() else {
            return Err(failed(io::ErrorKind::InvalidInput.into()));
        };
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(name);
        prefix.push(".");
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(".part");
        // What a new file gets, less what the user's mask takes away.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let (file, temporary) = builder
            .tempfile_in(folder(&path))
            .map(NamedTempFile::into_parts)
            .map_err(failed)?;
        let permissions = file.metadata().map_err(failed)?.permissions();
        // While it is built the file is for this process alone, since it is mapped.
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .map_err(failed)?;
        let file = OwnFile::new(file, folder(&path).to_path_buf());
        Ok((
            Self {
                path,
                temporary,
                permissions,
                force,
            },
            file,
        ))
    }

    /// Gives the file its name. What it holds must have been synced.
    pub(crate) fn keep(self) -> Result<(), PackError> {
        let Self {
            path,
            temporary,
            permissions,
            force,
        } = self;
        let failed = |error| PackError::Target {
            path: path.clone(),
            doing: "finish",
            error,
        };
        fs::set_permissions(&temporary, permissions).map_err(failed)?;
        if force {
            temporary
                .persist(&path)
                .map_err(|error| failed(error.error))?;
        } else {
            temporary
                .persist_noclobber(&path)
                .map_err(|error| match error.error.kind() {
                    io::ErrorKind::AlreadyExists => PackError::TargetExists { path: path.clone() },
                    _ => failed(error.error),
                })?;
        }
        sync_folder(folder(&path)).map_err(failed)
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Makes the new name last, where the system can do that.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::storage::Storage;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn write(path: &Path, force: bool, bytes: &[u8]) -> Result<(), PackError> {
        let (target, mut file) = Target::create(path, force)?;
        file.write_at(0, bytes).unwrap();
        drop(file);
        target.keep()
    }

    #[test]
    fn a_target_appears_only_when_it_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.rvf");
        let (target, mut file) = Target::create(&path, false).unwrap();
        file.write_at(0, b"half").unwrap();
        assert!(!path.exists());
        assert_eq!(names(folder.path()).len(), 1);
        drop(target);
        assert_eq!(names(folder.path()).len(), 0);
        write(&path, false, b"whole").unwrap();
        assert_eq!(names(folder.path()), ["a.rvf"]);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn an_existing_target_is_replaced_only_by_force() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.rvf");
        fs::write(&path, b"old").unwrap();
        assert!(matches!(
            write(&path, false, b"new"),
            Err(PackError::TargetExists { .. })
        ));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        write(&path, true, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a.rvf"]);
    }

    #[test]
    fn a_target_that_appears_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.rvf");
        let (target, _file) = Target::create(&path, false).unwrap();
        fs::write(&path, b"other").unwrap();
        assert!(matches!(target.keep(), Err(PackError::TargetExists { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"other");
        assert_eq!(names(folder.path()), ["a.rvf"]);
    }

    #[test]
    fn what_is_no_file_or_in_no_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            Target::create(folder.path(), true),
            Err(PackError::TargetNotAFile { .. })
        ));
        let inside_nothing = folder.path().join("no").join("a.rvf");
        let error = Target::create(&inside_nothing, true).unwrap_err();
        assert!(matches!(error, PackError::Target { .. }), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_kept_file_has_the_permissions_of_any_new_file_and_a_link_stays_one() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let ordinary = folder.path().join("ordinary");
        fs::write(&ordinary, b"").unwrap();
        let path = folder.path().join("a.rvf");
        write(&path, false, b"1").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&ordinary));
        let link = folder.path().join("link.rvf");
        symlink(&path, &link).unwrap();
        write(&link, true, b"2").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"2");
    }
}
