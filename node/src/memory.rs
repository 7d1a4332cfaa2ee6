//! How much memory this process can have, and how much of it is free: read when it is asked for, from the kernel. In a
//! container that is what its control group leaves, not what the machine has.
//!
//! Says nothing about what may be done with it. What cannot be read is unknown, and never taken for little or for much.

use std::{fs, io::Read as _};

/// Where the kernel says so, and bytes of it that are read: it has about 60 lines of 28 bytes.
const FILE: &str = "/proc/meminfo";
const MAX_FILE: u64 = 16 * 1024;
/// Where it says in which control group this process is, and where the limits of groups stand (version 2).
const GROUP: &str = "/proc/self/cgroup";
const GROUPS: &str = "/sys/fs/cgroup";
/// Groups within each other that are looked at.
const MAX_DEPTH: usize = 16;

/// The memory that this process can have, in bytes: the machine's, or less in a container; `None` if the kernel does not
/// say.
pub fn total() -> Option<u64> {
    let total = find(&read(FILE)?, "MemTotal")?;
    let limits = groups(read).into_iter().map(|group| group.limit);
    limits.chain([total]).min()
}

/// What of it programs can have without others having to leave it; `None` if the kernel does not say.
pub fn available() -> Option<u64> {
    let available = find(&read(FILE)?, "MemAvailable")?;
    let free = groups(read).into_iter().map(|group| group.limit.saturating_sub(group.used));
    free.chain([available]).min()
}

fn read(path: &str) -> Option<String> {
    let mut text = String::new();
    fs::File::open(path).ok()?.take(MAX_FILE).read_to_string(&mut text).ok()?;
    Some(text)
}

/// A control group with a limit.
#[derive(Debug, PartialEq, Eq)]
struct Group {
    limit: u64,
    /// Bytes in use that the kernel cannot take back at once.
    used: u64,
}

/// The groups that this process is in and that have a limit, the innermost first. In a container the outermost that is
/// seen is its own.
fn groups(read: impl Fn(&str) -> Option<String>) -> Vec<Group> {
    let Some(own) = read(GROUP) else { return Vec::new() };
    let Some(mut path) = own.lines().find_map(|line| line.strip_prefix("0::")) else {
        return Vec::new();
    };
    let mut groups = Vec::new();
    for _ in 0..MAX_DEPTH {
        path = path.trim_end_matches('/');
        let number = |name: &str| {
            read(&format!("{GROUPS}{path}/{name}")).and_then(|text| text.trim().parse().ok())
        };
        // Where there is no limit stands a word.
        if let (Some(limit), Some(used)) = (number("memory.max"), number("memory.current")) {
            let stat = read(&format!("{GROUPS}{path}/memory.stat")).unwrap_or_default();
            let files = stat.lines().find_map(|line| line.strip_prefix("inactive_file "));
            let files = files.and_then(|number| number.trim().parse().ok()).unwrap_or(0_u64);
            groups.push(Group { limit, used: u64::saturating_sub(used, files) });
        }
        match path.rsplit_once('/') {
            Some((outer, _)) => path = outer,
            None => break,
        }
    }
    groups
}

/// A line of the form `MemTotal:       24599208 kB`.
fn find(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    number.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel_are_read_and_nothing_else() {
        let text = "MemTotal:       24599208 kB\nMemFree:        22282388 kB\n\
                    MemAvailable:   23085264 kB\nHugePages_Total:       0\n";
        assert_eq!(find(text, "MemTotal"), Some(24_599_208 * 1_024));
        assert_eq!(find(text, "MemAvailable"), Some(23_085_264 * 1_024));
        assert_eq!(find(text, "Mem"), None, "a whole name");
        assert_eq!(find(text, "HugePages_Total"), None, "a number of what?");
        for text in ["", "MemTotal: many kB", "MemTotal: 99999999999999999999 kB", "MemTotal: 1 MB"]
        {
            assert_eq!(find(text, "MemTotal"), None, "{text:?}");
        }
        assert_eq!(find(&format!("MemTotal: {} kB", u64::MAX / 1_000), "MemTotal"), None);
    }

    #[test]
    fn a_group_has_what_its_limits_and_those_around_it_leave() {
        let files = |path: &str| {
            let text = match path {
                "/proc/self/cgroup" => "1:cpu:/old\n0::/work/node\n",
                "/sys/fs/cgroup/work/node/memory.max" | "/sys/fs/cgroup/memory.max" => "max\n",
                "/sys/fs/cgroup/work/memory.max" => "1000\n",
                "/sys/fs/cgroup/work/memory.current" => "700\n",
                "/sys/fs/cgroup/work/memory.stat" => "anon 300\ninactive_file 400\nfile 400\n",
                path if path.ends_with("/memory.current") => "5\n",
                _ => return None,
            };
            Some(text.to_owned())
        };
        assert_eq!(groups(files), [Group { limit: 1_000, used: 300 }]);
        let own = |text: &'static str| {
            move |path: &str| match path {
                "/proc/self/cgroup" => Some(text.to_owned()),
                "/sys/fs/cgroup/memory.max" => Some("64".to_owned()),
                "/sys/fs/cgroup/memory.current" => Some("70".to_owned()),
                _ => None,
            }
        };
        assert_eq!(groups(own("0::/")), [Group { limit: 64, used: 70 }], "a container");
        for text in ["", "1:memory:/work", "0:"] {
            assert_eq!(groups(own(text)), [], "{text:?}");
        }
        assert_eq!(groups(|_| None), []);
        assert_eq!(groups(own("0::/a/b")).len(), 1, "the outermost one");
    }

    #[test]
    fn this_machine_has_some() {
        let (total, available) = (total().expect("said"), available().expect("said"));
        assert!(0 < available && available <= total);
    }
}
