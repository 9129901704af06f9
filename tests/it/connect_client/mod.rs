//! The Connect client against a server that this test plays itself, so that every byte of an answer can be chosen.

mod fake;
mod faults;
mod reading;
mod tls;
