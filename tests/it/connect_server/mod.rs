//! The stand-in Connect server (`examples/connect-server`) is faithful: by its own answers, by the official clients,
//! and by the OpenAPI document.

mod access;
mod clients;
mod conformance;
mod faults;
mod items;
mod patches;
mod program;

use crate::common::connect;

/// An item of the example data, by the beginning of its id.
fn item(name: &str) -> String {
    format!("/v1/vaults/{}/items/{name:0<26}", connect::DEMO)
}

/// The items of the example's vault `demo`.
fn items_path() -> String {
    format!("/v1/vaults/{}/items", connect::DEMO)
}

/// A field of an item, by its id.
fn field<'a>(item: &'a serde_json::Value, id: &str) -> &'a serde_json::Value {
    let fields = item["fields"].as_array().expect("fields");
    fields.iter().find(|field| field["id"] == id).unwrap_or_else(|| panic!("no field {id} in {item}"))
}
