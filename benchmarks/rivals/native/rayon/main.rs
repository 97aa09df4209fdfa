//! The scenarios with Rayon: join, scopes, parallel iterators, par_sort_unstable, and spawn from
//! outside of the pool.

#[path = "../bench.rs"]
mod bench;

use bench::{print, produce, random_ints, steps, sum, timed, Args};
use rayon::prelude::*;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::sync::Arc;

fn fib(n: i64) -> i64 {
    if n < 2 {
        return n;
    }
    let (x, y) = rayon::join(|| fib(n - 1), || fib(n - 2));
    x + y
}

fn spawn(units: i64, outstanding: i64) {
    let ran = AtomicI64::new(0);
    let mut left = units;
    while left > 0 {
        let n = left.min(outstanding);
        rayon::scope(|s| {
            for _ in 0..n {
                s.spawn(|_| {
                    ran.fetch_add(1, SeqCst);
                });
            }
        });
        left -= n;
    }
    assert_eq!(ran.into_inner(), units, "units");
}

fn files(args: &Args) {
    let (items, n) = (args.get("items") as usize, args.get("steps"));
    let total = (0..items).fold(0u64, |acc, i| acc.wrapping_add(steps(i as u64, n)));
    let mut out = Vec::new();
    let mut one = || {
        let all = (0..items).into_par_iter().map(|i| steps(i as u64, n));
        let took = timed(|| all.collect_into_vec(&mut out));
        assert_eq!(out.iter().fold(0u64, |acc, v| acc.wrapping_add(*v)), total, "sum");
        took
    };
    one();
    print(sum(args.get("ops"), one), args.get("ops"));
}

fn sort(args: &Args) {
    let from = random_ints(args.get("items") as usize);
    let total = from.iter().fold(0i64, |acc, v| acc.wrapping_add(*v));
    let one = || {
        let mut xs = from.clone();
        let took = timed(|| xs.par_sort_unstable());
        assert!(xs.windows(2).all(|w| w[0] <= w[1]), "not sorted");
        assert_eq!(xs.iter().fold(0i64, |acc, v| acc.wrapping_add(*v)), total, "sum");
        took
    };
    one();
    print(sum(args.get("ops"), one), args.get("ops"));
}

fn main() {
    let args = Args::read();
    let ops = args.get("ops");
    let workers = args.get("workers") as usize;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build().unwrap();
    match args.scenario.as_str() {
        "Submit" => {
            let go = |units| {
                produce(units, args.get("producers"), args.get("outstanding"), |latch| {
                    let latch = Arc::clone(latch);
                    pool.spawn(move || latch.done());
                })
            };
            go(ops.min(args.get("outstanding")));
            print(timed(|| go(ops)), ops);
        }
        "Spawn" => pool.install(|| {
            let outstanding = args.get("outstanding");
            spawn(outstanding, outstanding);
            print(timed(|| spawn(ops, outstanding)), ops);
        }),
        "Files" => pool.install(|| files(&args)),
        "Fib" => pool.install(|| {
            fib(20);
            let took = timed(|| {
                for _ in 0..ops {
                    assert_eq!(fib(args.get("n")), args.get("value"), "fib");
                }
            });
            print(took, ops);
        }),
        "Sort" => pool.install(|| sort(&args)),
        other => panic!("no scenario {other}"),
    }
}
