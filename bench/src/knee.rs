//! The knee: the highest rate that a broker keeps up with.

/// A broker that takes this many records a second is not the one that is waited for.
const MOST: u64 = 10_000_000;
/// How often the gap between a rate that was kept and one that was not is halved.
const HALVINGS: u32 = 4;

/// Tries ever higher rates, from `least` on, until one is not kept up with, and closes in on where that begins. Returns the highest rate that was
/// kept; an error if not even the least one was.
pub fn find(least: u64, mut is_kept: impl FnMut(u64) -> Result<bool, String>) -> Result<u64, String> {
    let (mut kept, mut missed) = (0, least);
    while missed <= MOST && is_kept(missed)? {
        (kept, missed) = (missed, missed * 2);
    }
    if kept == 0 {
        return Err(format!("{least} records a second are more than the broker keeps up with"));
    }
    for _ in 0..HALVINGS {
        let rate = u64::midpoint(kept, missed);
        if is_kept(rate)? {
            kept = rate;
        } else {
            missed = rate;
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_knee_is_found_to_a_sixteenth_from_below() {
        for knee in [1_000, 1_999, 12_345, 777_777] {
            let found = find(1_000, |rate| Ok(rate <= knee)).unwrap();
            assert!(found <= knee && found as f64 > knee as f64 * (1.0 - 1.0 / 16.0), "{found} for {knee}");
        }
    }

    #[test]
    fn a_broker_that_keeps_nothing_up_or_fails_has_none() {
        assert!(find(1_000, |_| Ok(false)).unwrap_err().contains("1000 records"));
        assert_eq!(find(1_000, |_| Err("gone".to_owned())), Err("gone".to_owned()));
    }

    #[test]
    fn the_search_ends_where_no_client_can_go() {
        let mut tries = 0;
        let found = find(1_000, |_| {
            tries += 1;
            Ok(true)
        });
        assert!(found.unwrap() > MOST / 2 && tries < 30);
    }
}
