//! A vote that comes into force at a height: its source is asked again and again, but never twice at once.

use super::*;

#[test]
fn a_source_that_takes_its_time_is_asked_once_at_a_time_until_the_height_is_reached() {
    let mut network = electing(&["ann"]);
    publish(&network, COMPONENT, "1.0.0");
    let place = network.place().join("source");
    fs::create_dir(&place).expect("own folder");
    let script = place.join("height");
    // Takes longer than the interval; says 1, and 100 once it was asked three times.
    let text = r#"cd "${0%/*}"
mkdir busy || echo overlap >>log
echo asked >>log
sleep 2
rmdir busy
if [ "$(grep -c asked log)" -lt 3 ]; then echo 1; else echo 100; fi
"#;
    fs::write(&script, text).expect("own folder");
    let asking = voter(Kind::seed(), &network, "ann")
        .with("governance.height_command", format!("[\"/bin/sh\", \"{}\"]", script.display()))
        .with("governance.height_interval", "\"1s\"");
    network.publisher.stop();
    network.publisher.configure(&asking);
    network.publisher.start();
    let line = format!(
        "propose 2 --line {COMPONENT} --voting 4s --lead 1s --grace 1h --height 100 --min-ready 0/1 -k ann --yes"
    );
    at(&network, &line).good();
    wait_until(&network.publisher, "voting");
    at(&network, "vote p-1 yes --yes").good();
    wait_until(&network.publisher, "active");
    let log = fs::read_to_string(place.join("log")).expect("it was asked");
    assert!(!log.contains("overlap") && log.lines().count() >= 3, "{log}");
}
