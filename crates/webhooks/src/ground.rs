//! Where the house lets tenants' endpoints be: its configuration says so, and no tenant changes it.

use std::collections::BTreeMap;

use ipnet::IpNet;
use lockgate_egress::destination::host::HostList;
use lockgate_vocabulary::{Fault, TenantId};

use crate::config::Config;

/// For every tenant.
pub struct Ground {
    networks: Box<[IpNet]>,
    everybody: Option<HostList>,
    of: BTreeMap<TenantId, HostList>,
}

/// For one of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Open<'a> {
    /// Private networks that the configuration opens.
    pub(crate) networks: &'a [IpNet],
    /// The hosts that there may be; every public host where there is no list.
    pub(crate) hosts: Option<&'a HostList>,
}

impl Ground {
    pub(crate) fn new(config: &Config, networks: &[IpNet]) -> Result<Self, Fault> {
        let read = |hosts: &Vec<String>| {
            HostList::parse(hosts.iter().map(String::as_str)).map_err(|refusal| {
                Fault::broken("reading webhooks.endpoint_hosts", format!("{hosts:?}: {}", refusal.info().title))
            })
        };
        let of = config.tenant_endpoint_hosts.iter().map(|(tenant, hosts)| Ok((*tenant, read(hosts)?)));
        Ok(Self {
            networks: networks.into(),
            everybody: config.endpoint_hosts.as_ref().map(read).transpose()?,
            of: of.collect::<Result<_, Fault>>()?,
        })
    }

    /// What is open to this tenant. A list of its own stands in place of the one for everybody.
    pub(crate) fn of(&self, tenant: TenantId) -> Open<'_> {
        Open { networks: &self.networks, hosts: self.of.get(&tenant).or(self.everybody.as_ref()) }
    }
}
