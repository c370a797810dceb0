//! Answers of the outside, kept for as long as they hold, within a fixed amount of memory.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::response::age;

/// Keys and answers take at most this much.
const SIZE_LIMIT: usize = 1024 * 1024;
/// A larger answer is asked for again each time.
const ENTRY_LIMIT: usize = 4096;
/// What an entry costs beside its bytes, about.
const ENTRY_COST: usize = 160;

/// What is kept, by question.
pub(super) struct Cache {
    entries: HashMap<Rc<[u8]>, Entry>,
    /// The eldest first; an entry that has been replaced is there twice, with another serial.
    order: VecDeque<(Rc<[u8]>, u64)>,
    size: usize,
    limit: usize,
    next_serial: u64,
}

struct Entry {
    answer: Vec<u8>,
    question_end: usize,
    stored: Instant,
    life: Duration,
    serial: u64,
}

impl Default for Cache {
    fn default() -> Cache {
        Cache::with_limit(SIZE_LIMIT)
    }
}

impl Cache {
    fn with_limit(limit: usize) -> Cache {
        Cache { entries: HashMap::new(), order: VecDeque::new(), size: 0, limit, next_serial: 0 }
    }

    /// The answer, if it still holds, with what is left of its times to live.
    pub(super) fn get(&mut self, key: &[u8], now: Instant) -> Option<Vec<u8>> {
        let entry = self.entries.get(key)?;
        let passed = now.saturating_duration_since(entry.stored);
        if passed >= entry.life {
            return None;
        }
        let mut answer = entry.answer.clone();
        age(&mut answer, entry.question_end, passed);
        Some(answer)
    }

    /// Keeps an answer; the eldest go for it if need be.
    pub(super) fn put(
        &mut self,
        key: Vec<u8>,
        answer: &[u8],
        question_end: usize,
        life: Duration,
        now: Instant,
    ) {
        if answer.len() > ENTRY_LIMIT {
            return;
        }
        let key: Rc<[u8]> = key.into();
        let serial = self.next_serial;
        self.next_serial += 1;
        let entry = Entry { answer: answer.to_vec(), question_end, stored: now, life, serial };
        self.size += cost(&key, &entry);
        if let Some(old) = self.entries.insert(Rc::clone(&key), entry) {
            self.size -= cost(&key, &old);
        }
        self.order.push_back((key, serial));
        // Replaced entries leave their places in the order behind, which count too.
        while self.size > self.limit || self.order.len() > self.limit / ENTRY_COST {
            let Some((eldest, serial)) = self.order.pop_front() else { break };
            if self.entries.get(&eldest).is_some_and(|entry| entry.serial == serial)
                && let Some(entry) = self.entries.remove(&eldest)
            {
                self.size -= cost(&eldest, &entry);
            }
        }
    }
}

fn cost(key: &[u8], entry: &Entry) -> usize {
    key.len() + entry.answer.len() + ENTRY_COST
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::query::tests::ask;
    use crate::dns::response::tests::answer;
    use crate::dns::wire::A;

    #[test]
    fn answers_age_and_end() {
        let now = Instant::now();
        let asked = ask(5, "a.example", A);
        let bytes = answer(&asked, 0, Some(30));
        let mut cache = Cache::default();
        cache.put(b"k".to_vec(), &bytes, asked.len(), Duration::from_secs(30), now);
        let later = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(cache.get(b"k", later(10)), Some(answer(&asked, 0, Some(20))));
        assert_eq!(cache.get(b"k", later(30)), None);
        assert_eq!(cache.get(b"other", now), None);
    }

    #[test]
    fn memory_stays_within_the_limit_and_the_eldest_goes() {
        let now = Instant::now();
        let mut cache = Cache::with_limit(10 * 1024);
        for turn in 0..1000u32 {
            for key in [turn.to_be_bytes(), [255; 4]] {
                cache.put(key.to_vec(), &[0; 100], 12, Duration::from_secs(30), now);
            }
            assert!(cache.size <= cache.limit && cache.order.len() <= cache.limit / ENTRY_COST);
        }
        assert!(cache.entries.len() > 20, "{}", cache.entries.len());
        assert!(cache.get(&999u32.to_be_bytes(), now).is_some());
        assert!(cache.get(&1u32.to_be_bytes(), now).is_none());
        let sum: usize = cache.entries.iter().map(|(key, entry)| cost(key, entry)).sum();
        assert_eq!(sum, cache.size);
        cache.put(b"large".to_vec(), &[0; ENTRY_LIMIT + 1], 12, Duration::from_secs(30), now);
        assert!(cache.get(b"large", now).is_none());
    }
}
