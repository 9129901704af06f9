//! The git repository that is scanned, and which part of it.

use crate::base::{Error, Result};
use gix::bstr::{BString, ByteSlice};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// A git repository, opened to be read by several threads.
pub(super) struct Opened {
    pub git: gix::ThreadSafeRepository,
    /// The top of its work tree, with no symbolic link in it; a bare repository has none.
    pub top: Option<PathBuf>,
    /// Only this file or folder, from the top; all where it is empty.
    pub below: BString,
    /// Whether there is something at that path in the work tree.
    pub exists: bool,
}

impl Opened {
    /// Finds the repository of a file or folder, which may be there in history alone.
    ///
    /// # Errors
    /// When no git repository is there or above, or it cannot be opened.
    pub fn find(path: &Path) -> Result<Self> {
        let absolute = std::path::absolute(path).map_err(|e| Error::io("open", path, &e))?;
        let absolute = without_dots(&absolute)?;
        let exists = absolute.symlink_metadata().is_ok();
        // A link at the end is looked at as a link; what leads there may be links.
        let (above, mut last) = match (absolute.is_dir() && !absolute.is_symlink(), absolute.parent()) {
            (false, Some(parent)) => (parent, PathBuf::from(absolute.file_name().unwrap_or_default())),
            _ => (&*absolute, PathBuf::new()),
        };
        let mut start = above;
        while !start.is_dir() {
            let (Some(parent), Some(name)) = (start.parent(), start.file_name()) else { break };
            last = Path::new(name).join(&last);
            start = parent;
        }
        let start = start.canonicalize().map_err(|e| Error::io("open", start, &e))?;
        gix::discover::upwards(&start).map_err(|_| {
            Error::new(format!("there is no git repository in {} or above it", start.display()))
                .hint("name a file or folder of one: `pkeys scan PATH`, or make one: `git init`")
        })?;
        let git = gix::ThreadSafeRepository::discover(&start).map_err(|e| {
            Error::new(format!("cannot open the git repository of {}: {e}", start.display()))
                .hint("`git status` there says more")
        })?;
        let top = git.work_dir().map(|top| top.canonicalize().map_err(|e| Error::io("open", top, &e))).transpose()?;
        let below = match &top {
            // Inside .git, or of another repository's work tree: all of it.
            Some(top) => start.strip_prefix(top).map(|inner| inner.join(&last)).unwrap_or_default(),
            None => PathBuf::new(),
        };
        let below =
            if git.git_dir().canonicalize().is_ok_and(|dir| start.starts_with(dir)) { PathBuf::new() } else { below };
        let below = below.as_os_str().as_bytes().trim_end_with(|c| c == '/').into();
        Ok(Self { git, top, below, exists })
    }

    /// Whether a path from the top is wanted.
    pub fn wants(&self, path: &[u8]) -> bool {
        match path.strip_prefix(&self.below[..]) {
            Some(rest) => self.below.is_empty() || rest.is_empty() || rest[0] == b'/',
            None => false,
        }
    }

    /// Whether something wanted may be in the folder of this path.
    pub fn leads(&self, folder: &[u8]) -> bool {
        self.wants(folder) || self.below.strip_prefix(folder).is_some_and(|rest| rest.starts_with(b"/"))
    }
}

/// Takes `.` and `..` away, which for a path that is there is left to the file system.
fn without_dots(path: &Path) -> Result<PathBuf> {
    if !path.components().any(|part| part == Component::ParentDir) {
        return Ok(path.to_owned());
    }
    path.canonicalize().map_err(|e| Error::io("open", path, &e))
}

/// A path as it is shown, in JSON and in the allow-list too.
pub(super) fn shown(path: &[u8]) -> String {
    path.to_str_lossy().into_owned()
}
