//! Which faults a command can meet: every call on its files that a run with no fault makes.

use super::inject::{Call, Fault};
use std::collections::{BTreeMap, BTreeSet};

/// Every call that changes files, and those that read them.
pub const TRACED: &str = "openat,read,pread64,getdents64,statx,newfstatat,readlink,readlinkat,write,pwrite64,fsync,\
fdatasync,rename,renameat,renameat2,mkdir,mkdirat,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,fchmod,fchmodat,\
fchown,fchownat,ftruncate,flock,fsopen,fsconfig,fsmount,move_mount,mount";

/// Those that cannot be done any more on a disk that is full, or read-only. `openat` is also how files are read.
const FULL: &[&str] = &["write", "pwrite64", "mkdir", "mkdirat", "link", "linkat", "symlink", "symlinkat"];
const READ_ONLY: &[&str] = &[
    "mkdir",
    "mkdirat",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "rmdir",
    "fchmod",
    "fchmodat",
    "fchown",
    "fchownat",
];

/// One call of a run: the `number`th of its name, counted in each thread.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub call: String,
    pub number: usize,
    /// Opens or makes a file to write to it.
    pub creates: bool,
    /// The numbers of all calls from here on that change something.
    pub onwards: Vec<(String, usize)>,
}

impl Point {
    /// Whether the call changes nothing.
    pub fn reads(&self) -> bool {
        let reading = ["read", "pread64", "getdents64", "statx", "newfstatat", "readlink", "readlinkat"];
        self.call == "openat" && !self.creates || reading.contains(&&*self.call)
    }

    /// The errors that Linux gives at it.
    pub fn errors(&self) -> &'static [&'static str] {
        match &*self.call {
            "openat" if self.creates => &["ENOSPC", "EROFS", "EACCES", "EIO", "EMFILE"],
            "openat" => &["EACCES", "EIO", "EMFILE"],
            "write" | "pwrite64" => &["ENOSPC", "EIO", "EINTR", "EDQUOT"],
            "read" | "pread64" => &["EIO", "EINTR"],
            "fsync" | "fdatasync" => &["EIO", "ENOSPC"],
            "fchmod" | "fchown" | "fchmodat" | "fchownat" => &["EROFS", "EPERM", "EIO"],
            "ftruncate" | "getdents64" | "readlink" | "readlinkat" => &["EIO"],
            "statx" | "newfstatat" => &["EACCES", "EIO"],
            "flock" => &["ENOLCK", "EINTR"],
            "unlink" | "unlinkat" | "rmdir" => &["EROFS", "EIO", "EACCES"],
            "fsopen" | "fsconfig" | "fsmount" | "move_mount" | "mount" => &["EPERM", "ENOMEM"],
            _ => &["ENOSPC", "EROFS", "EIO", "EACCES"],
        }
    }
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.call, self.number)
    }
}

/// The calls on its own files that a run makes, in their order, each name and number once.
pub fn points(call: &Call, log: &str) -> Vec<Point> {
    let places = call.places().map(|place| place.display().to_string());
    let mut counted: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let (mut found, mut seen, mut others) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let main = log.split(' ').next().unwrap_or_default();
    for line in log.lines() {
        let Some((process, rest)) = line.split_once(' ') else { continue };
        let Some((name, arguments)) = rest.trim_start().split_once('(') else { continue };
        if name == "execve" {
            if process != main {
                // From here on it is another program: git, or an editor.
                others.insert(process);
            }
            continue;
        }
        if name.contains(' ') || others.contains(process) {
            continue;
        }
        let number = counted.entry((process, name)).or_default();
        *number += 1;
        let number = *number;
        // What a descriptor is stands behind it; what is asked for is in quotes.
        if !places.iter().any(|place| arguments.contains(place.as_str())) || !seen.insert((name, number)) {
            continue;
        }
        let next = |group: &[&str]| -> Vec<(String, usize)> {
            let from = |other: &&str| {
                let done = counted.get(&(process, *other)).copied().unwrap_or(0);
                ((*other).to_owned(), if *other == name { number } else { done + 1 })
            };
            group.iter().map(from).collect()
        };
        let creates = arguments.contains("O_CREAT") || arguments.contains("O_WRONLY") || arguments.contains("O_RDWR");
        found.push(Point { call: name.into(), number, creates, onwards: next(&[READ_ONLY, FULL].concat()) });
    }
    found
}

/// The faults to try. All of them, or those that CI has time for: at every call that changes something a kill and an
/// error, another one each time, and an error at every second one that reads.
pub fn faults(points: &[Point], sizes: &[u64], all: bool) -> Vec<Fault> {
    let mut faults = Vec::new();
    let (mut turn, mut sticky) = (BTreeMap::<&str, usize>::new(), 0);
    for point in points {
        let turn = turn.entry(&point.call).or_default();
        let (errors, every) = (point.errors(), if point.reads() { 2 } else { 1 });
        let some = match (all, *turn % every) {
            (true, _) => errors,
            (false, 0) => std::slice::from_ref(&errors[*turn / every % errors.len()]),
            (false, _) => &[],
        };
        *turn += 1;
        faults.extend(some.iter().map(|error| Fault::Error(point.clone(), error)));
        if point.reads() {
            continue;
        }
        faults.push(Fault::Kill(point.clone()));
        for (error, group) in [("ENOSPC", FULL), ("EROFS", READ_ONLY)] {
            sticky += 1;
            if group.contains(&&*point.call) && (all || sticky % 3 == 0) {
                let onwards = point.onwards.iter().filter(|(call, _)| group.contains(&&**call)).cloned().collect();
                faults.push(Fault::Sticky(Point { onwards, ..point.clone() }, error));
            }
        }
    }
    let step = if all { 1 } else { sizes.len().div_ceil(6).max(1) };
    for bytes in sizes.iter().step_by(step) {
        faults.extend([true, false].map(|ignored| Fault::Limit { bytes: *bytes, ignored }));
    }
    faults
}
