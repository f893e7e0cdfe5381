//! stub
use std::rc::Rc;
use super::{World, ProcessId};
use super::process::End;
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival(u64);
#[derive(Debug, Clone)]
pub struct NetworkOptions {}
impl NetworkOptions { pub fn calm() -> Self { Self {} } }
impl World {
    pub(crate) fn arrive(self: &Rc<Self>, _: Arrival) {}
    pub(crate) fn end_network(self: &Rc<Self>, _: ProcessId, _: End) {}
}
