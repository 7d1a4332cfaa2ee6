//! Numbers of a page of metrics, as a node gives it. Pure.

/// The sum of the numbers of a page of metrics that begin with a name and have all of these labels.
pub(super) fn sum(page: &str, name: &str, labels: &[&str]) -> u64 {
    let is_it = |line: &&str| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
            && labels.iter().all(|label| line.contains(label))
    };
    let number =
        |line: &str| line.rsplit_once(' ').and_then(|(_, number)| number.parse::<u64>().ok());
    page.lines().filter(is_it).filter_map(number).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_page_are_added_up_by_name_and_labels() {
        let page = "# TYPE updraft_a counter\nupdraft_a_total{x=\"1\",y=\"2\"} 3\nupdraft_a_total{x=\"1\",y=\"3\"} 4\n\
            updraft_a_total_more{x=\"1\"} 100\nupdraft_b_total 5\n# EOF\n";
        assert_eq!(sum(page, "updraft_a_total", &["x=\"1\""]), 7);
        assert_eq!(sum(page, "updraft_a_total", &["x=\"1\"", "y=\"3\""]), 4);
        assert_eq!((sum(page, "updraft_b_total", &[]), sum(page, "updraft_c", &[])), (5, 0));
    }
}
