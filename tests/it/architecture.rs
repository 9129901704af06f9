//! The layers that docs/architecture.md names are those of the code.

use crate::common::files_below;
use regex::Regex;
use std::collections::BTreeSet;
use std::path::Path;

/// The rooms that the table of docs/architecture.md names, from the lowest up, each with what it may import.
fn table() -> Vec<(String, BTreeSet<String>)> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md")).unwrap();
    let rows = text.split("| room | what | imports |").nth(1).expect("the table is there").lines().skip(2);
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let row = |line: &str| {
        let cells: Vec<_> = line.trim_matches('|').split('|').collect();
        (names(cells[0])[0].clone(), names(cells[2]).into_iter().collect())
    };
    rows.take_while(|line| line.starts_with('|')).map(row).collect()
}

#[test]
fn each_room_imports_only_what_its_row_names_and_nothing_from_above() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let import = Regex::new(r"\bcrate::([a-z_]+)").unwrap();
    let table = table();
    let mut lower: BTreeSet<String> = BTreeSet::from(["bundle".to_owned()]);
    for (room, may) in &table {
        if room != "cli" && room != "fuzzing" {
            assert!(may.is_subset(&lower), "{room} may import {may:?}, which do not all stand above it: {lower:?}");
            for file in files_below(&source.join(room)) {
                let text = std::fs::read_to_string(&file).unwrap();
                for name in import.captures_iter(&text).map(|found| found[1].to_owned()) {
                    assert!(name == *room || may.contains(&name), "{} imports {name}", file.display());
                }
            }
        }
        lower.insert(room.clone());
    }
    let folders = std::fs::read_dir(&source).unwrap().flatten().filter(|entry| entry.path().is_dir());
    for folder in folders.map(|entry| entry.file_name().into_string().unwrap()).filter(|name| name != "bin") {
        assert!(table.iter().any(|(room, _)| *room == folder), "docs/architecture.md has no row for {folder}");
    }
}
