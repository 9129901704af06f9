#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pkeys::fuzzing::keys_toml(bytes));
