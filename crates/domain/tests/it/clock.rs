//! Clocks that go wrong: a little is tolerated, much stops everything, nothing goes back in time.

use crate::support::{account_with_data, both, days, kind, says, size, slot, times};
use kernel::engine::Memory;
use kernel::{HOUSE, Kind, Moment};
use std::sync::Arc;
use std::time::Duration;
use testkit::World;

fn back(world: &World, span: Duration) {
    let now = kernel::Clock::now(&*world.clock).0;
    world.clock.set(Moment(now - u64::try_from(span.as_micros()).unwrap()));
}

#[test]
fn a_clock_far_behind_stops_the_work_until_it_is_right() {
    both(1, |world| {
        let (import, account) = account_with_data(world);
        let place = (&account, "c", "x");
        world.put(&import, place, "1").unwrap();
        for span in [Duration::from_secs(3600), Duration::from_micros(5_000_001)] {
            let (house, log) = (size(world, HOUSE), size(world, slot(world, &account)));
            back(world, span);
            let error = world.put(&import, place, "2").unwrap_err();
            assert_eq!(error.kind(), Kind::Unavailable);
            let seconds = format!("{} s behind", span.as_secs());
            assert!(says(&error, "clock") && says(&error, &seconds), "{error}");
            assert_eq!(kind(world.get(&import, place)), Kind::Unavailable, "nothing is shown");
            assert_eq!(kind(world.get(&world.admin, place)), Kind::Unavailable, "nor refused");
            assert!(world.kernel.tick(&domain::run_job).is_err());
            assert_eq!((size(world, HOUSE), size(world, slot(world, &account))), (house, log));
            world.clock.advance(span);
            assert_eq!(world.get(&import, place).unwrap(), "1");
        }
    });
}

#[test]
fn a_clock_a_little_behind_is_waited_for_and_times_never_decrease() {
    both(2, |world| {
        let (import, account) = account_with_data(world);
        let place = (&account, "c", "x");
        world.put(&import, place, "1").unwrap();
        let newest = world.kernel.now();
        back(world, Duration::from_secs(5));
        world.put(&import, place, "2").unwrap();
        assert_eq!(world.kernel.now(), newest, "the kernel's own moment does not go back");
        world.clock.advance(Duration::from_secs(3));
        world.put(&import, place, "3").unwrap();
        world.clock.advance(Duration::from_secs(4));
        world.put(&import, place, "4").unwrap();
        let times = times(world, slot(world, &account));
        assert!(times.is_sorted(), "{times:?}");
        assert_eq!(times[times.len() - 2], newest.0);
        assert_eq!(times[times.len() - 1], newest.0 + 2_000_000);
    });
}

#[test]
fn no_window_opens_again_by_setting_the_clock_back() {
    both(3, |world| {
        let (import, account) = account_with_data(world);
        let place = (&account, "c", "x");
        world.clock.advance(Duration::from_secs(8 * 3600));
        assert_eq!(kind(world.put(&import, place, "1")), Kind::NotFound, "expired");
        back(world, Duration::from_secs(3));
        assert_eq!(kind(world.put(&import, place, "1")), Kind::NotFound, "and stays so");
        // A grant given by the newest entry's time counts at once, although the clock is behind it.
        world.grant("service:import", "*", "*", &["write"]);
        world.put(&import, place, "1").unwrap();
    });
}

#[test]
fn a_clock_that_was_ahead_and_wrote_nothing_is_forgiven() {
    both(4, |world| {
        let (import, account) = account_with_data(world);
        let place = (&account, "c", "x");
        world.clock.advance(Duration::from_secs(7 * 3600));
        assert_eq!(kind(world.put("bailee_none", place, "1")), Kind::Unauthenticated);
        assert_eq!(kind(world.put(&import, (&account, "none", "x"), "1")), Kind::NotFound);
        back(world, Duration::from_secs(7 * 3600));
        world.put(&import, place, "1").unwrap();
    });
}

#[test]
fn a_restart_does_not_forget_what_time_it_was() {
    let (store, mark) = (Memory::default(), Arc::default());
    let mut world = World::on(&store, &mark, 5);
    let (import, account) = account_with_data(&world);
    let place = (&account, "c", "x");
    world.clock.advance(Duration::from_secs(3600));
    // Only the account's own log moves; `house` is an hour behind.
    world.put(&import, place, "1").unwrap();
    world.kernel.close();
    back(&world, Duration::from_secs(60));
    world.kernel = World::reopen(&store, &mark, 99, Arc::clone(&world.clock)).unwrap();
    assert_eq!(kind(world.get(&import, place)), Kind::Unavailable);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.get(&import, place).unwrap(), "1");
    world.clock.advance(days(1));
    assert_eq!(
        kind(world.asked(&import).map(|_| ()).and(world.get(&import, place))),
        Kind::NotFound
    );
}
