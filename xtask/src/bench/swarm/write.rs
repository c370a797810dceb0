//! How fast the swarm takes changes: one client after the other write, and many at once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::lan::Machine;
use super::{create, service};
use crate::bench::table::Table;

/// Clients at once.
const CLIENTS: usize = 64;
/// How long they write.
const LENGTH: Duration = Duration::from_secs(5);
/// Writes of the single client.
const SINGLE: usize = 300;

pub(super) fn measure(machine: &Machine, table: &mut Table) -> Result<()> {
    let mut single = writer(machine, CLIENTS);
    let mut took = Vec::with_capacity(SINGLE);
    for _ in 0..SINGLE {
        let began = Instant::now();
        single.write()?;
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    table.add("a write of a single client, median (ms)", took[SINGLE / 2]);

    let (count, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let began = Instant::now();
    let outcome = std::thread::scope(|scope| -> Result<()> {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (count, over) = (&count, &over);
                scope.spawn(move || -> Result<()> {
                    let mut writer = writer(machine, client);
                    while !over.load(Ordering::Relaxed) {
                        writer.write()?;
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        std::thread::sleep(LENGTH);
        over.store(true, Ordering::Relaxed);
        clients
            .into_iter()
            .try_for_each(|client| client.join().map_err(|_| anyhow::anyhow!("a client panicked"))?)
    });
    outcome?;
    let rate = count.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    table.add("writes of 64 clients at once (1/s)", rate);
    Ok(())
}

/// Creates services without tasks and removes them again, in turn: each is one write that waits for the disks of most managers.
struct Writer<'a> {
    machine: &'a Machine,
    name: String,
    count: u64,
    made: Option<String>,
}

impl Writer<'_> {
    fn write(&mut self) -> Result<()> {
        match self.made.take() {
            None => {
                self.count += 1;
                let name = format!("{}-{}", self.name, self.count);
                self.made = Some(create(self.machine, &service(&name, 0, &[]))?);
            }
            Some(id) => {
                self.machine.daemon.call("DELETE", &format!("/services/{id}"), None)?;
            }
        }
        Ok(())
    }
}

fn writer(machine: &Machine, client: usize) -> Writer<'_> {
    Writer { machine, name: format!("writes{client}"), count: 0, made: None }
}
