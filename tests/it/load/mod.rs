//! A fleet's size at once: 1,000 items behind a Connect server that is slow and fails now and then, for many hosts.
//!
//! 200 hosts, or 1,000 with `PKEYS_TEST_LOAD=full`. Tells the memory and the requests, and holds them to bounds; asserts
//! no time.

mod fleet;

use fleet::{Big, ITEMS};
use serde_json::json;
use std::time::Duration;

/// The most memory that `pkeys render` may take, in KiB: so much for the program and the items, and so much for each
/// host's part of the plan. What was measured, and about half as much again; a test build takes more than another.
fn bound(hosts: usize) -> u64 {
    88 * 1024 + 32 * hosts as u64
}

/// How many requests there may be where `good` are needed and a twentieth of all fails.
fn with_retries(good: usize) -> usize {
    good * 100 / 95 + 1
}

#[test]
fn many_hosts_with_a_thousand_items_of_a_slow_and_failing_server() {
    let hosts = if std::env::var_os("PKEYS_TEST_LOAD").is_some_and(|size| size == "full") { 1000 } else { 200 };
    let fleet = Big::new(hosts, &["--latency-ms", "200", "--mixed-percent", "5"]);
    let render = |what: &str, good: usize| {
        fleet.server.reset_requests();
        let (ran, peak) = fleet.measured(&["render"]);
        let seen = fleet.server.requests();
        let answered = seen.requests.iter().filter(|request| request.ends_with(" 200")).count();
        println!(
            "{hosts} hosts, {what}: {} requests ({good} needed), {} at once at most, peak memory {} MiB",
            seen.total,
            seen.peak,
            peak / 1024
        );
        assert_eq!(ran.status, 0, "{ran:?}");
        // Each thing is asked for once, and again only after a failure.
        assert_eq!(answered, good, "{what}");
        assert!(seen.total <= with_retries(good) && seen.peak <= 16, "{what}: {} {}", seen.total, seen.peak);
        assert!(peak < bound(hosts), "{what}: {peak} KiB");
        ran.err
    };

    // The vaults, the list of each of the two, and every item.
    let said = render("all of them new", 3 + ITEMS);
    assert!(said.contains(&format!("{hosts} hosts: {hosts} rendered")), "{said}");
    let first = fleet.bundles();
    assert_eq!(first.len(), hosts);
    fleet.sandbox.pkeys(&["verify"]).good();
    let sample = [0, 1, 77, hosts / 2, hosts - 1];
    sample.into_iter().for_each(|host| fleet.opens(host, &[]));

    render("none changed", 3);
    assert!(fleet.bundles() == first, "a byte changed");

    let changed = ITEMS / 2;
    fleet.change(changed);
    let holders = fleet.holders(changed);
    // A bundle is sealed whole, so the other items of these hosts are read too.
    let said = render("one item changed", 3 + fleet.items_of(&holders).len());
    assert!(said.contains(&format!(": {} rendered, {} unchanged", holders.len(), hosts - holders.len())), "{said}");
    let second = fleet.bundles();
    let anew: Vec<_> = (0..hosts).filter(|host| first[&fleet::host(*host)] != second[&fleet::host(*host)]).collect();
    assert_eq!(anew, holders);
    holders.iter().take(3).for_each(|host| fleet.opens(*host, &[changed]));
    fleet.sandbox.pkeys(&["verify"]).good();
}

/// Runs `render --force`, lets `happen` as soon as a quarter of the items were asked for, and tells what came of it.
fn in_the_middle(fleet: &Big, happen: impl FnOnce()) -> crate::common::Ran {
    fleet.server.reset_requests();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| fleet.pkeys(&["render", "--force"]));
        while fleet.server.requests().total < ITEMS / 4 {
            assert!(!running.is_finished(), "it ended too early: {:?}", running.join());
            std::thread::sleep(Duration::from_millis(5));
        }
        happen();
        running.join().expect("it does not panic")
    })
}

#[test]
fn a_server_that_fails_for_a_moment_in_the_middle_is_waited_for() {
    let fleet = Big::new(40, &["--latency-ms", "50"]);
    fleet.pkeys(&["render"]).good();
    // Two for each of the 16 at once, on average; five in a row for one request would be its end.
    let ran = in_the_middle(&fleet, || fleet.server.set_faults(&json!({ "latency-ms": 50, "unavailable-next": 32 })));
    ran.good();
    assert_eq!(fleet.server.requests().total, 3 + fleet.items_of(&(0..40).collect::<Vec<_>>()).len() + 32);
    assert_eq!(fleet.server.faults()["unavailable-next"], 0);
    fleet.sandbox.pkeys(&["verify"]).good();
    fleet.opens(7, &[]);
}

#[test]
fn a_server_that_stays_away_in_the_middle_is_given_up_and_every_bundle_stays_whole() {
    let fleet = Big::new(40, &["--latency-ms", "50"]);
    fleet.pkeys(&["render"]).good();
    let before = fleet.bundles();
    let ran = in_the_middle(&fleet, || fleet.server.set_faults(&json!({ "mixed-percent": 100 })));
    let seen = fleet.server.requests();
    let failed = seen.requests.iter().filter(|request| !request.ends_with(" 200")).count();
    println!("a server that stays away: {failed} requests in vain, {} lines of errors", ran.err.lines().count());
    // The next step is not said for each of the hosts.
    assert!(ran.err.matches("error:").count() == 40 && ran.err.matches("hint:").count() < 20, "{}", ran.err);
    ran.bad("requests in a row came to nothing", "run it again");
    // Not five for each of the items that are left.
    assert!(failed <= 5 * (32 + 15), "{failed}");
    assert!(fleet.bundles() == before, "a bundle changed");
    fleet.sandbox.pkeys(&["verify"]).good();

    fleet.server.set_faults(&json!({}));
    fleet.pkeys(&["render", "--force"]).good();
    fleet.opens(39, &[]);
}
