//! Faults: what goes wrong, for which of the coming requests.

use std::time::Duration;

use axum::http::Method;
use clap::Args;
use rand_core::{OsRng, RngCore};
use serde::{Deserialize, Serialize};

/// The switches, the same on the command line (`--drop-next 2`) and in `POST /_stand-in/faults` (`{"drop-next": 2}`).
///
/// A `…-next` counts down with each request that it hits. When several apply, the first in this order wins.
#[derive(Args, Clone, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
#[command(next_help_heading = "Faults (they hit requests under /v1 only)")]
pub(crate) struct Settings {
    /// Wait this long before each answer
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) latency_ms: u64,
    /// Only requests whose `METHOD path` contains this are hit
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
    /// Starting up: answer the next N requests with 408
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) starting_next: u32,
    /// Never answer the next N requests
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) hang_next: u32,
    /// Close the connection of the next N requests before they do anything
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) drop_next: u32,
    /// Carry out the next N requests, then close the connection without an answer
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) drop_after_next: u32,
    /// Answer the next N requests with 429
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) too_many_next: u32,
    /// Answer every Nth request with 429
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) too_many_every: u64,
    /// The `Retry-After` of each 429, in seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) retry_after: Option<u64>,
    /// Answer the next N requests with 500
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) internal_next: u32,
    /// Answer the next N requests with 503
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) unavailable_next: u32,
    /// Answer the next N requests with the status of --status
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) status_next: u32,
    /// The status for --status-next: 401, 403, 409, 502, 504 …
    #[arg(long, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(200..=599))]
    pub(crate) status: Option<u16>,
    /// Answer this share of all requests with 500
    #[arg(long, value_name = "PERCENT", default_value_t = 0)]
    pub(crate) error_percent: u8,
    /// Fail this share of all requests, evenly spread, with 500, 503, 429 and closed connections in turn
    #[arg(long, value_name = "PERCENT", default_value_t = 0)]
    pub(crate) mixed_percent: u8,
    /// Send half of the body of the next N answers, then close the connection
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) truncate_next: u32,
    /// Answer the next N requests with 200 and a web page
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) html_next: u32,
    /// Redirect the next N requests to --redirect-to
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) redirect_next: u32,
    /// Where --redirect-next leads
    #[arg(long, value_name = "URL")]
    pub(crate) redirect_to: Option<String>,
    /// Answer the next N reads of an item with another item of the vault
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) wrong_item_next: u32,
    /// Answer the next N reads of a file's content with 500: not yet synced
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) unsynced_next: u32,
    /// For this long after a write, reads see what was before
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) stale_ms: u64,
    /// For this many reads after a write, reads see what was before
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) stale_reads: u32,
}

/// What happens to one request.
#[derive(Clone)]
pub(crate) enum Fault {
    Status { status: u16, message: &'static str, retry_after: Option<u64> },
    Hang,
    Drop,
    DropAfter,
    Truncate,
    Html,
    Redirect(String),
    WrongItem,
}

pub(crate) struct Faults {
    settings: Settings,
    seen: u64,
}

impl Faults {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, seen: 0 }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Decides for one request, and counts it.
    pub(crate) fn next(&mut self, method: &Method, path: &str) -> (Option<Fault>, Duration) {
        let only = self.settings.only.as_deref().unwrap_or_default();
        if !path.starts_with("/v1") || !format!("{method} {path}").contains(only) {
            return (None, Duration::ZERO);
        }
        self.seen += 1;
        let latency = Duration::from_millis(self.settings.latency_ms);
        (self.settings.take(self.seen, method, path), latency)
    }
}

impl Settings {
    fn take(&mut self, seen: u64, method: &Method, path: &str) -> Option<Fault> {
        let parts: Vec<&str> = path.split('/').collect();
        let item_read = method == Method::GET && parts.len() == 6 && parts[4] == "items";
        let content_read = method == Method::GET && parts.last() == Some(&"content");
        let status = |status, message| Fault::Status {
            status,
            message,
            retry_after: self.retry_after.filter(|_| status == 429),
        };
        let many = status(429, "too many requests, please slow down");
        let internal = status(500, "internal server error");
        let starting = status(408, "sync did not complete within timeout, please retry the request");
        let unavailable = status(503, "service unavailable");
        let chosen = status(self.status.unwrap_or(502), "this answer was asked for");
        let unsynced = status(500, "file content is not yet available, please retry the request");
        let redirect = Fault::Redirect(self.redirect_to.clone().unwrap_or_default());

        let counted = [
            (&mut self.starting_next, true, starting),
            (&mut self.hang_next, true, Fault::Hang),
            (&mut self.drop_next, true, Fault::Drop),
            (&mut self.drop_after_next, true, Fault::DropAfter),
            (&mut self.too_many_next, true, many.clone()),
            (&mut self.internal_next, true, internal.clone()),
            (&mut self.unavailable_next, true, unavailable),
            (&mut self.status_next, true, chosen),
            (&mut self.truncate_next, true, Fault::Truncate),
            (&mut self.html_next, true, Fault::Html),
            (&mut self.redirect_next, true, redirect),
            (&mut self.wrong_item_next, item_read, Fault::WrongItem),
            (&mut self.unsynced_next, content_read, unsynced),
        ];
        for (left, applies, fault) in counted {
            if *left > 0 && applies {
                *left -= 1;
                return Some(fault);
            }
        }
        if self.too_many_every > 0 && seen.is_multiple_of(self.too_many_every) {
            return Some(many);
        }
        // The same requests of each run, by their order: so that tests can tell how many there must have been.
        let share = |seen: u64| seen * u64::from(self.mixed_percent) / 100;
        if share(seen) > share(seen - 1) {
            return Some(mixed(share(seen)));
        }
        (OsRng.next_u32() % 100 < u32::from(self.error_percent)).then_some(internal)
    }
}

/// What the `turn`th of the mixed faults is.
fn mixed(turn: u64) -> Fault {
    let status = |status, message, retry_after| Fault::Status { status, message, retry_after };
    match turn % 6 {
        1 => status(500, "internal server error", None),
        2 => status(503, "service unavailable", None),
        3 => status(429, "too many requests, please slow down", Some(1)),
        4 => Fault::Drop,
        5 => status(503, "service unavailable", Some(1)),
        _ => status(429, "too many requests, please slow down", None),
    }
}
