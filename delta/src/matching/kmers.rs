//! Where in the old bytes does a short run of bytes occur? A table over all runs of one length.

/// Offsets of the runs of `LEN` bytes that begin at every `STEP`th byte, sorted into buckets by their hash.
#[derive(Debug)]
pub(super) struct Kmers<const LEN: usize, const STEP: usize> {
    /// For each hash, where its bucket begins; one more for the end of the last.
    starts: Vec<u32>,
    /// The offsets, ascending within a bucket.
    offsets: Vec<u32>,
    bits: u32,
}

impl<const LEN: usize, const STEP: usize> Kmers<LEN, STEP> {
    /// The table over these bytes, fewer than 2^32 of them.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let count = (bytes.len() + 1).saturating_sub(LEN).div_ceil(STEP);
        // Buckets of one or two offsets; 2^25 starts are 128 MiB, for 64 million runs and more.
        let bits = count.max(1 << 12).ilog2().min(25);
        let mut starts = vec![0_u32; (1 << bits) + 1];
        for index in 0..count {
            starts[hash(&bytes[index * STEP..][..LEN], bits) + 1] += 1;
        }
        for bucket in 0..1 << bits {
            starts[bucket + 1] += starts[bucket];
        }
        // From the last run to the first, so that what is left in `starts` are the beginnings again.
        let mut offsets = vec![0_u32; count];
        for index in (0..count).rev() {
            let at = index * STEP;
            let end = &mut starts[hash(&bytes[at..][..LEN], bits) + 1];
            *end -= 1;
            offsets[*end as usize] = u32::try_from(at).expect("fewer than 2^32 bytes");
        }
        // Each start has moved from the end of its bucket to its beginning, one place too far to the right.
        starts.remove(0);
        starts.push(u32::try_from(count).expect("fewer than 2^32 bytes"));
        Self { starts, offsets, bits }
    }

    /// Offsets that may hold the first `LEN` of these bytes, ascending; others too.
    #[inline]
    pub(super) fn bucket(&self, bytes: &[u8]) -> &[u32] {
        let Some(run) = bytes.get(..LEN) else { return &[] };
        let bucket = hash(run, self.bits);
        &self.offsets[self.starts[bucket] as usize..self.starts[bucket + 1] as usize]
    }
}

/// A hash of `bits` bits, from one multiplication for each eight bytes.
#[inline]
fn hash(run: &[u8], bits: u32) -> usize {
    let mut sum = 0_u64;
    for part in run.chunks_exact(8) {
        let part = u64::from_le_bytes(part.try_into().expect("eight bytes"));
        sum = (sum ^ part).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    }
    let hash = (sum ^ sum >> 31).wrapping_mul(0xD6E8_FEB8_6659_FD93) >> (64 - bits);
    usize::try_from(hash).expect("at most 25 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_is_in_its_bucket() {
        let bytes: Vec<u8> = (0..5000_u32).map(|i| ((i * i) >> 3).to_le_bytes()[0]).collect();
        let every = Kmers::<8, 1>::of(&bytes);
        let fourth = Kmers::<24, 4>::of(&bytes);
        for at in 0..bytes.len() - 24 {
            let offset = u32::try_from(at).expect("small");
            let bucket = every.bucket(&bytes[at..]);
            assert!(bucket.contains(&offset) && bucket.is_sorted());
            assert_eq!(fourth.bucket(&bytes[at..]).contains(&offset), at % 4 == 0);
        }
        assert!(every.bucket(&bytes[4996..]).is_empty());
    }

    #[test]
    fn too_few_bytes_have_no_runs() {
        for len in 0..8 {
            assert!(Kmers::<8, 1>::of(&vec![7; len]).bucket(&[7; 8]).is_empty());
        }
        assert_eq!(Kmers::<8, 1>::of(&[7; 8]).bucket(&[7; 8]), [0]);
    }
}
