//! The contract of [`CancelBus`].

use crate::world::{key, nothing, soon};
use copilot_core::port::cancel::CancelBus;

/// Tests of one adapter; `$make` is an expression that makes a fresh bus.
macro_rules! cancel_suite {
    ($adapter:ident, $make:expr) => {
        mod $adapter {
            cancel_suite!(@each $make,
                every_listener_hears_a_cancel
                a_listener_that_falls_behind_goes_on_hearing
                publishing_to_nobody_is_no_failure
                an_abandoned_wait_loses_no_notice
            );
        }
    };
    (@each $make:expr, $($test:ident)+) => {$(
        #[tokio::test]
        async fn $test() {
            super::$test(&$make).await;
        }
    )+};
}

cancel_suite!(
    in_process,
    copilot_infra::in_process::InProcessCancelBus::default()
);
cancel_suite!(rabbit, *crate::broker::rabbit().await.cancels());

async fn every_listener_hears_a_cancel(bus: &dyn CancelBus) {
    let mut listeners = Vec::new();
    for _ in 0..8 {
        listeners.push(bus.listen().await.unwrap());
    }
    let turns = [key(), key()];
    for turn in turns {
        bus.publish(turn).await.unwrap();
    }
    for listener in &mut listeners {
        for turn in turns {
            assert_eq!(soon("a notice", listener.next()).await.unwrap(), turn);
        }
    }
}

async fn a_listener_that_falls_behind_goes_on_hearing(bus: &dyn CancelBus) {
    let mut listener = bus.listen().await.unwrap();
    for _ in 0..3_000 {
        bus.publish(key()).await.unwrap();
    }
    let last = key();
    bus.publish(last).await.unwrap();
    soon("the last notice", async {
        while listener.next().await.unwrap() != last {}
    })
    .await;
}

async fn publishing_to_nobody_is_no_failure(bus: &dyn CancelBus) {
    bus.publish(key()).await.unwrap();
    let mut late = bus.listen().await.unwrap();
    nothing("a notice from before the listening", late.next()).await;
}

async fn an_abandoned_wait_loses_no_notice(bus: &dyn CancelBus) {
    let mut listener = bus.listen().await.unwrap();
    nothing("there is no notice yet", listener.next()).await;
    let turn = key();
    bus.publish(turn).await.unwrap();
    assert_eq!(soon("a notice", listener.next()).await.unwrap(), turn);
}
