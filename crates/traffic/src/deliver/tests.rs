//! Deliveries are counted by network before they are verified, and by subscription afterwards.

use std::net::IpAddr;
use std::sync::Arc;

use lockgate_store::Rate;
use lockgate_vocabulary::{Stop, SubscriptionId, TenantId};

use crate::tests::Time;
use crate::{Config, Traffic, TrafficRefusal};

fn room() -> Traffic {
    Traffic::new(Config::default(), None, Arc::new(Time::default())).unwrap()
}

fn refused(outcome: Result<(), Stop>) {
    match outcome {
        Err(Stop::Refused(refusal)) => {
            assert_eq!(refusal.code(), TrafficRefusal::SubscriptionExceeded.info().code);
            assert!(refusal.wait().is_some(), "the sender is told when to come again");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_flood_from_one_network_holds_off_that_network_alone() {
    let (room, rate) = (room(), Rate::per_minute(60, 2).unwrap());
    let (subscription, tenant) = (SubscriptionId::from_u128(1), TenantId::from_u128(2));
    let [flood, provider]: [IpAddr; 2] = ["203.0.113.1", "198.51.100.1"].map(|address| address.parse().unwrap());
    room.knock(subscription, flood, rate).unwrap();
    room.knock(subscription, flood, rate).unwrap();
    refused(room.knock(subscription, flood, rate));
    room.knock(subscription, provider, rate).unwrap();
    // What was only knocked takes nothing of what is taken in.
    room.admit_delivery(tenant, subscription, rate).await.unwrap();
    room.admit_delivery(tenant, subscription, rate).await.unwrap();
    refused(room.admit_delivery(tenant, subscription, rate).await);
    room.admit_delivery(tenant, SubscriptionId::from_u128(9), rate).await.unwrap();
}
