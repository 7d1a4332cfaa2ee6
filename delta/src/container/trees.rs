//! Which codes zlib gives to the symbols of a block, and how it writes them down.
//!
//! Most encoders choose codes as zlib does, gzip, zlib-ng and Info-ZIP among them; a block of theirs needs not a
//! word in a recipe. Which of several best codes zlib takes depends on the order in which its heap gives out equal
//! weights, so the heap here works step by step as zlib's. It must never change: recipes mean what it says.

use super::{
    bits::BitWriter,
    huffman::{
        DISTANCE_EXTRA, DISTANCES, END, LENGTH_EXTRA, LENGTH_ORDER, LENGTH_SYMBOLS, LITERALS,
        Lengths, MAX_BITS, codes,
    },
};

/// How often each symbol occurs in a block.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) literals: [u32; LITERALS],
    pub(super) distances: [u32; DISTANCES],
}

impl Counts {
    /// Of a block of which only the end is known.
    pub(super) fn new() -> Self {
        let mut literals = [0; LITERALS];
        literals[END] = 1;
        Self { literals, distances: [0; DISTANCES] }
    }

    /// Bits of all tokens with codes of these lengths.
    fn bits(&self, lengths: &Lengths) -> u64 {
        let literals = self.literals.iter().zip(&lengths.literals).enumerate();
        let distances = self.distances.iter().zip(&lengths.distances).zip(DISTANCE_EXTRA);
        let extra = |symbol: usize| if symbol > END { LENGTH_EXTRA[symbol - END - 1] } else { 0 };
        let cost =
            |count: &u32, bits: &u8, extra| u64::from(*count) * u64::from(u32::from(*bits) + extra);
        literals.map(|(symbol, (count, bits))| cost(count, bits, extra(symbol))).sum::<u64>()
            + distances.map(|((count, bits), extra)| cost(count, bits, extra)).sum::<u64>()
    }
}

/// How zlib would write a block.
#[derive(Debug)]
pub(super) struct Plan {
    /// Its own codes.
    pub(super) own: Lengths,
    /// What stands before the tokens to say so, without the three bits that begin every block.
    pub(super) header: BitWriter,
    /// The fixed codes are as short.
    pub(super) fixed: bool,
}

impl Plan {
    /// For a block with these symbols.
    pub(super) fn new(counts: &Counts) -> Self {
        let own = Lengths {
            literals: lengths(&counts.literals, MAX_BITS),
            distances: lengths(&counts.distances, MAX_BITS),
        };
        let header = header(&own);
        let bytes = |bits: u64| (bits + 3).div_ceil(8);
        let fixed =
            bytes(counts.bits(Lengths::fixed())) <= bytes(counts.bits(&own) + header.bits() as u64);
        Self { own, header, fixed }
    }
}

/// Writes codes down as zlib does.
fn header(own: &Lengths) -> BitWriter {
    let mut runs = Vec::new();
    find_runs(&own.literals, &mut runs);
    find_runs(&own.distances, &mut runs);
    let mut counts = [0; LENGTH_SYMBOLS];
    for run in &runs {
        counts[run.symbol] += 1;
    }
    let mut first = lengths(&counts, 7);
    first.resize(LENGTH_SYMBOLS, 0);
    let first_codes = codes(&first);
    let written =
        LENGTH_ORDER.iter().rposition(|symbol| first[*symbol] > 0).map_or(4, |at| 4.max(at + 1));

    let mut out = BitWriter::default();
    let small = |number: usize| u32::try_from(number).expect("below 300");
    out.put(small(own.literals.len() - 257), 5);
    out.put(small(own.distances.len() - 1), 5);
    out.put(small(written - 4), 4);
    for symbol in &LENGTH_ORDER[..written] {
        out.put(first[*symbol].into(), 3);
    }
    for run in runs {
        out.put(first_codes[run.symbol].into(), first[run.symbol].into());
        out.put(run.more, run.bits);
    }
    out
}

/// One symbol of the lengths of codes.
#[derive(Clone, Copy)]
struct Run {
    symbol: usize,
    /// What follows it, and in how many bits.
    more: u32,
    bits: u32,
}

fn find_runs(lengths: &[u8], runs: &mut Vec<Run>) {
    let mut before = None;
    let mut at = 0;
    while let Some(length) = lengths.get(at) {
        // Zeros are counted up to 138, a length up to 6 after it stood once.
        let most = match (*length, before == Some(*length)) {
            (0, _) => 138,
            (_, true) => 6,
            (_, false) => 7,
        };
        let same = lengths[at..].iter().take(most).take_while(|other| *other == length).count();
        at += same;
        let more = |from: usize| u32::try_from(same - from).expect("138 at most");
        let once = Run { symbol: usize::from(*length), more: 0, bits: 0 };
        match (*length, before == Some(*length)) {
            (0, _) if same > 10 => runs.push(Run { symbol: 18, more: more(11), bits: 7 }),
            (0, _) if same > 2 => runs.push(Run { symbol: 17, more: more(3), bits: 3 }),
            (1.., true) if same > 2 => runs.push(Run { symbol: 16, more: more(3), bits: 2 }),
            (1.., false) if same > 3 => {
                runs.push(once);
                runs.push(Run { symbol: 16, more: more(4), bits: 2 });
            }
            _ => runs.extend((0..same).map(|_| Run { ..once })),
        }
        before = Some(*length);
    }
}

/// Lengths of the codes that zlib gives to symbols that occur so often, without those at the end that have none.
fn lengths(counts: &[u32], most: usize) -> Vec<u8> {
    let mut tree = Heap::new(counts);
    let mut order = Vec::with_capacity(2 * counts.len());
    let mut parents = vec![0; 2 * counts.len()];
    while tree.heap.len() > 2 {
        let (one, other) = tree.join();
        let parent = tree.weights.len() - 1;
        order.extend([one, other]);
        (parents[one], parents[other]) = (parent, parent);
    }
    // From the root down; a code as long as its parent's and one more, but no longer than `most`.
    let root = tree.heap[1];
    let mut bits = vec![0_usize; tree.weights.len()];
    let mut per_length = [0_usize; MAX_BITS + 1];
    let mut over = 0_usize;
    for node in order.iter().rev() {
        let length = bits[parents[*node]] + 1;
        debug_assert!(*node != root, "the root has no parent");
        over += usize::from(length > most);
        bits[*node] = length.min(most);
        if *node < tree.symbols {
            per_length[bits[*node]] += 1;
        }
    }
    if over > 0 {
        shorten(&mut per_length, most, over);
        let mut lengths = (1..=most).rev().flat_map(|length| vec![length; per_length[length]]);
        for node in order.iter().filter(|node| **node < tree.symbols) {
            bits[*node] = lengths.next().expect("there are as many lengths as symbols");
        }
    }
    bits[..tree.symbols].iter().map(|bits| bits.to_le_bytes()[0]).collect()
}

/// Makes room for codes that were cut to `most` bits: for every two of them one shorter code becomes longer.
fn shorten(per_length: &mut [usize; MAX_BITS + 1], most: usize, over: usize) {
    let mut over = over;
    while over > 0 {
        let shorter =
            per_length[..most].iter().rposition(|codes| *codes > 0).expect("some code is shorter");
        per_length[shorter] -= 1;
        per_length[shorter + 1] += 2;
        per_length[most] -= 1;
        over = over.saturating_sub(2);
    }
}

/// Gives out the lightest nodes of a tree that is built from its leaves.
struct Heap {
    /// Of symbols, then of the nodes that join them.
    weights: Vec<u32>,
    /// How high what hangs below each node is.
    heights: Vec<u32>,
    /// From index 1 on; no node is lighter than the one at half its index.
    heap: Vec<usize>,
    /// Symbols up to the last one that has a code.
    symbols: usize,
}

impl Heap {
    fn new(counts: &[u32]) -> Self {
        let mut weights = counts.to_vec();
        let mut heap = vec![usize::MAX];
        heap.extend((0..counts.len()).filter(|symbol| counts[*symbol] > 0));
        let mut symbols = counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        // At least two symbols get a code, used or not.
        while heap.len() < 3 {
            let forced = if symbols < 3 { symbols } else { 0 };
            symbols = symbols.max(forced + 1);
            weights[forced] = 1;
            heap.push(forced);
        }
        let mut tree = Self { heights: vec![0; weights.len()], weights, heap, symbols };
        for at in (1..=(tree.heap.len() - 1) / 2).rev() {
            tree.sink(at);
        }
        tree
    }

    /// Takes the two lightest nodes, puts the one that joins them in their place and tells which they were.
    fn join(&mut self) -> (usize, usize) {
        let one = self.heap.swap_remove(1);
        self.sink(1);
        let other = self.heap[1];
        self.heap[1] = self.weights.len();
        self.weights.push(self.weights[one] + self.weights[other]);
        self.heights.push(self.heights[one].max(self.heights[other]) + 1);
        self.sink(1);
        (one, other)
    }

    fn lighter(&self, one: usize, other: usize) -> bool {
        let key = |node: usize| (self.weights[node], self.heights[node]);
        key(one) <= key(other)
    }

    /// Moves the node at an index down to where it belongs.
    fn sink(&mut self, at: usize) {
        let node = self.heap[at];
        let mut at = at;
        loop {
            let mut below = 2 * at;
            if below >= self.heap.len() {
                break;
            }
            if below + 1 < self.heap.len() && self.lighter(self.heap[below + 1], self.heap[below]) {
                below += 1;
            }
            if self.lighter(node, self.heap[below]) {
                break;
            }
            self.heap[at] = self.heap[below];
            at = below;
        }
        self.heap[at] = node;
    }
}
