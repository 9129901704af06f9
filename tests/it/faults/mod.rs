//! Every command, with a fault at every system call on its files: killed, a call that fails, a disk that is full or
//! read-only from then on, a write that is cut short. Nothing is half-written, no plaintext is left, and the next run succeeds.
//!
//! `tests/it/faults/table.rs` and those beside it are the table. All faults: `PKEYS_TEST_FAULTS=all`; else those that
//! `plan::faults` chooses, the same in each run.

mod case;
mod inject;
mod plan;
mod state;
mod table;
mod table_break_glass;
mod table_host;
mod table_keys;
mod table_reading;
mod table_rotate;
mod world;

/// A test for each row, so that they run side by side.
macro_rules! rows {
    ($($test:ident: $row:expr;)*) => { $(#[test] fn $test() { $row.survives(); })* };
}

rows! {
    init: table::INIT;
    init_as_second: table::INIT_AS_SECOND;
    host_add: table::HOST_ADD;
    host_add_generate: table::HOST_ADD_GENERATE;
    host_remove: table::HOST_REMOVE;
    secret_set: table::SECRET_SET;
    secret_set_again: table::SECRET_SET_AGAIN;
    secret_edit: table::SECRET_EDIT;
    secret_generate: table::SECRET_GENERATE;
    secret_rm: table::SECRET_RM;
    secret_rekey: table::SECRET_REKEY;
    render: table::RENDER;
    policy_matrix: table::MATRIX_PAGE;
    key_add: table_keys::KEY_ADD;
    key_add_generate: table_keys::KEY_ADD_GENERATE;
    key_remove: table_keys::KEY_REMOVE;
    key_remove_generated: table_keys::KEY_REMOVE_GENERATED;
    rotate_secret: table_rotate::SECRET;
    rotate_user: table_rotate::USER;
    adopt: table_keys::ADOPT;
    import: table_keys::IMPORT;
    key_list: table_keys::KEY_LIST;
    break_glass_init: table_break_glass::INIT;
    break_glass_rotate: table_break_glass::ROTATE;
    break_glass_escrow: table_break_glass::ESCROW;
    break_glass_drill: table_break_glass::DRILL;
    break_glass_reseal: table_break_glass::RESEAL;
    break_glass_open: table_break_glass::OPEN;
    host_extra_files: table_break_glass::EXTRA_FILES;
    host_list: table_reading::HOST_LIST;
    host_compromised: table_reading::HOST_COMPROMISED;
    secret_list: table_reading::SECRET_LIST;
    secret_show: table_reading::SECRET_SHOW;
    verify: table_reading::VERIFY;
    status: table_reading::STATUS;
    check: table_reading::CHECK;
    policy_check: table_reading::POLICY_CHECK;
    policy_explain: table_reading::POLICY_EXPLAIN;
    log: table_reading::LOG;
    log_verify: table_reading::LOG_VERIFY;
    scan: table_reading::SCAN;
    host_program_first: table_host::FIRST;
    host_program_over_old: table_host::OVER_OLD;
    host_program_keys_alone: table_host::KEYS_ALONE;
    host_program_in_the_way: table_host::IN_THE_WAY;
    host_program_receive: table_host::RECEIVE;
    host_program_make_identity: table_host::MAKE_IDENTITY;
    host_program_report: table_host::REPORT;
    host_program_verify: table_host::VERIFY;
    host_program_list: table_host::LIST;
    host_program_check_spec: table_host::CHECK_SPEC;
}
