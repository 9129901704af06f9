//! JSON Patch (RFC 6902) as Connect means it: `add`, `remove`, `replace`, and what is in `fields` goes by its id.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::item::Item;
use crate::reply::Refusal;

#[derive(Deserialize)]
pub(crate) struct Operation {
    op: String,
    path: String,
    #[serde(default)]
    value: Option<Value>,
}

/// What a client cannot change.
const READ_ONLY: [&str; 8] = ["id", "vault", "version", "state", "createdAt", "updatedAt", "lastEditedBy", "files"];

/// Applies all operations or none; the result still has to pass the rules for an item.
pub(crate) fn apply(item: &Item, operations: &[Operation]) -> Result<Item, Refusal> {
    let mut value = serde_json::to_value(item).map_err(|_| invalid("item"))?;
    for operation in operations {
        one(&mut value, operation)?;
    }
    for name in ["id", "vault"] {
        // A whole replacement may leave these out.
        if value.get(name).is_none() {
            value[name] = serde_json::to_value(item).map_err(|_| invalid("item"))?[name].take();
        }
    }
    serde_json::from_value(value).map_err(|_| invalid("a value does not fit its path"))
}

fn one(root: &mut Value, operation: &Operation) -> Result<(), Refusal> {
    if !matches!(operation.op.as_str(), "add" | "remove" | "replace") {
        return Err(invalid("only add, remove and replace are supported"));
    }
    let pointer = operation.path.strip_prefix('/').unwrap_or(&operation.path);
    if pointer.is_empty() {
        return whole(root, operation);
    }
    if !operation.path.starts_with('/') {
        return Err(invalid("a path begins with /"));
    }
    let parts: Vec<String> = pointer.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    if READ_ONLY.contains(&parts[0].as_str()) {
        return Err(invalid("the path is read-only"));
    }
    let (last, way) = parts.split_last().ok_or_else(|| invalid("empty path"))?;
    let mut target = &mut *root;
    for part in way {
        target = step(target, part).ok_or_else(|| invalid("the path is not there"))?;
    }
    match target {
        Value::Object(object) => in_object(object, last, operation, way.is_empty()),
        Value::Array(array) => in_array(array, last, operation),
        _ => Err(invalid("the path is not there")),
    }
}

/// `/` means the item itself, and to replace it is a PUT.
fn whole(root: &mut Value, operation: &Operation) -> Result<(), Refusal> {
    match (operation.op.as_str(), &operation.value) {
        ("replace" | "add", Some(value @ Value::Object(_))) => {
            *root = value.clone();
            Ok(())
        }
        _ => Err(invalid("an item can only be replaced with an item")),
    }
}

fn step<'a>(value: &'a mut Value, part: &str) -> Option<&'a mut Value> {
    match value {
        Value::Object(object) => object.get_mut(part),
        Value::Array(array) => {
            let place = place(array, part)?;
            array.get_mut(place)
        }
        _ => None,
    }
}

/// By id in a list of things with ids, by number in any other.
fn place(array: &[Value], part: &str) -> Option<usize> {
    if array.iter().any(|value| value.get("id").is_some()) {
        return array.iter().position(|value| value.get("id").and_then(Value::as_str) == Some(part));
    }
    part.parse().ok().filter(|place| *place < array.len())
}

fn in_object(object: &mut Map<String, Value>, name: &str, operation: &Operation, of_item: bool) -> Result<(), Refusal> {
    if operation.op == "remove" {
        // An empty attribute is absent, so to remove it again changes nothing.
        object.remove(name);
        return Ok(());
    }
    let value = given(operation)?;
    if of_item && matches!(name, "fields" | "sections") && operation.op == "add" && value.is_object() {
        // The document's own example of adding a field.
        match object.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
            Value::Array(array) => array.push(value),
            _ => return Err(invalid("the path is not a list")),
        }
        return Ok(());
    }
    object.insert(name.to_owned(), value);
    Ok(())
}

fn in_array(array: &mut Vec<Value>, part: &str, operation: &Operation) -> Result<(), Refusal> {
    if part == "-" && operation.op == "add" {
        array.push(given(operation)?);
        return Ok(());
    }
    let place = place(array, part).ok_or_else(|| invalid("the path is not there"));
    match operation.op.as_str() {
        "remove" => drop(array.remove(place?)),
        "replace" => {
            let place = place?;
            array[place] = with_id(given(operation)?, &array[place]);
        }
        _ => {
            // Adding at a number inserts there; adding at an id that is there replaces, as in an object.
            let place = place?;
            if array[place].get("id").is_some() {
                array[place] = with_id(given(operation)?, &array[place]);
            } else {
                array.insert(place, given(operation)?);
            }
        }
    }
    Ok(())
}

/// A replaced field keeps its id unless the new one says its own.
fn with_id(mut value: Value, old: &Value) -> Value {
    if let (Value::Object(object), Some(id)) = (&mut value, old.get("id")) {
        object.entry("id").or_insert_with(|| id.clone());
    }
    value
}

fn given(operation: &Operation) -> Result<Value, Refusal> {
    operation.value.clone().ok_or_else(|| invalid("a value is missing"))
}

fn invalid(what: &str) -> Refusal {
    Refusal::bad_request(format!("Invalid patch: {what}"))
}
