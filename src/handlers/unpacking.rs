//! Memory for records that are decompressed, or compressed anew, a piece at a time.
//!
//! Who sends a batch of a few kilobytes chooses how much memory its reader holds: a window of zstd is up to 128 MiB, and a record whatever it says
//! it is. Work that is done with a batch in its first step, as with most, holds nothing when others run. What goes on is charged for what it holds; if so
//! much is not free, it lets go of all of it, waits for its turn holding nothing, and begins anew.
//!
//! Invariant: whenever another task runs, no work holds more than it has credit for.

use super::budget::{Budget, Credit};
use crate::limits;
use crate::protocol::records::{Step, Stepwise};

/// A shard's memory for it. Who needs much waits apart from all others.
#[derive(Clone)]
pub struct Unpacking {
    usual: Budget,
    large: Budget,
}

impl Unpacking {
    /// Of so many bytes in all; one that needs more than half of them passes alone.
    pub fn new(bytes: u64) -> Self {
        Self { usual: Budget::new(bytes / 2), large: Budget::new(bytes / 2) }
    }

    pub fn taken(&self) -> u64 {
        self.usual.taken() + self.large.taken()
    }

    pub fn shortages(&self) -> u64 {
        self.usual.shortages() + self.large.shortages()
    }

    pub fn check(&self) {
        self.usual.check();
        self.large.check();
    }

    /// Carries to its end what `begin` begins, perhaps more than once. Others run in between. The credit is for what the outcome has of its own.
    ///
    /// Before it waits for memory, `before_waiting` lets go of what the caller has of it: who waits must hold none, or all might wait.
    pub async fn run<W: Stepwise>(
        &self,
        begin: impl Fn() -> Result<W, W::Error>,
        mut before_waiting: impl AsyncFnMut(),
    ) -> Result<(W::Output, Credit), W::Error> {
        let mut credit = self.usual.none();
        let mut work = begin()?;
        loop {
            let needed = match work.step(limits::VALIDATION_STEP_BYTES)? {
                Step::Done(output) => {
                    let bytes = W::made(&output) as u64;
                    if self.enlarge(&mut credit, bytes) {
                        credit.resize(bytes);
                        return Ok((output, credit));
                    }
                    bytes
                }
                Step::More(more) => {
                    let bytes = rounded(more.held());
                    if self.enlarge(&mut credit, bytes) {
                        logan_shards::yield_if_needed().await;
                        work = more;
                        continue;
                    }
                    bytes
                }
            };
            // What was made is gone.
            drop(credit);
            before_waiting().await;
            credit = self.budget(needed).take(needed).await;
            work = begin()?;
        }
    }

    fn budget(&self, bytes: u64) -> &Budget {
        if bytes > limits::LARGE_UNPACKING_BYTES { &self.large } else { &self.usual }
    }

    /// Whether so many bytes are credited now.
    fn enlarge(&self, credit: &mut Credit, bytes: u64) -> bool {
        if bytes <= credit.bytes() {
            return true;
        }
        let is_large = |bytes| bytes > limits::LARGE_UNPACKING_BYTES;
        if is_large(bytes) == is_large(credit.bytes()) {
            return credit.try_grow(bytes);
        }
        match self.large.try_take(bytes) {
            Some(larger) => {
                *credit = larger;
                true
            }
            None => false,
        }
    }
}

/// Work whose need grows byte by byte must not begin anew each time.
fn rounded(bytes: usize) -> u64 {
    if bytes == 0 { 0 } else { (bytes as u64).next_power_of_two().max(limits::VALIDATION_STEP_BYTES as u64) }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use logan_shards::sim::{SimOptions, Simulation};
    use logan_shards::{Queue, spawn};

    use super::*;

    const LIMIT: u64 = 16 << 20;

    /// Holds more and more until it has done its steps.
    struct Growing {
        left: u32,
        held: usize,
        growth: usize,
        all: Rc<Cell<usize>>,
    }

    impl Growing {
        fn begin(left: u32, growth: usize, all: &Rc<Cell<usize>>) -> Self {
            Self { left, held: 0, growth, all: all.clone() }
        }
    }

    impl Drop for Growing {
        fn drop(&mut self) {
            self.all.set(self.all.get() - self.held);
        }
    }

    impl Stepwise for Growing {
        type Output = ();
        type Error = ();

        fn step(mut self, _: usize) -> Result<Step<Self>, ()> {
            if self.left == 0 {
                return Ok(Step::Done(()));
            }
            self.left -= 1;
            self.held += self.growth;
            self.all.set(self.all.get() + self.growth);
            Ok(Step::More(self))
        }

        fn held(&self) -> usize {
            self.held
        }

        fn made(&(): &()) -> usize {
            0
        }
    }

    /// Runs so many pieces of work at once, each of which holds `growth` more after each of its steps; returns how often one began.
    fn all_end(pieces: u32, steps: u32, growth: usize) -> u32 {
        let simulation = Simulation::new(SimOptions::calm(7));
        let begun = Rc::new(Cell::new(0));
        let inside = begun.clone();
        simulation.block_on(std::time::Duration::from_mins(1), async move {
            let unpacking = Unpacking::new(LIMIT);
            let all = Rc::new(Cell::new(0));
            let tasks: Vec<_> = (0..pieces)
                .map(|_| {
                    let (unpacking, all, begun) = (unpacking.clone(), all.clone(), inside.clone());
                    spawn(Queue::Produce, async move {
                        let begin = || {
                            unpacking.check();
                            // Between steps nobody holds what is not charged.
                            assert!(all.get() as u64 <= unpacking.taken(), "{} bytes are held", all.get());
                            begun.set(begun.get() + 1);
                            Ok(Growing::begin(steps, growth, &all))
                        };
                        unpacking.run(begin, async || {}).await.map(drop)
                    })
                })
                .collect();
            for task in tasks {
                assert_eq!(task.await, Ok(()));
            }
            assert_eq!((all.get(), unpacking.taken()), (0, 0));
        });
        begun.get()
    }

    #[test]
    fn what_fits_begins_once_and_is_charged() {
        assert_eq!(all_end(8, 10, 100 << 10), 8);
        assert_eq!(all_end(100, 0, 1 << 20), 100, "what ends in its first step needs no memory");
    }

    #[test]
    fn what_does_not_fit_waits_and_begins_anew_a_few_times() {
        // Each comes to 4 MiB, of which two fit.
        let begun = all_end(20, 4 << 10, 1 << 10);
        assert!((21..20 * 8).contains(&begun), "{begun}");
        // Each alone is more than there is.
        let begun = all_end(5, 10, 16 << 20);
        assert!((5..5 * 7).contains(&begun), "{begun}");
    }
}
