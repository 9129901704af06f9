//! One command, all of its faults, and what must hold after each of them.

use super::inject::{Call, Fault};
use super::plan;
use super::state::{State, is_unsigned, plain};
use super::world::World;
use crate::common::{Ran, activate_binary, files_below, pkeys_binary};
use std::collections::BTreeSet;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// All faults of all commands of this run.
static TOTAL: AtomicUsize = AtomicUsize::new(0);

/// A row of the table.
#[derive(Clone, Copy)]
pub struct Case {
    /// The words of the command, with `{top}`, `{memory}` and `{key}` for what differs from run to run.
    pub command: &'static str,
    /// Makes what the command finds.
    pub prepare: fn() -> World,
    /// What it reads from standard input.
    pub input: fn(&World) -> Vec<u8>,
    /// The command that goes on where this one was stopped, when it is not the same.
    pub again: Option<&'static str>,
    /// What it says when it has nothing left to do; nothing where it then succeeds.
    pub done: &'static str,
    /// What holds at every moment, beyond that each file is the old or the new one.
    pub holds: fn(&World),
    /// What holds in the end.
    pub end: fn(&World),
    /// Files that have other states on the way, by a part of their path.
    pub between: &'static [&'static str],
    /// Whether it may end well although something could not be read, because it names that in its result.
    pub tells: bool,
    /// Whether it prints a secret because that is what it is for.
    pub shows: bool,
    /// The host's program, whose state is looked at by `holds` and `end` alone.
    pub host: bool,
    /// How it ends when nothing goes wrong.
    pub status: i32,
}

impl Case {
    /// A command of the operator's that succeeds again when it is run again.
    pub const fn new(command: &'static str, prepare: fn() -> World) -> Self {
        Self {
            command,
            prepare,
            input: |_| Vec::new(),
            again: None,
            done: "",
            holds: |_| (),
            end: |_| (),
            between: &[],
            tells: false,
            shows: false,
            host: false,
            status: 0,
        }
    }

    fn call<'a>(&self, world: &'a World, command: &str) -> Call<'a> {
        let key = std::fs::read_to_string(world.sandbox.path("new.key.pub")).unwrap_or_default();
        let memory = world.memory.path().to_str().unwrap();
        let word = |word: &str| {
            let word = word.replace("{top}", world.top().to_str().unwrap()).replace("{memory}", memory);
            word.replace("{key}", key.trim())
        };
        let arguments = command.split(' ').map(word).collect();
        let program = if self.host { activate_binary() } else { pkeys_binary() };
        Call { world, program, arguments, input: (self.input)(world) }
    }

    /// Tries every fault. Tells how many there were, past the test program's own silence.
    pub fn survives(&self) {
        let mut world = (self.prepare)();
        world.save();
        let (old, before) = (world.state(), sizes(&world));
        // As each fault finds it.
        world.reset();
        let call = self.call(&world, self.command);
        let (good, log) = call.traced();
        assert_eq!(good.status, self.status, "{}: {good:?}", self.command);
        (self.end)(&world);
        let expected = Expected { old, new: world.state(), out: plain(&good.out), err: plain(&good.err) };
        let points = plan::points(&call, &log);
        let all = std::env::var_os("PKEYS_TEST_FAULTS").is_some_and(|which| which == "all");
        let faults = plan::faults(&points, &limits(&before, &sizes(&world)), all);
        let (mut tried, mut failed, mut lost) = (0, 0, Vec::new());
        for fault in &faults {
            world.reset();
            let Some(ran) = call.with(fault) else { continue };
            tried += 1;
            failed += usize::from(ran.status != self.status);
            // One that is not survived does not hide the next.
            let check = AssertUnwindSafe(|| self.check(&call, fault, &ran, &expected));
            lost.extend(catch_unwind(check).err().map(|_| fault.to_string()));
        }
        assert!(lost.is_empty(), "{}: {} of {tried} were not survived: {lost:#?}", self.command, lost.len());
        let total = TOTAL.fetch_add(tried, Ordering::SeqCst) + tried;
        let missed = faults.len() - tried;
        let line = format!(
            "{}: {tried} faults tried and survived ({failed} ended it, {missed} never came); {total} so far\n",
            self.command
        );
        // Not by a macro: the test program would keep it to itself.
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        assert!(tried > 3, "{}: {tried} faults only, of {faults:?}", self.command);
    }

    /// What must hold after a fault, and after the same command without one.
    fn check(&self, call: &Call, fault: &Fault, ran: &Ran, expected: &Expected) {
        let world = call.world;
        let told = format!("{}: {fault}: {ran:?}", self.command);
        assert!(!ran.err.contains("panicked") && !ran.err.contains("RUST_BACKTRACE"), "{told}");
        assert!(self.shows || !format!("{}{}", ran.out, ran.err).contains("needle"), "{told}");
        world.no_plaintext(&told);
        let silent = matches!(fault, Fault::Sticky(..));
        // The fault may have met the loader, before the program began.
        let began = ran.status != 127 || !ran.err.contains("error while loading shared libraries");
        assert!(fault.kills() || !began || [0, 1, 3, 4].contains(&ran.status), "{told}");
        let says = !ran.err.is_empty() || !ran.out.is_empty();
        assert!(fault.kills() || silent || ran.status == self.status || says, "{told}");
        assert!(
            !fault.is_nothing() || !began || ran.status == self.status,
            "an interrupted call is made again: {told}"
        );
        let unfinished = world.leftovers();
        assert!(unfinished.is_empty() || fault.leaves(), "{unfinished:?} {told}");
        let plaintext = world.left_in_memory();
        assert!(plaintext.is_empty() || fault.leaves(), "{plaintext:?} {told}");
        let now = world.state();
        if !self.host {
            self.old_or_new(&now, expected, &told);
        }
        (self.holds)(world);
        let told_of = format!("{}{}", ran.out, ran.err);
        let named = ["(os error ", "permission denied", "cannot be", "no space left", "read-only"]
            .iter()
            .any(|part| told_of.contains(part));
        // A status that is not 0 says by itself that something is missing.
        let well = ran.status == self.status && (self.status == 0 || plain(&ran.err) == expected.err);
        if well && !fault.kills() && !(self.tells && named) {
            assert_eq!(plain(&ran.out), expected.out, "it said that all is well: {told}");
            self.same(world, &now, expected, &told);
        }

        let mut again = call.good();
        if let (Some(other), true) = (self.again, again.status != self.status) {
            again = self.call(world, other).good();
        }
        let done = again.status == self.status || !self.done.is_empty() && again.err.contains(self.done);
        assert!(done, "again: {again:?} after {told}");
        assert_eq!(world.leftovers(), Vec::<PathBuf>::new(), "after the next run: {told}");
        self.same(world, &world.state(), expected, &format!("again: {again:?} after {told}"));
        world.no_plaintext(&told);
    }

    /// Each file is the old one or the new one, and whole; a log may have more lines of the same.
    fn old_or_new(&self, now: &State, expected: &Expected, told: &str) {
        let paths: BTreeSet<_> = [now, &expected.old, &expected.new].into_iter().flat_map(State::keys).collect();
        for path in paths {
            let text = path.to_string_lossy();
            // Pins hold what is new before it is written, and what is gone until it is.
            let free = text.contains(".pkeys-tmp-")
                || text.contains("pkeys/fleets/")
                || self.between.iter().any(|part| text.contains(part));
            let (is, was, will) = (now.get(path), expected.old.get(path), expected.new.get(path));
            let log = text.ends_with("audit.jsonl") && lines_between(is, was, will);
            assert!(free || log || is == was || is == will, "{text}: {is:?}\nwas {was:?}\nwill be {will:?}\n{told}");
        }
    }

    fn same(&self, world: &World, now: &State, expected: &Expected, told: &str) {
        (self.end)(world);
        if self.host {
            return;
        }
        let later = |path: &PathBuf| is_unsigned(world.top(), path);
        let unfinished = |path: &PathBuf| path.to_string_lossy().contains(".pkeys-tmp-");
        for path in now.keys().chain(expected.new.keys()).filter(|path| !unfinished(path) && !later(path)) {
            let text = path.to_string_lossy();
            if self.between.iter().any(|part| text.contains(part)) && now.get(path).is_some() {
                continue;
            }
            let log = path.ends_with("audit.jsonl") && again(now.get(path), expected.new.get(path));
            assert!(
                log || now.get(path) == expected.new.get(path),
                "{} is not as after a good run: {:?}\n{:?}\n{told}",
                path.display(),
                now.get(path),
                expected.new.get(path)
            );
        }
    }
}

/// What the state was, and what it is after a run with no fault.
struct Expected {
    old: State,
    new: State,
    out: String,
    err: String,
}

/// Whether a log has all the old lines, and of the new ones the first so many.
fn lines_between(now: Option<&String>, old: Option<&String>, new: Option<&String>) -> bool {
    let lines = |text: Option<&String>| text.map_or("", |text| text.split_once(' ').unwrap().1).trim().to_owned();
    let (now, old, new) = (lines(now), lines(old), lines(new));
    now.starts_with(&old) && new.starts_with(&now)
}

/// Whether a log has all lines of another, and beyond them only what is called the same: a second try says less or more.
fn again(now: Option<&String>, good: Option<&String>) -> bool {
    let lines = |text: Option<&String>| text.map_or(Vec::new(), |text| text.lines().map(str::to_owned).collect());
    let (now, good): (Vec<String>, Vec<String>) = (lines(now), lines(good));
    let name = |line: &str| line.split('{').next().unwrap_or_default().to_owned();
    good.iter().all(|line| now.contains(line))
        && now.iter().all(|line| {
            good.iter().any(|other| name(line).ends_with(&name(other)) || name(other).ends_with(&name(line)))
        })
}

fn sizes(world: &World) -> BTreeSet<(PathBuf, u64)> {
    files_below(world.top()).into_iter().map(|path| (path.clone(), std::fs::metadata(path).unwrap().len())).collect()
}

/// Lengths at which a write of this command is cut short: nothing of it, one byte, half, all but one.
fn limits(before: &BTreeSet<(PathBuf, u64)>, after: &BTreeSet<(PathBuf, u64)>) -> Vec<u64> {
    let mut found = BTreeSet::new();
    for (path, size) in after.difference(before) {
        // A log is continued where it ended.
        let start =
            before.iter().find(|(old, _)| old == path && path.ends_with("audit.jsonl")).map_or(0, |(_, size)| *size);
        found.extend([start, start + 1, start.midpoint(*size), size.saturating_sub(1)]);
    }
    found.into_iter().collect()
}
