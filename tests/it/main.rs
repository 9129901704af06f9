//! All integration tests, in one program: a module for each subject.
//!
//! Threads of one process run them (`cargo test`), or a process for each (`cargo nextest`): no test changes the process's
//! environment, working directory or limits; each has its own directory and gives those to the programs that it starts.

mod common;

mod activate;
mod activate_hard;
mod activate_kill;
mod activate_trouble;
mod adopt;
mod adopt_trouble;
mod age_vectors;
mod attack;
mod audit;
mod break_glass;
mod break_glass_sheet;
mod break_glass_trust;
mod check;
mod connect_client;
mod connect_operator;
mod connect_server;
mod dependencies;
mod documents;
mod edit;
mod enroll;
mod environment;
mod faults;
mod fleet;
mod forged;
mod git;
mod grants;
mod host_check;
mod host_key;
mod hostile_bundle;
mod import;
mod interop;
mod key_store;
mod kill;
mod links;
mod load;
mod local_user;
mod locks;
mod memory;
mod nix;
mod operator;
mod plugin;
mod policy;
mod policy_docs;
mod policy_rotate;
mod post_quantum;
mod proof;
mod push;
mod receive;
mod receive_hostile;
mod report;
mod rotate;
mod rotate_emergency;
mod rotate_hard;
mod rotate_host;
mod rotate_more;
mod scan;
mod terminal;
mod trust;
mod user_keys;
