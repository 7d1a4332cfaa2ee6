//! Guesses the next token of an encoder from its habits and from the tokens before.
//!
//! After a wrong guess it is told the token that stands there and goes on from it, as if the encoder had had its
//! reasons. Must depend on nothing but bytes, habits and tokens: maker and reader of a recipe guess alike.

use super::{
    habits::{Habits, Way},
    inflate::Token,
    search::{LOOKAHEAD, Search},
};

/// A guess at every place of a stream's bytes, one after another.
#[derive(Debug)]
pub(super) struct Guess<'a> {
    data: &'a [u8],
    habits: &'a Habits,
    search: Search<'a>,
    at: u32,
    /// The repeat that was passed over one byte before because a longer one begins here.
    passed_over: u32,
    /// What was found where the next token begins if the guess is right.
    next: Next,
    guessed: Token,
}

/// What is known of the next token's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Nothing.
    Unknown,
    /// What is there was looked for: longer than what was passed over, for lazy ways.
    Found(Candidate),
}

/// A repeat or a literal where it would begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Candidate {
    at: u32,
    token: Token,
}

impl<'a> Guess<'a> {
    /// For these bytes, fewer than 2³² of them.
    pub(super) fn new(data: &'a [u8], habits: &'a Habits) -> Self {
        let search = Search::new(data, habits);
        let passed_over = habits.least - 1;
        Self {
            data,
            habits,
            search,
            at: 0,
            passed_over,
            next: Next::Unknown,
            guessed: Token::LITERAL,
        }
    }

    /// Steps its searches took.
    pub(super) fn work(&self) -> u64 {
        self.search.work()
    }

    /// The next token, if there are bytes left.
    pub(super) fn token(&mut self) -> Token {
        self.guessed = match self.habits.way {
            Way::Never => Token::LITERAL,
            Way::Greedy => {
                let found = self.search.find(self.at, self.habits.least - 1, self.habits.steps);
                found.unwrap_or(Token::LITERAL)
            }
            Way::Lazy | Way::LazyGo => self.lazy(),
            Way::Shifting | Way::Straight => self.shifting(),
        };
        self.guessed
    }

    /// What stands there; the bytes of a token that was not guessed are those of the data all the same.
    pub(super) fn commit(&mut self, token: Token) {
        let right = token == self.guessed;
        let end = self.at + token.len;
        if !right {
            self.next = Next::Unknown;
        }
        if !right || !token.is_literal() || self.next == Next::Unknown {
            self.passed_over = self.habits.least - 1;
        }
        let skips = self.habits.way == Way::Greedy && token.len > self.habits.lazy;
        match self.habits.way {
            Way::Never => {}
            Way::Greedy if skips => {
                self.search.remember(self.at + 1);
                self.search.leave_out(end);
            }
            // These remember while they guess.
            Way::Shifting | Way::Straight if right => {}
            _ => self.search.remember(end),
        }
        self.at = end;
    }

    /// Bytes that were stored: no guess was made, and they can be repeated later.
    pub(super) fn pass(&mut self, bytes: u32) {
        self.guessed = Token::LITERAL;
        self.next = Next::Unknown;
        self.passed_over = self.habits.least - 1;
        self.at += bytes;
        if self.habits.way != Way::Never {
            self.search.remember(self.at);
        }
    }

    fn lazy(&mut self) -> Token {
        let here = match self.next {
            Next::Found(next) if next.at == self.at => Some(next.token),
            _ => self.look(self.at, self.passed_over),
        };
        self.next = Next::Unknown;
        let Some(here) = here else { return Token::LITERAL };
        let Some(better) = self.look(self.at + 1, here.len) else { return here };
        self.passed_over = here.len;
        self.next = Next::Found(Candidate { at: self.at + 1, token: better });
        Token::LITERAL
    }

    /// The repeat that a lazy encoder finds at a place when it has one of that length one byte before.
    fn look(&mut self, at: u32, longer_than: u32) -> Option<Token> {
        let Habits { way, lazy, good, steps, far, .. } = *self.habits;
        if longer_than >= lazy {
            return None;
        }
        let steps = if longer_than >= good { steps / 4 } else { steps };
        let found = self.search.find(at, longer_than, steps)?;
        (way == Way::LazyGo || found.len > 3 || found.distance <= far).then_some(found)
    }

    fn shifting(&mut self) -> Token {
        let mut here = match self.next {
            Next::Found(next) if next.at == self.at => next.token,
            _ => self.straight(self.at),
        };
        self.next = Next::Unknown;
        let left = self.data.len() - self.at as usize;
        loop {
            self.remember_inside(here, left);
            if self.habits.way == Way::Straight || left <= LOOKAHEAD as usize {
                return here;
            }
            let end = self.at + here.len;
            let mut next = Candidate { at: end, token: self.straight(end) };
            if !next.token.is_literal() {
                self.shift(&mut here, &mut next);
            }
            if here.len > 0 {
                self.next = Next::Found(next);
                return here;
            }
            // All of it went over to the next one.
            here = next.token;
        }
    }

    /// A repeat of at least four bytes, or a literal.
    fn straight(&mut self, at: u32) -> Token {
        let found = self.search.find(at, 2, self.habits.steps);
        found.filter(|token| token.len >= 4).unwrap_or(Token::LITERAL)
    }

    fn remember_inside(&mut self, token: Token, left: usize) {
        if token.is_literal() || left <= token.len as usize + 4 {
            return;
        }
        let end = self.at + token.len;
        if token.len > 16 * self.habits.lazy {
            self.search.leave_out(end - 1);
        }
        self.search.remember(end);
    }

    /// Moves the border between two repeats to the left, when next to nothing of the first one remains.
    fn shift(&self, here: &mut Token, next: &mut Candidate) {
        let (mut first, mut second) = (here.len, *next);
        if first <= 1 || first > 1 + next.at - next.token.distance {
            return;
        }
        let byte = |at: u32| self.data[at as usize];
        let ahead = |at: u32| byte(at) == byte(at - next.token.distance);
        if !ahead(next.at + 1 - first) {
            return;
        }
        while first > 0
            && second.token.len < 256
            && second.at - next.token.distance > 1
            && ahead(second.at - 1)
        {
            second.at -= 1;
            second.token.len += 1;
            first -= 1;
        }
        if second.at != next.at && first <= 1 {
            *next = second;
            *here = if first == 0 { Token { len: 0, distance: 0 } } else { Token::LITERAL };
        }
    }
}
