//! Reads Kafka's schema as facts: `src/protocol/schema/*.txt`.

use std::fmt;

/// Versions from `min` to `max`, both included; empty if `min > max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    pub min: i16,
    pub max: i16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    Bool,
    Int8,
    Int16,
    Uint16,
    Int32,
    Uint32,
    Int64,
    Float64,
    Uuid,
    String,
    Bytes,
    Records,
    Struct(String),
    Array(Box<Type>),
}

#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    pub ty: Type,
    pub versions: Versions,
    pub tag: Option<u32>,
    /// The versions in which null is allowed.
    pub nullable: Versions,
    pub default: Option<String>,
    pub ignorable: bool,
    /// Never compact, whatever the message is.
    pub never_flexible: bool,
}

#[derive(Debug, Clone)]
pub struct Struct {
    pub name: String,
    pub fields: Vec<Field>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Request,
    Response,
    Header,
    Data,
    Metadata,
    CoordinatorKey,
    CoordinatorValue,
}

#[derive(Debug, Clone)]
pub struct Message {
    pub kind: Kind,
    pub name: String,
    /// API key or record type.
    pub key: Option<i16>,
    pub versions: Versions,
    pub flexible: Versions,
    /// The message itself first, then the structures inside it.
    pub structs: Vec<Struct>,
}

/// A line that is not understood, with its text.
#[derive(Debug, PartialEq, Eq)]
pub struct SchemaError {
    pub line: String,
    pub reason: &'static str,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: `{}`", self.reason, self.line)
    }
}

impl std::error::Error for SchemaError {}

impl Versions {
    pub const NONE: Self = Self { min: 0, max: -1 };

    /// `3+`, `0-12`, `5` or `none`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "none" {
            return Some(Self::NONE);
        }
        if let Some(min) = text.strip_suffix('+') {
            return Some(Self { min: min.parse().ok()?, max: i16::MAX });
        }
        let (min, max) = text.split_once('-').unwrap_or((text, text));
        Some(Self { min: min.parse().ok()?, max: max.parse().ok()? })
    }

    pub fn is_empty(self) -> bool {
        self.min > self.max
    }

    pub fn contains(self, version: i16) -> bool {
        (self.min..=self.max).contains(&version)
    }

    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { min: self.min.max(other.min), max: self.max.min(other.max) }
    }

    /// The smallest range that holds both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        match (self.is_empty(), other.is_empty()) {
            (true, _) => other,
            (_, true) => self,
            _ => Self { min: self.min.min(other.min), max: self.max.max(other.max) },
        }
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self { min, max } if min > max => write!(f, "none"),
            Self { min, max: i16::MAX } => write!(f, "{min}+"),
            Self { min, max } if min == max => write!(f, "{min}"),
            Self { min, max } => write!(f, "{min}-{max}"),
        }
    }
}

impl Type {
    fn parse(text: &str) -> Self {
        if let Some(element) = text.strip_prefix("[]") {
            return Self::Array(Box::new(Self::parse(element)));
        }
        match text {
            "bool" => Self::Bool,
            "int8" => Self::Int8,
            "int16" => Self::Int16,
            "uint16" => Self::Uint16,
            "int32" => Self::Int32,
            "uint32" => Self::Uint32,
            "int64" => Self::Int64,
            "float64" => Self::Float64,
            "uuid" => Self::Uuid,
            "string" => Self::String,
            "bytes" => Self::Bytes,
            "records" => Self::Records,
            name => Self::Struct(name.to_owned()),
        }
    }

    /// The structure that this is, or has as elements.
    pub fn structure(&self) -> Option<&str> {
        match self {
            Self::Struct(name) => Some(name),
            Self::Array(element) => element.structure(),
            _ => None,
        }
    }
}

impl Message {
    pub fn structure(&self, name: &str) -> &Struct {
        self.structs.iter().find(|s| s.name == name).expect("checked by `parse`")
    }
}

/// Reads all messages of one file.
pub fn parse(text: &str) -> Result<Vec<Message>, SchemaError> {
    let mut messages: Vec<Message> = Vec::new();
    // Indent of a structure's fields, and its place in the message.
    let mut open: Vec<(usize, usize)> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let error = |reason| SchemaError { line: line.to_owned(), reason };
        let indent = line.len() - line.trim_start().len();
        let mut words = line.split_whitespace();
        if indent == 0 {
            messages.push(head(&mut words).ok_or_else(|| error("not the head of a message"))?);
            open = vec![(2, 0)];
            continue;
        }
        let message = messages.last_mut().ok_or_else(|| error("a field before any message"))?;
        open.retain(|(at, _)| *at <= indent);
        let (at, owner) = *open.last().ok_or_else(|| error("not in a structure"))?;
        if at != indent {
            return Err(error("not in a structure"));
        }
        if line.trim_start().starts_with("struct ") {
            let name = words.nth(1).ok_or_else(|| error("a structure without a name"))?;
            open.push((indent + 2, structure(message, name)));
            continue;
        }
        let field = field(&mut words).ok_or_else(|| error("not a field"))?;
        if let Some(name) = field.ty.structure() {
            let name = name.to_owned();
            open.push((indent + 2, structure(message, &name)));
        }
        message.structs[owner].fields.push(field);
    }
    check(&messages)?;
    Ok(messages)
}

/// The place of a structure, which may have been named before.
fn structure(message: &mut Message, name: &str) -> usize {
    message.structs.iter().position(|s| s.name == name).unwrap_or_else(|| {
        message.structs.push(Struct { name: name.to_owned(), fields: Vec::new() });
        message.structs.len() - 1
    })
}

fn head<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Message> {
    let kind = match words.next()? {
        "request" => Kind::Request,
        "response" => Kind::Response,
        "header" => Kind::Header,
        "data" => Kind::Data,
        "metadata" => Kind::Metadata,
        "coordinator-key" => Kind::CoordinatorKey,
        "coordinator-value" => Kind::CoordinatorValue,
        _ => return None,
    };
    let name = words.next()?.to_owned();
    let structs = vec![Struct { name: name.clone(), fields: Vec::new() }];
    let mut message =
        Message { kind, name, key: None, versions: Versions::NONE, flexible: Versions::NONE, structs };
    for word in words {
        match word.split_once('=') {
            Some(("key", key)) => message.key = Some(key.parse().ok()?),
            Some(("versions", versions)) => message.versions = Versions::parse(versions)?,
            Some(("flexible", versions)) => message.flexible = Versions::parse(versions)?,
            Some(("listeners", _)) => {}
            None if word == "latest-unstable" => {}
            _ => return None,
        }
    }
    Some(message)
}

fn field<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Field> {
    let mut field = Field {
        name: words.next()?.to_owned(),
        ty: Type::parse(words.next()?),
        versions: Versions::parse(words.next()?)?,
        tag: None,
        nullable: Versions::NONE,
        default: None,
        ignorable: false,
        never_flexible: false,
    };
    for word in words {
        match word.split_once('=') {
            Some(("tag", tag)) => field.tag = Some(tag.parse().ok()?),
            // A field is tagged in all of its versions or in none.
            Some(("tagged", versions)) if Versions::parse(versions)? == field.versions => {}
            Some(("nullable", versions)) => field.nullable = Versions::parse(versions)?,
            Some(("default", default)) => field.default = Some(default.to_owned()),
            Some(("flexible", "none")) => field.never_flexible = true,
            Some(("entity", _)) => {}
            None if word == "ignorable" => field.ignorable = true,
            None if word == "mapkey" || word == "zerocopy" => {}
            _ => return None,
        }
    }
    Some(field)
}

/// What the code generator relies on.
fn check(messages: &[Message]) -> Result<(), SchemaError> {
    for message in messages {
        for structure in &message.structs {
            let error = |reason| SchemaError { line: format!("{} {}", message.name, structure.name), reason };
            if structure.fields.is_empty() && structure.name != message.name {
                return Err(error("a structure without fields"));
            }
            let mut names: Vec<_> = structure.fields.iter().map(|f| &f.name).collect();
            names.sort();
            names.dedup();
            if names.len() != structure.fields.len() {
                return Err(error("a structure with a field twice, or defined twice"));
            }
            for field in &structure.fields {
                if field.tag.is_some() && field.versions.and(message.flexible) != field.versions {
                    return Err(error("a tagged field in a version that has no tags"));
                }
                if matches!(&field.ty, Type::Array(e) if matches!(**e, Type::Array(_) | Type::Bytes | Type::Records))
                {
                    return Err(error("an array of arrays or bytes"));
                }
                if field.tag.is_some() && field.ty == Type::Records {
                    return Err(error("records in a tagged field would be copied"));
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_is_by_indent_and_wrong_lines_are_named() {
        let text = "# facts\n\nrequest XRequest key=7 versions=1-3 flexible=2+\n  A []B 1+ nullable=2+ default=null\n    \
                    C int16 2-3 ignorable\n  D B 3+ tag=0 tagged=3+\n";
        let [message] = &parse(text).unwrap()[..] else { panic!("one message") };
        assert_eq!(message.structs.iter().map(|s| &*s.name).collect::<Vec<_>>(), ["XRequest", "B"]);
        let fields: Vec<_> = message.structs[0].fields.iter().map(|f| &*f.name).collect();
        assert_eq!(fields, ["A", "D"]);
        assert_eq!(message.structs[1].fields[0].versions, Versions { min: 2, max: 3 });

        let refuse = |text: &str| parse(text).unwrap_err().reason;
        assert_eq!(refuse("request X key=seven"), "not the head of a message");
        assert_eq!(refuse("data X versions=0 flexible=0+\n  A int16 0+ odd"), "not a field");
        assert_eq!(
            refuse("data X versions=0 flexible=0+\n  A int16 0+\n    B int16 0+"),
            "not in a structure"
        );
        assert_eq!(refuse("data X versions=0 flexible=0+\n  A B 0+"), "a structure without fields");
    }
}
