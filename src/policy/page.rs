//! The matrix as a page to look at: one file, with search, that asks for nothing from elsewhere.

use crate::policy::{Cell, Matrix};
use serde_json::{Map, Value, json};

const PAGE: &str = include_str!("page.html");

/// The page.
pub fn page(matrix: &Matrix) -> String {
    let cells: Vec<String> = matrix.cells.iter().map(|row| row.iter().map(|cell| cell.sign()).collect()).collect();
    let kinds = [Cell::Gets, Cell::Denied, Cell::Not, Cell::Could];
    let words: Map<String, Value> = kinds.iter().map(|cell| (cell.sign().to_string(), cell.as_str().into())).collect();
    let denied: Map<String, Value> = matrix
        .denied
        .iter()
        .map(|((host, secret), rules)| {
            let said: Vec<_> =
                rules.iter().map(|rule| format!("denied: {} ({}, {})", rule.reason, rule.id, rule.place)).collect();
            (format!("{host} {secret}"), said.join("; ").into())
        })
        .collect();
    let data = json!({
        "hosts": matrix.hosts, "secrets": matrix.secrets, "cells": cells, "words": words, "denied": denied,
    });
    // Inside a script element only `<` could end it.
    PAGE.replacen("DATA", &data.to_string().replace('<', "\\u003c"), 1)
}
