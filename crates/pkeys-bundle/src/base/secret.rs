//! Secret bytes as a type: prints nothing, cannot be cloned, is kept out of swap, is wiped when dropped.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// How many bytes are locked into RAM at most: a process has only so many mappings, and each lock may make two more.
const MAX_LOCKED: usize = 64 * 1024 * 1024;

/// How much is read at once.
const AT_ONCE: usize = 64 * 1024;

/// Bytes that must not be seen: no `Display`, no `Clone`, no serde, `Debug` is redacted, wiped on drop, and not written
/// to swap where the system lets a process lock that much (8 MiB without privileges, mostly).
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes bytes over; the vector is not copied.
    pub fn new(bytes: Vec<u8>) -> Self {
        keep_in_ram(&bytes);
        Self(Zeroizing::new(bytes))
    }

    /// Copies bytes from memory that is wiped by its owner.
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }

    /// An empty buffer which does not move while at most `capacity` bytes are put into it.
    pub fn with_capacity(capacity: usize) -> Self {
        Self::new(Vec::with_capacity(capacity))
    }

    /// The bytes, for the moment of use.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text, where they are UTF-8.
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends; where the room does not suffice the old memory is wiped after the copy.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Moves to a larger buffer where `more` bytes do not fit into this one, and wipes this one.
    fn make_room(&mut self, more: usize) {
        let needed = self.0.len() + more;
        if needed > self.0.capacity() {
            let mut grown = Vec::with_capacity(needed.max(self.0.capacity() * 2));
            keep_in_ram(&grown);
            grown.extend_from_slice(&self.0);
            self.0.zeroize();
            *self.0 = grown;
        }
    }

    /// Reads standard input to its end, past the buffer that the standard library keeps for it until the program ends.
    ///
    /// # Errors
    /// As [`Self::read_from`].
    pub fn from_stdin(limit: usize) -> std::io::Result<Self> {
        let input = std::io::stdin().as_fd().try_clone_to_owned()?;
        Self::read_from(&mut std::fs::File::from(input), 4096, limit)
    }

    /// Reads to the end, refusing more than `limit` bytes. `expected` sizes the buffer, which is read into directly: no
    /// copy is anywhere else.
    ///
    /// # Errors
    /// What the reader says, or `FileTooLarge`.
    pub fn read_from(reader: &mut dyn std::io::Read, expected: usize, limit: usize) -> std::io::Result<Self> {
        // One more, so that the end is seen without growing.
        let mut all = Self::with_capacity(expected.min(limit) + 1);
        let mut filled = 0;
        loop {
            if filled == all.len() {
                all.make_room(1);
                let size = all.0.capacity().min(filled + AT_ONCE);
                all.0.resize(size, 0);
            }
            match reader.read(&mut all.0[filled..]) {
                Ok(0) => {
                    all.0.truncate(filled);
                    return Ok(all);
                }
                Ok(n) if filled + n > limit => return Err(std::io::ErrorKind::FileTooLarge.into()),
                Ok(n) => filled += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
}

/// Locks the pages of a buffer for as long as the process lives: what is freed goes to the next secret, and a neighbour
/// on the same page may need the lock still.
fn keep_in_ram(buffer: &Vec<u8>) {
    static LOCKED: AtomicUsize = AtomicUsize::new(0);
    let size = buffer.capacity();
    if size > 0
        && LOCKED.fetch_add(size, Ordering::Relaxed) < MAX_LOCKED
        && let Ok(lock) = region::lock(buffer.as_ptr(), size)
    {
        std::mem::forget(lock);
    }
}

/// The bytes without one final newline (`\n` or `\r\n`), as `trim = true` asks.
pub fn without_final_newline(bytes: &[u8]) -> &[u8] {
    let Some(bytes) = bytes.strip_suffix(b"\n") else { return bytes };
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

impl Default for SecretBytes {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl std::io::Write for SecretBytes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl std::fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretBytes {}

impl From<String> for SecretBytes {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_nothing() {
        assert_eq!(format!("{:?}", SecretBytes::copy_of(b"hunter2")), "[secret]");
    }

    #[test]
    fn strips_one_final_newline_only() {
        for (from, to) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a"), ("\n", ""), ("a\r", "a\r")] {
            assert_eq!(without_final_newline(from.as_bytes()), to.as_bytes());
        }
    }

    #[test]
    fn refuses_more_than_the_limit() {
        assert!(SecretBytes::read_from(&mut &[0_u8; 11][..], 10, 10).is_err());
        assert_eq!(SecretBytes::read_from(&mut &[7_u8; 10][..], 0, 10).unwrap().expose(), [7; 10]);
    }
}
