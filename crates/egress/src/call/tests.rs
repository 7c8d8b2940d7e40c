//! The bound of the whole call holds for each of its stages.

use super::*;

#[tokio::test]
async fn no_stage_lasts_longer_than_the_call() {
    let clock = lockgate_testkit::ManualClock::new();
    let mut alarm = Alarm::new(Arc::new(clock.clone()));
    let end = alarm.now() + CALL_TIME;
    assert_eq!(within(&mut alarm, end, pin!(std::future::ready(Ok(7)))).await.expect("in time"), 7);
    let waiting = tokio::spawn(async move { within::<()>(&mut alarm, end, pin!(std::future::pending())).await });
    while clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    clock.advance(CALL_TIME);
    let Err(Stop::Refused(refusal)) = waiting.await.expect("it ran") else { panic!("not refused") };
    assert_eq!((refusal.code(), refusal.status()), (EgressRefusal::CallTimeout.info().code, 503));
}
