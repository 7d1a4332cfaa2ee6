//! The known name a mistyped one was probably meant to be.

/// The candidate nearest to `name`, if one is near enough to be worth showing.
///
/// Near means at most a third of the longer name's characters changed, added, left out or swapped; ties go
/// to the first candidate.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| {
            let length = name.chars().count().max(candidate.chars().count());
            *distance <= (length / 3).max(1)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Longest name compared; work grows with the square of it.
const MAX_COMPARED: usize = 128;

/// Edits between two names, a swap of neighbours counting as one (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(MAX_COMPARED).collect();
    let b: Vec<char> = b.chars().take(MAX_COMPARED).collect();
    let mut two_back = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(two_back[j - 2] + 1);
            }
        }
        two_back = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_name() {
        let known = ["p2p.mdns", "p2p.listen", "p2p.peers_min", "p2p.peers_max"];
        assert_eq!(nearest("p2p.mdsn", known), Some("p2p.mdns"));
        assert_eq!(nearest("p2p.lisen", known), Some("p2p.listen"));
        assert_eq!(nearest("p2p.peer_max", known), Some("p2p.peers_max"));
    }

    #[test]
    fn what_resembles_nothing_gets_no_advice() {
        assert_eq!(nearest("governance.voter", ["p2p.mdns", "log.level"]), None);
        assert_eq!(nearest("", ["p2p.mdns"]), None);
    }

    #[test]
    fn a_swap_is_one_edit_and_distance_is_symmetric() {
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("sitting", "kitten"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
