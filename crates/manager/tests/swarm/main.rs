//! One manager over loopback: control, joining, trust, and what a kill leaves.

mod authority;
mod bed;
mod control;
mod crash;
mod file;
mod hostile;
mod join;
mod recover;
