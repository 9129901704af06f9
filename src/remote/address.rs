//! What an address may look like.

use crate::base::{Error, Result};

/// Splits an address into what `ssh` logs in to and a port: `root@web`, `web:2222`, `root@[::1]:2222`.
///
/// Only characters of names, addresses and login names: an address reaches command lines, and `ProxyCommand`s of the
/// operator's, which a shell reads.
///
/// # Errors
/// If it is not an address.
pub fn split(address: &str) -> Result<(&str, Option<&str>)> {
    parse(address).ok_or_else(|| {
        Error::new("that is not an address").hint("use what ssh knows, such as root@web, with :PORT if it is not 22")
    })
}

fn parse(address: &str) -> Option<(&str, Option<&str>)> {
    let (user, host) = address.rsplit_once('@').map_or((None, address), |(user, host)| (Some(user), host));
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (name, port) = rest.split_once(']')?;
            (name, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None if host.matches(':').count() == 1 => host.split_once(':').map(|(name, port)| (name, Some(port)))?,
        None => (host, None),
    };
    let good = user.is_none_or(is_user) && (is_name(name) || is_ipv6(name)) && port.is_none_or(is_port);
    let target = &address[..address.len() - port.map_or(0, |port| port.len() + 1)];
    good.then_some((target, port))
}

/// Letters, digits and a few others, the first of them no sign.
fn is_plain(text: &str, others: &[u8]) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || others.contains(&b))
}

/// A login name; with the realm of a directory, perhaps.
fn is_user(text: &str) -> bool {
    is_plain(text, b"._-+@")
}

/// A host name, an IPv4 address, or a name of the operator's `ssh_config`.
fn is_name(text: &str) -> bool {
    is_plain(text, b"._-")
}

/// An IPv6 address, with its zone, perhaps.
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').map_or((text, None), |(address, zone)| (address, Some(zone)));
    address.parse::<std::net::Ipv6Addr>().is_ok() && zone.is_none_or(is_name)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port != 0)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn addresses_are_split_into_target_and_port() {
        for (address, target, port) in [
            ("web", "web", None),
            ("root@web:2222", "root@web", Some("2222")),
            ("root@[::1]:2222", "root@[::1]", Some("2222")),
            ("::1", "::1", None),
            ("me@fe80::1", "me@fe80::1", None),
            ("[fe80::1%eth0]:22", "[fe80::1%eth0]", Some("22")),
            ("ann@ad.example@web-1.example.org.:65535", "ann@ad.example@web-1.example.org.", Some("65535")),
        ] {
            assert_eq!(split(address).unwrap(), (target, port));
        }
        for bad in [
            "",
            "@web",
            "root@",
            "-oProxyCommand=x",
            "root@-x",
            "-l@web",
            "web:ssh",
            "web:",
            "web:0",
            "web:+22",
            "web:65536",
            "web 1",
            "web\n",
            "[::1]x",
            "[::1",
            "::1]",
            "[web]x",
            "a:b:c",
            "web$(id)",
            "root@web`id`",
            "web;id",
            "web|id",
            "we'b",
            "r\"oot@web",
            "web/x",
            "web\\x",
            "%h",
            "web%h",
            "[fe80::1%$(id)]",
            "wéb",
            "web,db",
            "*",
            "web#",
        ] {
            assert!(split(bad).is_err(), "{bad:?}");
        }
    }
}
