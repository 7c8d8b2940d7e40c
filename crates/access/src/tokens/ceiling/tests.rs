//! How long credentials may live.

use std::time::Duration;

use lockgate_vocabulary::Timestamp;
use proptest::prelude::*;

use super::CredentialLife::{self, AccessToken, InteractiveSession, ServiceAccount};
use crate::AccessRefusal;

const NOW: Timestamp = Timestamp::from_secs(1_780_000_000);

#[test]
fn ceilings_are_those_of_the_standard() {
    let day = Duration::from_secs(86_400);
    assert_eq!(ServiceAccount.most(), day * 90);
    assert_eq!(InteractiveSession.most(), day);
    assert_eq!(AccessToken.most(), Duration::from_secs(3600));
}

#[test]
fn the_longest_is_given_where_nothing_is_wanted_and_more_is_refused() {
    for life in [ServiceAccount, InteractiveSession, AccessToken] {
        let last = NOW.after(life.most());
        assert_eq!(life.expiry(NOW, None), Ok(last));
        assert_eq!(life.expiry(NOW, Some(last)), Ok(last));
        assert_eq!(life.expiry(NOW, Some(last.after(Duration::from_micros(1)))), Err(AccessRefusal::LifetimeTooLong));
        assert_eq!(life.expiry(NOW, Some(NOW)), Err(AccessRefusal::LifetimePast));
    }
}

proptest! {
    #[test]
    fn no_expiry_lies_beyond(wanted in any::<i64>(), now in 0..4_000_000_000_000_000i64) {
        let now = Timestamp::from_micros(now);
        let life: CredentialLife = ServiceAccount;
        if let Ok(end) = life.expiry(now, Some(Timestamp::from_micros(wanted))) {
            prop_assert!(end > now && end <= now.after(life.most()));
        }
    }
}
