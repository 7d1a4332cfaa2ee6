//! The victim of attacks on votes: believes what electors say, and judges decisions and proofs by its root.

use updraft_protocol::{
    Certificate, DoubleVote, Electorate, Proposal, Root, Sentence, Signed, Verified, codec,
    vote::Rules,
};

use crate::{number_of, refusal::Refusal};

/// What it finds, if it finds anything beside that the offer is as it should be.
pub(crate) fn outcome(check: &str, root: &Root, offered: &[u8]) -> Result<String, Refusal> {
    let rules = Rules::of(root.kind);
    match check {
        "open a vote" => {
            by_elector::<Proposal>(root, offered)?.keeps_to(&rules)?;
        }
        "judge a certificate" => {
            let certificate: Certificate = codec::decode(offered)?;
            certificate.judge(&root.network, electorate(root), &rules)?;
        }
        "judge two ballots" => {
            let proof: DoubleVote = codec::decode(offered)?;
            let (_, elector) = proof.judge(electorate(root), &root.network)?;
            return Ok(format!("elector {} voted twice", number_of(&elector)));
        }
        check => panic!("{check}: no check of votes"),
    }
    Ok(String::new())
}

/// Believes a value that one elector has to have signed.
pub(crate) fn by_elector<T: Sentence>(root: &Root, offered: &[u8]) -> Result<Verified<T>, Refusal> {
    let signed: Signed<T> = codec::decode(offered)?;
    Ok(electorate(root).verify(&signed, &root.network)?)
}

fn electorate(root: &Root) -> &Electorate {
    root.electorate.as_ref().expect("the root has electors")
}
