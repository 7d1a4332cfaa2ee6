//! A counter in two bytes, for tables of millions: a probability of 12 bits and what it is worth, 4 bits.

/// A probability of 12 bits and how often it was corrected, up to 15.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell(u16);

/// What part of the error is corrected, in 2^-16, after so many times. The mean at first; later a habit of some
/// thirty bits, because more does not fit into twelve.
const RATES: [i32; 16] = [
    43_690, 26_214, 18_724, 14_563, 11_915, 10_082, 8738, 7710, 6898, 6241, 5461, 4681, 4096, 3449,
    2849, 2340,
];

impl Cell {
    /// Nothing came yet: both are as likely.
    pub(crate) const NEW: Self = Self(2048 << 4);

    /// What it is stored as: zero for one to which nothing came.
    #[inline]
    pub(crate) fn stored(self) -> u16 {
        self.0 ^ Self::NEW.0
    }

    /// The one that is stored as this.
    #[inline]
    pub(crate) fn of(stored: u16) -> Self {
        Self(stored ^ Self::NEW.0)
    }

    /// The chance of a one in 4,096.
    #[inline]
    pub(crate) fn chance(self) -> u16 {
        self.0 >> 4
    }

    /// How often it was corrected, up to 15.
    #[inline]
    pub(crate) fn count(self) -> u16 {
        self.0 & 15
    }

    /// Learns that `bit` came.
    #[inline]
    pub(crate) fn learn(&mut self, bit: bool) {
        let count = self.count();
        let chance = i32::from(self.chance());
        let target = if bit { 4095 } else { 0 };
        // To the nearest: cut off, it would stop a step's inverse away from where it goes.
        let step = ((target - chance) * RATES[usize::from(count)] + 0x8000) >> 16;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between chance and target"
        )]
        let moved = (chance + step) as u16;
        self.0 = moved << 4 | (count + 1).min(15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_near_to_the_share_of_ones() {
        let mut cell = Cell::NEW;
        let mut sum = 0;
        for index in 0..4000_u32 {
            cell.learn(index % 4 == 0);
            sum += u32::from(cell.chance());
        }
        assert!((900..1150).contains(&(sum / 4000)), "{}", sum / 4000);
    }

    #[test]
    fn zero_is_a_new_one_and_others_come_back() {
        assert_eq!(Cell::of(0), Cell::NEW);
        assert!((0..=u16::MAX).all(|stored| Cell::of(stored).stored() == stored));
    }

    #[test]
    fn it_comes_near_to_certain_and_back() {
        let mut cell = Cell::NEW;
        (0..200).for_each(|_| cell.learn(true));
        assert!(cell.chance() > 4070, "{}", cell.chance());
        (0..200).for_each(|_| cell.learn(false));
        assert!(cell.chance() < 25, "{}", cell.chance());
        assert_eq!(cell.count(), 15);
    }
}
