//! Rules about one file.

use super::Violation;
use super::source::{Source, Token};

const FILE_LINES: usize = 1_000;
const FUNCTION_LINES: usize = 70;

/// Crates and modules that stand outside the simulated world, and may use the machine directly.
const OUTSIDE: &[&str] = &["shards/", "src/cli", "src/main.rs", "bench/", "tests/"];

/// Crates that reach for the machine.
const MACHINE_CRATES: &[&str] =
    &["rand", "getrandom", "fastrand", "tokio", "mio", "nix", "rustix", "libc", "glommio", "io_uring"];

fn violation(rule: &'static str, source: &Source, line: usize, what: impl Into<String>) -> Violation {
    Violation { rule, path: source.path.to_owned(), line, what: what.into() }
}

pub fn file_size(source: &Source) -> Vec<Violation> {
    let lines = source.text.lines().count();
    if lines <= FILE_LINES || source.is_generated() {
        return Vec::new();
    }
    vec![violation(
        "file-size",
        source,
        FILE_LINES,
        format!("{lines} lines, at most {FILE_LINES}: split by role or by verb"),
    )]
}

pub fn function_size(source: &Source) -> Vec<Violation> {
    if source.is_generated() {
        return Vec::new();
    }
    let tokens = source.words();
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Some(name) = tokens.get(at + 1).filter(|next| token.text == "fn" && next.is_word()) else {
            continue;
        };
        let Some(end) = body_end(&tokens[at..]) else { continue };
        let lines = end - token.line + 1;
        if lines > FUNCTION_LINES {
            found.push(violation(
                "function-size",
                source,
                token.line,
                format!("`{}` has {lines} lines, at most {FUNCTION_LINES}", name.text),
            ));
        }
    }
    found
}

/// The last line of the function that begins with these tokens; none if it has no body.
fn body_end(tokens: &[Token]) -> Option<usize> {
    let (mut braces, mut others) = (0_usize, 0_usize);
    for token in tokens {
        match token.text {
            "(" | "[" => others += 1,
            ")" | "]" => others = others.saturating_sub(1),
            ";" if braces == 0 && others == 0 => return None,
            "{" => braces += 1,
            "}" => {
                braces -= 1;
                // Behind a constant's braces in the signature (`[u8; { N }]`) the function goes on.
                if braces == 0 && others == 0 {
                    return Some(token.line);
                }
            }
            _ => {}
        }
    }
    None
}

pub fn unsafe_code(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    let lines: Vec<&str> = source.text.lines().collect();
    let tokens = source.words();
    // A method of an `unsafe impl` takes over the contract that its trait states.
    let mut contract_until = 0;
    for (at, token) in tokens.iter().enumerate() {
        if token.text != "unsafe" {
            continue;
        }
        match &following(&tokens[at + 1..])[..] {
            // The type of a function that is unsafe to call: nothing is called here.
            ["fn", "("] | ["extern", "fn", "(", ..] => continue,
            ["fn", ..] if token.line <= contract_until => continue,
            ["impl", ..] => contract_until = body_end(&tokens[at..]).unwrap_or(token.line),
            _ => {}
        }
        if !source.is_below(&["shards/"]) {
            found.push(violation("unsafe", source, token.line, "`unsafe` belongs into shards/ only"));
        } else if !has_safety_comment(&lines, token.line - 1) {
            found.push(violation(
                "unsafe",
                source,
                token.line,
                "say why it is sound in a `// SAFETY:` comment above",
            ));
        }
    }
    found
}

/// The next few words and signs.
fn following<'a>(tokens: &[Token<'a>]) -> Vec<&'a str> {
    let count = if tokens.first().is_some_and(|t| t.text == "extern") { 3 } else { 2 };
    tokens.iter().take(count).map(|t| t.text).collect()
}

/// Looks at the line itself, then upwards through the statement it belongs to and the comments and attributes before it.
fn has_safety_comment(lines: &[&str], line: usize) -> bool {
    for above in (0..=line).rev() {
        let text = lines[above].trim();
        if text.contains("// SAFETY:") || text.contains("/// # Safety") {
            return true;
        }
        let passes = above == line
            || text.starts_with("//")
            || text.starts_with("#[")
            || !(text.is_empty() || text.ends_with([';', '{', '}', ',']));
        if !passes {
            return false;
        }
    }
    false
}

pub fn allow_has_reason(source: &Source) -> Vec<Violation> {
    let tokens = source.words();
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let opens = token.text == "#" && tokens[at + 1..].iter().take(2).any(|t| t.text == "[");
        let lint = tokens[at + 1..].iter().find(|t| t.is_word()).map(|t| t.text);
        if !opens || !matches!(lint, Some("allow" | "expect")) {
            continue;
        }
        let attribute: Vec<&str> = tokens[at..].iter().map(|t| t.text).take_while(|t| *t != "]").collect();
        if !attribute.contains(&"reason") {
            found.push(violation(
                "allow-reason",
                source,
                token.line,
                "an allowed lint needs `reason = \"…\"`",
            ));
        }
    }
    found
}

/// Clocks, threads, files, sockets and chance come from `shards`, or a simulation is not one.
pub fn banned_names(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    if source.is_below(OUTSIDE) {
        return found;
    }
    for named in source.paths() {
        let segments: Vec<&str> = named.segments.iter().map(String::as_str).collect();
        let banned = match segments[..] {
            ["std" | "core", "time", "Duration", ..] => false,
            ["std" | "core", "time" | "thread" | "fs" | "net", ..] => true,
            [first, _, ..] => MACHINE_CRATES.contains(&first),
            _ => false,
        };
        if banned && !source.is_test(named.line) {
            found.push(violation(
                "banned-name",
                source,
                named.line,
                format!("`{}` is the machine's: ask `shards` for it", named.segments.join("::")),
            ));
        }
    }
    found
}

/// A `HashMap` with std's random seed iterates in another order in every process: no run could be repeated.
pub fn hash_order(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    if source.is_below(OUTSIDE) {
        return found;
    }
    let tokens = source.words();
    for (at, token) in tokens.iter().enumerate() {
        let needed = match token.text {
            "HashMap" => 3,
            "HashSet" => 2,
            "RandomState" | "DefaultHasher" => usize::MAX,
            _ => continue,
        };
        let mut next = at + 1;
        if tokens.get(next).is_some_and(|t| t.text == "::") {
            next += 1;
        }
        let random = match tokens.get(next).map(|t| t.text) {
            _ if needed == usize::MAX => true,
            Some("<") => generic_arguments(&tokens[next..]) < needed,
            Some("new" | "with_capacity" | "from" | "from_iter") => true,
            _ => false,
        };
        if random && !source.is_test(token.line) {
            found.push(violation(
                "hash-order",
                source,
                token.line,
                format!("`{}` with a random seed: use a BTreeMap or name a fixed hasher", token.text),
            ));
        }
    }
    found
}

/// How many arguments stand between `<` and its `>`.
fn generic_arguments(tokens: &[Token]) -> usize {
    let (mut depth, mut count) = (0_usize, 1);
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "<" | "(" | "[" => depth += 1,
            ">" | ")" | "]" => depth -= 1,
            "," if depth == 1 && tokens.get(at + 1).is_some_and(|t| t.text != ">") => count += 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    count
}

/// Paths of one person's machine, and notes of things left undone, in any text file.
pub fn words(path: &str, text: &str) -> Vec<Violation> {
    const MACHINES: &[&str] =
        &[concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")];
    const UNDONE: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let mut add = |rule, what: String| {
            found.push(Violation { rule, path: path.to_owned(), line: at + 1, what });
        };
        // `path/root/x` is a folder of a project, not of a machine: only absolute paths count.
        let machine = MACHINES.iter().find(|word| {
            line.match_indices(**word).any(|(start, _)| {
                !line[..start]
                    .ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '}' | '>'))
            })
        });
        if let Some(word) = machine {
            add("machine-path", format!("`{word}` is a path of one machine"));
        }
        let undone = UNDONE.iter().find(|word| {
            line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
                .any(|w| w == **word || w.trim_end_matches(':') == **word)
        });
        if let Some(word) = undone {
            add("undone", format!("`{word}`: do it, or write it where work is planned"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(found: &[Violation]) -> Vec<usize> {
        found.iter().map(|v| v.line).collect()
    }

    #[test]
    fn long_files_and_functions_are_found() {
        let long = "\n".repeat(FILE_LINES + 1);
        assert_eq!(file_size(&Source::new("src/a.rs", &long)).len(), 1);
        assert!(file_size(&Source::new("src/a.rs", &format!("// @generated\n{long}"))).is_empty());

        let body = |n| format!("trait T {{ fn a(); }}\nfn b() {{{}}}\n", "\n".repeat(n));
        assert_eq!(lines(&function_size(&Source::new("src/a.rs", &body(FUNCTION_LINES)))), [2]);
        assert!(function_size(&Source::new("src/a.rs", &body(FUNCTION_LINES - 1))).is_empty());
        let array = format!("fn c() -> [u8; {{ 1 }}] {{{}}}", "\n".repeat(FUNCTION_LINES));
        assert_eq!(function_size(&Source::new("src/a.rs", &array)).len(), 1);
    }

    #[test]
    fn unsafe_without_its_reason_is_found() {
        let bare = "fn a() {\n    let x = unsafe { b() };\n}";
        assert_eq!(lines(&unsafe_code(&Source::new("shards/src/a.rs", bare))), [2]);
        assert_eq!(lines(&unsafe_code(&Source::new("storage/src/a.rs", bare))), [2]);
        let said = "fn a() {\n    // SAFETY: b takes nothing.\n    let x =\n        unsafe { b() };\n}";
        assert!(unsafe_code(&Source::new("shards/src/a.rs", said)).is_empty());
        assert_eq!(unsafe_code(&Source::new("src/a.rs", said)).len(), 1);
        let far = "// SAFETY: said elsewhere.\nlet y = 1;\nlet x = unsafe { b() };";
        assert_eq!(lines(&unsafe_code(&Source::new("shards/src/a.rs", far))), [3]);
        assert!(unsafe_code(&Source::new("src/a.rs", "// unsafe\n#![deny(unsafe_code)]")).is_empty());

        let shards = |text: &str| lines(&unsafe_code(&Source::new("shards/src/a.rs", text)));
        assert!(
            shards("type Call = unsafe extern \"C\" fn(i32) -> i32;\ntype Plain = unsafe fn();").is_empty()
        );
        assert_eq!(shards("unsafe extern \"C\" fn a() {}\nunsafe fn b() {}"), [1, 2]);
        let methods = "// SAFETY: counted.\nunsafe impl A for B {\n  unsafe fn c() {}\n  fn d() { unsafe { e() } }\n}\n\nunsafe fn f() {}";
        assert_eq!(shards(methods), [4, 7]);
    }

    #[test]
    fn an_allow_without_reason_is_found() {
        let text = "#[allow(dead_code)]\n#[allow(dead_code, reason = \"x\")]\n#![expect(\n  dead_code)]\nfn allow() {}";
        assert_eq!(lines(&allow_has_reason(&Source::new("src/a.rs", text))), [1, 3]);
    }

    #[test]
    fn the_machine_is_banned_above_shards() {
        let text = "use std::{fs, time::{Duration, Instant}};\nuse std::time;\nlet a = std::thread::spawn(b);\nrand::random();\n\
                    let rand = 1;\nuse core::time::Duration;\n#[cfg(test)]\nmod tests {\n use std::fs;\n}";
        assert_eq!(lines(&banned_names(&Source::new("storage/src/a.rs", text))), [1, 1, 2, 3, 4]);
        assert!(banned_names(&Source::new("shards/src/a.rs", text)).is_empty());
        assert!(banned_names(&Source::new("src/cli/start.rs", text)).is_empty());
    }

    #[test]
    fn a_random_hash_order_is_found() {
        let text = "let a: HashMap<u8, Vec<(u8, u8)>>;\nHashMap::new();\nlet b: HashMap<u8, u8, Fixed> = HashMap::default();\n\
                    HashSet::<u8>::default();\nlet c: HashSet<u8, Fixed>;\nRandomState::new();\nuse std::collections::HashMap;";
        assert_eq!(lines(&hash_order(&Source::new("src/group/a.rs", text))), [1, 2, 4, 6]);
        assert!(hash_order(&Source::new("tests/src/a.rs", text)).is_empty());
    }

    #[test]
    fn machines_and_undone_work_are_found() {
        let text = concat!(
            "at /wo",
            "rk/x\nsrc/wo",
            "rk/x\n# TO",
            "DO: later\nTO",
            "DOS\n${x}/ro",
            "ot/y\n// FIX",
            "ME"
        );
        let found = words("README.md", text);
        assert_eq!(lines(&found), [1, 3, 6]);
    }
}
