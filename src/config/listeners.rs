//! `listeners` and what belongs to it, read as Kafka reads it.

use std::fmt;

use super::fixed::{ConfigError, FixedSettings};
use super::layers::Layers;
use super::value::trim;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecurityProtocol {
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

impl SecurityProtocol {
    fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "PLAINTEXT" => Some(Self::Plaintext),
            "SSL" => Some(Self::Ssl),
            "SASL_PLAINTEXT" => Some(Self::SaslPlaintext),
            "SASL_SSL" => Some(Self::SaslSsl),
            _ => None,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }
}

/// `NAME://host:port`. The name is in capitals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub name: String,
    /// Empty: every address of the machine, where it is listened on. Without the brackets of an IPv6 address.
    pub host: String,
    /// 0: one that the system chooses.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{}://{open}{}{close}:{}", self.name, self.host, self.port)
    }
}

/// A place where clients connect, and what they are told to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    pub bind: Endpoint,
    /// Of the same name. Its port is 0 if the listener's is: then the port that the system chose is meant.
    pub advertised: Endpoint,
    pub protocol: SecurityProtocol,
}

/// All listeners, by role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listeners {
    pub clients: Vec<Listener>,
    /// Those named in `controller.listener.names`.
    pub controllers: Vec<Endpoint>,
}

impl Listeners {
    /// `hostname` stands in for a host that is left out of what is advertised.
    pub fn read(layers: &Layers<'_>, hostname: &str) -> Result<Self, Vec<ConfigError>> {
        let fixed = layers.fixed;
        let controller_names: Vec<String> =
            layers.list("controller.listener.names").iter().map(|name| name.to_ascii_uppercase()).collect();
        let protocols = Protocols::read(layers, &controller_names);
        let mut errors = Vec::new();
        let bound = endpoints(fixed, "listeners", &layers.list("listeners"), &mut errors);
        check_apart(fixed, "listeners", &bound, true, &mut errors);
        let (controllers, bound): (Vec<_>, Vec<_>) =
            bound.into_iter().partition(|endpoint| controller_names.contains(&endpoint.name));
        let given = layers.list("advertised.listeners");
        let advertised_key = if given.is_empty() { "listeners" } else { "advertised.listeners" };
        let advertised = if given.is_empty() {
            bound.clone()
        } else {
            endpoints(fixed, "advertised.listeners", &given, &mut errors)
        };
        check_apart(fixed, "advertised.listeners", &advertised, false, &mut errors);
        if bound.is_empty() && errors.is_empty() {
            errors.push(
                fixed.rule(
                    "listeners",
                    "no listener is left for clients: all are in controller.listener.names",
                ),
            );
        }
        let mut clients = Vec::new();
        for bind in bound {
            let protocol = match protocols.of(fixed, &bind) {
                Ok(protocol) => protocol,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            match advertise(fixed, advertised_key, &advertised, &bind, hostname) {
                Ok(advertised) => clients.push(Listener { bind, advertised, protocol }),
                Err(error) => errors.push(error),
            }
        }
        for endpoint in &advertised {
            let known = clients.iter().any(|listener| listener.bind.name == endpoint.name)
                || controller_names.contains(&endpoint.name);
            if !known && errors.is_empty() {
                let why = format!("{} is not the name of a listener", endpoint.name);
                errors.push(fixed.rule("advertised.listeners", why));
            }
        }
        if errors.is_empty() { Ok(Self { clients, controllers }) } else { Err(errors) }
    }
}

/// What clients are told of one listener.
fn advertise(
    fixed: &FixedSettings,
    key: &str,
    advertised: &[Endpoint],
    bind: &Endpoint,
    hostname: &str,
) -> Result<Endpoint, ConfigError> {
    let Some(found) = advertised.iter().find(|endpoint| endpoint.name == bind.name) else {
        return Err(fixed.rule(key, format!("the listener {} is missing", bind.name)));
    };
    if matches!(found.host.as_str(), "0.0.0.0" | "::") {
        let why = format!(
            "{} is no address that a client can connect to: set advertised.listeners to one that is",
            found.host
        );
        return Err(fixed.rule(key, why));
    }
    let host = if found.host.is_empty() { hostname.to_owned() } else { found.host.clone() };
    Ok(Endpoint { host, ..found.clone() })
}

/// `listener.security.protocol.map`.
struct Protocols<'a> {
    map: Vec<(String, SecurityProtocol)>,
    /// Controller listeners are plaintext where no map says otherwise.
    plaintext: &'a [String],
}

impl<'a> Protocols<'a> {
    fn read(layers: &Layers<'_>, controllers: &'a [String]) -> Self {
        let key = "listener.security.protocol.map";
        let text = layers.text(key);
        let entries = text.split(',').filter_map(|entry| entry.rsplit_once(':'));
        let map = entries
            .filter_map(|(name, protocol)| {
                Some((trim(name).to_ascii_uppercase(), SecurityProtocol::parse(trim(protocol))?))
            })
            .collect();
        let plaintext = if layers.fixed.get(key).is_none() { controllers } else { &[] };
        Self { map, plaintext }
    }

    fn of(&self, fixed: &FixedSettings, endpoint: &Endpoint) -> Result<SecurityProtocol, ConfigError> {
        let mapped = self.map.iter().find(|(name, _)| *name == endpoint.name).map(|(_, protocol)| *protocol);
        let protocol = match mapped {
            Some(protocol) => protocol,
            None if self.plaintext.contains(&endpoint.name) => SecurityProtocol::Plaintext,
            None => {
                let why = format!(
                    "listener.security.protocol.map has no security protocol for the listener {}",
                    endpoint.name
                );
                return Err(fixed.rule("listeners", why));
            }
        };
        // Serving it in plaintext would be worse than not serving it.
        if protocol != SecurityProtocol::Plaintext {
            let why = format!(
                "the listener {} asks for {}; only PLAINTEXT is built so far",
                endpoint.name,
                protocol.name()
            );
            return Err(fixed.rule("listeners", why));
        }
        Ok(protocol)
    }
}

fn endpoints(
    fixed: &FixedSettings,
    key: &str,
    entries: &[String],
    errors: &mut Vec<ConfigError>,
) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for entry in entries {
        match parse_endpoint(entry) {
            Some(endpoint) => endpoints.push(endpoint),
            None => errors.push(fixed.rule(key, format!("{entry} is not of the form NAME://host:port"))),
        }
    }
    endpoints
}

fn parse_endpoint(text: &str) -> Option<Endpoint> {
    let (name, address) = text.split_once("://")?;
    let (host, port) = address.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None => host,
    };
    let is_host =
        host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'%' | b'.' | b'_' | b':'));
    let is_name = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    let port = port.parse().ok()?;
    (is_host && is_name).then(|| Endpoint { name: name.to_ascii_uppercase(), host: host.to_owned(), port })
}

/// Names are all different, and ports too where they are listened on, but for an IPv4 and an IPv6 address.
fn check_apart(
    fixed: &FixedSettings,
    key: &str,
    endpoints: &[Endpoint],
    ports: bool,
    errors: &mut Vec<ConfigError>,
) {
    for (at, one) in endpoints.iter().enumerate() {
        for other in &endpoints[..at] {
            if one.name == other.name {
                errors.push(fixed.rule(key, format!("two listeners have the name {}", one.name)));
            }
            let families_differ = one.host.contains(':') != other.host.contains(':')
                && !one.host.is_empty()
                && !other.host.is_empty();
            if ports && one.port == other.port && one.port != 0 && !families_differ {
                errors.push(fixed.rule(key, format!("two listeners have the port {}", one.port)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(settings: &[(&str, &str)], expect: &str) {
        let text: String =
            settings.iter().map(|(key, value)| logan_storage::properties::render(key, value)).collect();
        let (fixed, _) = FixedSettings::read(Some(("f", text.as_bytes())), &[]).expect("values are allowed");
        let got = match Listeners::read(&Layers::of_file(&fixed), "here") {
            Ok(listeners) => {
                let clients = listeners.clients.iter().map(|l| format!("{} as {}", l.bind, l.advertised));
                let controllers = listeners.controllers.iter().map(|e| format!("controller {e}"));
                clients.chain(controllers).collect::<Vec<_>>().join("; ")
            }
            Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        };
        assert_eq!(got, expect, "{settings:?}");
    }

    #[test]
    fn listeners_are_read_as_kafka_reads_them() {
        check(&[], "PLAINTEXT://127.0.0.1:9092 as PLAINTEXT://127.0.0.1:9092");
        let controller = ("controller.listener.names", "CONTROLLER");
        check(
            &[("listeners", "plaintext://:9092, CONTROLLER://:9093"), controller],
            "PLAINTEXT://:9092 as PLAINTEXT://here:9092; controller CONTROLLER://:9093",
        );
        check(
            &[("listeners", "PLAINTEXT://[::1]:0"), ("advertised.listeners", "PLAINTEXT://x.y:7")],
            "PLAINTEXT://[::1]:0 as PLAINTEXT://x.y:7",
        );
        check(
            &[
                ("listeners", "IN://0.0.0.0:1,OUT://a:2"),
                ("advertised.listeners", "OUT://o:2,IN://i:1"),
                ("listener.security.protocol.map", "IN:PLAINTEXT,OUT:plaintext"),
            ],
            "IN://0.0.0.0:1 as IN://i:1; OUT://a:2 as OUT://o:2",
        );
        check(
            &[
                ("listeners", "PLAINTEXT://127.0.0.1:9092,P6://[::1]:9092"),
                ("listener.security.protocol.map", "P6:PLAINTEXT,PLAINTEXT:PLAINTEXT"),
            ],
            "PLAINTEXT://127.0.0.1:9092 as PLAINTEXT://127.0.0.1:9092; P6://[::1]:9092 as P6://[::1]:9092",
        );
    }

    #[test]
    fn what_cannot_be_served_is_refused() {
        check(&[("listeners", "foo")], "f:1: listeners=foo: foo is not of the form NAME://host:port");
        check(
            &[("listeners", "PLAINTEXT://a:99999")],
            "f:1: listeners=PLAINTEXT://a:99999: PLAINTEXT://a:99999 is not of the form NAME://host:port",
        );
        check(
            &[("listeners", "EXTERNAL://a:1")],
            "f:1: listeners=EXTERNAL://a:1: listener.security.protocol.map has no security protocol for the listener EXTERNAL",
        );
        check(
            &[("listeners", "SASL_SSL://a:1")],
            "f:1: listeners=SASL_SSL://a:1: the listener SASL_SSL asks for SASL_SSL; only PLAINTEXT is built so far",
        );
        check(
            &[("listeners", "PLAINTEXT://a:1,SSL://a:1")],
            "f:1: listeners=PLAINTEXT://a:1,SSL://a:1: two listeners have the port 1; f:1: listeners=PLAINTEXT://a:1,SSL://a:1: the listener SSL asks for SSL; only PLAINTEXT is built so far",
        );
        check(
            &[("listeners", "PLAINTEXT://0.0.0.0:1")],
            "f:1: listeners=PLAINTEXT://0.0.0.0:1: 0.0.0.0 is no address that a client can connect to: set advertised.listeners to one that is",
        );
        check(
            &[("advertised.listeners", "OTHER://a:1")],
            "f:1: advertised.listeners=OTHER://a:1: the listener PLAINTEXT is missing",
        );
        check(
            &[("controller.listener.names", "PLAINTEXT")],
            "listeners=PLAINTEXT://127.0.0.1:9092: no listener is left for clients: all are in controller.listener.names",
        );
    }
}
