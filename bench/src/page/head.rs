//! What stands above everything: who was measured, on what, how, and what went wrong.

use std::fmt::Write as _;

use super::brokers::{key, name};
use super::text::{breakable, counted, escape, number, utc};
use crate::figures::Verified;
use crate::results::Results;

pub fn title(results: &Results) -> String {
    let mut names = results.brokers.iter().map(|described| escape(&described.name));
    let first = names.next().unwrap_or_else(|| "nobody".to_owned());
    let others: Vec<String> = names.collect();
    if others.is_empty() { first } else { format!("{first} against {}", others.join(", ")) }
}

pub fn write(out: &mut String, results: &Results) {
    let _ = writeln!(
        out,
        "<header><p class=\"faint\">logan-bench, {}</p><h1>{}</h1></header>",
        utc(results.began),
        title(results).replace(':', ":<wbr>")
    );
    out.push_str("<dl>\n");
    for (broker, described) in results.brokers.iter().enumerate() {
        let (name, about) = (breakable(&described.name), escape(&described.about));
        let _ = writeln!(out, "<div><dt>{}{name}</dt><dd>{about}</dd></div>", key(broker));
    }
    let environment = &results.environment;
    let machine = format!(
        "{} cores of {}, {} GB of memory",
        environment.cores,
        environment.processor,
        number(environment.memory_bytes as f64 / 1e9)
    );
    let measured_by = format!("logan-bench {} {}", environment.version, environment.revision);
    let (background, limit) = environment.dirty_percent;
    let dirty = format!(
        "the kernel begins to write them at {background} % of memory, and holds writers up at {limit} %"
    );
    let rows = [
        ("Machine", machine.as_str()),
        ("Kernel", &environment.kernel),
        ("Data on", &environment.file_system),
        ("Unwritten bytes", &dirty),
        ("Measured by", &measured_by),
    ];
    for (name, value) in rows.into_iter().filter(|(_, value)| !value.trim().is_empty()) {
        let _ = writeln!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(value));
    }
    let _ = writeln!(out, "<div><dt>Runs</dt><dd>{}</dd></div>", runs(results));
    let _ = writeln!(out, "<div><dt>Verified</dt><dd>{}</dd></div>", verified(results));
    out.push_str("</dl>\n");
    failures(out, results);
    how(out, results);
}

fn runs(results: &Results) -> String {
    let plural = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let all = results.cells.iter().map(|cell| cell.rounds.len()).sum::<usize>();
    let rounds = results.cells.iter().flat_map(|cell| &cell.rounds).map(|round| round.number + 1).max();
    let failed = match results.failures() {
        0 => "all of them whole".to_owned(),
        failed => format!("{failed} of them without figures, or cut short"),
    };
    format!(
        "{}, {}, {}, up to {}; {failed}",
        plural(all, "run"),
        plural(results.cells.len(), "cell"),
        plural(results.brokers.len(), "broker"),
        plural(rounds.unwrap_or(0) as usize, "round"),
    )
}

/// All runs together.
fn verified(results: &Results) -> String {
    let none = Verified { has_all_been_read: true, ..Verified::default() };
    let measured =
        results.cells.iter().flat_map(|cell| &cell.rounds).filter_map(|round| round.measured.as_ref());
    let all = measured.fold(none, |sum, measured| Verified {
        in_order: sum.in_order + measured.verified.in_order,
        known: sum.known + measured.verified.known,
        // Of runs in which that was compared.
        acknowledged: sum.acknowledged
            + if measured.verified.has_grown { measured.verified.acknowledged } else { 0 },
        has_all_been_read: sum.has_all_been_read
            && (measured.verified.known == 0 || measured.verified.has_all_been_read),
        ..sum
    });
    let Verified { in_order, known, acknowledged, has_all_been_read, .. } = all;
    let compared = if has_all_been_read {
        "of those were compared with what was sent: none lost, doubled or exchanged"
    } else {
        "of those were compared with what was sent, and runs that were cut short did not read all"
    };
    let parts = [
        (acknowledged, "records were acknowledged, and the topics grew by exactly these"),
        (in_order, "were read in order, each batch with the CRC that it states"),
        (known, compared),
    ];
    let told: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", counted(count)))
        .collect();
    if told.is_empty() { "nothing".to_owned() } else { told.join("; ") }
}

/// What has no figures stands before the figures.
fn failures(out: &mut String, results: &Results) {
    let mut rows = String::new();
    for (at, cell) in results.cells.iter().enumerate() {
        for round in &cell.rounds {
            let Some(error) = &round.error else { continue };
            let mut lines = error.trim().lines();
            let first = lines.next().unwrap_or("no reason was told");
            let more = if lines.next().is_some() { " …" } else { "" };
            let _ = writeln!(
                rows,
                "<li><a href=\"#c{at}\">{} / {}</a>, round {} of {}: {}{more}</li>",
                escape(&cell.scenario),
                escape(&cell.name),
                round.number + 1,
                escape(name(results, round.broker)),
                escape(first)
            );
        }
    }
    if !rows.is_empty() {
        let failed = results.failures();
        let runs = if failed == 1 { "run has" } else { "runs have" };
        let _ = writeln!(
            out,
            "<div class=\"error\"><p>{failed} {runs} no figures, or not all. What is told below is of the others.</p><ul>\n{rows}</ul></div>"
        );
    }
}

fn how(out: &mut String, results: &Results) {
    let rounds = results.cells.iter().flat_map(|cell| &cell.rounds);
    let has_restart = rounds.filter_map(|round| round.measured.as_ref()).any(|run| run.restart.is_some());
    // As a process that crashed and was started again finds it.
    let warm = if has_restart {
        "<li>A broker that is killed or stopped, and started anew, finds in memory what the kernel still has of its files. After a loss of power it \
         would read them from the disk.</li>\n"
    } else {
        ""
    };
    out.push_str(
        "<details><summary>How this was measured</summary><ul>\n\
         <li>One client for all brokers. Where they run on its machine it shares their cores, and its own cost stands with every round.</li>\n\
         <li>Brokers take turns within a cell, every second round in the other order. A ratio is the geometric mean over rounds that both \
         have; its interval is Student’s on their logarithms, 95 %.</li>\n\
         <li>MB and GB are 10⁶ and 10⁹ bytes: of values when producing, of batches when fetching; of a cell that does \
         both, both count. CPU-s/GB (with a rate: % of a core) is the processor time of the \
         broker’s process, user and system, for the bytes that went in and out; what the kernel does elsewhere is in nobody’s account.</li>\n\
         <li>With a rate (<code>--rate</code>), latency counts from when a record was due, not from when it was sent: a stall delays all \
         that was due in it. Without a rate there are always as many requests in flight, and latency is what that load makes of it.</li>\n\
         <li>Nothing counts before the warm-up has passed.</li>\n\
         <li>A broker that does not sync writes to memory until the kernel’s limits of unwritten bytes are reached, which takes longer than most \
         of these runs; what had waited before a run was brought to the disk first.</li>\n\
         <li>Of so many ratios, one in twenty lies outside of its interval by chance.</li>\n\
         <li>Each cell’s command line repeats it by hand, with <code>--broker</code>.</li>\n",
    );
    out.push_str(warm);
    out.push_str("</ul></details>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Measured, Restart};
    use crate::results::tests::two_brokers;

    #[test]
    fn the_head_says_when_who_and_what_failed() {
        let mut results = two_brokers();
        results.began = 1_735_689_600;
        results.cells[0].rounds[6].error = Some("the <broker> died\nand more".to_owned());
        let mut out = String::new();
        write(&mut out, &results);
        for text in [
            "2025-01-01 00:00 UTC",
            "<h1>logan against kafka</h1>",
            "8 runs, 1 cell, 2 brokers, up to 4 rounds; 1 of them without figures",
            "7,000,000 records were acknowledged",
            "throughput / 1 KiB</a>, round 4 of logan: the &lt;broker&gt; died …",
        ] {
            assert!(out.contains(text), "{text} is not in {out}");
        }
    }

    #[test]
    fn a_page_with_restarts_says_what_they_find_in_memory() {
        let mut results = two_brokers();
        for is_restart in [false, true] {
            if is_restart {
                results.cells[0].rounds[0].measured = Some(Measured::of_restart(Restart::default()));
            }
            let mut out = String::new();
            write(&mut out, &results);
            assert_eq!(out.contains("After a loss of power"), is_restart);
        }
    }
}
