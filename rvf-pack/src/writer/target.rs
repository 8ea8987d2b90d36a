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
    folder: Folder,
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
        let (path, replaced) = match fs::metadata(path) {
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
            Ok(found) => (
                path.canonicalize().map_err(failed)?,
                Some(found.permissions()),
            ),
            // Found now, not after all the work, when the link is in the way of the new name.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_ok() =>
            {
                return Err(PackError::TargetDangling {
                    path: path.to_path_buf(),
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => (path.to_path_buf(), None),
            Err(error) => return Err(failed(error)),
        };
        if path.file_name().is_none() {
            return Err(failed(io::ErrorKind::InvalidInput.into()));
        }
        let mut builder = tempfile::Builder::new();
        // Not made of the target's name: that may be as long as a name can be.
        builder.prefix(".rvf-").suffix(".part");
        // What a new file gets, less what the user's mask takes away.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let (file, temporary) = builder
            .tempfile_in(folder(&path))
            .map(NamedTempFile::into_parts)
            .map_err(failed)?;
        // A file that is replaced may have been for few eyes: so is the new one.
        let permissions = match replaced {
            Some(permissions) => permissions,
            None => file.metadata().map_err(failed)?.permissions(),
        };
        // While it is built the file is for this process alone, since it is mapped.
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .map_err(failed)?;
        let file = OwnFile::new(file, folder(&path).to_path_buf());
        let folder = Folder::open(folder(&path));
        Ok((
            Self {
                path,
                temporary,
                permissions,
                force,
                folder,
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
            folder,
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
        folder.sync();
        Ok(())
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// The folder of a target, open to make a new name in it last, where the system can do that.
///
/// A folder that may be written but not read can't be opened, and not every file system can sync one. Neither is a
/// failure: the file is whole and has its name, which the system brings to the disk in its own time.
#[derive(Debug)]
struct Folder(#[cfg(unix)] Option<fs::File>);

impl Folder {
    #[cfg(unix)]
    fn open(path: &Path) -> Self {
        Self(fs::File::open(path).ok())
    }

    #[cfg(not(unix))]
    fn open(_: &Path) -> Self {
        Self()
    }

    fn sync(self) {
        #[cfg(unix)]
        if let Some(folder) = self.0 {
            // See above: nothing that failed here would undo the file.
            let _ = folder.sync_all();
        }
    }
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
    #[test]
    fn a_name_may_be_as_long_as_the_system_allows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n".repeat(255));
        write(&path, false, b"1").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"1");
    }

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_keeps_its_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.rvf");
        for mode in [0o600, 0o640, 0o444] {
            write(&path, true, b"old").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            write(&path, true, b"new").unwrap();
            let found = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(found & 0o777, mode);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_nothing_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link.rvf");
        std::os::unix::fs::symlink(folder.path().join("nothing"), &link).unwrap();
        for force in [false, true] {
            let error = Target::create(&link, force).unwrap_err();
            assert!(matches!(error, PackError::TargetDangling { .. }), "{error}");
        }
        assert_eq!(names(folder.path()), ["link.rvf"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_can_not_be_synced_is_no_failure_once_the_file_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.rvf");
        for unsynced in [None, Some(fs::File::open("/dev/null").unwrap())] {
            let (mut target, mut file) = Target::create(&path, true).unwrap();
            assert!(target.folder.0.is_some());
            file.write_at(0, b"whole").unwrap();
            target.folder = Folder(unsynced);
            target.keep().unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"whole");
        }
    }
}
