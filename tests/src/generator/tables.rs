//! Writes the tables: API keys, error codes, and all messages for the tests.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::schema::{Kind, Message, Versions};

const NOTICE: &str = "do not edit.";

/// `api_key.rs`: every API of the schema, and what a broker listener advertises of it.
pub fn api_keys(messages: &[Message], advertised: &str) -> Result<String, String> {
    let advertised = parse_advertised(advertised)?;
    let mut apis: Vec<_> = messages.iter().filter(|m| m.kind == Kind::Request).collect();
    apis.sort_by_key(|m| m.key);
    let mut text = format!(
        "//! @generated from `schema/messages.txt` and `schema/api-versions.txt`: {NOTICE}\n\n\
         use super::{{Api, VersionRange}};\n\n\
         /// Every API of Kafka 4.3.1, those between controllers included.\n\
         #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]\n#[repr(i16)]\npub enum ApiKey {{\n"
    );
    let name = |m: &Message| m.name.trim_end_matches("Request").to_owned();
    let key = |m: &Message| m.key.ok_or_else(|| format!("{} has no key", m.name));
    for api in &apis {
        let _ = writeln!(text, "    {} = {},", name(api), key(api)?);
    }
    text.push_str(
        "}\n\nimpl ApiKey {\n    /// In ascending order.\n    pub const ALL: &'static [Self] = &[\n",
    );
    for api in &apis {
        let _ = writeln!(text, "        Self::{},", name(api));
    }
    text.push_str("    ];\n\n    pub fn from_i16(key: i16) -> Option<Self> {\n        Some(match key {\n");
    for api in &apis {
        let _ = writeln!(text, "            {} => Self::{},", key(api)?, name(api));
    }
    text.push_str("            _ => return None,\n        })\n    }\n\n    pub fn api(self) -> &'static Api {\n        match self {\n");
    for api in &apis {
        let range = |v: Versions| format!("VersionRange {{ min: {}, max: {} }}", v.min, v.max);
        let flexible = api.flexible.and(api.versions);
        let (api_name, versions) = (name(api), range(api.versions));
        let advertised = match advertised.get(&(api_name.clone(), key(api)?)) {
            Some(Some(versions)) => format!("Some({})", range(*versions)),
            _ => "None".to_owned(),
        };
        let from = if flexible.is_empty() { "None".to_owned() } else { format!("Some({})", flexible.min) };
        let _ = writeln!(text, "            Self::{api_name} => &Api {{");
        let _ =
            writeln!(text, "                key: Self::{api_name},\n                name: \"{api_name}\",");
        let _ = writeln!(
            text,
            "                versions: {versions},\n                advertised: {advertised},"
        );
        let _ = writeln!(text, "                flexible_from: {from},\n            }},");
    }
    text.push_str("        }\n    }\n}\n");
    for (api, key) in advertised.keys() {
        if !apis.iter().any(|m| name(m) == *api && m.key == Some(*key)) {
            return Err(format!("{api}({key}) is advertised and not in the schema"));
        }
    }
    Ok(text)
}

type Advertised = BTreeMap<(String, i16), Option<Versions>>;

/// Lines such as `Fetch(1): 4 to 18`, `ListPartitionReassignments(46): 0` and `PushTelemetry(72): UNSUPPORTED,`.
fn parse_advertised(text: &str) -> Result<Advertised, String> {
    let line = |line: &str| {
        let (api, versions) = line.split_once(": ")?;
        let (name, key) = api.strip_suffix(')')?.split_once('(')?;
        let versions = match versions.split_once(" to ") {
            Some((min, max)) => Some(Versions { min: min.parse().ok()?, max: max.parse().ok()? }),
            None if versions.starts_with("UNSUPPORTED") => None,
            None => Some(Versions::parse(versions)?),
        };
        Some(((name.to_owned(), key.parse().ok()?), versions))
    };
    text.lines().map(|text| line(text).ok_or_else(|| format!("`{text}` names no API"))).collect()
}

/// `error.rs`.
pub fn errors(table: &str) -> Result<String, String> {
    let mut rows = Vec::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let [code, name, retriable] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(format!("`{line}` is not an error code"));
        };
        let code: i16 = code.parse().map_err(|_| format!("`{code}` is not a number"))?;
        let retriable: bool =
            retriable.parse().map_err(|_| format!("`{retriable}` is neither true nor false"))?;
        rows.push((code, name, retriable));
    }
    let mut text = format!(
        "//! @generated from `protocol/schema/errors.tsv`: {NOTICE}\n\nuse std::fmt;\n\n\
         /// What went wrong, as the wire says it. A code that this version does not know stays what it is.\n\
         #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]\npub struct ErrorCode(pub i16);\n\n\
         impl ErrorCode {{\n"
    );
    for (code, name, _) in &rows {
        let _ = writeln!(text, "    pub const {name}: Self = Self({code});");
    }
    text.push_str("\n    /// Every known code.\n    pub const ALL: &'static [Self] = &[\n");
    for (_, name, _) in &rows {
        let _ = writeln!(text, "        Self::{name},");
    }
    text.push_str("    ];\n\n    /// Kafka's name; `None` if the code is not known.\n    pub fn name(self) -> Option<&'static str> {\n        Some(match self {\n");
    for (_, name, _) in &rows {
        let _ = writeln!(text, "            Self::{name} => \"{name}\",");
    }
    text.push_str("            _ => return None,\n        })\n    }\n\n    /// Whether a client may try again.\n    pub fn is_retriable(self) -> bool {\n        matches!(\n            self,\n");
    let retriable: Vec<_> = rows.iter().filter(|row| row.2).map(|row| row.1).collect();
    for (at, name) in retriable.iter().enumerate() {
        let _ = writeln!(text, "            {}Self::{name}", if at == 0 { "" } else { "    | " });
    }
    text.push_str(
        "        )\n    }\n}\n\nimpl fmt::Display for ErrorCode {\n    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {\n        \
         match self.name() {\n            Some(name) => f.write_str(name),\n            None => write!(f, \"error {}\", self.0),\n        \
         }\n    }\n}\n\nimpl fmt::Debug for ErrorCode {\n    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {\n        \
         fmt::Display::fmt(self, f)\n    }\n}\n",
    );
    Ok(text)
}

/// `codec_table.rs`: every message, so that tests can run through all of them.
pub fn codecs(modules: &BTreeMap<String, (String, Vec<&Message>)>) -> String {
    let mut text = format!(
        "//! Every message of the codec, @generated from `src/protocol/schema/`: {NOTICE}\n\n\
         use logan::protocol::messages;\n\nuse crate::codec::Codec;\n\npub static CODECS: &[Codec] = &[\n"
    );
    for (module, (_, messages)) in modules {
        for message in messages {
            let kind = match message.kind {
                Kind::Request => "request",
                Kind::Response => "response",
                Kind::Header => "header",
                Kind::Data => "data",
                Kind::Metadata => "metadata",
                Kind::CoordinatorKey => "coordinator-key",
                Kind::CoordinatorValue => "coordinator-value",
            };
            let _ = writeln!(text, "    Codec::of::<messages::{module}::{}>(\"{kind}\"),", message.name);
        }
    }
    text.push_str("];\n");
    text
}
