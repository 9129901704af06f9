//! pkeys
pub mod base;
