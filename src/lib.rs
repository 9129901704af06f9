//! pkeys
pub mod base;
pub mod bundle;
