//! What the Rust programs share: their arguments, checks, and threads that produce units. A program
//! is called with the name of a scenario and arguments of the form key=number. It prints the
//! nanoseconds of one operation.
#![allow(dead_code)] // each program uses a part

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

pub struct Args {
    pub scenario: String,
    numbers: HashMap<String, i64>,
}

impl Args {
    pub fn read() -> Args {
        let mut args = std::env::args().skip(1);
        let scenario = args.next().expect("want a scenario and arguments of the form key=number");
        let numbers = args
            .map(|arg| {
                let (key, number) = arg.split_once('=').expect("want key=number");
                (key.to_string(), number.parse().expect("want a number"))
            })
            .collect();
        Args { scenario, numbers }
    }

    pub fn get(&self, key: &str) -> i64 {
        let number = self.numbers.get(key).copied().unwrap_or(0);
        assert!(number >= 1, "{}: want {}=, at least 1", self.scenario, key);
        number
    }
}

/// Prints the time of one operation.
pub fn print(took: Duration, ops: i64) {
    println!("{:.3}", took.as_nanos() as f64 / ops as f64);
}

/// Calls f ops times and adds up the times that it returns.
pub fn sum(ops: i64, mut f: impl FnMut() -> Duration) -> Duration {
    (0..ops).map(|_| f()).sum()
}

pub fn timed(f: impl FnOnce()) -> Duration {
    let start = Instant::now();
    f();
    start.elapsed()
}

/// Waits until as many units as were added are done.
#[derive(Default)]
pub struct Latch {
    left: AtomicI64,
    mu: Mutex<()>,
    zero: Condvar,
}

impl Latch {
    pub fn add(&self, n: i64) {
        self.left.fetch_add(n, SeqCst);
    }

    pub fn done(&self) {
        if self.left.fetch_sub(1, SeqCst) == 1 {
            let _lock = self.mu.lock().unwrap();
            self.zero.notify_one();
        }
    }

    pub fn wait(&self) {
        let mut lock = self.mu.lock().unwrap();
        while self.left.load(SeqCst) != 0 {
            lock = self.zero.wait(lock).unwrap();
        }
    }
}

/// Lets producers threads start units together, outstanding of them at a time, by calls of start,
/// which gets the latch of its thread.
pub fn produce(units: i64, producers: i64, outstanding: i64, start: impl Fn(&Arc<Latch>) + Sync) {
    let batch = (outstanding / producers).max(1);
    let one = |mut left: i64| {
        let latch = Arc::new(Latch::default());
        while left > 0 {
            let n = left.min(batch);
            latch.add(n);
            for _ in 0..n {
                start(&latch);
            }
            latch.wait();
            left -= n;
        }
    };
    if producers == 1 {
        return one(units);
    }
    std::thread::scope(|s| {
        for p in 0..producers {
            let share = units * (p + 1) / producers - units * p / producers;
            let one = &one;
            s.spawn(move || one(share));
        }
    });
}

/// Steps of package harness.
pub fn steps(mut x: u64, n: i64) -> u64 {
    for _ in 0..n {
        x = (x ^ x >> 32).wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    }
    x
}

/// Returns n ints, the same at each call.
pub fn random_ints(n: usize) -> Vec<i64> {
    let mut x: u64 = 1;
    (0..n)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            (x >> 1) as i64
        })
        .collect()
}
