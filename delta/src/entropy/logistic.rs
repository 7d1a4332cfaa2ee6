//! Probabilities and log odds: evidence multiplies odds, so it adds up here.
//!
//! Log odds are whole numbers in units of 1/256, from −12 to 12: odds of one to 160,000.

/// Units of log odds in one.
const UNIT: usize = 256;
/// The most that log odds may be.
const MOST: usize = 12 * UNIT;

/// e^(−1/256), correctly rounded.
const STEP: f64 = 0.996_101_369_470_117_5;

/// The probability, in 1/65,536, for each log odds from −[`MOST`] to [`MOST`].
const SQUASH: [u16; 2 * MOST + 1] = {
    let mut table = [0; 2 * MOST + 1];
    let mut power = 1.0;
    let mut above = 0;
    while above <= MOST {
        // Multiplications and a division, each rounded as IEEE 754 says: the same on every machine.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0.5 to 1 of 65,536"
        )]
        let chance = (65_536.0 / (1.0 + power)) as u32;
        #[expect(clippy::cast_possible_truncation, reason = "clamped to 16 bits")]
        let chance = if chance > 65_535 { 65_535 } else { chance as u16 };
        table[MOST + above] = chance;
        table[MOST - above] = if chance == 65_535 { 1 } else { u16::MAX - chance + 1 };
        power *= STEP;
        above += 1;
    }
    table
};

/// Log odds for each probability in 1/4,096: of the middle of what is rounded to it.
const STRETCH: [i16; 4096] = {
    let mut table = [0; 4096];
    let mut odds = 0;
    let mut chance = 0;
    while chance < 4096 {
        let middle = chance * 16 + 8;
        while odds < 2 * MOST && (SQUASH[odds] as usize) < middle {
            odds += 1;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_possible_wrap,
            reason = "within ±3,072"
        )]
        let entry = odds as i16 - MOST as i16;
        table[chance] = entry;
        chance += 1;
    }
    table
};

/// The log odds of a chance in 65,536, in units of 1/256.
#[inline]
pub(crate) fn stretch(chance: u16) -> i16 {
    STRETCH[usize::from(chance >> 4)]
}

/// [`STRETCH`] as fractions.
const ODDS: [f32; 4096] = {
    let mut table = [0.0; 4096];
    let mut chance = 0;
    while chance < 4096 {
        // Whole numbers of 12 bits over a power of two: exact.
        table[chance] = STRETCH[chance] as f32 / 256.0;
        chance += 1;
    }
    table
};

/// The log odds of a chance in 65,536.
#[inline]
pub(crate) fn odds(chance: u16) -> f32 {
    ODDS[usize::from(chance >> 4)]
}

/// The log odds of a chance in 4,096.
#[inline]
pub(crate) fn odds_of_12(chance: u16) -> f32 {
    ODDS[usize::from(chance & 4095)]
}

/// The chance in 65,536 for log odds in units of 1/256; what is out of range counts as the end of it.
#[inline]
pub(crate) fn squash(odds: i32) -> u16 {
    let most = i32::try_from(MOST).expect("small");
    let index = (odds.clamp(-most, most) + most).cast_unsigned();
    SQUASH[index as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_undoes_the_other() {
        for chance in (0..=u16::MAX).step_by(16) {
            let back = squash(i32::from(stretch(chance)));
            assert!(back.abs_diff(chance) <= 144, "{chance}: {back}");
        }
    }

    #[test]
    fn the_tables_are_the_logistic_function() {
        assert_eq!(squash(0), 32_768);
        assert_eq!(squash(i32::MIN), 1);
        assert_eq!(squash(i32::MAX), 65_535);
        for odds in (-3000..3000).step_by(100) {
            let exact = 65_536.0 / (1.0 + (-f64::from(odds) / 256.0).exp());
            assert!((f64::from(squash(odds)) - exact).abs() <= 1.5, "{odds}");
            assert_eq!(u32::from(squash(odds)) + u32::from(squash(-odds)), 65_536);
        }
    }
}
