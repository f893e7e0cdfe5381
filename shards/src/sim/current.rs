//! Which simulation, process and shard the running task belongs to.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Place, World};

thread_local! {
    static HERE: RefCell<Option<(Rc<World>, Place)>> = const { RefCell::new(None) };
}

/// The world and place of the running task.
///
/// # Panics
/// Outside of a simulated task.
pub fn here() -> (Rc<World>, Place) {
    HERE.with_borrow(Clone::clone).expect("this runs only inside a task of the simulation")
}

/// Like [`here`], for destructors, which may also run outside.
pub fn try_here() -> Option<(Rc<World>, Place)> {
    // A destructor may run while the thread ends, when the cell is gone.
    HERE.try_with(|here| here.borrow().clone()).ok().flatten()
}

/// Until it is dropped, the caller is at `place`.
pub fn enter(world: &Rc<World>, place: Place) -> Visit {
    Visit { before: HERE.replace(Some((world.clone(), place))) }
}

#[derive(Debug)]
pub struct Visit {
    before: Option<(Rc<World>, Place)>,
}

impl Drop for Visit {
    fn drop(&mut self) {
        let left = HERE.replace(self.before.take());
        // Outside of the borrow: the world may die here.
        drop(left);
    }
}
