//! A program of functions that call each other, linked into an ELF file: what moves when one of them grows.

use crate::generate::Random;

/// The instructions of a program.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Machine {
    X86,
    Arm,
}

/// One instruction, or what counts as one.
#[derive(Debug, Clone)]
enum Part {
    /// As it is.
    Plain(Vec<u8>),
    /// A call of the function of this number.
    Call(usize),
    /// The address of the constant of this number.
    Address(usize),
}

/// Functions in their order, and how many constants there are.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    machine: Machine,
    functions: Vec<Vec<Part>>,
    constants: usize,
}

const CODE: u64 = 0x1000;
const BASE: u64 = 0x40_0000;

impl Program {
    pub(crate) fn new(machine: Machine, seed: u64, functions: usize) -> Self {
        let mut random = Random::new(seed);
        let constants = 40;
        let functions =
            (0..functions).map(|_| function(&mut random, machine, functions, constants)).collect();
        Self { machine, functions, constants }
    }

    /// The next version: functions changed, added and moved, so that nearly every reference changes.
    pub(crate) fn next(&self, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut next = self.clone();
        let count = next.functions.len();
        for _ in 0..1 + count / 50 {
            let at = random.below(count);
            let changed = function(&mut random, self.machine, count, self.constants);
            match random.below(3) {
                0 => next.functions[at] = changed,
                1 => next.functions[at].extend(changed),
                _ => next.functions[at].truncate(3),
            }
        }
        next.constants += 1;
        next
    }

    /// The file.
    pub(crate) fn link(&self) -> Vec<u8> {
        let starts = self.starts();
        let code_end = *starts.last().expect("an end");
        let constants = code_end.next_multiple_of(64);
        let code = self.code(&starts, constants);
        let data = self.data(&starts, constants);
        let frames_at = constants + data.len() as u64;
        let frames = frames(&starts, frames_at);
        let size = frames_at + frames.len() as u64;
        let mut file = header(self.machine, size);
        file.resize(usize::try_from(CODE).expect("small"), 0);
        file.extend(code);
        file.resize(usize::try_from(constants).expect("small"), 0xCC);
        file.extend(data);
        file.extend(frames);
        let sections = [
            (".text", 6_u64, CODE, code_end - CODE),
            (".data", 3, constants, frames_at - constants),
            (".eh_frame", 2, frames_at, size - frames_at),
        ];
        section_headers(&mut file, &sections);
        file
    }

    /// Where functions begin in the file, and where the last one ends.
    fn starts(&self) -> Vec<u64> {
        let mut starts = vec![CODE];
        for function in &self.functions {
            let size: usize = function.iter().map(|part| part.size(self.machine)).sum();
            let end = starts.last().expect("one") + size as u64;
            starts.push(end.next_multiple_of(16));
        }
        starts
    }

    fn code(&self, starts: &[u64], constants: u64) -> Vec<u8> {
        let mut code = Vec::new();
        for (function, start) in self.functions.iter().zip(starts) {
            code.resize(usize::try_from(start - CODE).expect("small"), 0xCC);
            for part in function {
                let here = CODE + code.len() as u64;
                match part {
                    Part::Plain(bytes) => code.extend_from_slice(bytes),
                    Part::Call(function) => {
                        code.extend(call(self.machine, here, starts[*function]))
                    }
                    Part::Address(number) => {
                        code.extend(address(self.machine, here, constants + 32 * *number as u64));
                    }
                }
            }
        }
        code.resize(usize::try_from(starts[self.functions.len()] - CODE).expect("small"), 0xCC);
        code
    }

    /// Constants of 32 bytes, then addresses of functions, then their distances from the table.
    fn data(&self, starts: &[u64], at: u64) -> Vec<u8> {
        let mut data: Vec<u8> =
            (0..self.constants * 32).map(|index| (index / 7).to_le_bytes()[0]).collect();
        starts.iter().for_each(|start| data.extend((BASE + start).to_le_bytes()));
        let table = at + data.len() as u64;
        for start in starts {
            data.extend(&start.wrapping_sub(table).to_le_bytes()[..4]);
        }
        data.resize(data.len().next_multiple_of(8), 0);
        data
    }
}

impl Part {
    fn size(&self, machine: Machine) -> usize {
        match (self, machine) {
            (Self::Plain(bytes), _) => bytes.len(),
            (Self::Call(_), Machine::X86) => 5,
            (Self::Call(_), Machine::Arm) => 4,
            (Self::Address(_), Machine::X86) => 7,
            (Self::Address(_), Machine::Arm) => 8,
        }
    }
}

fn function(
    random: &mut Random,
    machine: Machine,
    functions: usize,
    constants: usize,
) -> Vec<Part> {
    let parts = 5 + random.below(40);
    (0..parts)
        .map(|_| match random.below(5) {
            0 => Part::Call(random.below(functions)),
            1 => Part::Address(random.below(constants)),
            _ => {
                let len = match machine {
                    Machine::X86 => 1 + random.below(5),
                    Machine::Arm => 4,
                };
                // Neither looks like a reference: no opcode of one, no bits of a branch.
                Part::Plain((0..len).map(|_| 0x50 | random.byte() & 3).collect())
            }
        })
        .collect()
}

fn call(machine: Machine, here: u64, target: u64) -> Vec<u8> {
    match machine {
        Machine::X86 => {
            let distance = target.wrapping_sub(here + 5).to_le_bytes();
            [&[0xE8], &distance[..4]].concat()
        }
        Machine::Arm => {
            let distance = (target.wrapping_sub(here) >> 2) & 0x3FF_FFFF;
            (0x9400_0000 | distance).to_le_bytes()[..4].to_vec()
        }
    }
}

fn address(machine: Machine, here: u64, target: u64) -> Vec<u8> {
    match machine {
        Machine::X86 => {
            let distance = target.wrapping_sub(here + 7).to_le_bytes();
            [&[0x48, 0x8D, 0x05], &distance[..4]].concat()
        }
        Machine::Arm => {
            let pages = ((BASE + target) >> 12).wrapping_sub((BASE + here) >> 12);
            let adrp = 0x9000_0000 | (pages & 3) << 29 | (pages >> 2 & 0x7_FFFF) << 5;
            let add = 0x9100_0000 | ((BASE + target) & 0xFFF) << 10;
            [&adrp.to_le_bytes()[..4], &add.to_le_bytes()[..4]].concat()
        }
    }
}

/// A common record and one for each function.
fn frames(starts: &[u64], at: u64) -> Vec<u8> {
    let mut frames = vec![
        20, 0, 0, 0, 0, 0, 0, 0, 1, b'z', b'R', 0, 1, 0x78, 16, 1, 0x1B, 0x0C, 7, 8, 0x90, 1, 0, 0,
    ];
    for pair in starts.windows(2) {
        let here = frames.len() as u64;
        frames.extend([20, 0, 0, 0]);
        frames.extend(&(here + 4).to_le_bytes()[..4]);
        frames.extend(&pair[0].wrapping_sub(at + here + 8).to_le_bytes()[..4]);
        frames.extend(&(pair[1] - pair[0]).to_le_bytes()[..4]);
        frames.extend([0; 8]);
    }
    frames.extend([0; 4]);
    frames
}

/// The file's header and its one segment, all of it.
fn header(machine: Machine, size: u64) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let number: u16 = match machine {
        Machine::X86 => 62,
        Machine::Arm => 183,
    };
    file.extend(2_u16.to_le_bytes());
    file.extend(number.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    for value in [BASE + CODE, 64, size.next_multiple_of(8)] {
        file.extend(value.to_le_bytes());
    }
    file.extend(0_u32.to_le_bytes());
    for value in [64_u16, 56, 1, 64, 5, 4] {
        file.extend(value.to_le_bytes());
    }
    file.extend(1_u32.to_le_bytes());
    file.extend(7_u32.to_le_bytes());
    for value in [0, BASE, BASE, size, size, 0x1000] {
        file.extend(value.to_le_bytes());
    }
    file
}

/// The section headers at the end of the file, behind them the names.
fn section_headers(file: &mut Vec<u8>, sections: &[(&str, u64, u64, u64)]) {
    file.resize(file.len().next_multiple_of(8), 0);
    let names_at = file.len() as u64 + 64 * (sections.len() as u64 + 2);
    let mut names = vec![0];
    let mut entry = |name: &str, kind: u32, flags: u64, at: u64, size: u64| {
        let start = u32::try_from(names.len()).expect("few");
        names.extend(name.bytes().chain([0]));
        file.extend(start.to_le_bytes());
        file.extend(kind.to_le_bytes());
        for value in [flags, if flags == 0 { 0 } else { BASE + at }, at, size, 0, 8, 0] {
            file.extend(value.to_le_bytes());
        }
    };
    entry("", 0, 0, 0, 0);
    for (name, flags, at, size) in sections {
        entry(name, 1, *flags, *at, *size);
    }
    entry(".shstrtab", 3, 0, names_at, 64);
    names.resize(64, 0);
    file.extend(names);
}
