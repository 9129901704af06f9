//! Reading a repository without running anything that it names.

use crate::base::{Error, Result};
use gix::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::index::entry::Mode;
use gix::objs::Kind;
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Git's `user.email` for a directory, which may be in no repository.
pub fn user_email(directory: &Path) -> Option<String> {
    let email = match gix::discover(directory) {
        Ok(git) => git.config_snapshot().string("user.email"),
        Err(_) => gix::config::File::from_globals().ok()?.string("user.email"),
    };
    email.map(|email| email.to_str_lossy().into_owned())
}

/// The files below `root` that git knows and that differ from the last commit, from the top of the repository; none
/// where there is no git.
///
/// # Errors
/// If there is a repository that cannot be read.
pub fn uncommitted(root: &Path) -> Result<Vec<PathBuf>> {
    let root = root.canonicalize().map_err(|e| Error::io("open", root, &e))?;
    if gix::discover::upwards(&root).is_err() {
        return Ok(Vec::new());
    }
    let unreadable = |e: &dyn std::fmt::Display| {
        Error::new(format!("cannot read the git repository of {}: {e}", root.display()))
            .hint("`git status` says more; --force changes the files without looking")
    };
    let git = gix::discover(&root).map_err(|e| unreadable(&e))?;
    let Some(top) = git.workdir() else { return Ok(Vec::new()) };
    let top = top.canonicalize().map_err(|e| Error::io("open", top, &e))?;
    let below = root.strip_prefix(&top).unwrap_or(Path::new("")).as_os_str().as_bytes().as_bstr().to_owned();
    let wanted =
        |path: &BStr| below.is_empty() || path.strip_prefix(&below[..]).is_some_and(|rest| rest.starts_with(b"/"));
    let index = git.index_or_empty().map_err(|e| unreadable(&e))?;
    let mut committed = last_commit(&git, 100_000 + 2 * index.entries().len()).map_err(|e| unreadable(&e))?;
    let written = (index.timestamp().unix_seconds(), i64::from(index.timestamp().nanoseconds()));
    let mut found = Vec::new();
    for entry in index.entries() {
        let path = entry.path(&index);
        let same_as_committed = committed.remove(path) == Some(entry.id);
        if !wanted(path) || entry.mode == Mode::COMMIT || entry.mode.is_sparse() {
            continue;
        }
        if !same_as_committed || !is_as_staged(&git, &top, path, entry, written) {
            found.push(PathBuf::from(std::ffi::OsStr::from_bytes(path)));
        }
    }
    // Staged to be removed.
    let gone = committed.into_keys().filter(|path| wanted(path.as_bstr()));
    found.extend(gone.map(|path| PathBuf::from(std::ffi::OsStr::from_bytes(&path))));
    found.sort();
    found.dedup();
    Ok(found)
}

/// The files of the last commit; none before the first. An error where there are more than `most` names: folders that hold
/// the same folder several times can have any number of them.
fn last_commit(
    git: &gix::Repository,
    mut most: usize,
) -> std::result::Result<BTreeMap<BString, ObjectId>, Box<dyn std::error::Error>> {
    let mut files = BTreeMap::new();
    if git.head()?.is_unborn() {
        return Ok(files);
    }
    let mut todo = vec![(git.head_commit()?.tree_id()?.detach(), BString::default())];
    while let Some((id, folder)) = todo.pop() {
        let tree = git.find_object(id)?;
        if tree.kind != Kind::Tree {
            return Err("a folder is no tree".into());
        }
        for entry in gix::objs::TreeRefIter::from_bytes(&tree.data, id.kind()) {
            let entry = entry?;
            most = most.checked_sub(1).ok_or("the last commit has far more files than the index")?;
            let mut path = folder.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(entry.filename);
            if entry.mode.is_tree() {
                todo.push((entry.oid.to_owned(), path));
            } else if !entry.mode.is_commit() {
                files.insert(path, entry.oid.to_owned());
            }
        }
    }
    Ok(files)
}

/// As git tells: by size and time, and by content where the file may have changed since the index was written. Filters are not run: a
/// file that one changes and that was touched is taken for changed, but for the ends of its lines.
fn is_as_staged(
    git: &gix::Repository,
    top: &Path,
    path: &BStr,
    entry: &gix::index::Entry,
    written: (i64, i64),
) -> bool {
    let place = top.join(std::ffi::OsStr::from_bytes(path));
    let Ok(found) = place.symlink_metadata() else { return false };
    let is_link = entry.mode == Mode::SYMLINK;
    let executable = entry.mode == Mode::FILE_EXECUTABLE;
    if found.is_symlink() != is_link || !is_link && (!found.is_file() || (found.mode() & 0o100 != 0) != executable) {
        return false;
    }
    // Of 0 bytes, git says so of a file that was written while it staged it.
    if !is_link && entry.stat.size != 0 && u64::from(entry.stat.size) != found.size() {
        return false;
    }
    if has_times_of(&found, entry) && (found.mtime(), found.mtime_nsec()) < written {
        return true;
    }
    let content = match is_link {
        true => std::fs::read_link(&place).map(|target| target.as_os_str().as_bytes().to_owned()),
        false => std::fs::read(&place),
    };
    let Ok(content) = content else { return false };
    let is =
        |bytes: &[u8]| gix::objs::compute_hash(git.object_hash(), Kind::Blob, bytes).is_ok_and(|id| id == entry.id);
    is(&content) || is(&content.replace("\r\n", "\n"))
}

fn has_times_of(file: &Metadata, entry: &gix::index::Entry) -> bool {
    let stat = &entry.stat;
    u64::from(stat.size) == file.size()
        && i64::from(stat.mtime.secs) == file.mtime()
        && i64::from(stat.mtime.nsecs) == file.mtime_nsec()
}
