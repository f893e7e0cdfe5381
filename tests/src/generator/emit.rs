//! Writes one module of messages as Rust.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::schema::{Field, Kind, Message, Struct, Type, Versions};

/// The names that structures have in Rust, by message and Kafka's name: a structure's own name if it is the only one of that name
/// in its module, else the message's name before it.
struct Names(BTreeMap<(String, String), String>);

/// What the code of one structure depends on.
struct Scope<'a> {
    message: &'a Message,
    names: &'a Names,
    /// The versions in which the structure appears.
    versions: Versions,
    /// `true`, `false` or `flexible`.
    flexible: &'static str,
}

/// A module for `messages`, which were read from `source`.
pub fn module(source: &str, messages: &[&Message]) -> String {
    let names = Names::of(messages);
    let mut code = String::new();
    for message in messages {
        let versions = appearances(message);
        for structure in &message.structs {
            let scope = Scope::new(message, &names, versions[&structure.name]);
            emit_struct(&mut code, &scope, structure);
        }
        emit_traits(&mut code, message);
    }
    let mut file = format!("//! @generated from `schema/{source}`: do not edit.\n\n");
    file.push_str(&imports(&code));
    file.push_str(&code);
    file
}

fn imports(code: &str) -> String {
    let used = |word: &str| {
        code.match_indices(word).any(|(at, _)| {
            let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            !part(code[..at].chars().next_back()) && !part(code[at + word.len()..].chars().next())
        })
    };
    let mut imports = String::new();
    if used("Bytes") {
        imports.push_str("use bytes::Bytes;\n\n");
    }
    if used("Uuid") {
        imports.push_str("use crate::model::Uuid;\n");
    }
    let names =
        ["ApiKey", "ErrorCode", "Message", "Reader", "Records", "Request", "Str", "UnknownTags", "Writer"];
    let names: Vec<_> = names.into_iter().filter(|name| used(name)).collect();
    let _ = writeln!(imports, "use crate::protocol::{{{}}};", names.join(", "));
    imports
}

impl Names {
    fn of(messages: &[&Message]) -> Self {
        let mut count: BTreeMap<&str, usize> = BTreeMap::new();
        for structure in messages.iter().flat_map(|m| &m.structs) {
            *count.entry(&structure.name).or_default() += 1;
        }
        let mut names = BTreeMap::new();
        for message in messages {
            for structure in &message.structs {
                let alone = count[&*structure.name] == 1;
                let name = if alone {
                    structure.name.clone()
                } else {
                    format!("{}{}", message.name, structure.name)
                };
                names.insert((message.name.clone(), structure.name.clone()), name);
            }
        }
        Self(names)
    }
}

/// The versions in which each structure of a message appears.
fn appearances(message: &Message) -> BTreeMap<String, Versions> {
    let mut found: BTreeMap<String, Versions> =
        message.structs.iter().map(|s| (s.name.clone(), Versions::NONE)).collect();
    found.insert(message.name.clone(), message.versions);
    // As often as structures can be nested.
    for _ in 0..message.structs.len() {
        for structure in &message.structs {
            let outer = found[&structure.name];
            for field in &structure.fields {
                if let Some(inner) = field.ty.structure() {
                    let versions = found[inner].hull(field.versions.and(outer));
                    found.insert(inner.to_owned(), versions);
                }
            }
        }
    }
    found
}

impl<'a> Scope<'a> {
    fn new(message: &'a Message, names: &'a Names, versions: Versions) -> Self {
        let flexible = match message.flexible.and(versions) {
            some if some.is_empty() => "false",
            some if some == versions => "true",
            _ => "flexible",
        };
        Self { message, names, versions, flexible }
    }

    fn name(&self, structure: &str) -> &str {
        &self.names.0[&(self.message.name.clone(), structure.to_owned())]
    }

    fn has_tags(&self) -> bool {
        self.flexible != "false"
    }

    /// What the version must be for a field of `versions` to be there; `None` if it always is.
    fn condition(&self, versions: Versions) -> Option<String> {
        let part = versions.and(self.versions);
        match (part.min > self.versions.min, part.max < self.versions.max) {
            (false, false) => None,
            _ if part.is_empty() => Some("false".to_owned()),
            (true, false) => Some(format!("version >= {}", part.min)),
            (false, true) => Some(format!("version <= {}", part.max)),
            (true, true) if part.min == part.max => Some(format!("version == {}", part.min)),
            (true, true) => Some(format!("({}..={}).contains(&version)", part.min, part.max)),
        }
    }

    fn fields(&self, structure: &'a Struct) -> impl Iterator<Item = &'a Field> {
        structure.fields.iter().filter(|f| !f.versions.and(self.versions).is_empty())
    }

    fn rust_type(&self, ty: &Type, field: &Field) -> String {
        match ty {
            Type::Bool => "bool".into(),
            Type::Int8 => "i8".into(),
            Type::Int16 if is_error_code(field) => "ErrorCode".into(),
            Type::Int16 => "i16".into(),
            Type::Uint16 => "u16".into(),
            Type::Int32 => "i32".into(),
            Type::Uint32 => "u32".into(),
            Type::Int64 => "i64".into(),
            Type::Float64 => "f64".into(),
            Type::Uuid => "Uuid".into(),
            Type::String => "Str".into(),
            Type::Bytes => "Bytes".into(),
            Type::Records => "Records".into(),
            Type::Struct(name) => self.name(name).into(),
            Type::Array(element) => format!("Vec<{}>", self.rust_type(element, field)),
        }
    }

    fn field_type(&self, field: &Field) -> String {
        let ty = self.rust_type(&field.ty, field);
        if self.is_option(field) { format!("Option<{ty}>") } else { ty }
    }

    fn is_option(&self, field: &Field) -> bool {
        !field.nullable.and(field.versions).and(self.versions).is_empty()
    }

    /// The value that a version without the field reads.
    fn default(&self, field: &Field) -> String {
        if field.default.as_deref() == Some("null") {
            return "None".into();
        }
        let value = match &field.ty {
            Type::Records if self.is_option(field) => return "None".into(),
            Type::Bool => field.default.as_deref().unwrap_or("false").to_lowercase(),
            Type::Int16 if is_error_code(field) => "ErrorCode::NONE".into(),
            Type::Float64 => "0.0".into(),
            Type::Uuid => "Uuid::ZERO".into(),
            Type::String => "Str::new()".into(),
            Type::Bytes => "Bytes::new()".into(),
            Type::Records => "Records::default()".into(),
            Type::Struct(name) => format!("{}::default()", self.name(name)),
            Type::Array(_) => "Vec::new()".into(),
            integer => integer_default(field.default.as_deref().unwrap_or("0"), integer),
        };
        if self.is_option(field) { format!("Some({value})") } else { value }
    }

    /// Whether the field's default is that of its Rust type.
    fn is_rust_default(&self, field: &Field) -> bool {
        match &*self.default(field) {
            "None" => true,
            other if other.starts_with("Some(") => false,
            other => {
                ["0", "0.0", "false", "ErrorCode::NONE", "Uuid::ZERO"].contains(&other)
                    || other.ends_with("::new()")
                    || other.ends_with("::default()")
            }
        }
    }

    /// An expression that tells whether the field has another value than its default.
    fn differs(&self, field: &Field) -> String {
        let name = format!("self.{}", rust_name(&field.name));
        match (&*self.default(field), &field.ty) {
            ("None", _) => format!("{name}.is_some()"),
            ("false", _) => name,
            ("true", _) => format!("!{name}"),
            ("Str::new()" | "Bytes::new()" | "Records::default()" | "Vec::new()", _) => {
                format!("!{name}.is_empty()")
            }
            ("Some(Str::new())" | "Some(Bytes::new())" | "Some(Vec::new())", _) => {
                format!("{name}.as_ref().is_none_or(|x| !x.is_empty())")
            }
            (default, _) => format!("{name} != {default}"),
        }
    }

    /// As [`Scope::differs`], the other way round.
    fn same(&self, field: &Field) -> String {
        let name = format!("self.{}", rust_name(&field.name));
        match &*self.default(field) {
            "None" => format!("{name}.is_none()"),
            "false" => format!("!{name}"),
            "true" => name,
            "Str::new()" | "Bytes::new()" | "Records::default()" | "Vec::new()" => {
                format!("{name}.is_empty()")
            }
            "Some(Str::new())" | "Some(Bytes::new())" | "Some(Vec::new())" => {
                format!("{name}.as_ref().is_some_and(|x| x.is_empty())")
            }
            default => format!("{name} == {default}"),
        }
    }

    /// The fewest bytes that a value takes in any version in which its structure appears.
    fn smallest(&self, ty: &Type, versions: Versions) -> usize {
        (versions.min..=versions.max)
            .map(|version| smallest_at(self.message, ty, version))
            .min()
            .expect("only fields that appear are read")
    }

    fn flexible_of(&self, field: &Field) -> &'static str {
        if field.never_flexible { "false" } else { self.flexible }
    }

    fn read(&self, field: &Field) -> String {
        let optional = self.is_option(field);
        let opt = if optional { "opt_" } else { "" };
        let flexible = self.flexible_of(field);
        let read = match &field.ty {
            Type::String => format!("r.{opt}string({flexible})"),
            Type::Bytes => format!("r.{opt}bytes({flexible})"),
            Type::Records => format!("r.{opt}records({flexible})"),
            Type::Struct(name) if optional => {
                format!("r.opt_struct(|r| {}::decode(version, r))", self.name(name))
            }
            Type::Struct(name) => format!("{}::decode(version, r)", self.name(name)),
            Type::Array(element) => {
                let read = match &**element {
                    Type::String => format!("|r| r.string({flexible})"),
                    Type::Struct(name) => format!("|r| {}::decode(version, r)", self.name(name)),
                    primitive => format!("Reader::{}", primitive_name(primitive)),
                };
                let smallest = self.smallest(element, field.versions.and(self.versions));
                assert!(smallest > 0, "an element of {} without bytes", field.name);
                format!("r.{opt}array({flexible}, {smallest}, {read})")
            }
            primitive if is_error_code(field) => format!("ErrorCode(r.{}())", primitive_name(primitive)),
            primitive => format!("r.{}()", primitive_name(primitive)),
        };
        match self.null_condition(field) {
            Some(allowed) => format!("{{ let x = {read}; r.nullable({allowed}, x) }}"),
            None => read,
        }
    }

    /// When null is allowed, if that depends on the version among those that have the field.
    fn null_condition(&self, field: &Field) -> Option<String> {
        let present = field.versions.and(self.versions);
        let allowed = field.nullable.and(present);
        (self.is_option(field) && allowed != present).then(|| self.condition(allowed)).flatten()
    }

    fn write(&self, field: &Field) -> String {
        let optional = self.is_option(field);
        let opt = if optional { "opt_" } else { "" };
        let flexible = self.flexible_of(field);
        let name = format!("self.{}", rust_name(&field.name));
        let by_ref = if optional { format!("{name}.as_ref()") } else { format!("&{name}") };
        let write = match &field.ty {
            Type::String => format!("w.{opt}string({flexible}, {by_ref});"),
            Type::Bytes => format!("w.{opt}bytes({flexible}, {by_ref});"),
            Type::Records => format!("w.{opt}records({flexible}, {by_ref});"),
            Type::Struct(_) if optional => format!("w.opt_struct({by_ref}, |w, x| x.encode(version, w));"),
            Type::Struct(_) => format!("{name}.encode(version, w);"),
            Type::Array(element) => {
                let write = match &**element {
                    Type::String => format!("w.string({flexible}, x)"),
                    Type::Struct(_) => "x.encode(version, w)".into(),
                    primitive => format!("w.{}(*x)", primitive_name(primitive)),
                };
                let slice = if optional { format!("{name}.as_deref()") } else { format!("&{name}") };
                format!("w.{opt}array({flexible}, {slice}, |w, x| {write});")
            }
            primitive if is_error_code(field) => format!("w.{}({name}.0);", primitive_name(primitive)),
            primitive => format!("w.{}({name});", primitive_name(primitive)),
        };
        match self.null_condition(field) {
            Some(allowed) => {
                let (label, refused) = (self.label(field), negated(&allowed));
                format!("w.not_null({refused} && {name}.is_none(), \"{label}\", version); {write}")
            }
            None => write,
        }
    }

    /// How an error names the field.
    fn label(&self, field: &Field) -> String {
        format!("{}.{}", self.message.name, field.name)
    }
}

fn is_error_code(field: &Field) -> bool {
    field.ty == Type::Int16 && field.name.ends_with("ErrorCode")
}

fn smallest_at(message: &Message, ty: &Type, version: i16) -> usize {
    let flexible = message.flexible.contains(version);
    match ty {
        Type::Int16 | Type::Uint16 => 2,
        Type::Int32 | Type::Uint32 => 4,
        Type::Int64 | Type::Float64 => 8,
        Type::Uuid => 16,
        Type::String if !flexible => 2,
        Type::Bytes | Type::Records | Type::Array(_) if !flexible => 4,
        // A byte, or a length of one.
        Type::Bool | Type::Int8 | Type::String | Type::Bytes | Type::Records | Type::Array(_) => 1,
        Type::Struct(name) => {
            let fields = message.structure(name).fields.iter();
            let there = fields.filter(|f| f.versions.contains(version) && f.tag.is_none());
            let sum: usize = there
                .map(|f| match &f.ty {
                    Type::Struct(_) if f.nullable.contains(version) => 1,
                    ty => smallest_at(message, ty, version),
                })
                .sum();
            sum + usize::from(flexible)
        }
    }
}

fn primitive_name(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::Int8 => "i8",
        Type::Int16 => "i16",
        Type::Uint16 => "u16",
        Type::Int32 => "i32",
        Type::Uint32 => "u32",
        Type::Int64 => "i64",
        Type::Float64 => "f64",
        Type::Uuid => "uuid",
        other => unreachable!("{other:?} is not primitive"),
    }
}

/// Kafka's default as a literal that Rust's lints accept.
fn integer_default(text: &str, ty: &Type) -> String {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    let value = parsed.unwrap_or_else(|_| panic!("`{text}` is not a number"));
    let ty = primitive_name(ty);
    match (ty, value) {
        ("i32", 0x7fff_ffff) | ("i64", i64::MAX) => format!("{ty}::MAX"),
        ("i32", -0x8000_0000) => format!("{ty}::MIN"),
        (_, 10_000..) => {
            let digits = value.to_string();
            let (thousands, rest) = digits.split_at(digits.len() - 3);
            assert!(thousands.len() <= 3, "{value} wants another separator");
            format!("{thousands}_{rest}")
        }
        _ => value.to_string(),
    }
}

fn negated(condition: &str) -> String {
    for (is, is_not) in [(" >= ", " < "), (" <= ", " > "), (" == ", " != ")] {
        if let Some((left, right)) = condition.split_once(is) {
            return format!("{left}{is_not}{right}");
        }
    }
    format!("!{condition}")
}

/// `ThrottleTimeMs` as `throttle_time_ms`, with an underscore after what Rust keeps for itself.
pub fn rust_name(name: &str) -> String {
    let mut snake = snake(name);
    if ["type", "match", "struct", "enum", "fn", "move", "ref", "use", "loop"].contains(&&*snake) {
        snake.push('_');
    }
    snake
}

pub fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

fn about(message: &Message) -> String {
    let what = match (message.kind, message.key) {
        (Kind::Request, Some(key)) => format!("The request of API {key}"),
        (Kind::Response, Some(key)) => format!("The response of API {key}"),
        (Kind::Metadata, Some(key)) => format!("Record type {key}"),
        (Kind::CoordinatorKey, Some(key)) => format!("The key of record type {key}"),
        (Kind::CoordinatorValue, Some(key)) => format!("The value of record type {key}"),
        _ => "A message".to_owned(),
    };
    let flexible = match message.flexible.and(message.versions) {
        some if some.is_empty() => ", none flexible".to_owned(),
        some if some == message.versions => String::new(),
        some => format!(", flexible from {}", some.min),
    };
    let versions = message.versions;
    if versions.min == versions.max {
        format!("{what}, version {versions}{flexible}.")
    } else {
        format!("{what}, versions {versions}{flexible}.")
    }
}

fn emit_struct(code: &mut String, scope: &Scope<'_>, structure: &Struct) {
    let is_message = structure.name == scope.message.name;
    let name = scope.name(&structure.name);
    let derived = scope.fields(structure).all(|field| scope.is_rust_default(field));
    if is_message {
        let _ = write!(code, "\n/// {}\n", about(scope.message));
    } else {
        let _ = write!(code, "\n/// In `{}`, versions {}.\n", scope.message.name, scope.versions);
    }
    let default = if derived { ", Default" } else { "" };
    let _ = writeln!(code, "#[derive(Debug, Clone, PartialEq{default})]\npub struct {name} {{");
    for field in scope.fields(structure) {
        if let Some(note) = note(scope, field) {
            let _ = writeln!(code, "    /// {note}");
        }
        let _ = writeln!(code, "    pub {}: {},", rust_name(&field.name), scope.field_type(field));
    }
    if scope.has_tags() {
        code.push_str("    pub unknown: UnknownTags,\n");
    }
    code.push_str("}\n\n");
    if !derived {
        emit_default(code, scope, structure, name);
    }
    let open = if is_message { message_impl(scope.message) } else { format!("impl {name} {{\n") };
    code.push_str(&open);
    emit_decode(code, scope, structure, is_message);
    code.push('\n');
    emit_encode(code, scope, structure, is_message);
    code.push_str("}\n");
}

fn message_impl(message: &Message) -> String {
    let Message { name, versions: Versions { min, max }, .. } = message;
    format!(
        "impl Message for {name} {{\n    const NAME: &'static str = \"{name}\";\n    const MIN_VERSION: i16 = {min};\n    \
         const MAX_VERSION: i16 = {max};\n\n"
    )
}

/// What the field's type does not say.
fn note(scope: &Scope<'_>, field: &Field) -> Option<String> {
    let mut notes = Vec::new();
    if scope.condition(field.versions).is_some() {
        notes.push(format!("in {}", field.versions));
    }
    if field.tag.is_some() {
        notes.push("tagged".to_owned());
    }
    if scope.null_condition(field).is_some() {
        notes.push(format!("null allowed in {}", field.nullable));
    }
    if !scope.is_rust_default(field) {
        notes.push(format!("default `{}`", scope.default(field)));
    }
    if field.ignorable && scope.condition(field.versions).is_some() {
        notes.push("ignorable".to_owned());
    }
    let mut note = notes.join(", ");
    if let Some(first) = note.get(..1).map(str::to_uppercase) {
        note.replace_range(..1, &first);
        note.push('.');
    }
    (!note.is_empty()).then_some(note)
}

fn emit_default(code: &mut String, scope: &Scope<'_>, structure: &Struct, name: &str) {
    let _ = writeln!(code, "impl Default for {name} {{\n    fn default() -> Self {{\n        Self {{");
    for field in scope.fields(structure) {
        let _ = writeln!(code, "            {}: {},", rust_name(&field.name), scope.default(field));
    }
    if scope.has_tags() {
        code.push_str("            unknown: UnknownTags::new(),\n");
    }
    code.push_str("        }\n    }\n}\n\n");
}

/// The tagged fields in the order of their tags, which is the order on the wire.
fn tagged<'a>(scope: &Scope<'a>, structure: &'a Struct) -> Vec<&'a Field> {
    let mut fields: Vec<_> = scope.fields(structure).filter(|f| f.tag.is_some()).collect();
    fields.sort_by_key(|f| f.tag);
    fields
}

/// Begins a function with the arguments and variables that `body` uses.
fn emit_function(code: &mut String, scope: &Scope<'_>, signature: &str, body: &str) {
    // Some records have a field called `Version`.
    let others = body.replace("self.version", "").replace(" version: ", "");
    let mentions =
        |word: &str| others.split(|c: char| !c.is_alphanumeric() && c != '_').any(|found| found == word);
    let declares = scope.flexible == "flexible" && mentions("flexible");
    let version = if mentions("version") || declares { "version" } else { "_version" };
    let (argument, rest) = (if mentions("r") { "r" } else { "_r" }, if mentions("w") { "w" } else { "_w" });
    let signature = signature.replace("$version", version).replace("$r", argument).replace("$w", rest);
    let _ = writeln!(code, "    {signature} {{");
    if declares {
        let _ = writeln!(code, "        let flexible = version >= {};", scope.message.flexible.min);
    }
    code.push_str(body);
    code.push_str("    }\n");
}

fn emit_decode(code: &mut String, scope: &Scope<'_>, structure: &Struct, is_message: bool) {
    let tagged = tagged(scope, structure);
    let mut body = String::new();
    let open = if tagged.is_empty() { "Self {" } else { "let mut this = Self {" };
    let _ = writeln!(body, "        {open}");
    for field in scope.fields(structure) {
        let value = match (field.tag, scope.condition(field.versions)) {
            (Some(_), _) => scope.default(field),
            (None, None) => scope.read(field),
            (None, Some(there)) => {
                format!("if {there} {{ {} }} else {{ {} }}", scope.read(field), scope.default(field))
            }
        };
        let _ = writeln!(body, "            {}: {value},", rust_name(&field.name));
    }
    if scope.has_tags() && tagged.is_empty() {
        let _ = writeln!(body, "            unknown: r.unknown_tags({}),", scope.flexible);
    } else if scope.has_tags() {
        body.push_str("            unknown: UnknownTags::new(),\n");
    }
    body.push_str(if tagged.is_empty() { "        }\n" } else { "        };\n" });
    if !tagged.is_empty() {
        let indent = open_if_flexible(&mut body, scope);
        let _ = writeln!(body, "{indent}let mut tags = r.tags();");
        let _ = writeln!(
            body,
            "{indent}while let Some(tag) = r.next_tag(&mut tags) {{\n{indent}    match tag {{"
        );
        for field in &tagged {
            let (tag, name) = (field.tag.expect("only tagged fields"), rust_name(&field.name));
            let there = scope.condition(field.versions.and(scope.message.flexible));
            let there = there.filter(|_| scope.condition(field.versions) != flexible_condition(scope));
            let guard = there.map(|there| format!(" if {there}")).unwrap_or_default();
            let _ = writeln!(body, "{indent}        {tag}{guard} => this.{name} = {},", scope.read(field));
        }
        let _ = writeln!(
            body,
            "{indent}        _ => r.unknown_tag(&tags, &mut this.unknown),\n{indent}    }}\n{indent}}}"
        );
        close_if_flexible(&mut body, scope);
        body.push_str("        this\n");
    }
    let public = if is_message { "" } else { "pub " };
    emit_function(code, scope, &format!("{public}fn decode($version: i16, $r: &mut Reader) -> Self"), &body);
}

/// The condition that `flexible` stands for.
fn flexible_condition(scope: &Scope<'_>) -> Option<String> {
    scope.condition(scope.message.flexible)
}

fn open_if_flexible(body: &mut String, scope: &Scope<'_>) -> &'static str {
    if scope.flexible == "flexible" {
        body.push_str("        if flexible {\n");
        "            "
    } else {
        "        "
    }
}

fn close_if_flexible(body: &mut String, scope: &Scope<'_>) {
    if scope.flexible == "flexible" {
        body.push_str("        }\n");
    }
}

fn emit_encode(code: &mut String, scope: &Scope<'_>, structure: &Struct, is_message: bool) {
    let mut body = String::new();
    for field in scope.fields(structure) {
        emit_field(&mut body, scope, field);
    }
    let tagged = tagged(scope, structure);
    if scope.has_tags() && tagged.is_empty() {
        let _ = writeln!(body, "        w.unknown_tags({}, &self.unknown);", scope.flexible);
    } else if scope.has_tags() {
        let indent = open_if_flexible(&mut body, scope);
        let _ = writeln!(body, "{indent}let mut tags = w.tags(&self.unknown);");
        for field in tagged {
            let there = scope.condition(field.versions);
            let there = there.filter(|there| Some(there) != flexible_condition(scope).as_ref());
            let guard = there.map(|there| format!("{there} && ")).unwrap_or_default();
            let tag = field.tag.expect("only tagged fields");
            let _ = writeln!(body, "{indent}if {guard}{} {{", scope.differs(field));
            let write = scope.write(field);
            let write = write.strip_suffix(';').expect("a statement");
            let _ = writeln!(body, "{indent}    w.tag(&mut tags, {tag}, |w| {write});\n{indent}}}");
        }
        let _ = writeln!(body, "{indent}w.end_tags(tags);");
        close_if_flexible(&mut body, scope);
    }
    let public = if is_message { "" } else { "pub " };
    emit_function(code, scope, &format!("{public}fn encode(&self, $version: i16, $w: &mut Writer)"), &body);
}

/// The field in its place, and for a version that lacks it the check that nothing is lost.
fn emit_field(body: &mut String, scope: &Scope<'_>, field: &Field) {
    let there = scope.condition(field.versions);
    let checked = !field.ignorable;
    let absent = format!("w.absent({}, \"{}\", version);", scope.same(field), scope.label(field));
    match (there, field.tag) {
        (None, None) => {
            let _ = writeln!(body, "        {}", scope.write(field));
        }
        (Some(there), None) => {
            let _ = write!(body, "        if {there} {{\n            {}\n        }}", scope.write(field));
            let lost = format!(" else {{\n            {absent}\n        }}");
            let _ = writeln!(body, "{}", if checked { &lost } else { "" });
        }
        (Some(there), Some(_)) if checked => {
            let _ = writeln!(body, "        if {} {{\n            {absent}\n        }}", negated(&there));
        }
        _ => {}
    }
}

fn emit_traits(code: &mut String, message: &Message) {
    let name = &message.name;
    match (message.kind, message.key) {
        (Kind::Request, Some(_)) => {
            let api = name.strip_suffix("Request").expect("requests are named so");
            let _ = writeln!(
                code,
                "\nimpl Request for {name} {{\n    const KEY: ApiKey = ApiKey::{api};\n    type Response = {api}Response;\n}}"
            );
        }
        (Kind::Metadata | Kind::CoordinatorKey | Kind::CoordinatorValue, Some(key)) => {
            let _ = writeln!(
                code,
                "\nimpl {name} {{\n    /// The record type.\n    pub const KEY: i16 = {key};\n}}"
            );
        }
        _ => {}
    }
}
