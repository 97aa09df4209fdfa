//! The scenarios with Tokio's scheduler of several threads: spawn from a task, and from outside.

#[path = "../bench.rs"]
mod bench;

use bench::{print, produce, timed, Args};
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Notify;

/// A count of units that one task waits for.
struct Count {
    left: AtomicI64,
    zero: Notify,
}

async fn spawn(units: i64, outstanding: i64) {
    let count = Arc::new(Count { left: AtomicI64::new(0), zero: Notify::new() });
    let mut left = units;
    while left > 0 {
        let n = left.min(outstanding);
        count.left.store(n, SeqCst);
        for _ in 0..n {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                if count.left.fetch_sub(1, SeqCst) == 1 {
                    count.zero.notify_one();
                }
            });
        }
        count.zero.notified().await; // keeps a notification that came before
        left -= n;
    }
    assert_eq!(count.left.load(SeqCst), 0, "units left");
}

fn main() {
    let args = Args::read();
    let (ops, outstanding) = (args.get("ops"), args.get("outstanding"));
    let workers = args.get("workers") as usize;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(workers).build().unwrap();
    match args.scenario.as_str() {
        "Submit" => {
            let go = |units| {
                produce(units, args.get("producers"), outstanding, |latch| {
                    let latch = Arc::clone(latch);
                    runtime.spawn(async move { latch.done() });
                })
            };
            go(ops.min(outstanding));
            print(timed(|| go(ops)), ops);
        }
        "Spawn" => {
            let task = runtime.spawn(async move {
                spawn(outstanding, outstanding).await;
                let start = Instant::now();
                spawn(ops, outstanding).await;
                print(start.elapsed(), ops);
            });
            runtime.block_on(task).unwrap();
        }
        other => panic!("no scenario {other}"),
    }
}
