//! Electors are replaced while votes of theirs are open and decided: what people read before they sign, and what counts.

use super::{all, at, electing, publish, wait_until};
use crate::harness::{items, release::COMPONENT, until};

#[test]
fn votes_go_on_counting_when_electors_are_replaced_if_the_root_says_so() {
    let mut network = electing(&["ann"]);
    publish(&network, COMPONENT, "1.0.0");
    let propose = |line: &str| {
        format!("propose 2 --line {line} --voting 1h --lead 1h --min-ready 0/1 -k ann --yes")
    };
    at(&network, &propose(COMPONENT)).good();
    wait_until(&network.publisher, "voting");
    at(&network, "vote p-1 yes --yes").good();
    wait_until(&network.publisher, "lockedIn");

    // Another elector joins: what is decided is taken over, unless people strike it off.
    all(&network, &["key generate ben --no-password", "root begin -m ben"]);
    let joined = at(&network, "root add-key electorate ben --weight 1 --operator ben").good();
    let vote = format!("vote p-1 about {COMPONENT} protocol 2, decided");
    assert!(joined.out.contains(&format!("+ electorate: {vote}")), "{}", joined.out);
    let struck_off = at(&network, "root uncount p-1").good();
    assert!(struck_off.out.contains("is undone"), "{}", struck_off.out);
    let warning = format!("{vote}: this root undoes it everywhere");
    assert!(struck_off.err.contains(&warning), "{}", struck_off.err);
    at(&network, "root uncount p-1").refused(2, "UD0204", &["does not count vote b3:"]);
    at(&network, "root count p-9").refused(5, "UD0904", &["p-9"]);
    at(&network, "root count p-1").good();
    assert_eq!(items(&at(&network, "--json root diff").good().json()["counts"]).len(), 1);
    let signed = at(&network, "root sign -k dev --yes").good();
    assert!(signed.err.contains("1 vote counts and no others"), "{}", signed.err);
    at(&network, "root apply --yes").good();
    wait_until(&network.publisher, "lockedIn");
    let shown = at(&network, "trust show").good();
    assert!(shown.out.contains("counts      vote b3:"), "{}", shown.out);

    // The next list of electors, made without a node: what counts stays, what is open ends because people say so.
    publish(&network, "other", "1.0.0");
    at(&network, &propose("other")).good();
    until("p-2 is open", || {
        let proposals = network.publisher.json(&["votes"]);
        items(&proposals["proposals"]).iter().any(|p| p["line"] == "other").then_some(())
    });
    network.publisher.stop();
    all(&network, &["key generate cleo --no-password", "root begin -m cleo"]);
    let joined = at(&network, "root add-key electorate cleo --weight 1 --operator cleo").good();
    assert!(joined.out.contains("about other protocol 2, open "), "{}", joined.out);
    let name = joined.out.split_once("+ electorate: vote ").expect("it is taken over").1;
    let name = name.split_once(' ').expect("its name first").0;
    let ends = at(&network, &format!("root uncount {name}")).good();
    assert!(ends.out.contains("ends with its electors"), "{}", ends.out);
    let counted = at(&network, "root uncount p-1");
    counted.refused(2, "UD0204", &["what counts goes on counting"]);
    all(&network, &["root sign -k dev --yes", "root apply --yes"]);
    network.publisher.start();
    wait_until(&network.publisher, "lockedIn");
    let left = network.publisher.json(&["votes", "--all"]);
    assert_eq!(items(&left["proposals"]).len(), 1, "{left}");
}
