//! How many bytes of a line it takes to carry some bytes of a connection: what both kinds of run count.

/// Bytes of a packet that a connection fills.
pub const PAYLOAD: usize = 1_448;
/// Bytes around them: Ethernet 38, IP 20, TCP with time stamps 32.
pub const AROUND: u64 = 90;
/// How much longer a line takes for full packets than for what is in them.
pub const FRAMED: f64 = (PAYLOAD as u64 + AROUND) as f64 / PAYLOAD as f64;

/// Bytes on a line for some bytes of a connection that are sent together; for none, a packet without contents.
pub fn on_the_wire(bytes: u64) -> u64 {
    bytes + AROUND * bytes.div_ceil(PAYLOAD as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_costs_its_headers() {
        assert_eq!([0, 1, 1_448, 1_449].map(on_the_wire), [90, 91, 1_538, 1_629]);
        assert!((on_the_wire(1_448_000) as f64 / 1_448_000.0 - FRAMED).abs() < 1e-12);
    }
}
