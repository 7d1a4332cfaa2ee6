//! A ticket: one line of text with which a machine joins a network.
//!
//! It carries the digest of the first root, which decides whom the newcomer will believe, and addresses of
//! peers to ask, which decide nothing. Bech32m's checksum catches typing errors.

use std::{fmt, str::FromStr};

use bech32::{Bech32m, Hrp, primitives::decode::CheckedHrpstring};
use bincode::{Decode, Encode};

use crate::{
    codec::{self, Invalid, Wire},
    digest::Digest,
    limits::{MAX_ADDRESS, MAX_TICKET_ADDRESSES},
    name::NetworkName,
    network::NetworkId,
};

const PREFIX: Hrp = Hrp::parse_unchecked("updraft");

/// What a newcomer needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Ticket {
    /// The network's id.
    pub network: NetworkId,
    /// What people call it.
    pub name: NetworkName,
    /// Digest of root version 1.
    pub root: Digest,
    /// Multiaddresses with a peer id, most useful first.
    pub addresses: Vec<String>,
}

impl Wire for Ticket {
    const NAME: &'static str = "ticket";
    /// What bech32m can carry in one string of 1,023 characters.
    const MAX: usize = 624;

    fn check(&self) -> Result<(), Invalid> {
        Invalid::if_over("addresses", self.addresses.len(), MAX_TICKET_ADDRESSES)?;
        self.addresses
            .iter()
            .try_for_each(|text| Invalid::if_over("bytes of an address", text.len(), MAX_ADDRESS))
    }
}

/// Text that is no ticket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTicket {
    /// Not `updraft1…` with a right checksum.
    #[error("not a ticket: expected one line `updraft1…` (is a character missing or mistyped?)")]
    Text,
    /// The checksum is right, the contents are not.
    #[error("not a ticket: {0}")]
    Contents(#[from] codec::DecodeError),
}

impl FromStr for Ticket {
    type Err = InvalidTicket;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let decoded =
            CheckedHrpstring::new::<Bech32m>(text.trim()).map_err(|_| InvalidTicket::Text)?;
        if decoded.hrp() != PREFIX {
            return Err(InvalidTicket::Text);
        }
        let bytes: Vec<u8> = decoded.byte_iter().collect();
        Ok(codec::decode(&bytes)?)
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = codec::encode(self).map_err(|_| fmt::Error)?;
        bech32::encode_to_fmt::<Bech32m, _>(f, PREFIX, &bytes).map_err(|_| fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(addresses: usize) -> Ticket {
        Ticket {
            network: NetworkId::from_bytes([3; 32]),
            name: "demo".parse().expect("a name"),
            root: Digest::of(b"root"),
            addresses: (0..addresses)
                .map(|n| format!("/ip4/203.0.113.25{n}/udp/65535/quic-v1/p2p/12D3KooWGRUfh5mWyUoHTCmrZyUfPFyu1v2LPWvbGoVDCXYiuXW1"))
                .collect(),
        }
    }

    #[test]
    fn the_text_form_reads_back_even_when_full() {
        let ticket = ticket(MAX_TICKET_ADDRESSES);
        assert_eq!(ticket.to_string().parse(), Ok(ticket));
    }

    #[test]
    fn a_typing_error_is_caught() {
        let text = ticket(1).to_string();
        let mistyped =
            text.replacen("updraft1q", "updraft1p", 1).replacen("updraft1r", "updraft1q", 1);
        let mistyped = if mistyped == text { format!("{text}q") } else { mistyped };
        assert_eq!(mistyped.parse::<Ticket>(), Err(InvalidTicket::Text));
        assert_eq!("hello".parse::<Ticket>(), Err(InvalidTicket::Text));
    }
}
