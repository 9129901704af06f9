//! `policy matrix`: hosts and secrets as a table.

use crate::cli::context::Context;
use crate::cli::ui::{Tone, count};
use crate::policy::{Cell, Matrix};
use serde_json::{Map, Value, json};

/// Prints the table, or what is not `not given` as JSON.
pub(super) fn show(context: &Context, matrix: &Matrix) {
    if context.ui.json() {
        return context.ui.out_json(&as_json(matrix));
    }
    let mut rows = vec![
        std::iter::once((String::new(), Tone::Plain))
            .chain(matrix.secrets.iter().map(|secret| (secret.to_string(), Tone::Bold)))
            .collect::<Vec<_>>(),
    ];
    for (host, cells) in matrix.hosts.iter().zip(&matrix.cells) {
        let tone = |cell: &Cell| match cell {
            Cell::Gets => Tone::Good,
            Cell::Denied => Tone::Bad,
            Cell::Could => Tone::Warn,
            Cell::Not => Tone::Dim,
        };
        let cells = cells.iter().map(|cell| (cell.sign().to_string(), tone(cell)));
        rows.push(std::iter::once((host.to_string(), Tone::Bold)).chain(cells).collect());
    }
    context.ui.table(&rows);
    for ((host, secret), rules) in &matrix.denied {
        for rule in rules {
            let (host, secret) = (&matrix.hosts[*host], &matrix.secrets[*secret]);
            context.ui.out(&format!("{host} {secret}: {} (rule {}, {})", rule.reason, rule.id, rule.place));
        }
    }
    context.ui.note("+ gets it, ! denied, . not given, o not given and permitted");
    context.ui.note(&format!(
        "{}, {}, {} denied",
        count(matrix.hosts.len(), "host"),
        count(matrix.secrets.len(), "secret"),
        matrix.denied.len()
    ));
}

fn as_json(matrix: &Matrix) -> Value {
    let row = |(number, cells): (usize, &Vec<Cell>)| {
        let named = matrix.secrets.iter().zip(cells).enumerate().filter(|(_, (_, cell))| **cell != Cell::Not);
        let secrets: Map<String, Value> = named
            .map(|(at, (secret, cell))| {
                let rules = matrix.denied.get(&(number, at)).map(|rules| rules.iter().map(|rule| &rule.id).collect());
                let rules: Vec<&String> = rules.unwrap_or_default();
                (secret.to_string(), json!({ "state": cell.as_str(), "rules": rules }))
            })
            .collect();
        json!({ "host": matrix.hosts[number], "secrets": secrets })
    };
    json!({ "secrets": matrix.secrets, "hosts": matrix.cells.iter().enumerate().map(row).collect::<Vec<_>>() })
}
