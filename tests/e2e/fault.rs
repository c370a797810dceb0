//! Faults: processes killed and hung, cables pulled, disks slow and full, while clients read and write through every
//! manager. What they saw must be explained by one register each.

pub(crate) mod nodes;
mod one;
mod several;
mod three;
mod workload;
