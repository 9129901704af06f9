//! Generations: directories on a ramfs, filled unseen, and made current in one step.

use crate::Phase;
use crate::contents::File;
use crate::record::{self, RECORD};
use crate::root::Root;
use crate::tree::{self, Found, failed};
use pkeys_bundle::base::{Error, Result};
use pkeys_bundle::wire::Installed;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// `RAMFS_MAGIC` of `linux/magic.h`.
const RAMFS: u64 = 0x8584_58f6;

/// The folders of a generation and their modes; sshd wants to list `authorized_keys`.
pub(super) const FOLDERS: &[(&str, u32)] = &[("secrets", 0o751), ("templates", 0o751), ("authorized_keys", 0o755)];

/// Where the generations of a phase are.
pub(super) struct Store {
    /// `/run`
    above: OwnedFd,
    /// `/run/pkeys.d`
    all: OwnedFd,
    /// `pkeys`
    name: &'static str,
    at: PathBuf,
    privileged: bool,
}

/// The directory `/run/pkeys.d` of `/run/pkeys`.
fn place(phase: Phase) -> PathBuf {
    format!("{}.d", phase.base()).into()
}

/// The generation that a phase has now: its number and directory.
pub(super) fn current(root: &Root, phase: Phase) -> Result<Option<(u64, OwnedFd)>> {
    let base = Path::new(phase.base());
    let Some((above, name)) = root.parent(base, false)? else { return Ok(None) };
    let Found::Link(target) = tree::look(above.as_fd(), name).map_err(|e| failed("read", base, e))? else {
        return Ok(None);
    };
    let Some(number) = Path::new(&target).file_name().and_then(OsStr::to_str).and_then(|n| n.parse().ok()) else {
        return Ok(None);
    };
    let directory = root.directory(&place(phase).join(target_name(number)), false)?;
    Ok(directory.map(|fd| (number, fd)))
}

fn target_name(number: u64) -> String {
    number.to_string()
}

impl Store {
    /// Opens it; on a live system a private ramfs is mounted there if it is not yet.
    pub(super) fn open(root: &Root, phase: Phase, live: bool) -> Result<Self> {
        let at = place(phase);
        let made = |fd: Option<OwnedFd>| fd.ok_or_else(|| Error::new("a directory under /run vanished"));
        let above = made(root.directory(Path::new("/run"), true)?)?;
        let mut all = made(root.directory(&at, true)?)?;
        if live && !own_ramfs(&above, &all)? {
            mount(&all, &at)?;
            all = made(root.directory(&at, true)?)?;
            if !own_ramfs(&above, &all)? {
                return Err(Error::new(format!("{} is not the ramfs that was mounted there", at.display())));
            }
        }
        let name = phase.base().rsplit('/').next().unwrap_or_default();
        Ok(Self { above, all, name, at, privileged: rustix::process::geteuid().is_root() })
    }

    fn numbers(&self) -> Result<Vec<u64>> {
        let names = tree::entries(self.all.as_fd()).map_err(|e| failed("read", &self.at, e))?;
        Ok(names.iter().filter_map(|name| name.to_str()?.parse().ok()).collect())
    }

    /// Fills a new generation; nobody else can look into it yet. With `carry`, its secrets and templates are those of
    /// that generation. `record` says what it is made from.
    pub(super) fn fill(&self, files: &[File], carry: Option<&OwnedFd>, record: &Installed) -> Result<u64> {
        let number = self.numbers()?.into_iter().max().unwrap_or(0) + 1;
        let name = target_name(number);
        let filled = self.fill_new(&name, files, carry, record);
        if let Err(e) = filled {
            let _ = tree::remove(self.all.as_fd(), OsStr::new(&name));
            return Err(failed("fill", &self.at.join(&name), e));
        }
        Ok(number)
    }

    fn fill_new(
        &self,
        name: &str,
        files: &[File],
        carry: Option<&OwnedFd>,
        record: &Installed,
    ) -> rustix::io::Result<()> {
        let open = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::mkdirat(&self.all, name, Mode::from_raw_mode(0o700))?;
        let new = rustix::fs::openat(&self.all, name, open, Mode::empty())?;
        for (folder, mode) in FOLDERS {
            rustix::fs::mkdirat(&new, *folder, Mode::from_raw_mode(0o700))?;
            let into = rustix::fs::openat(&new, *folder, open, Mode::empty())?;
            for file in files.iter().filter(|file| file.folder == *folder) {
                let owner = self.privileged.then_some(file.owner);
                tree::create(into.as_fd(), &file.name, file.bytes.expose(), owner, file.mode)?;
            }
            if let Some(old) = carry.filter(|_| *folder != "authorized_keys") {
                match rustix::fs::openat(old, *folder, open, Mode::empty()) {
                    Ok(from) => {
                        for name in tree::entries(from.as_fd())? {
                            rustix::fs::linkat(&from, &name, &into, &name, AtFlags::empty())?;
                        }
                    }
                    Err(Errno::NOENT) => {}
                    Err(e) => return Err(e),
                }
            }
            rustix::fs::fchmod(&into, Mode::from_raw_mode(*mode))?;
        }
        tree::create(new.as_fd(), RECORD, &record::to_bytes(record), None, 0o444)?;
        // Last: a generation that can be looked into is a whole one.
        rustix::fs::fchmod(&new, Mode::from_raw_mode(0o751))
    }

    /// Makes a filled generation the current one, in one step. Returns what is worth knowing. When that fails, the
    /// filled one is removed again.
    pub(super) fn switch(&self, number: u64) -> Result<Option<String>> {
        let switched = self.replace(number);
        if switched.is_err() {
            let _ = tree::remove(self.all.as_fd(), OsStr::new(&target_name(number)));
        }
        switched
    }

    fn replace(&self, number: u64) -> Result<Option<String>> {
        let name = OsStr::new(self.name);
        let at = Path::new("/run").join(self.name);
        let target = format!("{}.d/{number}", self.name);
        let failed = |e| failed("replace", &at, e);
        if let Found::Directory = tree::look(self.above.as_fd(), name).map_err(failed)? {
            return self.move_aside(&target).map_err(failed).map(Some);
        }
        tree::link(self.above.as_fd(), name, OsStr::new(&target)).map_err(failed).map(|()| None)
    }

    /// A directory is where our link belongs: the two change places, and nothing is lost.
    fn move_aside(&self, target: &str) -> rustix::io::Result<String> {
        let aside = (1_u32..).map(|n| format!("{}.replaced-{n}", self.name));
        for aside in aside.take(1000) {
            // A link of ours there is what a killed run left.
            if let Found::Link(there) = tree::look(self.above.as_fd(), OsStr::new(&aside))?
                && Path::new(&there).parent() == Path::new(target).parent()
            {
                rustix::fs::unlinkat(&self.above, &aside, AtFlags::empty())?;
            }
            match rustix::fs::symlinkat(target, &self.above, &aside) {
                Err(Errno::EXIST) => continue,
                other => other?,
            }
            let swapped = rustix::fs::renameat_with(&self.above, self.name, &self.above, &aside, RenameFlags::EXCHANGE);
            if let Err(e) = swapped {
                let _ = rustix::fs::unlinkat(&self.above, &aside, AtFlags::empty());
                return Err(e);
            }
            return Ok(match rustix::fs::unlinkat(&self.above, &aside, AtFlags::REMOVEDIR) {
                Ok(()) => format!("/run/{} was an empty directory; it is replaced", self.name),
                Err(_) => format!("/run/{} was a directory that is not ours; it is at /run/{aside} now", self.name),
            });
        }
        Err(Errno::EXIST)
    }

    /// Removes all generations but the current one, the newest whole ones before it, and what was never finished.
    pub(super) fn prune(&self, current: u64, keep: u32) -> Result<()> {
        let mut older: Vec<u64> = self.numbers()?.into_iter().filter(|n| *n != current).collect();
        older.sort_unstable_by(|a, b| b.cmp(a));
        let whole = |number: &u64| {
            let stat = rustix::fs::statat(&self.all, target_name(*number), AtFlags::SYMLINK_NOFOLLOW);
            *number < current && stat.is_ok_and(|stat| stat.st_mode & 0o777 == 0o751)
        };
        let kept: Vec<u64> = older.iter().copied().filter(whole).take(keep.saturating_sub(1) as usize).collect();
        for number in older.iter().filter(|number| !kept.contains(number)) {
            let name = target_name(*number);
            tree::remove(self.all.as_fd(), OsStr::new(&name)).map_err(|e| failed("remove", &self.at.join(&name), e))?;
        }
        Ok(())
    }
}

/// Whether a directory is a ramfs of its own, not a part of that above it.
fn own_ramfs(above: &OwnedFd, directory: &OwnedFd) -> Result<bool> {
    let look = || {
        let kind = rustix::fs::fstatfs(directory)?.f_type;
        Ok((kind, rustix::fs::fstat(above)?.st_dev, rustix::fs::fstat(directory)?.st_dev))
    };
    let (kind, outside, inside) = look().map_err(|e| failed("look at", Path::new("/run"), e))?;
    #[expect(clippy::cast_sign_loss, reason = "a magic number, not a quantity")]
    let kind = kind as u64 & 0xffff_ffff;
    Ok(kind == RAMFS && inside != outside)
}

/// Onto the opened directory itself, whatever is at its path meanwhile.
fn mount(directory: &OwnedFd, at: &Path) -> Result<()> {
    use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags};
    let attributes =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let ramfs = || {
        let ramfs = rustix::mount::fsopen("ramfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        rustix::mount::fsconfig_set_string(&ramfs, "source", "ramfs")?;
        rustix::mount::fsconfig_set_string(&ramfs, "mode", "0751")?;
        rustix::mount::fsconfig_create(&ramfs)?;
        let mounted = rustix::mount::fsmount(&ramfs, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
        let here = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        rustix::mount::move_mount(&mounted, "", directory, "", here)
    };
    ramfs().map_err(|e: Errno| {
        Error::new(format!("cannot mount a ramfs at {}: {}", at.display(), std::io::Error::from(e).kind()))
            .hint("it needs root with CAP_SYS_ADMIN; in a container, mount a ramfs there from outside")
    })
}
