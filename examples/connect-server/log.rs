//! The requests that came, for tests that count them.

use serde::Serialize;

/// What `GET /_stand-in/requests` answers.
#[derive(Default, Serialize)]
pub(crate) struct Log {
    total: usize,
    /// How many carried an `Authorization` header.
    with_token: usize,
    /// The largest number that were under way at the same time.
    peak: usize,
    /// `METHOD path status`, in the order of arrival; the status is `-` while, or if, there was no answer.
    requests: Vec<String>,
    #[serde(skip)]
    under_way: usize,
    #[serde(skip)]
    first: u64,
}

impl Log {
    /// Returns the number to give to [`Log::answered`].
    pub(crate) fn arrived(&mut self, what: String, with_token: bool) -> u64 {
        self.total += 1;
        self.with_token += usize::from(with_token);
        self.under_way += 1;
        self.peak = self.peak.max(self.under_way);
        self.requests.push(format!("{what} -"));
        self.first + self.requests.len() as u64 - 1
    }

    pub(crate) fn answered(&mut self, number: u64, status: u16) {
        // A request from before the last reset is in no list any more.
        let Some(place) = number.checked_sub(self.first) else { return };
        if let Some(line) = self.requests.get_mut(place as usize) {
            line.truncate(line.len() - 1);
            line.push_str(&status.to_string());
        }
    }

    /// The request is no longer under way, answered or not.
    pub(crate) fn left(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    pub(crate) fn reset(&mut self) {
        let first = self.first + self.requests.len() as u64;
        *self = Self { under_way: self.under_way, first, ..Self::default() };
    }
}
