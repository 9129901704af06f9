//! Reading from a sender that may be silent or slow: it must not keep a place that another sender needs.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{Error, ErrorKind, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// The slowest sender, in bytes for each second after the first few.
const SLOWEST: u64 = 8 * 1024;

/// A reader that fails with [`ErrorKind::TimedOut`] if nothing arrives for a time, or less than 8 KiB a second in the long
/// run. Once it has failed, it fails at once.
pub struct IdleLimit<R> {
    input: R,
    limit: Duration,
    start: Instant,
    received: u64,
    expired: bool,
}

impl<R: Read + AsFd> IdleLimit<R> {
    /// Wraps an unbuffered reader: what a buffer holds cannot be waited for.
    pub fn new(input: R, limit: Duration) -> Self {
        Self { input, limit, start: Instant::now(), received: 0, expired: false }
    }

    /// How long the next byte may take.
    fn patience(&self) -> Duration {
        let whole = 2 * self.limit + Duration::from_secs(self.received / SLOWEST);
        self.limit.min(whole.saturating_sub(self.start.elapsed()))
    }

    fn wait(&self) -> std::io::Result<bool> {
        let end = Instant::now() + self.patience();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
            match poll(&mut [PollFd::new(&self.input, PollFlags::IN)], Some(&left)) {
                Ok(ready) => return Ok(ready > 0),
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
}

impl<R: Read + AsFd> Read for IdleLimit<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.expired || !self.wait()? {
            self.expired = true;
            return Err(ErrorKind::TimedOut.into());
        }
        let count = self.input.read(buffer)?;
        self.received += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_silent_sender_and_a_slow_one_are_given_up_and_a_quick_one_is_not() {
        let limit = Duration::from_millis(50);
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut input = IdleLimit::new(std::fs::File::from(std::os::fd::OwnedFd::from(reader)), limit);
        writer.write_all(b"abc").unwrap();
        let mut bytes = [0; 3];
        input.read_exact(&mut bytes).unwrap();
        assert_eq!(input.read(&mut bytes).unwrap_err().kind(), ErrorKind::TimedOut);
        writer.write_all(b"abc").unwrap();
        assert_eq!(input.read(&mut bytes).unwrap_err().kind(), ErrorKind::TimedOut, "it does not come back to life");

        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut input = IdleLimit::new(std::fs::File::from(std::os::fd::OwnedFd::from(reader)), limit);
        let sender = std::thread::spawn(move || {
            while writer.write_all(b"a").is_ok() {
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        // Never silent, and never done.
        assert_eq!(input.read_to_end(&mut Vec::new()).unwrap_err().kind(), ErrorKind::TimedOut);
        drop(input);
        sender.join().unwrap();

        let (reader, writer) = std::io::pipe().unwrap();
        let mut input = IdleLimit::new(std::fs::File::from(std::os::fd::OwnedFd::from(reader)), limit);
        drop(writer);
        assert_eq!(input.read(&mut bytes).unwrap(), 0);
    }
}
