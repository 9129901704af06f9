//! What the program keeps itself and whatever it runs from, through Landlock, before it looks at a bundle: changing
//! anything but what an activation changes, reading what is not its business, and the network.
//!
//! Best effort: a kernel before 5.19, or one without Landlock, has only the sandbox of the unit. Holds for the calling
//! thread and what it starts, for good.

use crate::candidates::load;
use crate::root::Root;
use crate::{FileSettings, Options, Spec, links};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use pkeys_bundle::base::{Error, Result};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// All that is refused unless a rule allows it. Of a newer kernel's rights, none is used yet.
const FILES: ABI = ABI::V5;

/// Where programs, their libraries, users' names and systemd are.
const SYSTEM: &[&str] = &["/nix/store", "/etc", "/usr", "/lib", "/lib64", "/bin", "/run", "/proc", "/sys", "/dev"];

/// What has a place under the root, and which rights it gets.
type Rules = Vec<(OwnedFd, BitFlags<AccessFs>)>;

/// From here on nothing can be changed, and no network reached.
pub fn only_read() {
    let mut rules = Rules::new();
    allow(&mut rules, Path::new("/"), looking());
    let _ = enforce(rules);
}

/// The same for what works on a spec, with the right to read only what that concerns. With `changes`, what an
/// activation changes can be changed. Returns whether this kernel does that.
///
/// # Errors
/// When the root cannot be opened.
pub fn confine(spec: &Spec, options: &Options, changes: bool) -> Result<bool> {
    let root = Root::open(options.root.as_deref())?;
    let mut rules = Rules::new();
    // A plugin reads what it likes, speaks to devices, and works in a temporary directory that `age` makes.
    let (identities, _) = load(spec, &root);
    if identities.iter().chain(&*options.identities).any(|identity| identity.public().is_none()) {
        allow(&mut rules, Path::new("/"), looking());
        allow(&mut rules, Path::new("/dev"), looking() | AccessFs::WriteFile | AccessFs::IoctlDev);
        allow(&mut rules, &std::env::temp_dir(), looking() | changing());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let programs = std::env::split_paths(&path).filter(|directory| directory.is_absolute());
    for place in programs.chain(SYSTEM.iter().map(PathBuf::from)) {
        allow(&mut rules, &place, looking());
    }
    allow(&mut rules, Path::new("/dev/null"), looking() | AccessFs::WriteFile);
    if options.root.is_some() {
        allow(&mut rules, &root.path(Path::new("/")), looking());
    }
    spec.identities.iter().for_each(|file| allow(&mut rules, &root.path(file), looking()));
    for bundle in &spec.bundles {
        allow(&mut rules, &root.path(bundle), looking());
        // They may be links to elsewhere.
        for file in [pkeys_bundle::MANIFEST, pkeys_bundle::SIGNATURE, pkeys_bundle::PAYLOAD] {
            allow(&mut rules, &root.path(&bundle.join(file)), looking());
        }
    }
    let ledger = links::made(&root, spec, options.phase);
    let files = spec.secrets.values().map(|secret| &secret.file).chain(spec.templates.values().map(|it| &it.file));
    let places = files.flat_map(FileSettings::links).chain(&ledger).chain(spec.host_key.iter().map(|key| &key.path));
    let directories = places.filter_map(|place| place.parent()).chain([&*spec.state_directory, Path::new("/run")]);
    let rights = if changes { looking() | changing() } else { looking() };
    rules.extend(directories.filter_map(|directory| Some((nearest(&root, directory)?, rights))));
    // Its lists are written in a dry run too: NixOS prints them.
    let queue = options.queue_units.iter().filter_map(|directory| nearest(&root, directory));
    rules.extend(queue.map(|directory| (directory, looking() | changing())));
    enforce(rules).map_err(|_| Error::new("Landlock refuses its own rules"))
}

fn looking() -> BitFlags<AccessFs> {
    AccessFs::from_read(FILES)
}

/// Files, directories and links, but no devices, pipes or sockets.
fn changing() -> BitFlags<AccessFs> {
    use AccessFs::{MakeDir, MakeReg, MakeSym, Refer, RemoveDir, RemoveFile, Truncate, WriteFile};
    WriteFile | Truncate | MakeReg | MakeDir | MakeSym | RemoveFile | RemoveDir | Refer
}

/// Adds a rule for what is at a path, links followed; none for what is not there.
fn allow(rules: &mut Rules, path: &Path, rights: BitFlags<AccessFs>) {
    if let Ok(fd) = rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
        rules.push((fd, rights));
    }
}

/// The directory at a path, or the nearest above it that is there: the others are yet to be made.
fn nearest(root: &Root, path: &Path) -> Option<OwnedFd> {
    path.ancestors().find_map(|above| root.directory(above, false).transpose())?.ok()
}

/// What a kernel must have at least. Without this right in it, nothing could be linked or renamed across directories.
fn required() -> std::result::Result<Ruleset, RulesetError> {
    Ruleset::default().set_compatibility(CompatLevel::HardRequirement).handle_access(AccessFs::Refer)
}

fn enforce(rules: Rules) -> std::result::Result<bool, RulesetError> {
    let Ok(ruleset) = required() else { return Ok(false) };
    let mut ruleset = ruleset
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(FILES))?
        .handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?
        .scope(Scope::AbstractUnixSocket | Scope::Signal)?
        .create()?;
    for (fd, rights) in rules {
        let directory = rustix::fs::fstat(&fd).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_dir());
        let rights = if directory { rights } else { rights & AccessFs::from_file(FILES) };
        ruleset = ruleset.add_rule(PathBeneath::new(fd, rights))?;
    }
    Ok(ruleset.restrict_self()?.ruleset != RulesetStatus::NotEnforced)
}

#[cfg(test)]
#[path = "confine_tests.rs"]
mod tests;
