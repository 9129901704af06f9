//! What jobs leave on stacks, here and on the threads that `parallel` starts: the test's own memory, read as a file.

use super::parallel;
use pkeys_bundle::base::process::wiping;
use std::io::{Read, Seek, SeekFrom};

/// What a job leaves on its stack. Made anew at each use, so that no other place has it.
fn pattern(of: u8) -> [u8; 32] {
    std::array::from_fn(|at| (at as u8).wrapping_mul(37) ^ of)
}

/// Uses a good part of a stack, with the pattern at its far end.
#[inline(never)]
fn leave(of: u8) -> u8 {
    let mut deep = std::hint::black_box([1_u8; 96 * 1024]);
    deep[..32].copy_from_slice(&pattern(of));
    std::hint::black_box(&deep)[7]
}

/// Which of the patterns are somewhere in the memory of this process.
fn found(patterns: &[u8]) -> Vec<u8> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut memory = std::fs::File::open("/proc/self/mem").unwrap();
    let mut found = Vec::new();
    for map in maps.lines().filter(|map| map.contains(" rw") && !map.contains("[heap]")) {
        let (from, to) = map.split_once(' ').unwrap().0.split_once('-').unwrap();
        let [from, to] = [from, to].map(|end| u64::from_str_radix(end, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        if memory.seek(SeekFrom::Start(from)).is_ok() && memory.read_exact(&mut bytes).is_ok() {
            // The complement is looked for in the complement: what is looked for is then not found for itself.
            bytes.iter_mut().for_each(|byte| *byte = !*byte);
            let is_here = |of: &u8| memchr::memmem::find(&bytes, &pattern(!*of)).is_some();
            found.extend(patterns.iter().copied().filter(is_here));
        }
    }
    found
}

#[test]
fn a_job_leaves_nothing_on_the_stack_here_or_on_another_thread() {
    let jobs = [0x11, 0x12, 0x13, 0x14, 0x15, 0x16];
    assert_eq!(wiping(|| leave(0x10)), pattern(0)[7] ^ 0x10);
    parallel::each(&jobs, 3, |of| leave(*of));
    parallel::both(|| leave(0x17), || ());
    let all: Vec<u8> = (0x10..0x18).collect();
    assert_eq!(found(&all), [0_u8; 0]);
    leave(0xa5);
    assert_eq!(found(&[0xa5]), [0xa5], "without wiping it is there");
}
