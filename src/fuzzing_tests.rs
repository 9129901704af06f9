//! Seeds and regressions of the fuzz targets, run without a fuzzer.

use super::*;
use crate::base::Error;
use pkeys_bundle::fuzzing::needle::{discreet, each_text};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

type Target = (&'static str, fn(&[u8]));

/// By the names of the files in `fuzz/fuzz_targets`.
const TARGETS: &[Target] = &[
    ("adopt", adopt),
    ("age_file", age_file),
    ("archive", archive),
    ("audit", audit),
    ("authorized_line", authorized_line),
    ("break_glass", break_glass),
    ("bundle_manifest", bundle_manifest),
    ("connect", connect),
    ("import", import),
    ("keys_toml", keys_toml),
    ("pkeys_toml", pkeys_toml),
    ("reference", reference),
    ("scan", scan),
    ("signature", signature),
    ("spec", spec),
    ("ssh_key", ssh_key),
    ("template", template),
    ("transport", transport),
];

fn fuzz(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Runs the files of a folder of each target, all of them, and names those that fail.
fn run(folder: &str) -> usize {
    let (mut all, mut failed) = (0, Vec::new());
    for (name, target) in TARGETS {
        for file in files(&fuzz(folder).join(name)) {
            let bytes = std::fs::read(&file).unwrap();
            all += 1;
            if std::panic::catch_unwind(|| target(&bytes)).is_err() {
                failed.push(file.display().to_string());
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    all
}

#[test]
fn what_fuzzing_found_stays_mended() {
    assert!(run("regressions") > 0);
}

#[test]
fn the_seeds_of_fuzzing_hold_what_they_should() {
    assert!(run("seeds") >= TARGETS.len());
}

#[test]
fn every_fuzz_target_is_a_file_and_has_seeds() {
    let names: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let there: BTreeSet<_> = files(&fuzz("fuzz_targets")).into_iter().map(stem).collect();
    assert_eq!(there, names);
    for folder in ["seeds", "regressions"] {
        let folders: BTreeSet<_> = files(&fuzz(folder)).into_iter().map(stem).collect();
        assert!(folders.is_subset(&names), "{folder}: {folders:?}");
    }
    let manifest = std::fs::read_to_string(fuzz("Cargo.toml")).unwrap();
    for name in names {
        let call = format!("pkeys::fuzzing::{name}(");
        let target = std::fs::read_to_string(fuzz("fuzz_targets").join(format!("{name}.rs"))).unwrap();
        assert!(target.contains(&call), "{name}");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        assert!(!files(&fuzz("seeds").join(&name)).is_empty(), "{name} has no seed");
    }
}

#[test]
#[should_panic(expected = "it repeats what was given")]
fn an_error_that_repeats_the_needle_is_noticed() {
    each_text("{}".as_bytes(), |text| discreet(&Error::new("no").hint(format!("not {text}"))));
}

#[test]
#[should_panic(expected = "control character")]
fn an_error_of_two_lines_is_noticed() {
    discreet(&Error::new("one\ntwo"));
}
