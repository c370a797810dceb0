//! Nodes whose link comes and goes. Each loss of a node moves all its tasks, and each return invites new ones: a node that is
//! lost again and again is held back when it returns, longer each time, until its link has held for so long.

use std::time::Duration;

use swarm_api::default::nanos;

/// When a node is held back, and for how long.
#[derive(Clone, Debug)]
pub struct FlapConfig {
    /// Losses after which a node is taken back at once.
    pub free: u32,
    /// How long it is held back after the first loss beyond those; twice as long after each further one,
    pub first: Duration,
    /// and never longer than this.
    pub cap: Duration,
    /// A node that was not lost for so long has a clean record.
    pub memory: Duration,
}

impl Default for FlapConfig {
    fn default() -> Self {
        FlapConfig {
            free: 2,
            first: Duration::from_secs(10),
            cap: Duration::from_secs(300),
            memory: Duration::from_secs(900),
        }
    }
}

/// What is remembered of one node's link. Pure.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Flap {
    losses: u32,
    last_ns: i64,
    held_until_ns: Option<i64>,
}

impl Flap {
    /// Notes that the node was lost.
    pub(super) fn lost(&mut self, config: &FlapConfig, now_ns: i64) {
        self.forget(config, now_ns);
        self.losses = self.losses.saturating_add(1);
        self.last_ns = now_ns;
    }

    /// Notes that the node is back: why it is held back, in a sentence for the node's status, if it is.
    pub(super) fn returned(&mut self, config: &FlapConfig, now_ns: i64) -> Option<String> {
        self.forget(config, now_ns);
        let beyond = self.losses.checked_sub(config.free).filter(|beyond| *beyond > 0);
        let delay = beyond.map(|beyond| {
            let doubled = config.first.saturating_mul(2_u32.saturating_pow(beyond - 1));
            doubled.min(config.cap)
        });
        self.held_until_ns = delay.map(|delay| now_ns.saturating_add(nanos(delay)));
        delay.map(|delay| {
            let (losses, memory) = (self.losses, config.memory.as_secs() / 60);
            let seconds = delay.as_secs_f32();
            format!("held back until its link has held for {seconds} s: lost {losses} times within {memory} minutes")
        })
    }

    /// Whether the node is held back at this time.
    pub(super) fn is_held(&self, now_ns: i64) -> bool {
        self.held_until_ns.is_some_and(|until_ns| now_ns < until_ns)
    }

    /// The clock was moved: what is waited for begins anew.
    pub(super) fn excuse(&mut self, by_ns: i64) {
        self.last_ns = self.last_ns.saturating_add(by_ns);
        self.held_until_ns = self.held_until_ns.map(|until_ns| until_ns.saturating_add(by_ns));
    }

    fn forget(&mut self, config: &FlapConfig, now_ns: i64) {
        if now_ns.saturating_sub(self.last_ns) > nanos(config.memory) {
            self.losses = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CONFIG: FlapConfig = FlapConfig {
        free: 2,
        first: Duration::from_secs(10),
        cap: Duration::from_secs(60),
        memory: Duration::from_secs(900),
    };
    const SECOND: i64 = 1_000_000_000;

    /// For how many seconds a node is held that was lost so often, a minute apart.
    fn held_s(losses: u32) -> i64 {
        let mut flap = Flap::default();
        let mut now_ns = SECOND * 10_000;
        for _ in 0..losses {
            now_ns += SECOND * 60;
            flap.lost(&CONFIG, now_ns);
        }
        let told = flap.returned(&CONFIG, now_ns);
        let held = (0..1000).take_while(|second| flap.is_held(now_ns + second * SECOND)).count();
        assert_eq!(told.is_some(), held > 0);
        i64::try_from(held).unwrap()
    }

    #[test]
    fn the_delay_grows_from_the_third_loss_to_the_cap() {
        assert_eq!((0..8).map(held_s).collect::<Vec<_>>(), [0, 0, 0, 10, 20, 40, 60, 60]);
    }

    #[test]
    fn the_reason_is_told() {
        let mut flap = Flap::default();
        (0..3).for_each(|_| flap.lost(&CONFIG, SECOND));
        let told = flap.returned(&CONFIG, SECOND).unwrap();
        assert_eq!(told, "held back until its link has held for 10 s: lost 3 times within 15 minutes");
    }

    #[test]
    fn a_link_that_held_has_a_clean_record() {
        let mut flap = Flap::default();
        (0..9).for_each(|_| flap.lost(&CONFIG, SECOND));
        assert_eq!(flap.returned(&CONFIG, SECOND * 902), None);
        assert!(!flap.is_held(SECOND * 902));
    }

    proptest! {
        #[test]
        fn nobody_is_held_for_longer_than_the_cap(losses in 0_u32..u32::MAX, at in 0_i64..i64::MAX / 2) {
            let mut flap = Flap { losses, last_ns: at, held_until_ns: None };
            flap.returned(&CONFIG, at);
            prop_assert!(!flap.is_held(at + nanos(CONFIG.cap)));
        }
    }
}
